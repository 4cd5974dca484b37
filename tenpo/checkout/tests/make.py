"""Bookings for tests, made as everybody makes them."""

from datetime import timedelta

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.topping_up import top_up
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session


def make_booking(session: Session, member: User, *, card: str = SUCCEEDS) -> Booking:
    """A booking by card; confirmed unless the card says otherwise."""
    return book_session(session, participant=member.participant, by=member, provider="sandbox", source=card)


def make_top_up(owner: User, amount: int, *, card: str = SUCCEEDS) -> Payment:
    """A top-up by card, in the wallet unless the card says otherwise."""
    return top_up(owner, amount=amount, provider="sandbox", source=card, by=owner)


def make_manual(coach: User, number: int = 0) -> Booking:
    """A booking in a session of its own, whose bank transfer has not arrived."""
    member = make_member()
    session = make_session(coach, starts_in=timedelta(days=30 + number))
    return book_session(session, participant=member.participant, by=member, provider="transfer")
