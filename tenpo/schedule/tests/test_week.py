"""The week of a coach: what is in it, for whose eyes, and where it is drawn."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.time_off import add_time_off, add_travel
from tenpo.schedule.forms import WeekForm
from tenpo.schedule.models import Booking, OutsideEvent, Session
from tenpo.schedule.tests.calendar_plants import make_calendar
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_service
from tenpo.schedule.week_queries import BLOCK_EDGES, FIRST_HOUR, HOUR_HEIGHT, LINE_HEIGHT, Block, Day, week_of

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2027, 6, 7, 8, tzinfo=BERLIN)
DAY = date(2027, 6, 8)


@pytest.fixture(autouse=True)
def _on_monday():
    with time_machine.travel(MONDAY, tick=False), timezone.override(BERLIN):
        yield


@pytest.fixture
def coach() -> User:
    return make_coach("Lena Ott")


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BERLIN)


def day_of(coach: User, *, viewer: User | None = None, day: date = DAY) -> Day:
    return next(one for one in week_of(coach, day, viewer=viewer or coach).days if one.date == day)


def only(coach: User, **wanted) -> Block:
    [block] = day_of(coach, **wanted).blocks
    return block


def make_slot(coach: User, *, state: str, awaits: bool = False, name: str = "Mina Ray") -> Booking:
    """A time that somebody has, without the money for it."""
    session = make_session(coach, starts_at=at(10), price=0)
    service = make_service(coach, name="Training")
    Session.objects.filter(pk=session.pk).update(is_private=True, service=service, title="Training", seats_taken=1)
    member = make_member(name)
    return Booking.objects.create(
        session=session, participant=member.participant, booked_by=member, state=state, awaits_approval=awaits,
        held_until=at(9), waitlisted_at=at(8) if state == "offered" else None,
    )  # fmt: skip


def test_a_session_stands_where_its_time_is(coach):
    make_session(coach, starts_at=at(10, 30), title="Breathing", capacity=10)

    block = only(coach)

    assert (block.kind, block.title, block.note) == ("class", "Breathing", "10 places free")
    assert block.top == (10 - FIRST_HOUR) * HOUR_HEIGHT + HOUR_HEIGHT // 2


def test_what_goes_beyond_a_day_says_what_of_the_day_it_takes(coach):
    following, last = (DAY + timedelta(days=number) for number in (1, 2))
    add_time_off(coach, starts_at=at(18), ends_at=at(10, day=last), reason="Lisbon", by=coach)

    assert [only(coach, day=day).hours for day in (DAY, following, last)] == ["from 18:00", "all day", "until 10:00"]


def test_whole_days_off_are_said_as_such_and_midnight_ends_a_day(coach, client):
    add_time_off(coach, starts_at=at(0), ends_at=at(0, day=DAY + timedelta(days=1)), reason="Family", by=coach)
    make_session(coach, starts_at=at(23, day=DAY + timedelta(days=2)))
    client.force_login(coach)

    assert only(coach).hours == "all day"
    assert only(coach, day=DAY + timedelta(days=2)).hours == "23:00–00:00"
    week = client.get("/teaching/week/?day=2027-06-08").content.decode()
    hours = client.get("/teaching/hours/", follow=True).content.decode()
    assert "<span>all day</span>" in week
    assert "00:00–00:00" not in week
    assert "tomorrow, all day" in hours


@pytest.mark.parametrize(
    ("minutes", "is_short", "lines"), [(15, True, 1), (30, True, 1), (45, False, 1), (60, False, 2), (90, False, 3)]
)
def test_a_title_leaves_room_for_the_note_below_it(minutes, is_short, lines):
    at = timezone.now()
    height = minutes * HOUR_HEIGHT // 60
    noted, plain = (Block("class", "Long", at, at, note=note, height=height) for note in ("1 of 8", ""))

    assert (noted.is_short, noted.title_lines) == (is_short, lines)
    assert plain.title_lines == (1 if is_short else lines + 1)
    assert is_short or (lines + 1) * LINE_HEIGHT + BLOCK_EDGES <= height


@pytest.mark.parametrize(("state", "awaits", "kind", "said"), [
    ("held", True, "asked", "asked for"), ("held", False, "kept", "not paid yet"),
    ("offered", False, "kept", "kept for them"),
])  # fmt: skip
def test_a_time_says_for_whom_it_is_and_what_it_waits_for(coach, state, awaits, kind, said):
    booking = make_slot(coach, state=state, awaits=awaits)

    block = only(coach)

    assert (block.kind, block.state) == (kind, said)
    assert block.title.startswith("Mina Ray")
    assert (str(booking.pk) in block.url) == awaits


def test_what_happens_elsewhere_is_named_to_nobody_but_its_coach(coach):
    OutsideEvent.objects.create(
        connection=make_calendar(coach, label="Doctor"), user=coach, uid="1", starts_at=at(12), ends_at=at(13),
        is_busy=True,
    )  # fmt: skip

    assert only(coach).title == "Doctor"
    seen = only(coach, viewer=make_admin())
    assert (seen.title, seen.url) == ("Taken elsewhere", "")


def test_time_off_and_travel_are_in_it(coach):
    add_time_off(coach, starts_at=at(9), ends_at=at(0, day=date(2027, 6, 10)), reason="At the sea", by=coach)
    add_travel(coach, starts_on=DAY, ends_on=DAY, time_zone="Asia/Tokyo", by=coach)

    shown = week_of(coach, DAY, viewer=coach).days

    assert [[block.title for block in day.blocks] for day in shown[:4]] == [[], ["At the sea"], ["At the sea"], []]
    assert ("Tokyo" in shown[1].zone, shown[2].zone) == (True, "")


def test_the_hours_are_those_of_the_day_and_its_zone(coach):
    make_hours(coach, opens=9 * 60, closes=12 * 60, weekdays=[1, 2])
    add_travel(coach, starts_on=date(2027, 6, 9), ends_on=date(2027, 6, 9), time_zone="America/New_York", by=coach)

    shown = week_of(coach, DAY, viewer=coach).days

    assert [[(span.starts_at, span.ends_at) for span in day.open] for day in shown[:4]] == [
        [], [(at(9), at(12))], [(at(15, day=date(2027, 6, 9)), at(18, day=date(2027, 6, 9)))], [],
    ]  # fmt: skip


def test_what_takes_a_part_of_a_day_lies_above_what_takes_all_of_it(coach):
    """What is drawn last is seen: a whole day hid the words of what began in it."""
    add_time_off(coach, starts_at=at(18), ends_at=at(20), reason="Short", by=coach)
    OutsideEvent.objects.create(
        connection=make_calendar(coach), user=coach, uid="day", starts_at=at(0),
        ends_at=at(0, day=DAY + timedelta(days=1)), is_busy=True,
    )  # fmt: skip

    assert [block.hours for block in day_of(coach).blocks] == ["all day", "18:00–20:00"]


def test_of_whole_days_each_lies_below_the_words_of_the_last(coach):
    """The words stand at the top of each, where another one over it would hide them."""
    connection, tomorrow = make_calendar(coach), at(0, day=DAY + timedelta(days=1))
    for uid, starts_at, ends_at in (("day", at(0), tomorrow), ("part", at(18), at(20)), ("soon", at(18), at(18, 15))):
        OutsideEvent.objects.create(
            connection=connection, user=coach, uid=uid, starts_at=starts_at, ends_at=ends_at, is_busy=True
        )
    add_time_off(coach, starts_at=at(0), ends_at=tomorrow, reason="Retreat", by=coach)

    *days, part, soon = day_of(coach).blocks

    assert {(one.kind, one.hours, one.title_lines) for one in days} == {("off", "all day", 3), ("busy", "all day", 3)}
    first, second = days
    assert second.top - first.top == 3 * LINE_HEIGHT + BLOCK_EDGES
    assert first.top + first.height == second.top + second.height
    # What has no room for it stays where its time is.
    assert (soon.top, soon.hours, part.hours) == (part.top, "18:00–18:15", "18:00–20:00")


def test_what_is_early_or_late_widens_the_day(coach):
    make_session(coach, starts_at=at(6, 30))
    make_session(coach, starts_at=at(21, 30), minutes=90)

    shown = week_of(coach, DAY, viewer=coach)

    assert (shown.hours[0], shown.hours[-1]) == (6, 22)


def test_what_meets_stands_beside_each_other(coach):
    make_session(coach, starts_at=at(10))
    mine = make_session(make_coach(), starts_at=at(10, 30))
    Booking.objects.create(
        session=mine, participant=coach.participant, booked_by=coach, state="held", held_until=at(9),
        starts_at=mine.starts_at, ends_at=mine.ends_at,
    )  # fmt: skip

    taught, own = day_of(coach).blocks

    assert [(taught.left, taught.width), (own.left, own.width)] == [(0, 50), (50, 50)]


def test_the_night_on_which_clocks_change_keeps_its_times(coach):
    sunday = date(2027, 10, 31)
    make_session(coach, starts_at=at(10, day=sunday))

    assert only(coach, day=sunday).top == (10 - FIRST_HOUR) * HOUR_HEIGHT


def test_the_page_shows_the_week_and_leads_to_others(coach):
    make_session(coach, starts_at=at(10), title="Breathing")
    client = signed_in(coach)

    page = client.get(f"/teaching/week/?day={DAY}").content.decode()
    next_week = client.get(f"/teaching/week/?day={DAY + timedelta(days=7)}").content.decode()

    assert page.count("Breathing") == 2  # as a list for the phone, and on the grid
    assert f"day={DAY + timedelta(days=7)}" in page
    assert "Breathing" not in next_week


@pytest.mark.parametrize("asked", ["", "?day=x", "?day=9999-12-31", "?coach=x", "?day=2027-06-08&coach=nobody"])
def test_what_makes_no_sense_is_left_out(coach, asked):
    assert signed_in(coach).get(f"/teaching/week/{asked}").status_code == 200


def test_an_admin_sees_any_coachs_week_and_a_coach_only_theirs(coach):
    make_session(coach, starts_at=at(10), title="Breathing")
    path = f"/teaching/week/?day={DAY}&coach={coach.pk}"

    assert WeekForm({"coach": str(coach.pk)}, viewer=make_admin()).whose() == coach
    assert "Breathing" not in signed_in(make_coach()).get(path).content.decode()
    assert signed_in(make_member()).get(path).status_code == 404
