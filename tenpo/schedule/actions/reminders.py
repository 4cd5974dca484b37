"""Reminders before a session."""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from tenpo.core import clock
from tenpo.core.outbox import publish_all
from tenpo.schedule.models import Booking, Session

REMINDED_BEFORE = timedelta(hours=24)
# Whoever books on the last day has just been told everything: they are reminded shortly before, unless they booked
# only an hour before that.
LATE_REMINDED_BEFORE = timedelta(hours=2)
LATE_BOOKED_BEFORE = LATE_REMINDED_BEFORE + timedelta(hours=1)
BATCH = 200


def remind_people(limit: int = 2_000) -> int:
    """Publish `booking.reminder_due` for every booking whose time has come, once for each; returns how many.

    The job runs every five minutes. Two at once, or one that was stopped in between, remind nobody twice.
    """
    reminded = 0
    while reminded < limit:
        count = _remind_batch()
        reminded += count
        if count < BATCH:
            break
    return reminded


@transaction.atomic
def _remind_batch() -> int:
    now = clock.now()
    start = F("session__starts_at")
    in_time = Q(session__starts_at__lte=now + REMINDED_BEFORE, confirmed_at__lte=start - REMINDED_BEFORE)
    late = Q(session__starts_at__lte=now + LATE_REMINDED_BEFORE, confirmed_at__lte=start - LATE_BOOKED_BEFORE)
    due = Booking.objects.filter(
        in_time | late,
        state=Booking.State.CONFIRMED,
        reminded_at=None,
        session__status=Session.Status.PLANNED,
        session__starts_at__gt=now,
    )
    bookings = list(due.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("id")[:BATCH])
    Booking.objects.filter(pk__in=[booking.pk for booking in bookings]).update(reminded_at=now)
    publish_all([("booking.reminder_due", booking, {"session_id": booking.session_id}) for booking in bookings])
    return len(bookings)
