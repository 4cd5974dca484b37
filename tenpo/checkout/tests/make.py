"""Bookings for tests, made as everybody makes them."""

from datetime import timedelta
from typing import Any

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.topping_up import top_up
from tenpo.core import outbox
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.notify.models import Notification
from tenpo.payments.actions.auto_top_ups import TopUpWish, set_auto_top_up
from tenpo.payments.actions.methods import add_payment_method, settle_method
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.payments.wallet_models import AutoTopUp
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


def make_auto_top_up(owner: User, *, card: str = SUCCEEDS, **wanted: Any) -> User:
    """Somebody whose wallet is filled by itself: by 25 when less than 10 is left, with a card of theirs."""
    method = settle_method(add_payment_method(owner, provider="sandbox", source=card, by=owner))
    usual: dict[str, Any] = {"threshold": 1_000, "kind": "fixed", "amount": 2_500, "daily_cap": 5_000}
    set_auto_top_up(owner, TopUpWish(is_on=True, method=method, **(usual | wanted)), by=owner)
    return owner


def make_manual(coach: User, number: int = 0) -> Booking:
    """A booking in a session of its own, whose bank transfer has not arrived."""
    member = make_member()
    session = make_session(coach, starts_in=timedelta(days=30 + number))
    make_account_to_pay_to()
    return book_session(session, participant=member.participant, by=member, provider="transfer")


def left_in_wallet(owner: User) -> int:
    """What somebody has to spend, in minor units."""
    return sum(balance_of(owner, "EUR", WALLET).values())


def settings_of(owner: User) -> AutoTopUp:
    return AutoTopUp.objects.get(user=owner)


def told(owner: User) -> list[str]:
    """The kinds of what somebody was told, in turn."""
    outbox.drain()
    return list(Notification.objects.filter(user=owner).order_by("id").values_list("kind", flat=True))
