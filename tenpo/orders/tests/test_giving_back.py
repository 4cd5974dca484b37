"""What goes back of a line, in as many parts as there are causes, comes to the whole and never to more."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.core.errors import CHECK, is_violation
from tenpo.core.tokens import new_id
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.orders.actions.giving_back import Return, lock_lines, return_parts
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Line, Split
from tenpo.orders.policies import PartsBack, parts_given, parts_left, parts_of
from tenpo.orders.tests.make import credit_left, ledger_sum, make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.refund_models import RefundTo
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
# Only the line's side of a refund.
NO_REFUND = pytest.mark.invariants(but={"refund-gives-each-part-back"})
amounts = st.integers(0, 10**6)


def make_mixed(*, price: int = 10_000, percent: int = 50) -> Booking:
    """A booking that the company, two credits, money given, a wallet and a card pay; its coach earns 85 percent."""
    coach, member, admin = make_coach(), make_member(), make_admin()
    create_split_rule(name="Ours", business_percent=15, creator_percent=85, teacher_percent=0, coach=coach, by=admin)
    make_share_policy(percent=40)
    make_credit(member, 700, expires_in_days=30)
    make_credit(member, 333, expires_in_days=90)
    give_money(member, amount=501, reason="Welcome", by=admin)
    make_top_up(member, 1_000)
    session = make_session(coach, price=price)
    session.cancellation_policy = make_cancellation_policy((0, percent))
    session.save()
    return book_session(
        session, participant=member.participant, by=member, provider="sandbox", source="4242424242424242"
    )


def refund(line_id: Any, amount: int, to: str = RefundTo.CREDIT, cause: UUID | None = None) -> PartsBack:
    with transaction.atomic():
        line = lock_lines([line_id])[line_id]
        parts = parts_of(parts_left(line), amount)
        return_parts(Return(line, parts, to, cause or new_id()))
    return parts


@given(amounts, amounts, amounts, amounts, st.lists(st.integers(1, 10**6), max_size=20))
def test_little_by_little_it_is_the_whole_for_each(company, credit, wallet, own, steps):
    line = Line(price=company + credit + wallet + own, company_share=company, credit_spent=credit, wallet_spent=wallet,
                own_share=own)  # fmt: skip

    for step in [*steps, line.price]:
        left = parts_left(line)
        back = parts_of(left, min(step, left.whole))
        assert back.whole == min(step, left.whole)
        line.company_back += back.company
        line.credit_back += back.credit
        line.wallet_back += back.wallet
        line.own_back += back.own
        assert min(vars(back).values()) >= 0
        assert min(vars(parts_left(line)).values()) >= 0

    assert parts_given(line) == PartsBack(company, credit, wallet, own)


@NO_REFUND
def test_each_part_goes_back_to_where_it_came_from_and_the_splits_with_it():
    booking = make_mixed()
    member, line = booking.booked_by, Line.objects.get()
    assert (line.company_share, line.credit_spent, line.wallet_spent, line.own_share) == (4_000, 1_033, 1_501, 3_466)

    back = [refund(line.pk, 1_000) for _ in range(10)]

    assert [parts.whole for parts in back] == [1_000] * 10
    assert parts_left(Line.objects.get()).whole == 0
    assert balance_of(member, "EUR", WALLET) == {"granted": 501, "wallet": 1_000}
    pots = [pot.balance for pot in Account.objects.credits_of(member).exclude(name__regex=r"^\w{8}-")]
    assert pots == [700, 333]
    assert credit_left(member) == 1_033 + 3_466
    assert ledger_sum(Account.Kind.COMPANY) == 0
    assert sum(split.left for split in Split.objects.all()) == 0


@NO_REFUND
def test_a_cancellation_gives_its_percentage_of_what_is_left():
    booking = make_mixed(percent=50)
    refund(booking.line_id, 4_000, RefundTo.WALLET)
    before = parts_left(Line.objects.get())

    cancel_booking(booking, by=booking.booked_by)

    line = Line.objects.get()
    assert line.refunded_percent == 50
    assert abs(2 * parts_left(line).whole - before.whole) <= 2
    assert sum(split.reversed for split in Split.objects.all()) == parts_given(line).whole


@NO_REFUND
def test_after_it_was_cancelled_the_rest_may_go_back_too():
    booking = make_mixed(percent=50)
    cancel_booking(booking, by=booking.booked_by)

    left = parts_left(Line.objects.get())
    refund(booking.line_id, left.whole, RefundTo.WALLET)

    assert parts_left(Line.objects.get()).whole == 0
    assert balance_of(booking.booked_by, "EUR", WALLET) == {"granted": 501, "wallet": 1_000 + left.own}


@NO_REFUND
def test_a_credit_that_lapsed_comes_back_as_a_new_one_each_time():
    booking = make_mixed()
    member, line_id = booking.booked_by, booking.line_id
    refund(line_id, 2_000)

    with time_machine.travel(timezone.now() + timedelta(days=40), tick=False):
        refund(line_id, 2_000)
    with time_machine.travel(timezone.now() + timedelta(days=40 + 1_500), tick=False):
        now = timezone.now()
        refund(line_id, 6_000)
        left = [pot.balance for pot in Account.objects.credits_of(member) if pot.expires_at and pot.expires_at > now]

    parts = parts_given(Line.objects.get())
    again = Transfer.objects.filter(kind="credit_restore", credit__name__startswith="again:")
    assert parts == PartsBack(4_000, 1_033, 1_501, 3_466)
    # All that came back the last time can be spent: none of it went to what had lapsed.
    last = Transfer.objects.filter(kind__in=["credit_issue", "credit_restore"]).order_by("-id")
    cause = last[0].key.rpartition(":")[2]
    assert sum(pot or 0 for pot in left) == sum(row.amount for row in last if row.key.endswith(cause))
    assert again.count() == 3


def test_no_more_than_all_of_it_whoever_counts():
    booking = make_mixed()
    line = Line.objects.get()

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        return_parts(Return(line, PartsBack(0, 0, 0, 3_467), RefundTo.WALLET, new_id()))

    assert is_violation(refused.value, CHECK, "line_gives_back_within")
    assert balance_of(booking.booked_by, "EUR", WALLET) == {"granted": 0, "wallet": 0}


def refund_if_left(line_id: Any, amount: int) -> int:
    """As much of `amount` as is left."""
    with transaction.atomic():
        line = lock_lines([line_id])[line_id]
        parts = parts_of(parts_left(line), min(amount, parts_left(line).whole))
        if parts.whole:
            return_parts(Return(line, parts, RefundTo.WALLET, new_id()))
    return parts.whole


@NO_REFUND
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("amount", [1_000, 10_000])
def test_twenty_at_once_total_what_was_paid(amount):
    booking = make_mixed()

    answers = at_once([partial(refund_if_left, booking.line_id, amount) for _ in range(20)])

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert parts_given(Line.objects.get()) == PartsBack(4_000, 1_033, 1_501, 3_466)
    assert ledger_sum(Account.Kind.COMPANY) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.invariants(
    but={"line-remembers-what-went-back", "nobody-gets-back-more-than-they-gave", "refund-gives-each-part-back"}
)
def test_at_once_it_is_more_without_the_lock_and_the_rule_control(monkeypatch):
    line_id = make_booking(make_session(make_coach(), price=10_000), make_member()).line_id

    def read(line_ids: list[UUID]) -> dict[UUID, Line]:
        return {line.pk: line for line in Line.objects.select_related("order").filter(pk__in=line_ids)}

    monkeypatch.setattr("tenpo.orders.tests.test_giving_back.lock_lines", read)
    with without_constraint("orders_line", "line_gives_back_within"):
        at_once([partial(refund_if_left, line_id, 10_000) for _ in range(8)])

    assert sum(Transfer.objects.filter(kind="wallet_refund").values_list("amount", flat=True)) > 10_000
