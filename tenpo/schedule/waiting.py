"""Who in line is offered what when seats are free. Pure: `schedule.actions.offers` does it.

A party is offered all of its seats at once, or none. Parties are asked in the order in which they came, and each that
fits is offered its seats. One that needs more than there are is passed over: the seats go to the next that fit, or are
open to everybody. That happens `PASSED_OVER_AT_MOST` times; from then on whatever comes free is kept for it, until
there is enough; what lay open before stays open. What is kept counts as taken, so that nobody else can book it. One
that needs more than the session has is passed over without end, as nothing would ever be enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tenpo.core.limits import PASSED_OVER_AT_MOST, SEATS_KEPT_UNTIL_HOURS


@dataclass(frozen=True)
class Waiting:
    """A party in line: how many seats it needs together, and how often it was passed over."""

    id: UUID
    places: int
    passed_over: int = 0


@dataclass(frozen=True)
class Dealt:
    """Who is offered their seats, who is passed over, how many seats are kept, and how many nobody in line takes."""

    offered: tuple[UUID, ...]
    passed_over: tuple[UUID, ...]
    kept: int
    left: int


def deal(line: Sequence[Waiting], *, free: int, came: int, capacity: int, may_keep: bool) -> Dealt:
    """Deal `free` seats to a line, of which `came` are free only now, or were kept.

    What lay open before passes nobody over and is not kept: else whoever waits with many closes what others can book.
    """
    offered: list[UUID] = []
    passed: list[UUID] = []
    ahead: list[UUID] = []
    kept, left = 0, free
    for party in line:
        if not left:
            break
        if party.places <= left:
            offered.append(party.id)
            left -= party.places
            passed, ahead = passed + ahead, []
        elif came and may_keep and party.places <= capacity and party.passed_over >= PASSED_OVER_AT_MOST:
            kept = min(left, came)
            left, came = left - kept, came - kept
        else:
            ahead.append(party.id)
    if left and came:
        passed += ahead
    return Dealt(tuple(offered), tuple(passed), kept, left)


def kept_before(now: datetime) -> datetime:
    """Sessions that start by then keep no seats any more at `now`."""
    return now + timedelta(hours=SEATS_KEPT_UNTIL_HOURS)


def kept_until(starts_at: datetime) -> datetime:
    """Until when seats of a session are kept; then they are let go to whoever fits."""
    return starts_at - timedelta(hours=SEATS_KEPT_UNTIL_HOURS)
