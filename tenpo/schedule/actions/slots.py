"""Slots: what is free of a coach, a room and a participant, taken as it was shown.

Order of locks: coaches by id, service, locations and rooms by id, (session,) participant; see ARCHITECTURE.md. Service
and locations are shared by all who book; whoever changes a service, or closes a place, waits for them, and they for
them.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenpo.core import clock
from tenpo.core.compiled import Compiled, CompiledFor, Param, Question, columns_of
from tenpo.core.errors import RuleError
from tenpo.core.money import apportion
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.orders.cancelling import Policy, read_policy
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.anew import ServiceChangedError
from tenpo.schedule.actions.lapsing import release_lapsed_for, release_lapsed_of
from tenpo.schedule.actions.seats import POLICY_RULES, already_elsewhere
from tenpo.schedule.guest_queries import OF_CLIENTS
from tenpo.schedule.models import Booking, Intro, Service, ServiceCoach, Session
from tenpo.schedule.permissions import can_book_slot_for, comes_with, is_open_to
from tenpo.schedule.session_coach_models import name_who_gives
from tenpo.schedule.slot_queries import Slot, SlotSearch, find_slots
from tenpo.schedule.slot_terms import price_of, read_answers

if TYPE_CHECKING:
    from tenpo.core.models import Viewer

# The load of a coach counts what they give of the service so long before and after.
LOAD_AROUND = timedelta(days=7)
# How far before and after a start others are looked for, and how many are named.
NEAR = timedelta(days=7)
NEAREST = 6
MINUTE = timedelta(minutes=1)
# What may only mean that something ran out and nobody has let it go yet.
IN_THE_WAY = ("slot_taken", "participant_elsewhere")

# Each step asks the row of the step before, which is there when its locks are: so the order is the one that stands
# here, and who does not see the service locks nothing. That the coaches' time changes is counted last: a lock as well.
_LOCK = """
    WITH seen AS MATERIALIZED (SELECT s.id FROM schedule_service s WHERE s.id IN ({visible})),
    giving AS MATERIALIZED (
      SELECT seen.id AS service_id, %(coach)s::uuid AS id FROM seen
      UNION SELECT o.id, g.coach_id FROM seen JOIN schedule_service o ON o.id = seen.id AND o.coaches_rule = 'all'
      JOIN schedule_servicecoach g ON g.service_id = o.id),
    locked_coaches AS MATERIALIZED (
      SELECT id, ARRAY(
        SELECT u.id FROM people_user u WHERE u.id IN (SELECT g.id FROM giving g WHERE g.service_id = seen.id)
        ORDER BY u.id FOR NO KEY UPDATE) AS locked FROM seen),
    locked_service AS MATERIALIZED (
      SELECT id, (SELECT o.version FROM schedule_service o WHERE o.id = before.id FOR SHARE) AS version
      FROM locked_coaches before),
    locked_locations AS MATERIALIZED (
      SELECT id, version, (SELECT jsonb_object_agg(o.id, o.said) FROM (
        SELECT l.id, concat_ws(', ', l.name, nullif(l.address, '')) AS said
        FROM schedule_location l JOIN schedule_service_locations sl ON sl.location_id = l.id
        WHERE sl.service_id = before.id AND (%(location)s::uuid IS NULL OR l.id = %(location)s)
        ORDER BY l.id FOR KEY SHARE OF l) o) AS names FROM locked_service before),
    locked_rooms AS MATERIALIZED (
      SELECT id, version, names, ARRAY(
        SELECT r.id FROM schedule_room r JOIN schedule_service_rooms sr ON sr.room_id = r.id
        WHERE sr.service_id = before.id AND (%(location)s::uuid IS NULL OR r.location_id = %(location)s)
        ORDER BY r.id FOR NO KEY UPDATE OF r) AS locked FROM locked_locations before),
    locked_all AS MATERIALIZED (
      SELECT id, version, names, ARRAY(
        SELECT p.id FROM people_participant p
        WHERE before.id IS NOT NULL AND (p.id = ANY(%(participants)s) OR p.user_id = %(by)s)
        ORDER BY p.id FOR NO KEY UPDATE) AS locked FROM locked_rooms before),
    counted AS (
      INSERT INTO schedule_coachtime AS c (coach_id, version)
      SELECT u.id, 1 FROM people_user u JOIN giving g ON g.id = u.id JOIN locked_all l ON l.id = g.service_id
      ORDER BY u.id ON CONFLICT (coach_id) DO UPDATE SET version = c.version + 1)
    SELECT {columns}, uuidv7() AS session_id, uuidv7() AS booking_id, l.version AS locked_version,
      l.names AS location_words,
      (SELECT jsonb_object_agg(u.id, coalesce(nullif(t.time_zone, ''), u.time_zone)) FROM people_user u
       LEFT JOIN schedule_workingterms t ON t.coach_id = u.id WHERE u.id IN (SELECT id FROM giving)) AS coach_zones,
      (SELECT jsonb_object_agg(people, amount) FROM schedule_serviceprice WHERE service_id = s.id) AS price_list,
      EXISTS (SELECT FROM schedule_servicecoach g WHERE g.service_id = s.id AND g.coach_id = %(by)s) AS is_its_coach,
      (SELECT min(t.ends_at) FROM schedule_booking b JOIN schedule_session t ON t.id = b.session_id
       JOIN schedule_sessioncoach c ON c.session_id = t.id
       JOIN schedule_servicecoach g ON g.coach_id = c.coach_id AND g.service_id = s.id
       WHERE b.participant_id = %(participant)s AND b.state IN ({of_clients})) AS client_from,
      p.id AS policy_id, p.windows AS policy_windows, jsonb_build_object({rules}) AS policy_rules
    FROM locked_all l JOIN schedule_service s ON s.id = l.id LEFT JOIN orders_cancellationpolicy p ON p.id = coalesce(
      s.cancellation_policy_id, (SELECT d.id FROM orders_cancellationpolicy d WHERE d.is_default))
