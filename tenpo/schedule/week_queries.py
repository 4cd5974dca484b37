"""A coach's week, as it is drawn: what they teach, what was asked for, and when they are not to be had.

Days and clocks are those of the zone in force, which is the reader's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.words import EN_DASH, say_places_free, say_time, say_zone
from tenpo.people.models import User
from tenpo.schedule import slots
from tenpo.schedule.free_days import holidays_of
from tenpo.schedule.guest_queries import guests_of, say_guests, with_guests
from tenpo.schedule.models import (
    Availability,
    AvailabilityException,
    Booking,
    OutsideEvent,
    Session,
    SessionCoach,
    TimeOff,
    Travel,
    WorkingTerms,
)
from tenpo.schedule.queries import day_start

DAYS = 7
# The hours that are drawn when nothing is earlier or later.
FIRST_HOUR, LAST_HOUR = 8, 18
HOUR_HEIGHT = 60
MINUTES_OF_DAY = 24 * 60
# So that what is short can still be read and hit.
LEAST_HEIGHT = 24
# Of a block as `week.css` draws it: one line, and what is above, below and between blocks.
LINE_HEIGHT, BLOCK_EDGES = 17, 8
# The lines that each has for its words of those that begin together and lie over each other, such as whole days.
SHARED_LINES = 3


@dataclass(frozen=True)
class Block:
    """One thing of a day: `kind` says how it is drawn, and `state` what it is where that is not plain.

    `top` and `height` are in pixels, from the first hour that is drawn; `left` and `width` in percent of the day.
    """

    kind: str
    title: str
    starts_at: datetime
    ends_at: datetime
    state: str = ""
    note: str = ""
    url: str = ""
    top: int = 0
    height: int = 0
    left: int = 0
    width: int = 100
    # When it is on the day on which it is drawn.
    hours: str = ""
    # So many lines of words are seen of it, as another one lies over the rest; 0 where none does.
    most_lines: int = 0

    @property
    def starts_here(self) -> bool:
        """Whether it begins and ends on the day on which it is drawn, so that its start says enough."""
        return EN_DASH in self.hours

    @property
    def is_short(self) -> bool:
        """Whether there is room for one line only."""
        return self.height < 2 * LINE_HEIGHT + BLOCK_EDGES

    @property
    def title_lines(self) -> int:
        """How many lines time and title may take, so that the note below them is not cut."""
        room = max((self.height - BLOCK_EDGES) // LINE_HEIGHT - bool(self.note), 1)
        return min(room, self.most_lines or room)


@dataclass
class Day:
    """One day of the week: what is on it, when its coach works, and in which other zone they are then."""

    date: date
    is_today: bool
    # The one that is asked for: a phone shows it alone.
    is_chosen: bool
    blocks: list[Block] = field(default_factory=list)
    # When people can book: drawn as paper, the rest is shaded.
    open: list[Block] = field(default_factory=list)
    zone: str = ""
    now_top: int | None = None

    @property
    def count(self) -> int:
        """How many sessions there are."""
        return sum(block.kind in ("class", "slot", "asked", "kept") for block in self.blocks)


@dataclass(frozen=True)
class Week:
    """Seven days from a Monday, and the hours between which everything in them lies."""

    days: list[Day]
    hours: list[int]

    @property
    def height(self) -> int:
        return len(self.hours) * HOUR_HEIGHT

    @property
    def is_bare(self) -> bool:
        """Whether nothing is in it, and nobody could book anything either."""
        return not any(day.blocks or day.open for day in self.days)

    @property
    def lines(self) -> list[tuple[int, str]]:
        """Where an hour begins, and which it is."""
        return [(number * HOUR_HEIGHT, f"{hour:02}:00") for number, hour in enumerate(self.hours)]


def week_of(coach: User, day: date, *, viewer: User, now: datetime | None = None) -> Week:
    """The week of a coach in which a day is: nine statements, however much there is in it.

    Which of their calendars says that they are taken is told to nobody but themselves.
    """
    now = now or clock.now()
    monday = day - timedelta(days=day.weekday())
    dates = [monday + timedelta(days=number) for number in range(DAYS)]
    since, until = day_start(dates[0]), day_start(dates[-1] + timedelta(days=1))
    travels = list(Travel.objects.filter(coach=coach, starts_on__lte=dates[-1], ends_on__gte=dates[0]))
    opened = _opened(coach, dates, travels)
    found = [*_taught(coach, since, until), *_own(coach, since, until), *_away(coach, since, until, viewer)]
    first, last = _hours_of([*found, *opened], dates)
    today = timezone.localdate(now)
    days = []
    for one in dates:
        shown = Day(one, one == today, one == day, zone=_zone_on(one, travels))
        shown.open = [_placed(block, one, first) for block in opened if _is_on(block, one)]
        shown.blocks = _side_by_side([_placed(block, one, first) for block in found if _is_on(block, one)])
        if one == today and first * 60 <= _minute_in(now, one) < last * 60:
            shown.now_top = _height(_minute_in(now, one) - first * 60)
        days.append(shown)
    return Week(days, list(range(first, last)))


def _taught(coach: User, since: datetime, until: datetime) -> list[Block]:
    rows = Session.objects.taught_by(coach).exclude(status=Session.Status.CANCELLED)
    rows = rows.filter(starts_at__lt=until, ends_at__gt=since)
    return [_session_block(session) for session in with_guests(rows).order_by("starts_at", "id")]


def _session_block(session: Session) -> Block:
    url = reverse("schedule:session-roster", args=[session.pk])
    if not session.is_private:
        note = say_places_free(session.seats_left, of=session.capacity)
        return Block("class", session.title, session.starts_at, session.ends_at, note=note, url=url)
    guests = guests_of(session)
    waiting = next((guest for guest in guests if guest.state in (Booking.State.HELD, Booking.State.OFFERED)), None)
    kind, state = "slot", ""
    if waiting is not None and waiting.awaits_approval:
        kind, state = "asked", _("asked for")
        url = reverse("checkout:request-answer", args=[waiting.pk])
    elif waiting is not None:
        kind, state = "kept", _("not paid yet") if waiting.state == Booking.State.HELD else _("kept for them")
    names = say_guests(session) or session.title
    return Block(kind, names, session.starts_at, session.ends_at, state=state, note=session.title, url=url)


def _own(coach: User, since: datetime, until: datetime) -> list[Block]:
    """Where they take part themselves."""
    mine = Booking.objects.concerning(coach).filter(state__in=Booking.PRESENT)
    mine = mine.filter(session__starts_at__lt=until, session__ends_at__gt=since).exclude(
        session__in=SessionCoach.objects.filter(coach=coach).values("session")
    )
    return [
        Block(
            "own", booking.session.title, booking.session.starts_at, booking.session.ends_at,
            state=_("you take part"), url=reverse("schedule:booking-detail", args=[booking.pk]),
        )
        for booking in mine.select_related("session").order_by("session__starts_at", "id")
    ]  # fmt: skip


def _away(coach: User, since: datetime, until: datetime, viewer: User) -> list[Block]:
    """Time off, and when they are taken by what stands in their calendars elsewhere."""
    offs = TimeOff.objects.filter(coach=coach, starts_at__lt=until, ends_at__gt=since).order_by("starts_at")
    hours = reverse("schedule:hours", args=[coach.pk])
    found = [Block("off", off.reason or _("Time off"), off.starts_at, off.ends_at, url=hours) for off in offs]
    during = Q(is_busy=True, connection__blocks_time=True, starts_at__lt=until, ends_at__gt=since)
    elsewhere = OutsideEvent.objects.filter(during, user=coach).select_related("connection")
    is_own = viewer.pk == coach.pk
    for event in elsewhere.order_by("starts_at", "id"):
        title = event.connection.label if is_own else _("Taken elsewhere")
        url = reverse("schedule:calendar-detail", args=[event.connection_id]) if is_own else ""
        found.append(Block("busy", title, event.starts_at, event.ends_at, state=_("elsewhere"), url=url))
    return found


def _opened(coach: User, dates: list[date], travels: list[Travel]) -> list[Block]:
    """When the coach works on these days, by whatever clock that is then."""
    terms = WorkingTerms.objects.filter(coach=coach).first()
    hours = slots.CoachHours(time_zone=(terms.time_zone if terms else "") or coach.time_zone)
    for rule in Availability.objects.filter(coach=coach):
        opening = slots.Opening(rule.opens, rule.closes, rule.location_id)
        hours.weekly.append(slots.Weekly(rule.weekday, opening, rule.starts_on, rule.ends_on))
    margin = timedelta(days=2)
    differing = AvailabilityException.objects.filter(coach=coach, day__range=(dates[0] - margin, dates[-1] + margin))
    for row in differing:
        of_day = hours.exceptions.setdefault(row.day, [])
        if row.opens is not None and row.closes is not None:
            of_day.append(slots.Opening(row.opens, row.closes, row.location_id))
    hours.travels = [(one.starts_on, one.ends_on, one.time_zone) for one in travels]
    hours.holidays = holidays_of(terms.holidays_of if terms else "", range(dates[0].year, dates[-1].year + 1))
    since, until = day_start(dates[0]), day_start(dates[-1] + timedelta(days=1))
    found = slots.openings(hours, slots.minute_of(since), slots.minute_of(until))
    return [Block("open", "", slots.at_minute(one.start), slots.at_minute(one.end)) for one in found]


def _zone_on(day: date, travels: Iterable[Travel]) -> str:
    zone = next((one.time_zone for one in travels if one.starts_on <= day <= one.ends_on), "")
    return say_zone(zone) if zone else ""


def _is_on(block: Block, day: date) -> bool:
    return block.starts_at < day_start(day + timedelta(days=1)) and block.ends_at > day_start(day)


def _minute_in(at: datetime, day: date) -> int:
    """What the clock on the wall of a day shows, in minutes from midnight; its ends for what lies outside."""
    local = timezone.localtime(at)
    if local.date() < day:
        return 0
    return MINUTES_OF_DAY if local.date() > day else local.hour * 60 + local.minute


def _height(minutes: int) -> int:
    return minutes * HOUR_HEIGHT // 60


def _hours_of(blocks: list[Block], dates: list[date]) -> tuple[int, int]:
    """From which hour to which everything lies; what lasts all day has none."""
    first, last = FIRST_HOUR, LAST_HOUR
    for block in blocks:
        for day in dates:
            if not _is_on(block, day):
                continue
            start, end = _minute_in(block.starts_at, day), _minute_in(block.ends_at, day)
            if block.kind in ("off", "busy") and end - start > MINUTES_OF_DAY // 2:
                continue
            first, last = min(first, start // 60), max(last, -(-end // 60))
    return first, last


def _placed(block: Block, day: date, first: int) -> Block:
    start, end = _minute_in(block.starts_at, day), _minute_in(block.ends_at, day)
    top = max(_height(start - first * 60), 0)
    height = max(_height(end - first * 60) - top, LEAST_HEIGHT if block.kind != "open" else 1)
    return replace(block, top=top, height=height, hours=_hours_on(block, day))


def _hours_on(block: Block, day: date) -> str:
    """When it is on this day: "18:00–19:00", and of what fills it or goes beyond it "all day", "from 18:00"."""
    begins, ends = day_start(day), day_start(day + timedelta(days=1))
    if block.starts_at <= begins and block.ends_at >= ends:
        return _("all day")
    if block.starts_at < begins:
        return _("until %(time)s") % {"time": say_time(block.ends_at)}
    if block.ends_at > ends:
        return _("from %(time)s") % {"time": say_time(block.starts_at)}
    return f"{say_time(block.starts_at)}{EN_DASH}{say_time(block.ends_at)}"


def _side_by_side(blocks: list[Block]) -> list[Block]:
    """What meets stands beside each other; below it lies when they are not to be had, the longest lowest."""
    below = _words_apart([block for block in blocks if block.kind in ("off", "busy")])
    rest = sorted((block for block in blocks if block.kind not in ("off", "busy")), key=lambda one: one.top)
    placed: list[Block] = []
    together: list[Block] = []
    end = -1
    for block in rest:
        if block.top >= end and together:
            placed += _shared(together)
            together = []
        together.append(block)
        end = max(end, block.top + block.height)
    return [*below, *placed, *_shared(together)]


def _words_apart(blocks: list[Block]) -> list[Block]:
    """Those that lie below, the longest lowest; of what begins at one height each is below the words of the last."""
    levels: list[list[Block]] = []
    for block in sorted(blocks, key=lambda one: (one.top, -one.height)):
        if levels and block.top < levels[-1][0].top + LINE_HEIGHT:
            levels[-1].append(block)
        else:
            levels.append([block])
    found = []
    for level in levels:
        most_lines = SHARED_LINES if len(level) > 1 else 0
        for number, block in enumerate(level):
            down = number * (SHARED_LINES * LINE_HEIGHT + BLOCK_EDGES)
            if block.height < down + LEAST_HEIGHT:
                down = 0
            found.append(replace(block, top=block.top + down, height=block.height - down, most_lines=most_lines))
    return sorted(found, key=lambda one: -one.height)


def _shared(blocks: list[Block]) -> list[Block]:
    """Blocks that meet, each in the first column that is free."""
    ends: list[int] = []
    columns: list[int] = []
    for block in blocks:
        column = next((number for number, end in enumerate(ends) if end <= block.top), len(ends))
        if column == len(ends):
            ends.append(0)
        ends[column] = block.top + block.height
        columns.append(column)
    width = 100 // len(ends) if ends else 100
    return [replace(block, left=column * width, width=width) for block, column in zip(blocks, columns, strict=True)]
