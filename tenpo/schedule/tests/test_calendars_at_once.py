"""Calendars elsewhere end at the moment in which one of them is read: whoever is second waits, and nobody for ever."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach
from tenpo.schedule.actions import calendar_syncing
from tenpo.schedule.actions.calendar_syncing import take_calendar_file
from tenpo.schedule.actions.calendars import disconnect_calendar, end_calendars
from tenpo.schedule.actions.coach_time import count_changed
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.models import CoachTime
from tenpo.schedule.tests.calendar_plants import make_caldav
from tenpo.schedule.tests.feed_server import calendar, event
from tests.at_once import Other

pytestmark = pytest.mark.django_db(transaction=True)

SOON = timezone.now().replace(microsecond=0) + timedelta(days=3)


def two_calendars() -> list[CalendarConnection]:
    coach = make_coach()
    made = [make_caldav(coach, label=label) for label in ("Home", "Work")]
    for one in made:
        take_calendar_file(one, calendar(event(one.label, SOON)))
    return list(CalendarConnection.objects.order_by("pk"))


def counting_meets(monkeypatch: pytest.MonkeyPatch, other: Any) -> list[Other]:
    """Whoever reads a calendar, and is about to count that its owner's time changed, meets another who waits for it."""
    met: list[Other] = []

    def meet_and_count(coach_id: Any) -> None:
        met.append(Other(other))
        assert met[0].meet(), "the calendar is locked"
        count_changed(coach_id)

    monkeypatch.setattr(calendar_syncing, "count_changed", meet_and_count)
    return met


def version(coach: User) -> int:
    return CoachTime.objects.get(coach=coach).version


def test_who_is_shut_out_while_a_calendar_is_read_waits_for_the_reading(monkeypatch):
    first, second = two_calendars()
    coach, admin = first.user, make_admin()
    before = version(coach)
    met = counting_meets(monkeypatch, lambda: end_calendars(coach, by=admin))

    assert take_calendar_file(second, calendar(event("another", SOON)))

    assert met[0].end() is None
    assert CalendarConnection.objects.count() == 0
    assert version(coach) == before + 2, "once for the reading, once for both that end"


@pytest.mark.control
def test_who_ends_one_calendar_after_the_other_waits_in_a_circle_control(monkeypatch):
    first, second = two_calendars()
    admin = make_admin()
    lost: list[OperationalError] = []

    @transaction.atomic
    def one_after_the_other() -> None:
        for each in (first, second):
            disconnect_calendar(each, by=admin)

    def end() -> None:
        try:
            one_after_the_other()
        except OperationalError as error:
            lost.append(error)

    met = counting_meets(monkeypatch, end)

    try:
        take_calendar_file(second, calendar(event("another", SOON)))
    except OperationalError as error:
        lost.append(error)

    met[0].end()
    assert ["deadlock" in str(error) for error in lost] == [True], "one of both"
