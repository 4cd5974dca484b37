"""What time it is for whatever decides on money, seats and deadlines.

The database's clock counts: it is one for all processes, on however many machines, and it stamps the rows. A process
whose own clock is an hour off would let go a held seat too early, or keep an offer too long. So the long-running ones
call `follow_database` once, and from then on ask it every minute by how much their own clock is wrong.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.db import connection
from django.utils import timezone

ASK_SECONDS = 60.0
# What the way to the database and back may take; a smaller difference is none.
TOLERANCE = timedelta(seconds=2)

log = structlog.get_logger()

_follows = False
_ahead = timedelta()
_asked_at: float | None = None


def now() -> datetime:
    """The time now, by the database's clock where this process follows it: one statement in a minute."""
    if _follows and (_asked_at is None or abs(time.monotonic() - _asked_at) > ASK_SECONDS):
        _ask()
    return timezone.now() + _ahead


def ahead_ns() -> int:
    """By how much the database's clock is ahead of the machine's, as far as this process knows by now (nanoseconds)."""
    return round(_ahead.total_seconds() * 1_000_000_000)


def follow_database() -> None:
    """From now on, be right even where the machine's clock is not."""
    global _follows
    _follows = True


def _ask() -> None:
    global _ahead, _asked_at
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    # It answered somewhere on the way.
    ahead = row[0] - (before + (timezone.now() - before) / 2)
    ahead = ahead if abs(ahead) > TOLERANCE else timedelta()
    if abs(ahead - _ahead) > TOLERANCE:
        log.warning("clock_differs_from_database", by_seconds=round(ahead.total_seconds()))
    _ahead, _asked_at = ahead, time.monotonic()
