from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from tenpo.audit.actions import records_of
from tenpo.audit.models import AuditLog
from tenpo.core.inserts import fresh_ids, insert_together
from tenpo.core.models import Business, OutboxMessage
from tenpo.core.outbox import messages_of
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_member

pytestmark = pytest.mark.django_db


def new_ids(member: User, number: int) -> list[UUID]:
    found: list[UUID] = User.objects.filter(pk=member.pk).values_list(fresh_ids(number), flat=True).get()
    return found


def test_fresh_ids_are_in_order_and_newer_than_what_is_there():
    member = make_member()

    ids = new_ids(member, 3)

    assert sorted(ids) == ids
    assert len({member.pk, *ids}) == 4
    assert member.pk < ids[0]


def test_rows_of_several_tables_are_written_by_one_statement(django_assert_num_queries):
    member = make_member()
    [wanted] = new_ids(member, 1)
    guest = Participant(pk=wanted, name="Guest", is_visitor=True)

    with transaction.atomic():
        records = records_of([("guest.made", guest, None, {"n": 1}), ("guest.seen", guest, None, None)], by=member)
        with django_assert_num_queries(1):
            insert_together([guest, *records, *messages_of([("guest.made", guest, {"n": 1})])])

    assert Participant.objects.get(pk=wanted).name == "Guest"
    assert [row.action for row in AuditLog.objects.filter(object_id=wanted).order_by("action")] == [
        "guest.made",
        "guest.seen",
    ]
    assert OutboxMessage.objects.get(subject_id=wanted).payload == {"n": 1}


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_written_again_is_written_alike(number):
    member = make_member()
    for turn in range(3):
        with transaction.atomic():
            insert_together(
                [Participant(pk=one, name=f"Guest {turn}", is_visitor=True) for one in new_ids(member, number)]
            )

    names = Participant.objects.filter(name__startswith="Guest").order_by("name").values_list("name", flat=True)
    assert list(names) == [f"Guest {turn}" for turn in range(3) for _ in range(number)]


def test_what_the_database_chose_is_read_when_asked_for(django_assert_num_queries):
    member = make_member()
    guest = Participant(pk=new_ids(member, 1)[0], name="Guest", is_visitor=True)

    insert_together([guest])

    with django_assert_num_queries(1):
        made_at = guest.created_at
    assert made_at == Participant.objects.get(pk=guest.pk).created_at
    guest.name = "Somebody"
    guest.save(update_fields=["name"])
    assert Participant.objects.get(pk=guest.pk).name == "Somebody"


def test_one_refused_row_refuses_them_all():
    member = make_member()
    guest, second = Participant(pk=new_ids(member, 1)[0], name="Guest", is_visitor=True), Business(name="Second")
    Business.objects.get_or_create(only=True)

    with pytest.raises(IntegrityError), transaction.atomic():
        insert_together([guest, second])

    assert not Participant.objects.filter(pk=guest.pk).exists()
    assert guest._state.adding
