"""What pages and endpoints read of services and places, in a number of statements that does not grow with the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from tenpo.core import clock
from tenpo.core.money import apportion
from tenpo.people.models import User
from tenpo.schedule.models import Location, Room, Service, ServiceCoach, Session, SessionQuerySet
from tenpo.schedule.service_models import ServiceQuerySet
from tenpo.schedule.slot_terms import price_of

# What a session takes of where it is.
PLACE_LENGTH = Session._meta.get_field("place").max_length or 0


@dataclass(frozen=True)
class ServiceFilter:
    """What somebody looks for among what is offered by time."""

    words: str = ""
    coach_id: UUID | None = None
    location_id: UUID | None = None
    format: str = ""
    is_offered: bool | None = None


@dataclass(frozen=True)
class PriceStep:
    """What so many people pay: all together, and each of them about, in minor units."""

    people: int
    amount: int
    each: int
    # Whether this size has a price of its own, or the one of the next smaller size for each person.
    is_said: bool


def find_services(user: User, wanted: ServiceFilter = ServiceFilter()) -> ServiceQuerySet:
    """The services that `user` may see and that fit the filter, with all that stands beside them."""
    rows = Service.objects.visible_to(user)
    if wanted.words:
        rows = rows.filter(Q(name__icontains=wanted.words) | Q(description__icontains=wanted.words))
    if wanted.coach_id:
        rows = rows.filter(pk__in=ServiceCoach.objects.filter(coach=wanted.coach_id).values("service"))
    if wanted.location_id:
        rows = rows.filter(
            pk__in=Service.locations.through.objects.filter(location=wanted.location_id).values("service")
        )
    if wanted.format:
        rows = rows.filter(format=wanted.format)
    if wanted.is_offered is not None:
        rows = rows.filter(is_offered=wanted.is_offered)
    return with_offer(rows)


def services_for_sites(user: User) -> ServiceQuerySet:
    """What `user` may show to visitors on other sites: of a coach what they give themselves."""
    rows = Service.objects.offered().filter(open_to=Service.OpenTo.VISITORS)
    return rows if user.is_admin else rows.filter(pk__in=ServiceCoach.objects.filter(coach=user).values("service"))


def with_offer(rows: ServiceQuerySet) -> ServiceQuerySet:
    """The services with who gives them, where, and for how much: four statements more."""
    given = ServiceCoach.objects.select_related("coach").order_by("place", "id")
    return rows.prefetch_related(
        Prefetch("given_by", given),
        Prefetch("locations", Location.objects.order_by("name", "id")),
        Prefetch("rooms", Room.objects.order_by("name", "id")),
        "prices",
    )


def price_table(prices: Mapping[int, int], capacity: int, *, most: int = 8) -> list[PriceStep]:
    """What people see of the prices by group size: each size of a small group, of a larger one where they change.

    What an hour costs where it is paid by the hour; of unequal parts the first one's.
    """
    sizes = range(1, capacity + 1) if capacity <= most else sorted(prices)
    amounts = {people: price_of(prices, minutes=60, by_hour=False, people=people) for people in sizes}
    return [
        PriceStep(people, amount, apportion(amount, [1] * people)[0], people in prices)
        for people, amount in amounts.items()
    ]


def find_locations(user: User) -> QuerySet[Location]:
    """The places that `user` may see, with their rooms, and how many services each has on offer."""
    rooms = Room.objects.visible_to(user).order_by("name", "id")
    offered = Count("services", filter=Q(services__is_offered=True), distinct=True)
    return Location.objects.visible_to(user).annotate(offered=offered).prefetch_related(Prefetch("rooms", rooms))


def place_of(location: Location) -> str:
    """A location as a session names its place; those that were longer before it was asked are cut."""
    return whole_place(location)[:PLACE_LENGTH]


def whole_place(location: Location) -> str:
    """Its name and its address."""
    return ", ".join(part for part in (location.name, location.address) if part)


def sessions_to_come_at(there: Q) -> SessionQuerySet:
    """The planned sessions that are not over where `there` says, which keep it open."""
    return Session.objects.filter(there, status=Session.Status.PLANNED, ends_at__gt=clock.now())


def within(location: Location) -> Q:
    """At a location, or in one of its rooms."""
    return Q(location=location) | Q(room__location=location)


def sessions_naming(location: Location) -> SessionQuerySet:
    """The planned sessions to come that are at a location and name it as it is now.

    Not those that say where they are in words of their own.
    """
    return sessions_to_come_at(within(location)).filter(place=place_of(location))
