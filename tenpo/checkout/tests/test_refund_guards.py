"""What is no refund: of what nobody paid, and of a top-up that never filled a wallet."""

from typing import Any

import pytest

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import left_in_wallet, make_top_up
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Transfer
from tenpo.orders.models import Line
from tenpo.payments.models import Refund
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def refused(code: str, act: Any) -> None:
    """`act` is refused for this reason, and nothing moved."""
    before = Transfer.objects.count()
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code
    assert (Transfer.objects.count(), Refund.objects.count()) == (before, 0)


def make_held(member: User) -> Booking:
    """A seat that waits for its last cent; all else of its price is set aside in the wallet of whoever booked."""
    make_top_up(member, 9_999)
    return book_session(
        make_session(price=10_000), participant=member.participant, by=member, provider="sandbox",
        source=NEEDS_CONFIRMATION,
    )  # fmt: skip


@pytest.mark.parametrize("is_let_go", [False, True])
@pytest.mark.parametrize("amount", [1, 10_000])
def test_what_nobody_paid_cannot_go_back(is_let_go, amount):
    member = make_member()
    booking = make_held(member)
    if is_let_go:
        cancel_booking(booking, by=member)
    line = Line.objects.get()

    refused("nothing_left", lambda: give_refund(line=line, amount=amount, to="wallet", by=make_admin()))

    assert left_in_wallet(member) == (9_999 if is_let_go else 0)


def test_a_top_up_that_is_not_paid_takes_nothing_out_of_the_wallet():
    member = make_member()
    make_top_up(member, 5_000)
    waiting = top_up(member, amount=2_000, provider="transfer", by=member)

    refused("nothing_left", lambda: give_refund(payment=waiting, amount=2_000, to="method", by=make_admin()))

    assert left_in_wallet(member) == 5_000
