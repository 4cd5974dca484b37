"""Slots that are booked, and what is refused, for tests: made as everybody makes them."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.slots import book_slot
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Transfer
from tenpo.orders.models import Order
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.make import ALL_OVER, make_session, set_times
from tenpo.schedule.tests.time_make import make_hours

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def week_of_slots(now: datetime) -> datetime:
    """Midnight of the first Monday that no session of `make_session` takes, unless it was told when to be.

    A day is left for tests that run long after they were loaded.
    """
    free = (now + ALL_OVER + timedelta(days=1)).astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
    return free + timedelta(days=7 - free.weekday())


DAY = week_of_slots(datetime.now(BERLIN))
NINE = DAY + 9 * HOUR


QUESTIONS = [
    {"key": "goal", "label": "Your goal?", "kind": "text", "required": True, "options": []},
    {"key": "level", "label": "Your level?", "kind": "choice", "required": False, "options": ["New", "Old hand"]},
    {"key": "rules", "label": "You know the rules?", "kind": "yes", "required": True, "options": []},
]


def working_coach() -> User:
    """One who works from 9 to 12 by Berlin's clock."""
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone="Europe/Berlin")
    make_hours(coach, opens=9 * 60, closes=12 * 60)
    return coach


def book(service: Service, member: User, at: datetime = NINE, **wanted: Any) -> Booking:
    """An hour by card, unless something else is said."""
    values = {"minutes": 60, "provider": "sandbox", "source": SUCCEEDS, "by": member, **wanted}
    return book_slot(service, starts_at=at, participant=member.participant, **values)


def refusal_of(service: Service, member: User, at: datetime = NINE, **wanted: Any) -> RuleError:
    """Why it is refused, once it is sure that nothing moved."""
    before = everything()
    with pytest.raises(RuleError) as refusal:
        book(service, member, at, **wanted)
    assert everything() == before
    return refusal.value


def everything() -> tuple[int, ...]:
    counted = (Session, Booking, Order, Transfer, OutboxMessage, AuditLog)
    return tuple(model._default_manager.count() for model in counted)


def starts(service: Service, **wanted: Any) -> list[str]:
    search = SlotSearch(since=DAY, until=DAY + timedelta(days=1), minutes=60, **wanted)
    return [f"{slot.starts_at.astimezone(BERLIN):%H:%M}" for slot in find_slots(service, search)]


def lapse(booking: Booking) -> None:
    """Let its hold have ended a moment ago."""
    Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() - timedelta(seconds=1))


def make_client_of(coach: User) -> User:
    """Somebody who was with a coach yesterday."""
    member = make_member()
    session = make_session(coach, price=0)
    booking = book_session(session, participant=member.participant, by=member)
    past = timezone.now() - timedelta(days=1)
    set_times(Session.objects.filter(pk=session.pk), starts_at=past, ends_at=past + HOUR)
    assert booking.state == "confirmed"
    return member
