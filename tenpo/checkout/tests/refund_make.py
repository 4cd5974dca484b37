"""What was bought, in all the ways of paying, and refunds of it in every state."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import ask_for_refund, grant_refund
from tenpo.checkout.actions.settling import decide_sandbox_charge, mark_paid
from tenpo.checkout.tests.make import make_manual, make_top_up
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Line
from tenpo.orders.tests.make import make_credit, make_share_policy
from tenpo.payments.actions.refunds import update_refund_terms
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Payment, Refund, RefundTerms, SandboxCharge
from tenpo.payments.providers.sandbox import SUCCEEDS, SUCCEEDS_LATE
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times


def make_refund_terms(**changes: Any) -> RefundTerms:
    return update_refund_terms(by=make_admin(), **changes)


def make_earning_coach() -> User:
    """One who earns 85 percent of what they teach."""
    coach = make_coach()
    create_split_rule(
        name="Ours", business_percent=15, creator_percent=85, teacher_percent=0, coach=coach, by=make_admin()
    )
    return coach


def takes_place(line: Line, *, days_ago: int = 1) -> Line:
    """It has taken place, and what it sold is earned."""
    begins = timezone.now() - timedelta(days=days_ago)
    session = Session.objects.get(pk=line.subject_id)
    set_times(Session.objects.filter(pk=session.pk), starts_at=begins, ends_at=begins + timedelta(hours=1))
    complete_session(session, by=make_admin())
    return Line.objects.select_related("order__buyer").get(pk=line.pk)


def make_bought(
    *,
    price: int = 10_000,
    card: str = SUCCEEDS,
    coach: User | None = None,
    member: User | None = None,
    ago: int = 1,
    use_wallet: bool = True,
) -> Line:
    """A line that a card paid, of a session that took place."""
    member = member or make_member()
    booking = book_session(
        make_session(coach or make_coach(), price=price), participant=member.participant, by=member,
        provider="sandbox", source=card, use_wallet=use_wallet,
    )  # fmt: skip
    assert booking.line is not None
    return takes_place(booking.line, days_ago=ago)


def make_bought_by_hand(*, price: int = 10_000, member: User | None = None) -> Line:
    """A line that a bank transfer paid."""
    make_account_to_pay_to()
    member = member or make_member()
    session = make_session(make_coach(), price=price)
    booking = book_session(session, participant=member.participant, by=member, provider="transfer", use_wallet=False)
    assert booking.line is not None
    mark_paid(Payment.objects.get(order_id=booking.line.order_id), by=make_admin())
    return takes_place(booking.line)


def make_late_money(member: User | None = None, amount: int = 10_000, *, card: str = SUCCEEDS) -> Payment:
    """A payment by card that came when its seat was gone, and became credit."""
    member = member or make_member()
    booking = book_session(
        make_session(make_coach(), price=amount), participant=member.participant, by=member, provider="sandbox",
        source=SUCCEEDS_LATE, use_wallet=False,
    )  # fmt: skip
    Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    release_lapsed_everywhere()
    payment = Payment.objects.filter(payer=member).latest("id")
    charge = SandboxCharge.objects.get(key=str(payment.pk))
    decide_sandbox_charge(charge.pk, succeeds=True)
    # From now on it is a card that refunds in this way.
    SandboxCharge.objects.filter(pk=charge.pk).update(card=card)
    return Payment.objects.get(pk=payment.pk)


def make_late_money_by_hand() -> Payment:
    """A bank transfer that came when its seat was gone, and became credit."""
    booking = make_manual(make_coach())
    Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    release_lapsed_everywhere()
    return mark_paid(Payment.objects.get(payer=booking.booked_by), by=make_admin())


def make_mixed_line(*, price: int = 10_000) -> Line:
    """A line that the company, a credit, money given, a wallet and a card pay; its coach has earned 85 percent."""
    coach, member = make_earning_coach(), make_member()
    make_share_policy(percent=40, coach=coach)
    make_credit(member, 1_033)
    give_money(member, amount=501, reason="Welcome", by=make_admin())
    make_top_up(member, 1_000)
    return make_bought(price=price, coach=coach, member=member)


def buyer_of(line: Line) -> User:
    return line.order.buyer


def make_request(line: Line, amount: int | None = None, *, to: str = "method", reason: str = "Ill") -> Refund:
    return ask_for_refund(line=line, amount=amount or line.price, to=to, reason=reason, by=buyer_of(line))


def make_granted(line: Line, amount: int | None = None, *, to: str = "method") -> Refund:
    return grant_refund(make_request(line, amount, to=to), by=make_admin())
