"""What is locked for a slot, in the order that ARCHITECTURE.md says, by one statement."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from psycopg import sql

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.actions.slots import LockedSlot, SlotWish, lock_slot
from tenpo.schedule.models import CoachTime, Room, Service
from tenpo.schedule.tests.time_make import make_location, make_service
from tests.at_once import Other
from tests.database import as_superuser

pytestmark = pytest.mark.django_db(transaction=True)
# Each table with the column by which its row is found.
ORDER = {
    "people_user": "id", "schedule_service": "id", "schedule_location": "id", "schedule_room": "id",
    "people_participant": "id", "schedule_coachtime": "coach_id",
}  # fmt: skip


def lock(service: Service, coach: User, member: User) -> LockedSlot:
    wish = SlotWish(service.pk, clock.now(), 60, None)
    return lock_slot(wish, coach.pk, participants=[member.participant], by=member)


def is_locked(admin: Any, table: str, row: Any) -> bool:
    """Whether somebody holds a row; it is not waited for."""
    asked = sql.SQL("SELECT FROM {} WHERE {} = %s FOR UPDATE SKIP LOCKED")
    return not admin.execute(asked.format(sql.Identifier(table), sql.Identifier(ORDER[table])), [row]).rowcount


@pytest.mark.parametrize("held", ORDER)
def test_what_stands_before_is_locked_and_what_stands_after_is_not(held):
    coach, member, place = make_coach(), make_member(), make_location()
    service = make_service(coach, locations=[place], rooms=list(place.rooms.all()))
    CoachTime.objects.get_or_create(coach=coach)
    ids = [coach.pk, service.pk, place.pk, Room.objects.get().pk, member.participant.pk, coach.pk]
    rows = dict(zip(ORDER, ids, strict=True))

    with transaction.atomic(), as_superuser() as admin:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT FROM {held} WHERE {ORDER[held]} = %s FOR UPDATE", [rows[held]])
        other = Other(transaction.atomic(lambda: lock(service, coach, member)))
        assert other.meet()
        locked = [table for table in ORDER if is_locked(admin, table, rows[table])]

    assert locked == list(ORDER)[: list(ORDER).index(held) + 1]
    assert other.end().service == service


def test_it_is_one_statement():
    coach, member = make_coach(), make_member()
    service = make_service(coach, price=2_500)

    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as captured,
    ):
        locked = lock(service, coach, member)

    assert len([one for one in captured if "WITH seen" in one["sql"]]) == 1
    assert (locked.prices, list(locked.zones), locked.is_its_coach, locked.client_from) == (
        {1: 2_500}, [str(coach.pk)], False, None,
    )  # fmt: skip
    assert list(locked.locations.values()) == ["Studio, Main street 1"]


def test_who_does_not_see_it_locks_nothing():
    coach, member = make_coach(), make_member()
    service = make_service(coach)
    withdraw_service(service, by=None)
    before = list(CoachTime.objects.values_list("coach", "version"))
    rows = {"people_user": coach.pk, "schedule_service": service.pk, "people_participant": member.participant.pk}

    with transaction.atomic(), as_superuser() as admin:
        with pytest.raises(Http404):
            lock(service, coach, member)
        locked = [table for table, row in rows.items() if is_locked(admin, table, row)]

    assert (locked, list(CoachTime.objects.values_list("coach", "version"))) == ([], before)
