from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenpo.core.money import Money
from tenpo.core.words import say_from_to, say_full_day, say_names
from tenpo.orders.own_share import Payers
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.find_forms import OfferFilter, WishForm
from tenpo.schedule.find_queries import (
    Start,
    Times,
    Wish,
    coaches_of,
    find_times,
    host_zone,
    offered_services,
    own,
    stand_ins,
    with_offer,
)
from tenpo.schedule.models import Location, Service
from tenpo.schedule.queries import day_start
from tenpo.schedule.service_prices import group_prices, lowest_price, service_price
from tenpo.schedule.views.visiting import open_to_visitors, own_zone, zone_to_guess

ORDER = ("name", "id")
MAP = "https://www.openstreetmap.org/"
# More coaches than this are a list to choose from rather than names side by side.
COACHES_BESIDE = 8


@require_safe
@open_to_visitors
@never_cache
def offer_list(request: HttpRequest) -> HttpResponse:
    """What is offered by time: how people meet, for how long, for how much, with whom and where."""
    user = request.user
    if not user.is_authenticated and not offered_services(user).exists():
        raise Http404
    form = OfferFilter(request.GET, offered=offered_services(user))
    page = page_of(request, offered_services(user, form.wanted()), order=ORDER)
    payers = Payers(user)
    rows = [
        {
            "service": service,
            "coaches": coaches_of(service),
            "lengths": sorted(service.durations),
            "shares": payers.shares_with_any(
                lowest_price(service), currency=service.currency, coach_ids=_paid_for(service)
            ),
            "is_from": len(service.durations) > 1 and service.price_basis == Service.Basis.HOUR,
            "groups": group_prices(service, min(service.durations)),
        }
        for service in page.items
    ]
    return render(request, "schedule/offer_list.html", {"form": form, "rows": rows, "next": page.next_cursor})


@require_safe
@open_to_visitors
@never_cache
def slot_list(request: HttpRequest, service_id: UUID) -> HttpResponse:
    """Find a time: how long, with whom and where; the days on which something is free, and the starts of one."""
    user = request.user
    service = get_object_or_404(with_offer(Service.objects.visible_to(user)), pk=service_id)
    form = WishForm(request.GET, service=service)
    wish = form.wish()
    with timezone.override(wish.zone):
        return render(request, "schedule/slot_list.html", _context(request, service, form, wish))


def _context(request: HttpRequest, service: Service, form: WishForm, wish: Wish) -> dict[str, Any]:
    context = times_context(request, service, form, wish, find_times(own(request.user), service, wish))
    asked = [context["chosen"].pk] if context["chosen"] else _paid_for(service)
    payers = Payers(request.user)
    shares = payers.shares_with_any(context["price"], currency=service.currency, coach_ids=asked)
    if shares.least != shares.own:
        times = context["times"]
        starts = [replace(one, own=_own_at(one, service, context["price"], payers)) for one in times.starts]
        context["times"] = replace(times, starts=starts)
    return {**context, "shares": shares, "guessed_zone": zone_to_guess(request)}


def _paid_for(service: Service) -> list[UUID]:
    """Whose price it may be: of what several give together, that of who leads it."""
    coaches = [one.pk for one in coaches_of(service)]
    return coaches[:1] if service.coaches_rule == Service.Coaches.ALL else coaches


def _own_at(start: Start, service: Service, price: int, payers: Payers) -> str:
    """What the reader would pay at this start, of those who are free then: where any may give it, of who is asked."""
    asked: set[UUID] = set()
    for slot in start.slots:
        free = [pk for pk in _paid_for(service) if pk in slot.coaches]
        asked.update(free[:1] if service.coaches_rule == Service.Coaches.ANY else free)
    shares = payers.shares_with_any(price, currency=service.currency, coach_ids=asked)
    return say_from_to(Money(shares.least, service.currency), Money(shares.own, service.currency))


def times_context(request: HttpRequest, service: Service, form: WishForm, wish: Wish, times: Times) -> dict[str, Any]:
    """What the page of free times shows to whoever asks, whoever they look for."""
    coaches = coaches_of(service)
    chosen = [coach for coach in coaches if coach.pk == wish.coach]
    is_by_all = service.coaches_rule == Service.Coaches.ALL
    return {
        "service": service,
        "form": form,
        "wish": wish,
        "times": times,
        "lengths": sorted(service.durations),
        "day_words": say_full_day(day_start(times.day)),
        "coaches": coaches,
        "with_all": say_names(str(one) for one in coaches) if is_by_all and len(coaches) > 1 else "",
        "may_choose_coach": service.coaches_rule == Service.Coaches.CHOSEN and len(coaches) > 1,
        "has_many_coaches": len(coaches) > COACHES_BESIDE,
        "chosen": chosen[0] if chosen else None,
        "away": _away(service, chosen[0], times) if chosen and request.user.is_authenticated else [],
        "places": [{"location": location, "map": map_address(location)} for location in service.locations.all()],
        "price": service_price(service, wish.minutes),
        "groups": group_prices(service, wish.minutes),
        "zone": wish.zone.key,
        "host_zone": host_zone(chosen or coaches),
        "query": wish_query(wish, service, own_zone=own_zone(request)),
        "is_narrow": bool(wish.coach or wish.location),
        "starts_under": f"{reverse('schedule:offer-list')}{service.pk}/",
    }


def _away(service: Service, coach: User, times: Times) -> list[Any]:
    return stand_ins(service, coach, times.days[0].date, times.days[-1].date)


def wish_query(wish: Wish, service: Service, *, own_zone: ZoneInfo) -> str:
    """The part of an address that says what was chosen, without what is so anyway."""
    said = {
        "minutes": wish.minutes if wish.minutes != service.durations[0] else "",
        "coach": wish.coach or "",
        "location": wish.location or "",
        "zone": wish.zone.key if wish.zone.key != own_zone.key else "",
    }
    query = urlencode({name: value for name, value in said.items() if value}, quote_via=quote)
    return f"?{query}" if query else ""


def map_address(location: Location) -> str:
    """Where a map shows a location: its point, or what is found under its address."""
    if location.latitude is not None and location.longitude is not None:
        at = f"{location.latitude:.6f}", f"{location.longitude:.6f}"
        return f"{MAP}?mlat={at[0]}&mlon={at[1]}#map=17/{at[0]}/{at[1]}"
    return f"{MAP}search?{urlencode({'query': location.address})}" if location.address else ""
