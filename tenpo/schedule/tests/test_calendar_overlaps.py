"""A coach is told of what they teach while a calendar says that they are elsewhere: of each such time once."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tenpo.checkout.tests.make import told
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import publish
from tenpo.notify.kinds import Facts
from tenpo.notify.models import Notification
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions import calendar_overlaps, calendar_syncing
from tenpo.schedule.actions.calendar_overlaps import forget_past_overlaps
from tenpo.schedule.actions.calendar_syncing import take_calendar_file
from tenpo.schedule.actions.calendars import change_connection, connect_feed, disconnect_calendar
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.calendar_models import CalendarConnection, CalendarOverlap
from tenpo.schedule.calendar_notifications import OVERLAPS
from tenpo.schedule.models import Session
from tenpo.schedule.tests.feed_server import calendar, event
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, without_constraint

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timezone.now().replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=20)


def teach(coach: User, *hours: int) -> list[Session]:
    """An hour of this coach at each of these hours of the day."""
    return [make_session(coach, starts_at=DAY + hour * HOUR, minutes=60, title=f"Yoga {hour}") for hour in hours]


def connect(coach: User, name: str = "a") -> CalendarConnection:
    return connect_feed(coach, address=f"https://calendar.example.com/{name}.ics", by=coach, label=name)


def read(connection: CalendarConnection, *events: bytes) -> None:
    """What one reading of a calendar brings."""
    connection.refresh_from_db()
    take_calendar_file(connection, calendar(*events))


def busy(uid: str, hour: float, minutes: int = 60, *lines: str) -> bytes:
    return event(uid, DAY + hour * HOUR, minutes, *lines)


def news() -> list[set[str]]:
    """Of which sessions each piece of news is."""
    rows = OutboxMessage.objects.filter(name="calendar.overlaps").order_by("id")
    return [set(row.payload["session_ids"]) for row in rows]


def ids(*sessions: Session) -> set[str]:
    return {str(one.pk) for one in sessions}


def test_what_one_reading_brings_is_one_piece_of_news_and_told_once():
    coach = make_coach()
    first, second, alone = teach(coach, 0, 2, 6)
    [_other] = teach(make_coach(), 0)
    made = connect(coach)

    for _time in range(2):
        read(
            made,
            busy("a", 0.5),
            busy("b", 2, 30),
            busy("c", 2.5, 30),
            busy("d", 7),
            busy("e", 6, 60, "TRANSP:TRANSPARENT"),
        )

    assert news() == [ids(first, second)]
    assert {one.status for one in Session.objects.all()} == {"planned"}
    assert alone.starts_at == Session.objects.get(pk=alone.pk).starts_at


def test_a_time_that_moves_is_new_only_where_it_was_not_before():
    coach = make_coach()
    first, second = teach(coach, 0, 2)
    made = connect(coach)

    read(made, busy("a", 0))
    read(made, busy("a", 0.25))
    read(made, busy("a", 2))
    read(made)
    read(made, busy("a", 0))

    assert news() == [ids(first), ids(second)]


def test_events_that_are_called_otherwise_with_each_reading_are_told_and_kept_once():
    coach = make_coach()
    sessions = teach(coach, 0, 2)
    made = connect(coach)

    for reading in range(3):
        read(made, *(busy(f"{reading}-{number}", number * 0.25, 180) for number in range(5)))

    assert news() == [ids(*sessions)]
    assert CalendarOverlap.objects.count() == 2


def test_a_session_that_moves_into_a_time_that_is_taken_is_told_anew():
    coach = make_coach()
    [session] = teach(coach, 0)
    made = connect(coach)
    read(made, busy("a", 0), busy("b", 4))

    edit_session(session, by=coach, starts_at=DAY + 4 * HOUR)
    for _time in range(2):
        read(made, busy("a", 0), busy("b", 4))

    assert news() == [ids(session), ids(session)]
    assert CalendarOverlap.objects.count() == 1


def test_what_is_planned_into_a_time_that_is_taken_elsewhere_is_told_with_the_next_reading():
    coach = make_coach()
    made = connect(coach)
    read(made, busy("a", 0))
    assert news() == []

    [late] = teach(coach, 0)
    read(made, busy("a", 0))

    assert news() == [ids(late)]


def test_the_same_time_in_another_calendar_or_after_connecting_anew_is_not_news():
    coach = make_coach()
    teach(coach, 0)
    made = connect(coach)
    read(made, busy("a", 0))

    read(connect(coach, "b"), busy("a", 0))
    disconnect_calendar(made, by=coach)
    read(connect(coach, "c"), busy("a", 0))

    assert len(news()) == 1


def test_a_meeting_of_two_coaches_is_news_to_each():
    for coach in (make_coach(), make_coach()):
        teach(coach, 0)
        read(connect(coach), busy("team", 0))

    assert len(news()) == 2


def test_a_calendar_that_takes_no_time_says_nothing_until_it_does():
    coach = make_coach()
    [session] = teach(coach, 0)
    made = connect(coach)
    change_connection(made, by=coach, blocks_time=False)

    read(made, busy("a", 0))
    assert news() == []
    change_connection(made, by=coach, blocks_time=True)
    read(made, busy("a", 0))

    assert news() == [ids(session)]


def said(coach: User) -> list[Any]:
    told(coach)
    rows = Notification.objects.filter(user=coach, kind=OVERLAPS.code).order_by("id")
    return [OVERLAPS.say(Facts(row.payload)) for row in rows]


def test_the_coach_reads_of_one_with_its_time_and_of_several_how_many():
    coach = make_coach()
    teach(coach, 0, 2, 4)
    made = connect(coach, "Family")
    read(made, busy("a", 0))
    read(made, busy("a", 0), busy("b", 2), busy("c", 4))

    [one] = said(coach)[:1]
    many = said(coach)[1]

    assert one.title == "You are elsewhere when you teach Yoga 0"
    assert "“Family” says that you are taken then." in one.text
    assert "When" in dict(one.facts)
    assert (one.path, many.path) == ("/me/calendars/", "/me/calendars/")
    assert (many.title, many.facts) == ("You are elsewhere when you teach 2 sessions", ())


def test_what_is_well_again_before_we_speak_of_it_is_not_told():
    coach = make_coach()
    [session] = teach(coach, 0)
    read(connect(coach), busy("a", 0))
    cancel_session(session, reason="Ill", by=coach)

    assert said(coach) == []


def test_what_was_told_is_forgotten_when_it_is_over():
    coach = make_coach()
    teach(coach, 0)
    read(connect(coach), busy("a", 0))

    assert forget_past_overlaps() == 0
    with time_machine.travel(DAY + HOUR + timedelta(seconds=1), tick=False):
        assert forget_past_overlaps() == 1


def test_sessions_are_told_of_by_their_ids_and_counted_after_all_others(monkeypatch):
    coach = make_coach()
    teach(coach, 3, 2, 1, 0)
    made = connect(coach)
    kept: list[int] = []
    monkeypatch.setattr(calendar_syncing, "count_changed", lambda _coach: kept.append(CalendarOverlap.objects.count()))

    read(made, *(busy(str(hour), hour) for hour in range(4)))

    assert kept == [4]
    rows = list(CalendarOverlap.objects.order_by("id").values_list("session", flat=True))
    assert rows == sorted(rows)


def two_calendars() -> list[CalendarConnection]:
    """Two that say the same, of a coach who teaches then since they were read."""
    coach = make_coach()
    found = [connect(coach, name) for name in "ab"]
    for made in found:
        read(made, busy("a", 0))
    teach(coach, 0)
    return found


@pytest.mark.django_db(transaction=True)
def test_two_calendars_read_at_once_tell_it_once():
    at_once([partial(read, made, busy("a", 0)) for made in two_calendars()])

    assert len(news()) == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_the_constraint_they_tell_it_twice(monkeypatch):
    found, meet = two_calendars(), threading.Barrier(2)
    guard = calendar_overlaps._NEW[
        calendar_overlaps._NEW.index("ON CONFLICT") : calendar_overlaps._NEW.index("RETURNING")
    ]
    unguarded = calendar_overlaps._NEW.replace(guard, "")
    assert unguarded != calendar_overlaps._NEW

    def meet_and_publish(*said: Any, **facts: Any) -> None:
        meet.wait(30)
        publish(*said, **facts)

    monkeypatch.setattr(calendar_overlaps, "_NEW", unguarded)
    monkeypatch.setattr(calendar_overlaps, "publish", meet_and_publish)
    with without_constraint("schedule_calendaroverlap", "calendar_overlap_told_once"):
        at_once([partial(read, made, busy("a", 0)) for made in found])
        assert len(news()) == 2
        CalendarOverlap.objects.all().delete()
