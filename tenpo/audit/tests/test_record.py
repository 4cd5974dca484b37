from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

from tenpo.audit.actions import record_all
from tenpo.audit.models import AuditLog
from tenpo.audit.tests.make import make_actor, make_record
from tenpo.core.models import Business
from tenpo.core.request_context import NOWHERE, Origin, set_origin

pytestmark = pytest.mark.django_db


def test_it_says_who_what_when_on_what_and_from_where():
    actor, thing = make_actor("Maya"), uuid4()
    set_origin(Origin(via="page", address="192.0.2.7", agent="Firefox", request_id="abc"))
    try:
        made = make_record("thing.changed", by=actor, on=thing, before={"n": 1}, after={"n": 2})
    finally:
        set_origin(NOWHERE)

    assert (made.actor_id, made.actor_name, made.action) == (actor.pk, "Maya", "thing.changed")
    assert (made.object_type, made.object_id, made.object_name) == ("core.Business", thing, "Thing")
    assert (made.before, made.after) == ({"n": 1}, {"n": 2})
    assert (made.via, made.address, made.agent, made.request_id) == ("page", "192.0.2.7", "Firefox", "abc")


def test_the_system_is_nobody():
    made = make_record(by=None)

    assert (made.actor_id, made.actor_name) == (None, "")


def test_values_are_made_plain():
    id_ = uuid4()

    made = make_record(after={"at": datetime(2026, 12, 3, tzinfo=UTC), "id": id_, "of": Business(pk=id_), "n": None})

    assert made.after == {"at": "2026-12-03T00:00:00+00:00", "id": str(id_), "of": str(id_), "n": None}


def test_long_names_are_cut():
    assert len(make_record(by=make_actor("x" * 300), name="y" * 80).actor_name) == 200


def test_many_take_one_statement(django_assert_num_queries):
    thing = Business(pk=uuid4())

    with django_assert_num_queries(1):
        record_all([("thing.changed", thing, None, {"n": n}) for n in range(50)], by=None)


def test_what_is_rolled_back_was_not_done():
    def fail() -> None:
        with transaction.atomic():
            make_record()
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert not AuditLog.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditlog SET actor_name = 'somebody else'",
        "DELETE FROM audit_auditlog",
        "TRUNCATE audit_auditlog",
        "DROP TABLE audit_auditlog",
        "ALTER TABLE audit_auditlog DISABLE TRIGGER ALL",
        "SELECT 1 FROM audit_auditlog FOR UPDATE",
    ],
)
def test_the_application_may_only_add_and_read(statement):
    made = make_record(by=make_actor("Maya"))

    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditLog.objects.get(pk=made.pk).actor_name == "Maya"
