"""The pages of refunds, as their people see them: accessible, and no wider than a phone."""

import pytest

from tenpo.checkout.actions.disputing import apply_dispute
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.tests.dispute_make import OPEN, lose, said
from tenpo.checkout.tests.make import make_top_up
from tenpo.checkout.tests.refund_make import (
    buyer_of,
    make_bought,
    make_bought_by_hand,
    make_earning_coach,
    make_granted,
    make_mixed_line,
    make_request,
)
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.actions.refund_sending import apply_refund_outcome, send_refund
from tenpo.payments.actions.refunds import reject_refund
from tenpo.payments.models import Payment, Refund
from tenpo.payments.providers.base import RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import REFUNDS_LATE
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member

pytestmark = pytest.mark.invariants


@pytest.fixture
def pages() -> list[tuple[str, User]]:
    """Each page, and who reads it."""
    make_terms()
    admin, coach = make_admin("Ada Winter"), make_earning_coach()
    line = make_bought(coach=coach)
    ask_for_payout(make_payout_account(coach), source="earnings", amount=8_500, by=coach)
    asked = make_request(line, reason="The coach came twenty minutes late, and the room was cold.")
    done_line = make_bought(coach=coach, ago=3, member=buyer_of(line))
    done = make_granted(done_line, 4_000, to="wallet")
    rejected = reject_refund(make_request(make_bought(member=buyer_of(line))), word="It took place.", by=admin)
    failed = send_refund(make_granted(make_bought(card=REFUNDS_LATE)))
    apply_refund_outcome(failed, RefundOutcome(RefundState.FAILED, failure_code="expired_or_canceled_card"), attempt=1)
    by_hand = make_granted(make_bought_by_hand())
    mixed = make_mixed_line()
    top_up = make_top_up(make_member("Jana Weiß"), 5_000)
    give_refund(payment=top_up, amount=1_000, to="method", by=admin)
    apply_dispute(top_up, said(OPEN, amount=5_000))
    lost = Payment.objects.get(order_id=done_line.order_id)
    lose(lost, reference="dp_2")
    taken = Refund.objects.get(origin="dispute")
    buyer = buyer_of(line)
    mine = ("", f"{asked.pk}/", f"{done.pk}/", f"{rejected.pk}/", f"{taken.pk}/")
    theirs = ("", "terms/", f"{asked.pk}/", f"{done.pk}/", f"{failed.pk}/", f"{by_hand.pk}/", f"{taken.pk}/")
    return [
        *((f"/me/money/refunds/{path}", buyer) for path in mine),
        (f"/me/money/lines/{mixed.pk}/refund/", buyer_of(mixed)),
        (f"/me/money/payments/{top_up.pk}/refund/", top_up.payer),
        (f"/orders/{line.order_id}/", buyer),
        ("/me/money/earnings/", coach),
        *((f"/money/refunds/{path}", admin) for path in theirs),
        (f"/money/lines/{mixed.pk}/refund/", admin),
        (f"/money/payments/{top_up.pk}/", admin),
        (f"/money/payments/{lost.pk}/", admin),
    ]


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_every_page_of_refunds_is_calm(look_through, assert_calm, pages, size):
    for page in look_through(pages, size=size):
        assert_calm(page)


def test_an_admin_sees_what_another_amount_does_before_granting_it(open_page):
    refund = make_request(make_mixed_line())
    page = open_page(f"/money/refunds/{refund.pk}/", make_admin())

    page.get_by_label("Amount").fill("50")

    page.get_by_text("What €50.00 does").wait_for()
    assert Refund.objects.get().state == "asked"
