"""Reminders before a session."""

from collections.abc import Callable
from datetime import timedelta

from django.db import models, transaction
from django.db.models import F, Q

from tenpo.core import clock
from tenpo.core.jobs import defer_all
from tenpo.core.outbox import publish_all
from tenpo.schedule.models import Booking, Intro, Session

REMINDED_BEFORE = timedelta(hours=24)
# Whoever books on the last day has just been told everything: they are reminded shortly before, unless they booked
# only an hour before that.
LATE_REMINDED_BEFORE = timedelta(hours=2)
LATE_BOOKED_BEFORE = LATE_REMINDED_BEFORE + timedelta(hours=1)
BATCH = 200


def remind_people(limit: int = 2_000) -> int:
    """Remind everybody whose time has come, once of each; returns of how many.

    `booking.reminder_due` is published for a booking; to a visitor, who has no account, a mail is queued. The job runs
    every five minutes. Two at once, or one that was stopped in between, remind nobody twice.
    """
    return _remind_all(_remind_of_bookings, limit) + _remind_all(_remind_of_intros, limit)


def _remind_all(remind_some: Callable[[], int], limit: int) -> int:
    reminded = 0
    while reminded < limit:
        count = remind_some()
        reminded += count
        if count < BATCH:
            break
    return reminded


@transaction.atomic
def _remind_of_bookings() -> int:
    bookings = _take_due(Booking.objects.filter(state=Booking.State.CONFIRMED))
    publish_all([("booking.reminder_due", booking, {"session_id": booking.session_id}) for booking in bookings])
    return len(bookings)


@transaction.atomic
def _remind_of_intros() -> int:
    intros = _take_due(Intro.objects.filter(state=Intro.State.CONFIRMED))
    mails = [{"intro_id": str(intro.pk), "kind": "reminder"} for intro in intros]
    defer_all("schedule.send_intro_mail", mails)
    return len(intros)


def _take_due[Place: (Booking, Intro)](placed: models.QuerySet[Place]) -> list[Place]:
    """Lock some of those whose time has come, and write down that they are reminded."""
    now = clock.now()
    start = F("session__starts_at")
    in_time = Q(session__starts_at__lte=now + REMINDED_BEFORE, confirmed_at__lte=start - REMINDED_BEFORE)
    late = Q(session__starts_at__lte=now + LATE_REMINDED_BEFORE, confirmed_at__lte=start - LATE_BOOKED_BEFORE)
    due = placed.filter(
        in_time | late, reminded_at=None, session__status=Session.Status.PLANNED, session__starts_at__gt=now
    )
    places = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("id")[:BATCH])
    placed.filter(pk__in=[place.pk for place in places]).update(reminded_at=now)
    return places
