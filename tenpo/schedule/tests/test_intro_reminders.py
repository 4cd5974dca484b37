"""Visitors are reminded of their intro: once, when its time has come, and not of what is off."""

import threading
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.db.models import QuerySet
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.schedule.actions import reminders
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.intros import Visitor, cancel_intro, mark_intro, move_intro
from tenpo.schedule.actions.reminders import remind_people
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.intro_mails import send_intro_mail
from tenpo.schedule.models import Intro, Session
from tenpo.schedule.tests.intro_make import ask, begin, make_intro, make_intro_service, some_start
from tenpo.schedule.tests.make import set_times
from tests.at_once import at_once

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
VERA = Visitor("Vera", "vera@example.com", "America/New_York", "de")


def booked(*, starts_in: timedelta, booked_ago: timedelta) -> Intro:
    """An intro that was confirmed so long ago, of a session that begins in so long."""
    intro = make_intro(visitor=VERA)
    at = timezone.now() + starts_in
    times = {"starts_at": at, "ends_at": at + HOUR / 4, "busy_from": at, "busy_until": at + HOUR / 4}
    set_times(Session.objects.filter(pk=intro.session_id), **times)
    Intro.objects.update(confirmed_at=timezone.now() - booked_ago)
    return Intro.objects.select_related("session__coach").get(pk=intro.pk)


def queued() -> int:
    jobs = ProcrastinateJob.objects.filter(task_name="schedule.send_intro_mail")
    return sum(job.args["kind"] == "reminder" for job in jobs)


@pytest.mark.parametrize(
    ("starts_in", "booked_ago", "count"),
    [
        (24 * HOUR, 48 * HOUR, 1),
        (24 * HOUR + timedelta(minutes=1), 48 * HOUR, 0),
        (10 * HOUR, 5 * HOUR, 0),
        (2 * HOUR, timedelta(minutes=61), 1),
        (2 * HOUR, timedelta(minutes=59), 0),
    ],
)
def test_a_day_before_or_shortly_before_like_any_booking(starts_in, booked_ago, count):
    booked(starts_in=starts_in, booked_ago=booked_ago)

    assert [remind_people(), remind_people()] == [count, 0]
    assert queued() == count


def test_the_mail_has_the_time_the_link_and_the_calendar_file():
    intro = booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)

    assert send_intro_mail(intro.pk, "reminder") is True
    assert send_intro_mail(intro.pk, "reminder") is True

    first, again = mail.outbox
    # In their language, on their clock, and twice the same mail to whoever's program compares.
    assert first.subject == "Bald: First talk"
    assert " in New York (" in str(first.body)
    assert f"/intro/{intro.link}/" in str(first.body)
    name, _content, kind = first.attachments[0]
    assert (name, kind.split(";")[0]) == ("session.ics", "text/calendar")
    assert first.extra_headers["Message-ID"] == again.extra_headers["Message-ID"]


def test_what_is_held_given_up_called_off_or_begun_is_not_reminded_of():
    service = make_intro_service()
    ask(service, hours=20)
    given_up = make_intro(service, hours=21, visitor=VERA)
    cancel_intro(given_up)
    Intro.objects.filter(confirmed_at__isnull=False).update(confirmed_at=timezone.now() - 40 * HOUR)

    assert remind_people() == 0
    assert send_intro_mail(given_up.pk, "reminder") is False


def test_what_goes_after_its_reminder_was_queued_is_not_mailed():
    called_off = booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)
    assert remind_people() == 1
    cancel_session(called_off.session, reason="Ill", by=called_off.session.coach)
    assert send_intro_mail(called_off.pk, "reminder") is False

    begun = begin(make_intro(make_intro_service(name="Other"), visitor=VERA))
    assert send_intro_mail(begun.pk, "reminder") is False
    mark_intro(begun, state="attended", by=begun.session.coach)
    assert send_intro_mail(begun.pk, "reminder") is False
    assert mail.outbox == []


def test_of_another_time_they_are_reminded_again_unless_that_is_near():
    intro = booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)
    remind_people()

    move_intro(intro, starts_at=some_start(48))
    assert Intro.objects.get().reminded_at is None
    edit_session(Session.objects.get(), by=intro.session.coach, starts_at=some_start(10))
    # The mail that says it is at another time now is the reminder.
    assert Intro.objects.get().reminded_at is not None
    assert remind_people() == 0
    assert queued() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_remind_once():
    booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)

    counts = at_once([remind_people] * 4)

    assert sorted(counts) == [0, 0, 0, 1]
    assert queued() == 1


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_they_are_reminded_twice(monkeypatch):
    booked(starts_in=20 * HOUR, booked_ago=40 * HOUR)
    meet = threading.Barrier(2)

    def take_without_the_lock(placed: QuerySet[Intro]) -> list[Intro]:
        found = list(placed.filter(reminded_at=None))
        meet.wait(30)
        placed.filter(pk__in=[one.pk for one in found]).update(reminded_at=timezone.now())
        return found

    monkeypatch.setattr(reminders, "_take_due", take_without_the_lock)
    at_once([partial(reminders._remind_of_intros)] * 2)

    assert queued() == 2
