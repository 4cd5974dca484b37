"""The one rule of cancelling, not coming and moving: what comes back, to where, and when something may be moved.

Pure: a policy as it was frozen, the moment, and what the person has had so far go in; whoever asks before, and whoever
does it, asks here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

MAX_WINDOWS = 6
MAX_HOURS_BEFORE = 24 * 90
MAX_GRACE = 20
MAX_GRACE_DAYS = 365
MAX_RESCHEDULES = 20
# Where what was paid from outside may go, beside what the business's terms say (`payments.refund_models.RefundTo`).
PLACES = ("", "credit", "wallet", "method")


@dataclass(frozen=True)
class Window:
    """From `hours_before` the start (whole hours) on, `percent` of what was paid comes back.

    What was paid from outside comes back `to` credit, the wallet, or the way it was paid; empty: as the business's
    terms say. Windows stand in order, longest notice first; the last one begins at 0 hours. After the start nothing
    comes back.
    """

    hours_before: int
    percent: int
    to: str = ""

    def ends_at(self, starts_at: datetime) -> datetime:
        """The last moment at which this window holds."""
        return starts_at - timedelta(hours=self.hours_before)

    def stored(self) -> dict[str, int | str]:
        """The window as policies and bookings keep it. Older ones have no place."""
        return {"hours_before": self.hours_before, "percent": self.percent, **({"to": self.to} if self.to else {})}


@dataclass(frozen=True)
class Policy:
    """What holds of something booked: the windows of cancelling, and the rules beside them.

    Whoever does not come gets `no_show_percent` back. Of what somebody gives up late or does not come to, the first
    `grace_count` within `grace_days` cost nothing. It may be moved `reschedules` times, until `reschedule_hours` before
    it starts. `most` is what may come back of it at all: less than 100 once it was moved when not all came back.
    """

    windows: tuple[Window, ...] = ()
    no_show_percent: int = 0
    grace_count: int = 0
    grace_days: int = 0
    reschedules: int = 0
    reschedule_hours: int = 0
    most: int = 100

    def rules(self) -> dict[str, int]:
        """What a booking keeps beside the windows."""
        return {name: value for name, value in asdict(self).items() if name in RULES}

    def misses_within(self, misses: Iterable[datetime], now: datetime) -> int:
        """How many of somebody's late cancellations and no-shows count at `now`."""
        since = now - timedelta(days=self.grace_days)
        return sum(1 for at in misses if since < at)


RULES = tuple(field.name for field in fields(Policy) if field.name != "windows")


def read_policy(windows: Sequence[Mapping[str, Any]], rules: Mapping[str, int]) -> Policy:
    """A policy as it is stored; what an older row does not say is as it was then."""
    read = (Window(w["hours_before"], w["percent"], w.get("to", "")) for w in windows)
    return Policy(tuple(read), **{name: rules[name] for name in RULES if name in rules})


def check_policy(policy: Policy) -> None:
    """Raise ValueError unless it makes a policy: see `check_windows`; grace has its days, moves have their number."""
    check_windows(policy.windows)
    if not 0 <= policy.no_show_percent <= 100:
        raise ValueError("no_show_percent")
    if not 0 <= policy.grace_count <= MAX_GRACE:
        raise ValueError("grace_count")
    if not (1 <= policy.grace_days <= MAX_GRACE_DAYS if policy.grace_count else policy.grace_days == 0):
        raise ValueError("grace_days")
    if not 0 <= policy.reschedules <= MAX_RESCHEDULES:
        raise ValueError("reschedules")
    if not 0 <= policy.reschedule_hours <= (MAX_HOURS_BEFORE if policy.reschedules else 0):
        raise ValueError("reschedule_hours")


def check_windows(windows: Sequence[Window]) -> None:
    """Raise ValueError unless the windows make a policy: ordered, distinct, never giving more for less notice."""
    if not 1 <= len(windows) <= MAX_WINDOWS:
        raise ValueError("windows")
    if any(not 0 <= w.hours_before <= MAX_HOURS_BEFORE or not 0 <= w.percent <= 100 for w in windows):
        raise ValueError("windows")
    if any(w.to not in PLACES for w in windows):
        raise ValueError("windows")
    hours = [w.hours_before for w in windows]
    percents = [w.percent for w in windows]
    if hours != sorted(set(hours), reverse=True) or percents != sorted(percents, reverse=True):
        raise ValueError("windows")