"""

_OF_CLIENTS = ", ".join(f"'{state}'" for state in OF_CLIENTS)
_VISIBLE = CompiledFor(lambda user: Service.objects.visible_to(user).filter(pk=Param("service")).values("pk"))
_FOR_VISITORS = Compiled(lambda: Service.objects.visible_to(AnonymousUser()).filter(pk=Param("service")).values("pk"))


@dataclass(frozen=True)
class LockedSlot:
    """What decides on booking a slot, as it was when all of it was locked: a service, whose slot it is, and its policy.

    `locations` says of each how it is written into a session, `zones` the clock of each coach, `prices` the service's
    by number of people (minor units). `client_from` is when who comes was first with one of its coaches. The ids are
    for what will be written. Without a policy it has the business's, which is not there yet: see `policy_of`.
    """

    service: Service
    session_id: UUID
    booking_id: UUID
    locations: Mapping[str, str]
    zones: Mapping[str, str]
    prices: Mapping[int, int]
    policy: tuple[UUID, Policy] | None
    is_its_coach: bool
    client_from: datetime | None

    def is_offered(self, minutes: int) -> bool:
        """Whether it can be booked for so long at all, by whoever may."""
        return self.service.is_offered and minutes in self.service.durations and 1 in self.prices


@dataclass(frozen=True)
class TakenSlot:
    """A slot that is locked and free: its session, not written yet, and its policy; the answers as kept.

    `prices` are what each who comes pays of the group's price (minor units); they sum to it. `asks_first` says that its
    coach decides on it, `is_by_host` that whoever gives it books for somebody; `beside` is what was asked together with
    it.
    """

    session: Session
    booking_id: UUID
    prices: list[int]
    policy: Policy
    answers: list[dict[str, Any]]
    asks_first: bool
    is_by_host: bool
    beside: Question | None = None


@dataclass(frozen=True)
class SlotWish:
    """Which slot of a service is wanted: when (a whole minute), for how long, by whom, where, and what was answered.

    Without a location it is the first one at which it is free.
    """

    service_id: UUID
    starts_at: datetime
    minutes: int
    location_id: UUID | None
    answers: Mapping[str, Any] = field(default_factory=dict)
    # The session that is to be moved there; it stands in nobody's way.
    moving: UUID | None = None

    def search(self, *coaches: UUID, participant: UUID | None = None, by_host: bool = False) -> SlotSearch:
        """The question whether just this one can be booked."""
        return SlotSearch(
            since=self.starts_at, until=self.starts_at + MINUTE, minutes=self.minutes, coaches=coaches,
            location=self.location_id, participant=participant, by_host=by_host, moving=self.moving,
        )  # fmt: skip


def slot_taken() -> RuleError:
    """The refusal behind the constraints that a coach, and a room, are in one session at a time."""
    return RuleError("slot_taken", _("Somebody was quicker: this time has just been taken."))


def take_slot(
    wish: SlotWish,
    coach_id: UUID,
    *,
    participants: Sequence[Participant],
    by: User,
    beside: Callable[[str], Question] | None = None,
) -> TakenSlot:
    """Take a free slot of one coach, or of all who give it together, in two statements: the locks, and the question
    that showed it. What all give together is led by `coach_id`, the first of them.

    It is asked once more for each who comes along. Together with it is asked what stands `beside` it, by the currency
    of the service. The first of them decides who may book it. Raises Http404, PermissionDenied; ValidationError for an
    answer; RuleError slot_not_offered, not_open_to_you, too_many_people, or slot_taken when it is not
    free: `why_not` says why.
    """
    first, people = participants[0], len(participants)
    locked = lock_slot(wish, coach_id, participants=participants, by=by)
    service, prices = locked.service, locked.prices
    is_staff, client_from = by.is_admin or locked.is_its_coach, locked.client_from
    if not all(
        can_book_slot_for(by, one, gives_it=locked.is_its_coach, is_client=client_from is not None and one == first)
        for one in participants
    ):
        raise PermissionDenied
    if not is_open_to(service, is_staff=is_staff, was_client=client_from is not None and client_from < clock.now()):
        raise RuleError("not_open_to_you", _("This is not open to you. Please ask its coach."))
    answers = read_answers(service.questions, wish.answers)
    if not locked.is_offered(wish.minutes):
        raise not_offered()
    asks_first = service.needs_approval and not is_staff
    _check_group(service, people)
    question = beside(service.currency) if beside else None
    slot = _free_for_all(service, wish.search(coach_id), participants, by=by, is_staff=is_staff, beside=question)
    if slot is None:
        raise slot_taken()
    if slot.coaches[0] != coach_id:
        raise ValidationError({"coach": _("All of its coaches give this together, so there is nobody to choose.")})
    price = price_of(prices, minutes=wish.minutes, by_hour=service.price_basis == Service.Basis.HOUR, people=people)
    parts, (policy_id, policy) = apportion(price, [1] * people), policy_of(locked)
    session = session_of(locked, slot, policy_id=policy_id, price=parts[0], people=people)
    return TakenSlot(
        session, locked.booking_id, parts, policy, answers, asks_first=asks_first,
        is_by_host=is_staff and not all(comes_with(by, one) for one in participants), beside=question,
    )  # fmt: skip


def _check_group(service: Service, people: int) -> None:
    if people > service.capacity:
        words = ngettext("It is for %(n)s person.", "It is for %(n)s people at most.", service.capacity)
        raise RuleError("too_many_people", words % {"n": service.capacity})


def _free_for_all(
    service: Service,
    search: SlotSearch,
    participants: Sequence[Participant],
    *,
    by: User,
    is_staff: bool,
    beside: Question | None,
) -> Slot | None:
    """The slot, where it is free for each who comes; with the last question it is asked what stands `beside` it."""
    slot = None
    for place, one in reversed(list(enumerate(participants))):
        by_host = is_staff and not comes_with(by, one)
        asked = replace(search, participant=one.pk, by_host=by_host)
        slot = next(iter(find_slots(service, asked, beside=None if place else beside)), None)
        if slot is None:
            return None
    return slot


def lock_slot(wish: SlotWish, coach_id: UUID, *, participants: Sequence[Participant], by: "Viewer") -> LockedSlot:
    """Lock who gives a service that `by` sees, the service, its locations and rooms, and who comes, in this order.

    One statement. Raises Http404; ServiceChangedError where others may have to be locked by now: the action stands
    under `anew_when_changed`.
    """
    asked = {"service": wish.service_id}
    visible, parameters = _VISIBLE.sql(by, **asked) if by.is_authenticated else _FOR_VISITORS.sql(**asked)
    # Django writes its own parameters without a name.
    names = {f"visible_{number}": value for number, value in enumerate(parameters)}
    sql = _LOCK.format(
        columns=columns_of(Service, "s"), rules=POLICY_RULES, of_clients=_OF_CLIENTS,
        visible=visible % tuple(f"%({name})s" for name in names),
    )  # fmt: skip
    values = names | {
        "coach": coach_id, "service": wish.service_id, "location": wish.location_id, "by": by.pk,
        "participant": participants[0].pk if participants else None, "participants": [one.pk for one in participants],
    }  # fmt: skip
    row: Any = next(iter(Service.objects.raw(sql, values)), None)
    if row is None:
        raise Http404
    if row.locked_version != row.version:
        # It was changed while we waited for it: another coach gives it too, who comes before the rooms that we hold.
        raise ServiceChangedError
    return _locked_slot(row)


def _locked_slot(row: Any) -> LockedSlot:
    """A row of the statement that locks, with the service that it is."""
    policy = None
    if row.policy_id is not None:
        policy = row.policy_id, read_policy(json.loads(row.policy_windows), json.loads(row.policy_rules))
    return LockedSlot(
        service=row,
        session_id=row.session_id,
        booking_id=row.booking_id,
        locations=json.loads(row.location_words or "{}"),
        zones=json.loads(row.coach_zones or "{}"),
        prices={int(people): amount for people, amount in json.loads(row.price_list or "{}").items()},
        policy=policy,
        is_its_coach=row.is_its_coach,
        client_from=row.client_from,
    )


def policy_of(locked: LockedSlot) -> tuple[UUID, Policy]:
    """By which policy it is booked: the business's is made where it has none yet, so only what is free asks for it."""
    if locked.policy is not None:
        return locked.policy
    default = default_cancellation_policy()
    return default.pk, default.terms


