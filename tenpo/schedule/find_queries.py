"""What the pages of finding a time read: what is offered, and when it is free on the reader's clock."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.forms import FIRST_DAY, LAST_DAY
from tenpo.core.words import say_names
from tenpo.people.models import User
from tenpo.schedule.glance import days_with_slots
from tenpo.schedule.models import Location, Service, ServiceCoach, TimeOff
from tenpo.schedule.queries import day_start
from tenpo.schedule.slot_bits import GRID
from tenpo.schedule.slot_queries import HOSTS_WINDOW_DAYS, Slot, SlotSearch, find_slots

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

STRIP_DAYS = 14
# How far one look reaches: what is free later is another look.
LOOK_DAYS = 3 * STRIP_DAYS
# Of so many coaches days are looked for at a glance; and of how many days it is asked in vain before one is shown.
GLANCED_FROM = 3
GLANCES = 4
# How a start stands in an address: minutes, in UTC.
START_FORMAT = "%Y%m%dT%H%MZ"
NOON, EVENING = 12, 17
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class ServiceFilter:
    """What somebody looks for among what is offered."""

    format: str = ""
    coach_id: UUID | None = None
    location_id: UUID | None = None


def offered_services(user: "Viewer", wanted: ServiceFilter | None = None) -> QuerySet[Service]:
    """What somebody can book by time, with its prices, its coaches and its places: four statements for any number."""
    wanted = wanted or ServiceFilter()
    rows = Service.objects.visible_to(user).offered().filter(Exists(_given(OuterRef("pk"))))
    if user.is_authenticated and not user.is_admin:
        own = ServiceCoach.objects.filter(coach=user).values("service")
        rows = rows.filter(~Q(open_to=Service.OpenTo.TEAM) | Q(pk__in=own))
    if wanted.format:
        rows = rows.filter(format=wanted.format)
    if wanted.coach_id:
        rows = rows.filter(Exists(_given(OuterRef("pk")).filter(coach=wanted.coach_id)))
    if wanted.location_id:
        rows = rows.filter(
            pk__in=Service.locations.through.objects.filter(location=wanted.location_id).values("service")
        )
    return with_offer(rows)


def with_offer(rows: QuerySet[Service]) -> QuerySet[Service]:
    """Load what is said of each service: prices by size, who gives it now, where it is given, its policy."""
    given = ServiceCoach.objects.filter(pk__in=_given()).select_related("coach__coach_profile", "coach__working_terms")
    return rows.select_related("cancellation_policy").prefetch_related(
        Prefetch("given_by", given.order_by("place", "id")),
        Prefetch("locations", Location.objects.open().order_by("name", "id")),
        "prices",
    )


def _given(service: OuterRef | None = None) -> QuerySet[ServiceCoach]:
    """Who gives services now: coaches who have left do not."""
    rows = ServiceCoach.objects.filter(coach__in=User.objects.coaches().active())
    return rows if service is None else rows.filter(service=service)


def coaches_of(service: Service) -> list[User]:
    """Who gives it, in the order in which they are asked; of a service that `with_offer` loaded."""
    return [given.coach for given in service.given_by.all()]


def host_zone(coaches: Sequence[User]) -> str:
    """The clock of those who give a session: theirs if it is one, otherwise that of the business."""
    zones = {loaded_zone_of(coach) for coach in coaches}
    return zones.pop() if len(zones) == 1 else current_business().time_zone


def loaded_zone_of(coach: User) -> str:
    """The clock by which a coach works, of those that `with_offer` loaded."""
    terms = getattr(coach, "working_terms", None)
    return (terms.time_zone if terms else "") or coach.time_zone


@dataclass(frozen=True)
class Wish:
    """How long, with whom, where and on which day somebody wants to come, or from when on; days are those of `zone`."""

    minutes: int
    zone: ZoneInfo
    coach: UUID | None = None
    location: UUID | None = None
    day: date | None = None
    since: date | None = None

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Seeker:
    """For whom a time is looked for: who takes part, and whether a host looks, whom notice and window do not bind.

    `moving` is the session that is to be moved, which stands in nobody's way; `coaches` are those who alone may give
    it. `leaves` is the start that it has, which is no other time. A visitor is nobody whom we know.
    """

    participant: UUID | None = None
    by_host: bool = False
    moving: UUID | None = None
    coaches: tuple[UUID, ...] = ()
    leaves: datetime | None = None


def own(user: "Viewer") -> Seeker:
    """Somebody who looks for themselves."""
    return Seeker(user.participant.pk if user.is_authenticated else None)


@dataclass(frozen=True)
class Start:
    """One start on a day, and the slots that begin then: one for each location."""

    at: datetime
    slots: list[Slot] = field(default_factory=list)
    # What the reader would pay, where that is not the same at each start.
    own: str = ""

    @property
    def name(self) -> str:
        """How it stands in an address."""
        return start_name(self.at)

    @property
    def part(self) -> str:
        """The part of the reader's day: `morning`, `afternoon` or `evening`."""
        hour = timezone.localtime(self.at).hour
        return "morning" if hour < NOON else "afternoon" if hour < EVENING else "evening"