@dataclass(frozen=True)
class ComesBack:
    """What comes back: how many percent of what was paid; where what was paid from outside goes; until when it holds.

    `is_late`: the windows do not give all of it, so that it counts; `by_grace`: it costs nothing all the same, as only
    so many (`misses`) counted before it.
    """

    percent: int
    to: str
    until: datetime | None = None
    is_late: bool = False
    by_grace: bool = False
    misses: int = 0


def what_comes_back(
    policy: Policy,
    *,
    starts_at: datetime,
    now: datetime,
    back_to: str,
    misses: int = 0,
    by_host: bool = False,
    was_moved: bool = False,
    is_waived: bool = False,
) -> ComesBack:
    """What comes back to whoever cancels at `now`, who gave up late or did not come `misses` times.

    `back_to` is where the business's terms lead. A window holds up to and including its last moment. The host's
    cancellation gives everything back, and so does one's own before the start of what was changed after one booked, one
    that is among those that cost nothing, and one that the host lets somebody off.
    """
    whole = whole_place(policy, back_to)
    if by_host:
        return ComesBack(100, whole)
    if was_moved and now <= starts_at:
        return ComesBack(100, whole, until=starts_at)
    window = next((window for window in policy.windows if now <= window.ends_at(starts_at)), None)
    percent = min(window.percent, policy.most) if window else 0
    if window and percent == 100:
        return ComesBack(100, window.to or back_to, until=window.ends_at(starts_at))
    if is_waived:
        return ComesBack(100, whole, is_late=True, misses=misses)
    if now <= starts_at and misses < policy.grace_count:
        return ComesBack(100, whole, until=starts_at, is_late=True, by_grace=True, misses=misses)
    if window is None:
        return ComesBack(0, whole, is_late=True, misses=misses)
    return ComesBack(percent, window.to or back_to, until=window.ends_at(starts_at), is_late=True, misses=misses)


def after_no_show(policy: Policy, *, back_to: str, misses: int = 0) -> ComesBack:
    """What comes back to whoever did not come, and gave up late or did not come `misses` times before."""
    whole = whole_place(policy, back_to)
    if misses < policy.grace_count:
        return ComesBack(100, whole, is_late=True, by_grace=True, misses=misses)
    last = policy.windows[-1].to if policy.windows else ""
    percent = min(policy.no_show_percent, policy.most)
    return ComesBack(percent, last or back_to, is_late=True, misses=misses)


def whole_place(policy: Policy, back_to: str) -> str:
    """Where it goes when all of it comes back: as with the longest notice."""
    return (policy.windows[0].to if policy.windows else "") or back_to


@dataclass(frozen=True)
class Move:
    """Whether something booked may be moved now, at no cost: `refusal` is why not, else empty.

    `until` when, and how often still (`left`); once it was moved, at most `most` percent come back of it.
    """

    refusal: str
    until: datetime
    left: int
    most: int
    # Whether it is one of those that the policy counts.
    counts: bool = True

    @property
    def is_allowed(self) -> bool:
        return not self.refusal


def may_be_moved(policy: Policy, *, starts_at: datetime, now: datetime, moves: int, was_moved: bool = False) -> Move:
    """Whether who booked something may move it at `now`, who moved it `moves` times: to what costs the same.

    Until the policy's last moment and as often as it says; until it starts, and uncounted, where the host moved it
    before. What cancelling would not give back any more does not come back by moving first. Refusals: not_movable,
    moved_too_often, too_late.
    """
    if was_moved and now <= starts_at:
        return Move("", starts_at, max(0, policy.reschedules - moves), policy.most, counts=False)
    until = starts_at - timedelta(hours=policy.reschedule_hours)
    left = max(0, policy.reschedules - moves)
    refusal = ""
    if not policy.reschedules:
        refusal = "not_movable"
    elif not left:
        refusal = "moved_too_often"
    elif now > until:
        refusal = "too_late"
    # Grace is for cancelling: by the windows alone.
    back = what_comes_back(replace(policy, grace_count=0), starts_at=starts_at, now=now, back_to="")
    return Move(refusal, until, left, min(policy.most, back.percent))