def session_of(locked: LockedSlot, slot: Slot, *, policy_id: UUID, price: int, people: int = 1) -> Session:
    """What a slot becomes: a session for those who booked it, with the time before and after it."""
    service = locked.service
    session = Session(
        pk=locked.session_id,
        service_id=service.pk,
        creator_id=service.creator_id,
        format=service.format,
        title=service.name,
        description=service.description,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        busy_from=slot.starts_at - timedelta(minutes=service.buffer_before),
        busy_until=slot.ends_at + timedelta(minutes=service.buffer_after),
        time_zone=locked.zones[str(slot.coaches[0])],
        location_id=slot.location,
        room_id=min(slot.rooms) if slot.rooms else None,
        # As it was when it was locked, and not before: whoever renames one waits for us, or we for them.
        place=locked.locations.get(str(slot.location), "")[:200],
        join_link=service.join_link,
        is_private=True,
        capacity=people,
        seats_taken=people,
        price=price,
        currency=service.currency,
        cancellation_policy_id=policy_id,
    )
    name_who_gives(session, slot.coaches)
    return session


def coaches_for(wish: SlotWish, *, participant: Participant | None, by: "Viewer") -> list[UUID]:
    """Who could give a slot for which no coach was said, in the order in which they are asked.

    Of any coaches it is those that are free, whoever has the least of this service in the two weeks around it first,
    then by their place. What all give together is led by the first of them. Raises Http404; ValidationError where one
    must be chosen.
    """
    service = get_object_or_404(Service.objects.visible_to(by), pk=wish.service_id)
    if service.coaches_rule != Service.Coaches.ANY:
        given_by = service.given_by.order_by("place", "id").values_list("coach", flat=True)
        if service.coaches_rule == Service.Coaches.ALL:
            return list(given_by.filter(coach__in=User.objects.coaches().active())[:1])
        if len(given_by) == 1:
            return list(given_by)
        raise ValidationError({"coach": _("Choose a coach.")})
    # Whoever books as host is asked again under the lock; nobody is shown anything here.
    who = participant.pk if participant else None
    found = find_slots(service, wish.search(participant=who, by_host=True))
    free = {coach for slot in found[:1] for coach in slot.coaches}
    if len(free) < 2:
        return list(free)
    around = Q(
        coach__sessions__service=service,
        coach__sessions__starts_at__gt=wish.starts_at - LOAD_AROUND,
        coach__sessions__starts_at__lt=wish.starts_at + LOAD_AROUND,
    ) & ~Q(coach__sessions__status=Session.Status.CANCELLED)
    rows = ServiceCoach.objects.filter(service=service, coach__in=free).annotate(
        load=Count("coach__sessions", filter=around)
    )
    return list(rows.order_by("load", "place", "id").values_list("coach", flat=True))


