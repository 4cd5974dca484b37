from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.limits import CALENDARS_KEPT
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.calendar_syncing import take_calendar_file
from tenpo.schedule.actions.calendars import change_connection, connect_feed, disconnect_calendar, switch_connection
from tenpo.schedule.calendar_models import CalendarConnection, OutsideEvent
from tenpo.schedule.calendar_queries import busy_outside
from tenpo.schedule.calendars.base import secrets_of
from tenpo.schedule.tests.feed_server import calendar, event
from tests.at_once import at_once, outcomes

pytestmark = pytest.mark.django_db

ADDRESS = "https://calendar.example.com/private-k3y/basic.ics"
TOMORROW = (timezone.now() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)


def connected(user: User | None = None, *events: bytes, blocks_time: bool = True) -> CalendarConnection:
    user = user or make_coach()
    made = connect_feed(user, address=ADDRESS, by=user, blocks_time=blocks_time)
    take_calendar_file(made, calendar(*events))
    made.refresh_from_db()
    return made


@pytest.mark.parametrize("address", [ADDRESS, f" {ADDRESS} ", "webcal://calendar.example.com/private-k3y/basic.ics"])
def test_a_calendar_is_connected_and_its_address_is_a_secret(address):
    coach = make_coach()

    made = connect_feed(coach, address=address, by=coach)

    made = CalendarConnection.objects.get(pk=made.pk)
    assert (made.label, made.account, made.state) == ("calendar.example.com", "calendar.example.com", "active")
    assert secrets_of(made) == {"address": ADDRESS}
    assert "k3y" not in f"{made.__dict__}{AuditLog.objects.get(object_id=made.pk).after}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args ->> 'connection_id' FROM procrastinate_jobs WHERE task_name = 'schedule.sync_calendar'"
        )
        assert (str(made.pk),) in cursor.fetchall()


@pytest.mark.parametrize("address", ["", "http://example.com/a.ics", "calendar", "https://me:pw@example.com/a.ics"])
def test_what_is_no_address_is_refused(address):
    coach = make_coach()

    with pytest.raises(ValidationError):
        connect_feed(coach, address=address, by=coach)

    assert not CalendarConnection.objects.exists()


def test_nobody_connects_a_calendar_for_somebody_else():
    coach, admin = make_coach(), make_admin()

    with pytest.raises(PermissionDenied):
        connect_feed(coach, address=ADDRESS, by=admin)


def test_so_many_calendars_and_no_more():
    coach = make_coach()
    for _ in range(CALENDARS_KEPT):
        connect_feed(coach, address=ADDRESS, by=coach)

    with pytest.raises(RuleError, match="as many"):
        connect_feed(coach, address=ADDRESS, by=coach)

    assert CalendarConnection.objects.count() == CALENDARS_KEPT


@pytest.mark.django_db(transaction=True)
def test_so_many_and_no_more_at_once():
    coach = make_coach()
    for _ in range(CALENDARS_KEPT - 1):
        connect_feed(coach, address=ADDRESS, by=coach)

    found = at_once([lambda: connect_feed(coach, address=ADDRESS, by=coach)] * 4)

    assert outcomes(found) == {"active": 1, "too_many": 3}


def test_a_calendar_changes_what_it_is_used_for():
    made = connected(None, event("a", TOMORROW))
    whose = made.user

    changed = change_connection(made, by=whose, label="Home", blocks_time=False)
    change_connection(made, by=whose, label="Home", blocks_time=False)

    assert (changed.label, changed.blocks_time) == ("Home", False)
    assert busy_outside([whose.pk], TOMORROW, TOMORROW + timedelta(days=1)) == {}
    assert AuditLog.objects.filter(action="calendar_connection.changed").count() == 1
    with pytest.raises(ValidationError):
        change_connection(made, by=whose, label="")
    with pytest.raises(PermissionDenied):
        change_connection(made, by=make_admin(), label="Mine")


def test_switched_off_it_takes_no_time_and_on_again_it_is_read_anew():
    made = connected(None, event("a", TOMORROW))
    whose = made.user

    off = switch_connection(made, is_on=False, by=whose)
    switch_connection(made, is_on=False, by=whose)

    assert off.state == "off"
    assert not OutsideEvent.objects.exists()
    assert not take_calendar_file(off, calendar(event("a", TOMORROW)))
    assert not OutsideEvent.objects.exists()
    assert off.synced_at is None

    on = switch_connection(made, is_on=True, by=whose)
    assert (on.state, on.expanded_until, on.sync_token) == ("active", None, "")
    assert take_calendar_file(on, calendar(event("a", TOMORROW)))
    with pytest.raises(PermissionDenied):
        switch_connection(made, is_on=False, by=make_coach())


def test_one_that_is_kept_after_all_is_read_as_a_whole():
    """Its times were let go when it was to be disconnected; where the reading left off says nothing of those."""
    made = connected(None, event("a", TOMORROW))
    CalendarConnection.objects.filter(pk=made.pk).update(state="leaving", sync_token="here")
    OutsideEvent.objects.all().delete()

    kept = switch_connection(made, is_on=True, by=made.user)

    assert (kept.state, kept.sync_token, kept.expanded_until, kept.is_new) == ("active", "", None, True)


