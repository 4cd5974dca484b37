"""What coaches offer by time: services created, edited, withdrawn and offered again."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, Unpack

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.business import current_business
from tenpo.core.errors import UNIQUE, RuleError, refuse_on
from tenpo.core.models import set_differing
from tenpo.core.outbox import publish
from tenpo.orders.models import CancellationPolicy
from tenpo.people.actions.visits import lock_users
from tenpo.people.models import User
from tenpo.schedule.actions.made_by import check_creator
from tenpo.schedule.actions.service_checks import Offer, check_offer, numbered
from tenpo.schedule.models import Location, Room, Service, ServiceCoach, ServicePrice
from tenpo.schedule.permissions import can_give_service

# What stands in the service's own row; the rest stands in rows beside it.
OWN = (
    "name", "description", "format", "durations", "price_basis", "capacity", "buffer_before", "buffer_after",
    "notice_minutes", "window_days", "step_minutes", "most_per_day", "most_per_week", "most_in_series", "coaches_rule",
    "open_to", "needs_approval", "repeats_intro", "questions", "join_link", "cancellation_policy", "creator",
)  # fmt: skip
TEXTS = ("name", "description", "join_link")


class ServiceChanges(TypedDict, total=False):
    """What an edit may change. Lengths in minutes; `prices` by group size in minor units, for a session or an hour."""

    name: str
    description: str
    format: str
    durations: Sequence[int]
    prices: Mapping[int, int]
    price_basis: str
    capacity: int
    buffer_before: int
    buffer_after: int
    notice_minutes: int
    window_days: int
    step_minutes: int
    most_per_day: int | None
    most_per_week: int | None
    most_in_series: int
    coaches: Sequence[User]
    coaches_rule: str
    creator: User | None
    open_to: str
    needs_approval: bool
    repeats_intro: bool
    questions: Sequence[Mapping[str, Any]]
    join_link: str
    cancellation_policy: CancellationPolicy | None
    locations: Sequence[Location]
    rooms: Sequence[Room]


class ServiceTerms(ServiceChanges):
    """What a service is; the coaches in the order in which they are asked."""

    name: str  # type: ignore[misc]
    durations: Sequence[int]  # type: ignore[misc]
    prices: Mapping[int, int]  # type: ignore[misc]
    coaches: Sequence[User]  # type: ignore[misc]
    description: NotRequired[str]


def service_name_taken() -> RuleError:
    """The refusal behind the constraint that two services on offer have two names."""
    return RuleError("name_taken", _("There is a service with this name already."))


@refuse_on(UNIQUE, "service_name_is_one", service_name_taken)
@transaction.atomic
def create_service(*, by: User | None, **terms: Unpack[ServiceTerms]) -> Service:
    """Offer something that can be booked by time. A coach makes what they alone give, an admin any.

    Its `creator` earns of it, also where somebody else gives it; without one it is whoever does. Raises
    ValidationError by field; RuleError name_taken.
    """
    coaches = _locked_coaches(terms["coaches"])
    if not can_give_service(by, coaches):
        raise PermissionDenied
    check_creator(terms.get("creator"), by=by)
    service = Service(currency=current_business().currency, **_own(terms, ()))
    offer = Offer(coaches, tuple(terms.get("locations", ())), tuple(terms.get("rooms", ())), dict(terms["prices"]))
    check_offer(service, offer)
    service.save(force_insert=True)
    _write_offer(service, offer)
    record("service.created", by=by, on=service, after=_said(service, offer))
    publish("service.created", subject=service, coaches=[str(coach.pk) for coach in coaches])
    return service


@refuse_on(UNIQUE, "service_name_is_one", service_name_taken)
@transaction.atomic
def edit_service(
    service: Service, *, by: User | None, version: int | None = None, **changes: Unpack[ServiceChanges]
) -> Service:
    """Change what a service is, for what is booked from now on; what is equal already is no change.

    Sessions that were booked of it keep who made it then.

    `version` is the one that the editor saw: a newer one refuses, so nobody's change is lost. Raises ValidationError
    by field; RuleError changed_meanwhile, name_taken.
    """
    wanted = changes.get("coaches")
    coaches = _locked_coaches(wanted) if wanted is not None else None
    service, there = _locked_service(service, by)
    if coaches is not None and not can_give_service(by, coaches):
        raise PermissionDenied
    if version is not None and version != service.version:
        raise RuleError("changed_meanwhile", _("Somebody has changed this service since you opened it."))
    if "creator" in changes:
        check_creator(changes["creator"], by=by, before_id=service.creator_id)
    offer = Offer(
        coaches if coaches is not None else there.coaches,
        tuple(changes.get("locations", there.locations)),
        tuple(changes.get("rooms", there.rooms)),
        dict(changes.get("prices", there.prices)),
    )
    own = set_differing(service, _own(changes, service.questions))
    before = own | there.differing(offer)
    if not before:
        return service
    check_offer(service, offer)
    service.version += 1
    service.save(update_fields=[*own, "version"])
    _write_offer(service, offer)
    after = {name: value for name, value in _said(service, offer).items() if name in before}
    record("service.changed", by=by, on=service, before=before, after=after)
    _tell(service, {*there.coaches, *offer.coaches})
    return service


@transaction.atomic
def withdraw_service(service: Service, *, by: User | None) -> Service:
    """Offer a service no more; what is booked of it stays. Again changes nothing."""
    service, offer = _locked_service(service, by)
    if not service.is_offered:
        return service
    service.is_offered = False
    service.version += 1
    service.save(update_fields=["is_offered", "version"])
    record("service.withdrawn", by=by, on=service)
    _tell(service, offer.coaches)
    return service


@refuse_on(UNIQUE, "service_name_is_one", service_name_taken)
@transaction.atomic
def offer_service_again(service: Service, *, by: User | None) -> Service:
    """Offer a service that was withdrawn, as it was. Again changes nothing.

    Raises ValidationError where it cannot be given as it was, RuleError name_taken.
    """
    lock_users(*(given.coach for given in service.given_by.select_related("coach")))
    service, offer = _locked_service(service, by)
    if service.is_offered:
        return service
    check_offer(service, offer)
    service.is_offered = True
    service.version += 1
    service.save(update_fields=["is_offered", "version"])
    record("service.offered", by=by, on=service)
    _tell(service, offer.coaches)
    return service


def offer_of(service: Service) -> Offer:
    """Who gives a service, where, and for how much; four statements."""
    coaches = User.objects.with_roles().filter(services__service=service).order_by("services__place", "services__id")
    return Offer(
        tuple(coaches),
        tuple(service.locations.order_by("name", "id")),
        tuple(service.rooms.select_related("location").order_by("name", "id")),
        dict(service.prices.values_list("people", "amount")),
    )


def _locked_coaches(coaches: Sequence[User]) -> tuple[User, ...]:
    """The coaches as they are now, each once, in the order in which they were named."""
    lock_users(*coaches)
    there = User.objects.with_roles().in_bulk([coach.pk for coach in coaches])
    return tuple(there[pk] for pk in dict.fromkeys(coach.pk for coach in coaches))


def _locked_service(service: Service, by: User | None) -> tuple[Service, Offer]:
    """The service, locked, and what stands beside it; PermissionDenied for whoever may not change it."""
    locked = Service.objects.select_for_update(no_key=True).get(pk=service.pk)
    offer = offer_of(locked)
    if not can_give_service(by, offer.coaches):
        raise PermissionDenied
    return locked, offer


def _own(terms: Mapping[str, Any], questions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What of the terms stands in the service's own row, as it is kept there."""
    values = {name: terms[name] for name in OWN if name in terms}
    for name in TEXTS:
        if name in values:
            values[name] = values[name].strip()
    if "durations" in values:
        values["durations"] = list(dict.fromkeys(values["durations"]))
    if "questions" in values:
        values["questions"] = numbered(values["questions"], there=questions)
    if "cancellation_policy" in values:
        policy = values.pop("cancellation_policy")
        values["cancellation_policy_id"] = policy.pk if policy else None
    if "creator" in values:
        creator = values.pop("creator")
        values["creator_id"] = creator.pk if creator else None
    return values


