"""What a service costs, as its pages say it."""

from dataclasses import dataclass

from tenpo.core.money import apportion
from tenpo.schedule.models import Service
from tenpo.schedule.slot_terms import price_of


@dataclass(frozen=True)
class GroupPrice:
    """What each of so many people pays, in minor units; of unequal parts the first one's."""

    people: int
    each: int


def service_price(service: Service, minutes: int, people: int = 1) -> int:
    """What a session of so many minutes costs so many people together, in minor units; 0 where nothing is said."""
    prices = {price.people: price.amount for price in service.prices.all()}
    if 1 not in prices:
        return 0
    return price_of(prices, minutes=minutes, by_hour=service.price_basis == Service.Basis.HOUR, people=people)


def lowest_price(service: Service) -> int:
    """What one person pays for the shortest session."""
    return service_price(service, min(service.durations))


def group_prices(service: Service, minutes: int) -> list[GroupPrice]:
    """What each pays in groups of several, by the sizes that have a price of their own."""
    sizes = sorted(price.people for price in service.prices.all() if price.people > 1)
    return [GroupPrice(people, apportion(service_price(service, minutes, people), [1] * people)[0]) for people in sizes]
