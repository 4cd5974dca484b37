"""A time that comes back every week or second week with one coach: its dates, and which of them are free.

However many dates there are, the database is looked at once for each who comes; the dates are those of the coach's
clock, so that 18:00 stays 18:00.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from functools import partial, reduce
from itertools import pairwise
from math import gcd
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.rrule import weekdays
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.limits import SLOT_SERIES_GAP_WEEKS, SLOT_SERIES_WEEKS
from tenpo.core.words import say_when
from tenpo.people.models import Participant
from tenpo.schedule.models import Service
from tenpo.schedule.occurrences import local_moment
from tenpo.schedule.slot_facts import Facts, facts_between
from tenpo.schedule.slot_queries import Slot, SlotSearch, slots_in, wanted_of
from tenpo.schedule.slots import Wanted, minute_after, minute_of

DAY = timedelta(days=1)
# How many other starts of a day are named where the one that was wished for is not free.
NEAREST_ON_DAY = 3


@dataclass(frozen=True)
class SlotDate:
    """One date of a time that comes back: when it was wished for, the slot if it is free, otherwise why it is not.

    `nearest` are other slots of that day on the coach's clock, the nearest one first.
    """

    at: datetime
    slot: Slot | None = None
    code: str = ""
    nearest: list[Slot] = field(default_factory=list)

    @property
    def is_free(self) -> bool:
        return self.slot is not None

    @property
    def why(self) -> str:
        """What stands in the way, in a few words."""
        return {
            "slot_taken": _("taken"),
            "participant_elsewhere": _("another session at this time"),
            "too_many": _("as many as one may have already"),
        }.get(self.code, _("not offered then"))


@dataclass(frozen=True)
class SeriesWish:
    """How long, where, and for whom a time is to come back; of each who comes, whether a host books it for them.

    Without a location it is the first at which a date is free, and all are there.
    """

    minutes: int
    location: UUID | None
    people: Sequence[tuple[Participant, bool]]


def dates_every(first: datetime, zone: str, *, weeks: int, times: int) -> list[datetime]:
    """The same time of day on the clock of a zone, every so many weeks, so often; the first one as it is."""
    local = first.astimezone(ZoneInfo(zone))
    days = (local.date() + timedelta(weeks=weeks * number) for number in range(1, times))
    return [first, *(local_moment(day, local.time(), zone).at for day in days)]


def check_dates_apart(starts: Sequence[datetime], zone: str, *, most: int) -> None:
    """Raise ValidationError unless starts are whole weeks apart on a coach's clock, and reach no further than a series
    does of which half was left out: two dates are no way to a day beyond a service's window.
    """
    days = [start.astimezone(ZoneInfo(zone)).date() for start in starts]
    gaps = [(later - day).days for day, later in pairwise(days)]
    if not all(gap > 0 and gap % 7 == 0 for gap in gaps):
        raise ValidationError({"starts": _("The dates are whole weeks apart, each on a day of its own.")})
    if any(gap > 7 * SLOT_SERIES_GAP_WEEKS for gap in gaps):
        words = _("From one date to the next are at most %(n)s weeks.") % {"n": SLOT_SERIES_GAP_WEEKS}
        raise ValidationError({"starts": words})
    if sum(gaps) > 7 * SLOT_SERIES_WEEKS * (min(most, 2 * len(starts)) - 1):
        raise ValidationError({"starts": _("The last date is too far from the first one.")})


def rule_of(starts: Sequence[datetime], zone: str) -> str:
    """The rule of such dates, as RFC 5545 writes it: those that were left out are not said."""
    days = [start.astimezone(ZoneInfo(zone)).date() for start in starts]
    weeks = reduce(gcd, ((later - days[0]).days // 7 for later in days[1:]), 0) or 1
    return f"FREQ=WEEKLY;INTERVAL={weeks};BYDAY={weekdays[days[0].weekday()]};UNTIL={days[-1]:%Y%m%d}T235959"


def look_for_dates(
    service: Service,
    wish: SeriesWish,
    coaches: Sequence[UUID],
    starts_for: Callable[[str], Sequence[datetime]],
    *,
    now: datetime | None = None,
) -> dict[UUID, list[SlotDate]]:
    """Each of the dates with each of these coaches: one statement for each who comes.

    `starts_for` says the dates on the clock of a coach. Notice and window hold of the first date; those that follow
    reach as far as the service has times in a row. Coaches who do not give it any more are left out.
    """
    return {coach_id: look().dates() for coach_id, look in _looks(service, wish, coaches, starts_for, now).items()}


def look_for_best(
    service: Service, wish: SeriesWish, coaches: Sequence[UUID], starts_for: Callable[[str], Sequence[datetime]]
) -> tuple[UUID, list[SlotDate]] | None:
    """Of these coaches whoever is free on the most dates, of several the one who was named first, with each of the
    dates; none where nobody of them gives it. Only theirs is asked what is near, and why.
    """
    looks = _looks(service, wish, coaches, starts_for, None)
    best = next(iter(looks), None)
    if len(looks) > 1:
        best = max(looks, key=lambda coach_id: looks[coach_id]().number_free())
    return (best, looks[best]().dates()) if best else None


def _looks(
    service: Service,
    wish: SeriesWish,
    coaches: Sequence[UUID],
    starts_for: Callable[[str], Sequence[datetime]],
    now: datetime | None,
) -> dict[UUID, Callable[[], "_Look"]]:
    """By coach what begins to look at their dates, as nobody has yet."""
    now = now or clock.now()
    # In whatever clock, the dates are within a day of these.
    spanned = starts_for("UTC")
    looks = [
        facts_between(
            service, spanned[0] - DAY, spanned[-1] + 2 * DAY, coaches=coaches, participant=one.pk, now=now
        )
        for one, _by_host in wish.people
    ]  # fmt: skip
    return {
        coach_id: partial(_Look, service, wish, looks, coach_id, starts_for, now)
        for coach_id in coaches
        if all(coach_id in facts.coaches for facts in looks)
    }


class _Look:
    """What one coach has for all who come, at one moment."""

    def __init__(
        self,
        service: Service,
        wish: SeriesWish,
        looks: Sequence[Facts],
        coach_id: UUID,
        starts_for: Callable[[str], Sequence[datetime]],
        now: datetime,
    ) -> None:
        self.service, self.wish, self.now = service, wish, now
        self.location = wish.location
        # What is to be booked with one of them is noted in lists of its own.
        self.looks = [
            replace(facts, coaches={coach_id: facts.coaches[coach_id]}, taken_part=[*facts.taken_part])
            for facts in looks
        ]
        self.zone = self.looks[0].coaches[coach_id].hours.time_zone
        self.starts = starts_for(self.zone)

    def dates(self) -> list[SlotDate]:
        return [self._date(start, is_first=not number) for number, start in enumerate(self.starts)]

    def number_free(self) -> int:
        """On how many dates they are free."""
        return sum(self._taken(start, is_first=not number) is not None for number, start in enumerate(self.starts))

    def _taken(self, at: datetime, *, is_first: bool) -> Slot | None:
        """The slot of a date, if it is free; it is to be booked then."""
        slot = next(iter(self._free(at, at + timedelta(minutes=1), is_first=is_first)), None)
        if slot:
            self._take(slot)
        return slot

    def _date(self, at: datetime, *, is_first: bool) -> SlotDate:
        if slot := self._taken(at, is_first=is_first):
            return SlotDate(at, slot)
        day = at.astimezone(ZoneInfo(self.zone)).date()
        begins, ends = (local_moment(one, time.min, self.zone).at for one in (day, day + DAY))
        others = {slot.starts_at: slot for slot in reversed(self._free(begins, ends, is_first=is_first))}
        nearest = sorted(others.values(), key=lambda slot: (abs(slot.starts_at - at), slot.starts_at))
        return SlotDate(at, None, self._why(at, is_first=is_first), nearest[:NEAREST_ON_DAY])

    def _free(
        self, since: datetime, until: datetime, *, is_first: bool, looks: Sequence[Facts] | None = None
    ) -> list[Slot]:
        """The slots between two moments that are free for all who come."""
        found: list[Slot] | None = None
        for facts, (_one, by_host) in zip(looks or self.looks, self.wish.people, strict=True):
            search = SlotSearch(
                since=since, until=until, minutes=self.wish.minutes, location=self.location, by_host=by_host
            )
            slots = slots_in(self.service, search, self._wanted(search, is_first=is_first), facts)
            if found is not None:
                of_one = set(slots)
                slots = [slot for slot in found if slot in of_one]
            if not slots:
                return []
            found = slots
        return found or []

    def _wanted(self, search: SlotSearch, *, is_first: bool) -> Wanted:
        wanted = wanted_of(self.service, search, self.now)
        return wanted if is_first else replace(wanted, latest=minute_after(search.until) - 1)

    def _take(self, slot: Slot) -> None:
        """What is to be booked counts for the dates after it, and all are at one place."""
        self.location = slot.location
        start = minute_of(slot.starts_at)
        for facts in self.looks:
            facts.taken_part.append(start)

    def _why(self, at: datetime, *, is_first: bool) -> str:
        until = at + timedelta(minutes=1)
        nobody = [replace(facts, elsewhere=[], taken_part=[]) for facts in self.looks]
        if self._free(at, until, is_first=is_first, looks=nobody):
            start = minute_of(at)
            spans = [span for facts in self.looks for span in facts.elsewhere]
            meets = any(begins < start + self.wish.minutes and ends > start for begins, ends in spans)
            return "participant_elsewhere" if meets else "too_many"
        untaken = [
            replace(facts, used={}, coaches={
                pk: replace(coach, busy=[], days=Counter()) for pk, coach in facts.coaches.items()
            })
            for facts in nobody
        ]  # fmt: skip
        return "slot_taken" if self._free(at, until, is_first=is_first, looks=untaken) else "slot_not_offered"


def dates_taken(dates: Sequence[SlotDate]) -> RuleError:
    """The refusal of several dates, which names those at fault and what is free on their days."""
    taken = [date for date in dates if not date.is_free]
    named = "; ".join(f"{say_when(date.at)} ({date.why})" for date in taken)
    words = _("Not all dates can be booked: %(dates)s. Nothing was booked; leave them out to take the others.")
    facts = [
        {"starts_at": date.at, "code": date.code, "nearest": [slot.starts_at for slot in date.nearest]}
        for date in taken
    ]
    return RuleError("dates_taken", words % {"dates": named}, dates=facts)