def _write_offer(service: Service, offer: Offer) -> None:
    """Bring the rows beside a locked service to what is offered; a row that is right stays."""
    service.locations.set(offer.locations)
    service.rooms.set(offer.rooms)
    _write_prices(service, offer.prices)
    there = {given.coach_id: given for given in service.given_by.all()}
    wanted = [coach.pk for coach in offer.coaches]
    service.given_by.exclude(coach__in=wanted).delete()
    for place, pk in enumerate(wanted):
        given = there.get(pk)
        if given is None:
            ServiceCoach.objects.create(service=service, coach_id=pk, place=place)
        elif given.place != place:
            given.place = place
            given.save(update_fields=["place"])


def _write_prices(service: Service, prices: Mapping[int, int]) -> None:
    there = {price.people: price for price in service.prices.all()}
    service.prices.exclude(people__in=prices).delete()
    for people, amount in sorted(prices.items()):
        price = there.get(people)
        if price is None:
            ServicePrice.objects.create(service=service, people=people, amount=amount)
        elif price.amount != amount:
            price.amount = amount
            price.save(update_fields=["amount"])


def _said(service: Service, offer: Offer) -> dict[str, Any]:
    """What the audit writes down of a service."""
    own = {name: getattr(service, name) for name in OWN if name not in ("cancellation_policy", "creator")}
    named = {"cancellation_policy_id": service.cancellation_policy_id, "creator_id": service.creator_id}
    return {**own, **named, "currency": service.currency, **offer.said()}


def _tell(service: Service, coaches: Sequence[User] | set[User]) -> None:
    publish("service.changed", subject=service, coaches=sorted(str(coach.pk) for coach in coaches))