def start_name(at: datetime) -> str:
    """How a start stands in an address."""
    return at.astimezone(UTC).strftime(START_FORMAT)


def start_named(name: str) -> datetime | None:
    """The start that an address or a form names; none for what is not one."""
    with suppress(ValueError):
        at = datetime.strptime(name, START_FORMAT).replace(tzinfo=UTC)
        if start_name(at) == name and FIRST_DAY < at.date() < LAST_DAY:
            return at
    return None


def moment_of(name: str) -> datetime:
    """The start that an address or a form names; Http404 for what is none."""
    at = start_named(name)
    if at is None:
        raise Http404
    return at


@dataclass(frozen=True)
class StripDay:
    """One day above the starts."""

    date: date
    is_active: bool
    is_today: bool
    is_free: bool


@dataclass(frozen=True)
class Times:
    """What is free for a wish: two weeks of days, the starts of one of them, and where to look next.

    `next_free` is the first day after the shown one with anything free; `earlier` and `later` are the weeks beside
    these. `looked_until` is the last day that was looked at, `look_on` the one after it; neither leads past how far
    ahead people may book.
    """

    days: list[StripDay]
    day: date
    starts: list[Start]
    next_free: date | None
    earlier: date | None
    later: date | None
    look_on: date | None
    looked_until: date


@dataclass
class _Look:
    """What some weeks have: the days with anything free, and the starts of those that were looked at.

    Where `ask` is given, the days are those of a glance, and each is asked about before it is shown.
    """

    free: list[date]
    known: dict[date, list[Start]]
    ask: Callable[[date], list[Start]] | None = None

    def starts(self, day: date) -> list[Start]:
        """The starts of a day, to the last one."""
        if self.ask is not None and day not in self.known:
            self.known[day] = self.ask(day)
            self.free = sorted({*self.free} - {day} | ({day} if self.known[day] else set()))
        return self.known.get(day, [])

    def first_from(self, day: date) -> date | None:
        """The first day from this one on with anything free; of some that a glance showed in vain the next one."""
        ahead = self._ahead(day)
        for _ in range(GLANCES):
            if ahead is None or self.starts(ahead):
                break
            ahead = self._ahead(day)
        return ahead

    def _ahead(self, day: date) -> date | None:
        return next((one for one in self.free if one >= day), None)


def find_times(seeker: Seeker, service: Service, wish: Wish, *, now: datetime | None = None) -> Times:
    """The days on which something is free, and the starts of the one that is shown. One statement, however many days.

    Of more coaches than a few it is two, and the days are those of a glance: it does not see rooms, nor when the reader
    is elsewhere. The starts are always those that can be booked.

    Call it with the zone of the wish in force: days are days of the reader. Where no day was asked for it is the first
    one with anything free.
    """
    now = now or clock.now()
    today = timezone.localdate(now)
    last_day = today + timedelta(days=HOSTS_WINDOW_DAYS if seeker.by_host else service.window_days)
    asked = min(max(wish.day or wish.since or today, today), last_day)
    first = _strip_of(asked, today)
    until = first + timedelta(days=LOOK_DAYS)
    look = _look_at(seeker, service, wish, first, until, now)
    chosen = asked
    if wish.day is None:
        ahead = look.first_from(asked) or asked
        # Whoever leafs through the weeks stays in those they asked for.
        chosen = asked if wish.since and _strip_of(ahead, today) != first else ahead
        first = _strip_of(chosen, today)
    starts = look.starts(chosen)
    days = [first + timedelta(days=number) for number in range(STRIP_DAYS)]
    after = days[-1] + timedelta(days=1)
    return Times(
        days=[StripDay(day, day == chosen, day == today, day in look.free) for day in days],
        day=chosen,
        starts=starts,
        next_free=next((day for day in look.free if day > chosen), None),
        earlier=first - timedelta(days=STRIP_DAYS) if first > today else None,
        later=after if after <= last_day else None,
        look_on=until if until <= last_day else None,
        looked_until=min(until - timedelta(days=1), last_day),
    )


def _look_at(seeker: Seeker, service: Service, wish: Wish, first: date, until: date, now: datetime) -> _Look:
    """What is free from one day until another."""
    search = _search(seeker, service, wish, day_start(first), day_start(until))

    def find(search: SlotSearch) -> list[Slot]:
        return [slot for slot in find_slots(service, search, now=now) if slot.starts_at != seeker.leaves]

    if not _is_glanced(search, service):
        by_day = _by_day(find(search))
        return _Look(sorted(by_day), by_day)

    def ask(day: date) -> list[Start]:
        since, end = day_start(day), day_start(day + timedelta(days=1))
        return _by_day(find(replace(search, since=since, until=end))).get(day, [])

    return _Look(days_with_slots(service, search, wish.zone, now=now), {}, ask)