def test_disconnected_it_is_forgotten():
    made = connected(None, event("a", TOMORROW))
    whose = made.user

    with pytest.raises(PermissionDenied):
        disconnect_calendar(made, by=make_member())
    disconnect_calendar(made, by=whose)
    disconnect_calendar(made, by=whose)

    assert not CalendarConnection.objects.exists()
    assert not OutsideEvent.objects.exists()
    assert AuditLog.objects.filter(action="calendar_connection.ended").count() == 1
    assert not take_calendar_file(made, calendar(event("a", TOMORROW)))


def test_a_file_taken_again_changes_nothing_and_another_one_only_what_differs():
    made = connected(None, event("a", TOMORROW), event("b", TOMORROW + timedelta(hours=2)), event("c", TOMORROW))
    kept = {one.uid: one.pk for one in OutsideEvent.objects.all()}

    again = take_calendar_file(
        made, calendar(event("a", TOMORROW), event("b", TOMORROW + timedelta(hours=2)), event("c", TOMORROW))
    )
    moved = take_calendar_file(made, calendar(event("a", TOMORROW), event("b", TOMORROW + timedelta(hours=3))))

    assert (again, moved) == (False, True)
    now = {one.uid: (one.pk, one.starts_at) for one in OutsideEvent.objects.all()}
    assert now == {"a": (kept["a"], TOMORROW), "b": (kept["b"], TOMORROW + timedelta(hours=3))}


def test_our_own_events_that_come_back_take_no_time(settings):
    settings.PUBLIC_URL = "https://coaching.example.com"
    ours = event("session-01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42@coaching.example.com", TOMORROW)
    theirs = event("session-01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42@elsewhere.example.com", TOMORROW)

    connected(None, ours, theirs)

    assert [one.uid.rpartition("@")[2] for one in OutsideEvent.objects.all()] == ["elsewhere.example.com"]


def test_the_database_holds_each_event_once():
    made = connected(None, event("a", TOMORROW))
    one = OutsideEvent.objects.get()

    for changed in ({}, {"uid": "b", "ends_at": one.starts_at}):
        values = {name: getattr(one, name) for name in ("uid", "starts_at", "ends_at", "is_busy")} | changed
        with pytest.raises(IntegrityError), transaction.atomic():
            OutsideEvent.objects.create(connection=made, user=made.user, **values)


def test_busy_times_are_merged_in_one_statement():
    coach, other, third = make_coach(), make_coach(), make_coach()
    hour = timedelta(hours=1)
    connected(coach, event("a", TOMORROW), event("b", TOMORROW + hour / 2), event("c", TOMORROW + hour * 3))
    # Of a second calendar, where the first one ends; what is free, and what does not block, takes nothing.
    connected(coach, event("d", TOMORROW + hour * 1.5), event("e", TOMORROW + hour * 6, 60, "TRANSP:TRANSPARENT"))
    connected(coach, event("f", TOMORROW + hour * 8), blocks_time=False)
    connected(other, event("g", TOMORROW - hour / 2), event("h", TOMORROW + hour * 24))
    connected(make_coach(), event("i", TOMORROW))

    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = busy_outside([coach.pk, other.pk, third.pk, coach.pk], TOMORROW, TOMORROW + hour * 24)

    assert len(asked) == 1
    assert found == {
        coach.pk: [(TOMORROW, TOMORROW + hour * 2.5), (TOMORROW + hour * 3, TOMORROW + hour * 4)],
        other.pk: [(TOMORROW - hour / 2, TOMORROW + hour / 2)],
    }


def test_an_interval_ends_before_its_end():
    coach = make_coach()
    connected(coach, event("a", TOMORROW))
    end = TOMORROW + timedelta(hours=1)

    assert busy_outside([coach.pk], end, end + timedelta(hours=1)) == {}
    assert busy_outside([coach.pk], TOMORROW - timedelta(hours=1), TOMORROW) == {}
    assert busy_outside([coach.pk], end - timedelta(seconds=1), end) == {coach.pk: [(TOMORROW, end)]}
    assert busy_outside([], TOMORROW, end) == {}
    assert busy_outside([coach.pk], end, TOMORROW) == {}


def test_busy_times_are_found_by_their_index():
    coach = make_coach()
    made = connected(coach)
    start = datetime(2030, 1, 1, tzinfo=UTC)
    OutsideEvent.objects.bulk_create(
        OutsideEvent(
            connection=made, user=coach, uid=f"u{n}", starts_at=start + timedelta(hours=n),
            ends_at=start + timedelta(hours=n + 1), is_busy=True,
        )
        for n in range(3_000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT 1 FROM schedule_outsideevent e WHERE is_busy AND uuidrange(e.user_id, e.user_id, '[]') &&"
            " uuidrange(%s, %s, '[]') AND tstzrange(e.starts_at, e.ends_at, '[)') && tstzrange(%s, %s, '[)')",
            [coach.pk, coach.pk, start, start + timedelta(days=1)],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "outside_event_by_user_and_time" in plan
