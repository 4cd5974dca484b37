"""Calendars with more than is written or shown at once: nothing is left out, or taken away, for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenpo.people.tests.make import make_coach
from tenpo.schedule import calendar_queries
from tenpo.schedule.actions.calendar_syncing import sync_calendar, take_calendar_file
from tenpo.schedule.actions.calendars import change_connection
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.calendar_models import CalendarConnection, WrittenEvent
from tenpo.schedule.calendar_queries import taught_while_elsewhere
from tenpo.schedule.models import Session
from tenpo.schedule.tests.calendar_plants import make_calendar
from tenpo.schedule.tests.feed_server import calendar, event
from tenpo.schedule.tests.google_double import GoogleDouble
from tenpo.schedule.tests.make import give_to, make_session
from tenpo.schedule.tests.test_google import connected, google

__all__ = ["google"]
pytestmark = pytest.mark.django_db

SOON = (timezone.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def titles_of(double: GoogleDouble) -> list[str]:
    """What stands in the calendar there."""
    there = [one for one in double.events.values() if one.get("status") != "cancelled"]
    return sorted(one["summary"] for one in there)


@pytest.fixture
def written(google: GoogleDouble, monkeypatch: pytest.MonkeyPatch) -> tuple[CalendarConnection, dict[str, Session]]:
    """Two sessions stand there, which is as many as are written at once; then there is an earlier third."""
    made = connected(google)
    sessions = {
        title: make_session(made.user, starts_at=SOON + number * DAY, title=title)
        for number, title in [(1, "Second"), (2, "Third")]
    }
    sync_calendar(made)
    monkeypatch.setattr(calendar_queries, "OURS_MOST", 2)
    sessions["First"] = make_session(made.user, starts_at=SOON, title="First")
    return made, sessions


def test_what_an_earlier_session_pushes_out_stays_there(google, written):
    made, _sessions = written

    sync_calendar(made)
    sync_calendar(made)

    assert titles_of(google) == ["First", "Second", "Third"]
    assert google.asked.count("events.insert") == 3


@pytest.mark.parametrize("act", ["called off", "moved", "another's", "switched off"])
def test_what_is_behind_and_holds_no_more_is_taken_away(google, written, act):
    made, sessions = written
    sync_calendar(made)
    third = sessions["Third"]

    if act == "called off":
        cancel_session(third, reason="", by=made.user)
    elif act == "moved":
        edit_session(third, by=made.user, starts_at=third.starts_at + HOUR)
    elif act == "another's":
        give_to(third, make_coach())
    else:
        change_connection(made, by=made.user, writes_sessions=False)
    sync_calendar(made)

    assert titles_of(google) == ([] if act == "switched off" else ["First", "Second"])
    assert WrittenEvent.objects.count() == len(titles_of(google))


def test_its_turn_comes(google, written):
    made, sessions = written
    sync_calendar(made)
    edit_session(sessions["Third"], by=made.user, starts_at=sessions["Third"].starts_at + HOUR)
    sync_calendar(made)

    cancel_session(sessions["First"], reason="", by=made.user)
    sync_calendar(made)

    assert titles_of(google) == ["Second", "Third"]


def test_however_many_are_taught_the_last_overlap_is_shown(monkeypatch):
    monkeypatch.setattr(calendar_queries, "OURS_MOST", 2)
    coach = make_coach()
    sessions = [make_session(coach, starts_at=SOON + number * DAY) for number in range(5)]
    made = make_calendar(coach, times=0)

    take_calendar_file(made, calendar(*(event(f"e{n}", sessions[n].starts_at + HOUR / 2) for n in (1, 4))))

    assert taught_while_elsewhere(coach) == [sessions[1], sessions[4]]


def test_what_was_taken_away_and_is_wanted_again_is_no_conflict(google):
    made = connected(google)
    make_session(made.user, starts_at=SOON, title="Yoga")

    for is_written in (True, False, True):
        change_connection(CalendarConnection.objects.get(pk=made.pk), by=made.user, writes_sessions=is_written)
        sync_calendar(made)

    assert titles_of(google) == ["Yoga"]
    assert WrittenEvent.objects.get().state == "written"