def release_lapsed_around(
    wish: SlotWish, coaches: Collection[UUID], participants: Sequence[Participant], *, until: datetime | None = None
) -> int:
    """Let go what ran out and is in the way of a slot: of its coaches and rooms at that time, and of who comes.

    Of slots that come back it is all `until` the last. Each session in a transaction of its own; returns how many
    bookings.
    """
    day = timedelta(days=1)
    given_by = ServiceCoach.objects.filter(service=wish.service_id)
    # What all give together needs all of them, whichever was asked for.
    needed = given_by.filter(service__coaches_rule=Service.Coaches.ALL) if coaches else given_by
    theirs = Q(session__coaches__coach__in=needed.values("coach")) | Q(session__coaches__coach__in=coaches)
    in_the_way = theirs | Q(session__room__services=wish.service_id)
    near = Q(session__starts_at__gt=wish.starts_at - day, session__starts_at__lt=(until or wish.starts_at) + day)
    lapsed = Booking.objects.filter(
        in_the_way, near, session__is_private=True, state__in=["held", "offered"], held_until__lte=clock.now()
    )
    intros = Intro.objects.lapsed().filter(in_the_way, near)
    sessions = {*lapsed.order_by().values_list("session", flat=True), *intros.values_list("session", flat=True)}
    return sum(release_lapsed_of(session_id) for session_id in sessions) + release_lapsed_for(*participants)


