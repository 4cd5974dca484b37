"""Hours of a week, as somebody says them: put in order, and joined where they touch. No statement is asked here."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID


@dataclass(frozen=True)
class Hours:
    """From and until on one weekday (Monday is 0), in minutes from midnight; where, and from and until which day."""

    weekday: int
    opens: int
    closes: int
    location_id: UUID | None = None
    starts_on: date | None = None
    ends_on: date | None = None

    @property
    def _same(self) -> tuple[object, ...]:
        """Hours that agree in this are one where they touch."""
        return (self.weekday, self.location_id, self.starts_on, self.ends_on)

    @property
    def _order(self) -> tuple[object, ...]:
        return (
            self.weekday,
            str(self.location_id or ""),
            self.starts_on or date.min,
            self.ends_on or date.max,
            self.opens,
            self.closes,
        )


def joined(hours: Iterable[Hours]) -> list[Hours]:
    """The same hours, sorted, with those joined that touch or overlap; of one place and the same weeks only."""
    result: list[Hours] = []
    for each in sorted(hours, key=lambda one: one._order):
        last = result[-1] if result else None
        if last is not None and last._same == each._same and each.opens <= last.closes:
            result[-1] = replace(last, closes=max(last.closes, each.closes))
        else:
            result.append(each)
    return sorted(result, key=lambda one: (one.weekday, one.opens, one._order))


def digest_of_week(hours: Sequence[Hours]) -> str:
    """Tells whether two weeks are the same, so that nobody overwrites what they did not see."""
    said = "\n".join(repr(one._order) for one in sorted(hours, key=lambda one: one._order))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def minutes_of(clock: str) -> int:
    """Minutes from midnight of "09:30"; "24:00" is the end of the day."""
    hours, _colon, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def said_minutes(minutes: int) -> str:
    """Minutes from midnight as "09:30"."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