def _is_glanced(search: SlotSearch, service: Service) -> bool:
    """Whether so many could give it that their weeks are looked at as bits; not where bits cannot say what is free."""
    terms = (search.minutes, service.step_minutes, service.buffer_before, service.buffer_after)
    is_whole = all(minutes % GRID == 0 for minutes in terms)
    is_any = service.coaches_rule != Service.Coaches.ALL and not search.coaches and search.location is None
    is_plain = not search.by_host and search.moving is None
    return is_any and is_plain and is_whole and len(coaches_of(service)) >= GLANCED_FROM


def _strip_of(day: date, today: date) -> date:
    """With which day the two weeks begin in which a day is shown."""
    return today + timedelta(days=(day - today).days // STRIP_DAYS * STRIP_DAYS)


def slots_at(seeker: Seeker, service: Service, wish: Wish, at: datetime, *, now: datetime | None = None) -> list[Slot]:
    """The slots that begin at one moment: one for each location at which somebody is free. One statement."""
    return find_slots(service, _search(seeker, service, wish, at, at + MINUTE), now=now)


def _search(seeker: Seeker, service: Service, wish: Wish, since: datetime, until: datetime) -> SlotSearch:
    return SlotSearch(
        since=since,
        until=until,
        minutes=wish.minutes,
        coaches=seeker.coaches or _coaches_in(service, wish),
        location=wish.location,
        participant=seeker.participant,
        by_host=seeker.by_host,
        moving=seeker.moving,
    )


def _coaches_in(service: Service, wish: Wish) -> tuple[UUID, ...]:
    """Whom the search is about: one coach only where people choose one."""
    return (wish.coach,) if wish.coach and service.coaches_rule == Service.Coaches.CHOSEN else ()


def _by_day(slots: Sequence[Slot]) -> dict[date, list[Start]]:
    """The starts of each of the reader's days; slots of one moment are one start."""
    found: dict[date, list[Start]] = {}
    for slot in slots:
        starts = found.setdefault(timezone.localdate(slot.starts_at), [])
        if not starts or starts[-1].at != slot.starts_at:
            starts.append(Start(slot.starts_at))
        starts[-1].slots.append(slot)
    return found


def stand_ins(service: Service, coach: User, since: date, until: date) -> list[TimeOff]:
    """When a coach is away between two days of the reader, both included, and who stands in: one statement."""
    coaches = [other.pk for other in coaches_of(service)]
    return stand_ins_between(coaches, coach.pk, day_start(since), day_start(until + timedelta(days=1)))


def stand_ins_between(coaches: Collection[UUID], coach_id: UUID, since: datetime, until: datetime) -> list[TimeOff]:
    """When one of the `coaches` of a service is away between two moments, and who of them stands in.

    When anybody else is away, and why they are, is nobody's business.
    """
    if coach_id not in coaches:
        return []
    away = TimeOff.objects.filter(coach=coach_id, ends_at__gt=since, starts_at__lt=until, stand_in__in=coaches)
    return list(away.defer("reason").select_related("stand_in").order_by("starts_at", "id"))


@dataclass(frozen=True)
class Option:
    """One way to have a time: with a coach (None: whoever has the least to do, or all together), at a location."""

    coach: User | None
    location: Location | None
    # Who gives it, or would: the first of them where it is not settled, or who leads it; and all who would then.
    given_by: User
    team: tuple[User, ...] = ()

    @property
    def with_whom(self) -> str:
        return say_names(str(coach) for coach in self.team)

    @property
    def name(self) -> str:
        """How it stands in a form."""
        return f"{self.coach.pk if self.coach else ''}/{self.location.pk if self.location else ''}"


def options_of(service: Service, slots: Sequence[Slot]) -> list[Option]:
    """The ways to have a time of which these are the slots: each free coach at each location."""
    coaches = {coach.pk: coach for coach in coaches_of(service)}
    locations = {location.pk: location for location in service.locations.all()}
    is_chosen = service.coaches_rule == Service.Coaches.CHOSEN
    is_by_all = service.coaches_rule == Service.Coaches.ALL
    found: list[Option] = []
    for slot in slots:
        free = [coaches[pk] for pk in sorted(slot.coaches, key=list(coaches).index) if pk in coaches]
        location = locations.get(slot.location) if slot.location else None
        given_by = free if is_chosen else free[:1]
        for coach in given_by:
            team = tuple(free) if is_by_all else (coach,)
            found.append(Option(coach if is_chosen else None, location, coach, team))
    return found