def past_what_stands_in_the_way[T](
    attempt: Callable[[], T],
    wish: SlotWish,
    coaches: Collection[UUID],
    participants: Sequence[Participant] = (),
    *,
    by: "Viewer",
) -> T:
    """What ran out stands in nobody's way: it is let go, and tried again. Otherwise it is said why it is not free."""
    try:
        return attempt()
    except RuleError as refusal:
        if refusal.code not in IN_THE_WAY:
            raise
    if release_lapsed_around(wish, coaches, participants):
        try:
            return attempt()
        except RuleError as refusal:
            if refusal.code not in IN_THE_WAY:
                raise
    raise why_not(wish, coaches, participants=participants, by=by)


def not_offered() -> RuleError:
    """The refusal of a start that is in nobody's hours, or not one of the service's."""
    return RuleError("slot_not_offered", _("This time cannot be booked. Please choose another one."))


def why_not(
    wish: SlotWish, coaches: Collection[UUID], *, participants: Sequence[Participant], by: "Viewer"
) -> RuleError:
    """Why a slot cannot be booked, and the nearest starts that can (`facts["nearest"]`)."""
    # What was booked can be moved when it is offered no more.
    seen = Service.objects.all() if wish.moving else Service.objects.visible_to(by)
    service = get_object_or_404(seen, pk=wish.service_id)
    by_host = by.is_authenticated and (by.is_admin or service.given_by.filter(coach=by).exists())
    if by.is_authenticated and all(comes_with(by, one) for one in participants):
        by_host = False
    search = wish.search(*coaches, by_host=by_host)
    nearby = replace(search, since=wish.starts_at - NEAR, until=wish.starts_at + NEAR)
    free = [{slot.starts_at for slot in find_slots(service, each)} for each in _for_each(nearby, participants)]
    starts = set.intersection(*free)
    by_distance = sorted(starts, key=lambda start: (abs(start - wish.starts_at), start))
    refusal = _reason(service, wish, search, participants)
    refusal.facts["nearest"] = sorted(by_distance[:NEAREST])
    return refusal


def _for_each(search: SlotSearch, participants: Sequence[Participant]) -> list[SlotSearch]:
    """A search for each who comes; a visitor is nobody whom we know."""
    return [replace(search, participant=one.pk) for one in participants] or [search]


def _reason(service: Service, wish: SlotWish, search: SlotSearch, participants: Sequence[Participant]) -> RuleError:
    if all(find_slots(service, each) for each in _for_each(search, participants)):
        # It is free after all, as somebody changed something since it was tried.
        return slot_taken()
    if participants and find_slots(service, search):
        ends_at = wish.starts_at + timedelta(minutes=wish.minutes)
        present = Booking.objects.filter(participant__in=participants, state__in=Booking.PRESENT)
        if present.filter(starts_at__lt=ends_at, ends_at__gt=wish.starts_at).exists():
            return already_elsewhere()
        return RuleError("too_many", _("You have as many of these on that day or in that week as one may."))
    if find_slots(service, replace(search, is_all_free=True)):
        return slot_taken()
    return not_offered()
