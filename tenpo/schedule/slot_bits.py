"""A coach's weeks as bits, one for every five minutes, so that many coaches are looked through at once. Pure.

Where hours, lengths, steps and times before and after are whole fives of minutes, as every zone's distance from UTC is,
what is cut from bits is what `slots` cuts from spans; where they are not, it is a hint. A week begins on Thursday, as
1970 did, in UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tenpo.schedule.slots import Open, Span, Wanted, merged

GRID = 5
WEEK_MINUTES = 7 * 24 * 60
WEEK_BITS = WEEK_MINUTES // GRID
WEEK_BYTES = WEEK_BITS // 8
# A byte between two coaches: what one is open or free for never goes on in the next one's weeks.
_GAP = b"\0"


@dataclass(frozen=True)
class Week:
    """One week: where hours begin, where there are some, where the coach is there, and where nothing is taken."""

    first: int
    open: int
    there: int
    free: int

    def as_bytes(self) -> "Weeks":
        """As it is kept."""
        parts = (self.first, self.open, self.there, self.free)
        return Weeks(*(bits.to_bytes(WEEK_BYTES, "little") for bits in parts))


def week_of(minute: int) -> int:
    """The week in which a minute is, counted from the first one of 1970."""
    return minute // WEEK_MINUTES


def bits_of(spans: Iterable[Span], since: int, number: int) -> int:
    """Spans as bits, `number` of them from the minute `since`; what is taken in part is taken."""
    found = 0
    for start, end in spans:
        first = max(0, (start - since) // GRID)
        last = min(number, -(-(end - since) // GRID))
        if first < last:
            found |= ((1 << (last - first)) - 1) << first
    return found


def week_from(week: int, openings: Sequence[Open], taken: Iterable[Span], closed: Iterable[Span]) -> Week:
    """The bits of one week; `closed` is when the coach is away, or has enough to do."""
    since, everything = week * WEEK_MINUTES, (1 << WEEK_BITS) - 1
    hours = merged((one.start, one.end) for one in openings)
    first = 0
    for one in openings:
        bit = (one.start - since) // GRID
        if 0 <= bit < WEEK_BITS:
            first |= 1 << bit
    return Week(
        first,
        bits_of(hours, since, WEEK_BITS),
        everything & ~bits_of(closed, since, WEEK_BITS),
        everything & ~bits_of(taken, since, WEEK_BITS),
    )


class Weeks(NamedTuple):
    """Weeks of one coach that follow each other, each part as bytes, the lowest bit first."""

    first: bytes
    open: bytes
    there: bytes
    free: bytes


def in_a_row(weeks: Iterable[Weeks]) -> Weeks:
    """Weeks of one coach that follow each other, as one piece."""
    return Weeks(*(b"".join(part) for part in zip(*weeks, strict=True)))


def side_by_side(of_coaches: Sequence[Weeks]) -> Week:
    """The same weeks of many coaches in one row, so that all are cut at once; between two nobody is there."""
    return Week(*(int.from_bytes(_GAP.join(part), "little") for part in zip(*of_coaches, strict=True)))


def of_anyone(bits: int, count: int, number: int) -> int:
    """Where any of `count` coaches in one row, `number` weeks of each, has a bit: half the row is laid on the other."""
    width = number * WEEK_BITS + 8 * len(_GAP)
    while count > 1:
        count = (count + 1) // 2
        bits = bits >> count * width | bits & (1 << count * width) - 1
    return bits


def start_bits(weeks: Week, wanted: Wanted) -> int:
    """Where something may begin, whenever that is."""
    length, step = wanted.minutes // GRID, wanted.step // GRID
    before, after = wanted.before // GRID, wanted.after // GRID
    return (
        _grid(weeks.first, weeks.open, step)
        & _runs(weeks.open & weeks.there, length)
        & _runs(weeks.free, before + length + after) << before
    )


def cut(found: int, wanted: Wanted, since: int) -> int:
    """Of starts those that are wanted; `since` is the minute of the first bit."""
    earliest, latest = -(-(wanted.earliest - since) // GRID), (wanted.latest - since) // GRID
    if latest < 0 or latest < earliest:
        return 0
    found &= (1 << (latest + 1)) - 1
    return found >> earliest << earliest if earliest > 0 else found


def set_bits(bits: int) -> list[int]:
    """Which bits are set, from the first on."""
    digits, found = bin(bits)[:1:-1], []
    bit = digits.find("1")
    while bit >= 0:
        found.append(bit)
        bit = digits.find("1", bit + 1)
    return found


def _runs(bits: int, length: int) -> int:
    """Where so many set bits begin that follow each other."""
    done = 1
    while done < length:
        more = min(done, length - done)
        bits &= bits >> more
        done += more
    return bits


def _grid(first: int, is_open: int, step: int) -> int:
    """Every `step` bits from where hours begin, as long as they last."""
    stays = _runs(is_open, step) << step
    found, stride = first & is_open, step
    # Each time twice as far: a day has few doublings.
    while stays:
        further = found | (found << stride) & stays
        stays &= stays << stride
        stride *= 2
        if further == found:
            break
        found = further
    return found
