"""What calendars elsewhere say closes slots: when, whose, and as soon as it is read."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach
from tenpo.schedule.actions import calendar_syncing
from tenpo.schedule.actions.calendar_syncing import sync_calendar, take_calendar_file
from tenpo.schedule.actions.calendars import change_connection, connect_feed, disconnect_calendar, switch_connection
from tenpo.schedule.actions.hours import set_working_terms
from tenpo.schedule.calendar_models import CalendarConnection, OutsideEvent, WrittenEvent
from tenpo.schedule.calendar_queries import our_events, taught_while_elsewhere
from tenpo.schedule.glance import free_starts
from tenpo.schedule.models import CoachTime, Service, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.calendar_plants import make_caldav
from tenpo.schedule.tests.feed_server import calendar, event, feed_server
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_service

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime(2027, 6, 7, tzinfo=BERLIN)
HOUR = timedelta(hours=1)
TEN = DAY + 10 * HOUR
ALL = ["09:00", "09:30", "10:00", "10:30", "11:00"]


@pytest.fixture(autouse=True)
def _a_week_before():
    with time_machine.travel(DAY - timedelta(days=7), tick=False):
        yield


@pytest.fixture
def coach() -> User:
    """One who works from 9 to 12 by Berlin's clock."""
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone="Europe/Berlin")
    make_hours(coach, opens=9 * 60, closes=12 * 60)
    coach.refresh_from_db()
    return coach


def followed(coach: User, *events: bytes, blocks_time: bool = True) -> CalendarConnection:
    made = connect_feed(coach, address="https://calendar.example.com/a.ics", by=coach, blocks_time=blocks_time)
    take_calendar_file(made, calendar(*events))
    made.refresh_from_db()
    return made


def utc(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo("UTC"))


def busy(uid: str, at: datetime, minutes: int = 60, *lines: str) -> bytes:
    return event(uid, utc(at), minutes, *lines)


def whole_day(uid: str, day: datetime) -> bytes:
    following = day + timedelta(days=1)
    lines = ("BEGIN:VEVENT", f"UID:{uid}", f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{following:%Y%m%d}")
    return "\n".join([*lines, "SUMMARY:Away", "END:VEVENT", ""]).encode()


def search(days: int = 1) -> SlotSearch:
    return SlotSearch(since=DAY, until=DAY + timedelta(days=days), minutes=60)


def starts(service: Service, days: int = 1) -> list[str]:
    """What is shown, exactly and at a glance, by Berlin's clock."""
    found = [slot.starts_at for slot in find_slots(service, search(days))]
    assert free_starts(service, search(days)) == found
    return [f"{start.astimezone(BERLIN):%H:%M}" for start in found]


def test_what_stands_elsewhere_takes_time_and_touching_is_not_taking(coach):
    service = make_service(coach)
    made = followed(coach, busy("a", TEN, 30))

    assert starts(service) == ["09:00", "10:30", "11:00"]
    take_calendar_file(made, calendar())
    assert starts(service) == ALL


def test_time_before_and_after_is_kept_to_what_is_elsewhere_as_well(coach):
    service = make_service(coach, buffer_before=15, buffer_after=15)
    followed(coach, busy("a", TEN + HOUR, 60))

    assert starts(service) == ["09:00", "09:30"]


def test_no_session_of_that_day_is_counted(coach):
    set_working_terms(coach, by=None, most_per_day=1)
    service = make_service(coach)
    followed(coach, busy("a", DAY + 20 * HOUR))

    assert starts(service) == ALL


@pytest.mark.parametrize("line", ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"])
def test_what_is_marked_as_free_takes_none(coach, line):
    service = make_service(coach)
    followed(coach, busy("a", TEN, 60, line))

    assert starts(service) == ALL


def test_a_calendar_that_takes_no_time_and_one_of_somebody_else_take_none(coach):
    service = make_service(coach)
    followed(coach, busy("a", TEN), blocks_time=False)
    followed(make_coach(), busy("b", TEN))

    assert starts(service) == ALL


def test_whole_days_are_those_of_the_clock_by_which_a_coach_works(coach):
    service = make_service(coach)
    set_working_terms(coach, by=None, time_zone="Pacific/Auckland")
    # From nine to noon there it is eleven to two at night here: the end of one of their days, and the next one's begin.
    made = followed(coach)
    assert starts(service) == ["00:00", "00:30", "01:00", "23:00", "23:30"]

    take_calendar_file(made, calendar(whole_day("a", DAY + timedelta(days=1))))

    assert starts(service) == ["00:00", "00:30", "01:00"]
    assert OutsideEvent.objects.get().starts_at == datetime(2027, 6, 8, tzinfo=ZoneInfo("Pacific/Auckland"))


def test_whole_days_are_read_anew_when_a_coach_goes_by_another_clock(coach, settings):
    with feed_server() as server:
        settings.OUTGOING_HOSTS = [f"127.0.0.1:{server.port}"]
        server.say(whole_day("a", DAY))
        made = connect_feed(coach, address=server.address, by=coach)
        sync_calendar(made)
        assert OutsideEvent.objects.get().starts_at == DAY

        sync_calendar(made)
        assert "if-none-match" in server.asked[-1], "nothing is read twice without need"
        User.objects.filter(pk=coach.pk).update(time_zone="America/New_York")
        sync_calendar(CalendarConnection.objects.get())

    assert OutsideEvent.objects.get().starts_at == DAY.replace(tzinfo=ZoneInfo("America/New_York"))


def test_our_own_events_do_not_take_our_own_time(coach):
    service = make_service(coach)
    session = make_session(coach, starts_at=TEN, minutes=30)
    ours = our_events(coach, now=DAY - timedelta(days=7))
    content = b"".join(one.event.content for one in ours.values())
    made = connect_feed(coach, address="https://calendar.example.com/a.ics", by=coach)

    take_calendar_file(made, content)
    Session.objects.filter(pk=session.pk).update(starts_at=TEN - HOUR, ends_at=TEN - HOUR / 2)
    make_session(starts_at=TEN)

    assert not OutsideEvent.objects.exists()
    # It was moved, and what stands there of it is not asked.
    first = find_slots(service, search())[0]
    assert f"{first.starts_at.astimezone(BERLIN):%H:%M}" == "09:30"


def test_what_we_wrote_at_google_is_ours_in_its_file_as_well(coach):
    written = make_caldav(coach)
    CalendarConnection.objects.filter(pk=written.pk).update(kind="google")
    session = make_session(coach, starts_at=TEN)
    WrittenEvent.objects.create(
        connection=written, uid=f"session-{session.pk}@tenpo", session=session, reference="k3y", ours={},
        ends_at=session.ends_at,
    )  # fmt: skip

    followed(coach, busy("k3y@google.com", TEN), busy("0ther@google.com", TEN + HOUR))

    assert [one.uid for one in OutsideEvent.objects.all()] == ["0ther@google.com"]


def version(coach: User) -> int:
    return CoachTime.objects.filter(coach=coach).values_list("version", flat=True).first() or 0


def test_what_is_kept_at_a_glance_is_old_where_something_changed_and_only_there(coach):
    other = make_coach()
    made, beside = followed(coach, busy("a", TEN)), followed(other, busy("a", TEN))
    before, others = version(coach), version(other)

    take_calendar_file(made, calendar(busy("a", TEN)))
    take_calendar_file(made, calendar(busy("a", TEN), busy("b", TEN, 30, "TRANSP:TRANSPARENT")))
    take_calendar_file(made, calendar(busy("a", TEN, 60, "DESCRIPTION:Bring the card")))
    assert version(coach) == before, "nothing of it takes another time"
    take_calendar_file(made, calendar(busy("a", TEN, 30)))
    take_calendar_file(made, calendar(busy("a", TEN, 30, "TRANSP:TRANSPARENT")))
    take_calendar_file(made, calendar(busy("a", TEN, 30)))
    take_calendar_file(made, calendar(busy("b", TEN)))
    take_calendar_file(made, calendar())

    assert version(coach) == before + 5
    assert version(other) == others
    assert beside.events.count() == 1


def test_what_its_owner_says_of_a_calendar_is_seen_at_once(coach):
    service = make_service(coach)
    made = followed(coach, busy("a", TEN + HOUR / 2))
    taken = starts(service)

    change_connection(made, by=coach, label="Home")
    before = version(coach)
    assert starts(service) == taken == ["09:00", "09:30"]
    change_connection(made, by=coach, blocks_time=False)
    assert (starts(service), version(coach)) == (ALL, before + 1)
    take_calendar_file(CalendarConnection.objects.get(), calendar(busy("b", TEN)))
    assert version(coach) == before + 1, "it takes no time, whatever it says"
    change_connection(made, by=coach, blocks_time=True)
    assert starts(service) == ["09:00", "11:00"]
    switch_connection(made, is_on=False, by=coach)
    assert starts(service) == ALL
    switch_connection(made, is_on=True, by=coach)
    take_calendar_file(CalendarConnection.objects.get(), calendar(busy("c", TEN)))
    assert starts(service) == ["09:00", "11:00"]
    disconnect_calendar(made, by=coach)
    assert starts(service) == ALL


@pytest.mark.control
def test_what_is_read_and_not_counted_is_not_seen_control(coach, monkeypatch):
    service = make_service(coach)
    made = followed(coach)
    before = free_starts(service, search())
    monkeypatch.setattr(calendar_syncing, "count_changed", lambda _coach_id: None)

    take_calendar_file(made, calendar(busy("a", TEN)))

    assert free_starts(service, search()) == before
    assert [slot.starts_at for slot in find_slots(service, search())] != before


def test_what_is_taught_while_a_calendar_says_elsewhere_is_shown_and_stays(coach):
    over, beside, alone = (
        make_session(coach, starts_at=TEN + number * 2 * HOUR, title=title)
        for number, title in enumerate(["Over", "Beside", "Alone"])
    )
    off = make_session(coach, starts_at=TEN + timedelta(days=1))
    Session.objects.filter(pk=off.pk).update(status="cancelled", cancelled_at=DAY)
    made = followed(
        coach, busy("a", TEN + HOUR / 2), busy("b", beside.ends_at), busy("c", TEN + timedelta(days=1)),
        busy("d", alone.starts_at, 60, "TRANSP:TRANSPARENT"),
    )  # fmt: skip
    client, admin = Client(), Client()
    client.force_login(coach)
    admin.force_login(make_admin())

    assert taught_while_elsewhere(coach) == [over]
    page = client.get("/me/calendars/").content.decode()
    assert "Two things at once" in page
    assert str(over.pk) in page
    assert str(beside.pk) not in page
    told = client.get("/api/v1/calendar-overlaps").json()
    assert [one["session_id"] for one in told] == [str(over.pk)]
    roster = f"/teaching/{over.pk}/"
    assert "You are elsewhere then" in client.get(roster).content.decode()
    assert "You are elsewhere then" not in admin.get(roster).content.decode(), "theirs alone to know"
    assert "You are elsewhere then" not in client.get(f"/teaching/{beside.pk}/").content.decode()
    over.refresh_from_db()
    assert (over.starts_at, over.status) == (TEN, "planned")
    change_connection(made, by=coach, blocks_time=False)
    assert taught_while_elsewhere(coach) == []
