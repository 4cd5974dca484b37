"""Pages of payments that a bank wants back, or keeps: nothing is offered that cannot be, and what happened is said."""

import pytest

from tenpo.checkout.actions.disputing import apply_dispute
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.tests.dispute_make import OPEN, PRICE, WON, lose, said
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import make_bought, make_earning_coach, make_late_money
from tenpo.orders.models import Line
from tenpo.payments.actions.disputes import note_dispute
from tenpo.payments.actions.payout_sending import mark_payout_sent
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout
from tenpo.payments.models import Payment, Payout
from tenpo.payments.queries import disputed_earnings, owed_by
from tenpo.payments.tests.make import make_payout_account, make_terms, make_wallet_money
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

ASK, GIVE = "Ask for a refund", "Give money back"


def page_of(user, path: str) -> str:
    return signed_in(user).get(path).content.decode()


def result_of(payment: Payment) -> str:
    return page_of(payment.payer, f"/me/money/top-ups/{payment.pk}/")


def review_of(payment: Payment) -> str:
    return page_of(make_admin(), f"/money/payments/{payment.pk}/")


def test_a_top_up_that_is_there_can_be_asked_back():
    paid = make_top_up(make_member(), PRICE)

    assert (ASK in result_of(paid), GIVE in review_of(paid)) == (True, True)
    assert "€100 is in your wallet" in result_of(paid)


def test_of_a_top_up_that_was_spent_nothing_is_offered():
    member = make_member()
    paid = make_top_up(member, PRICE)
    make_booking(make_session(price=PRICE), member)

    assert (ASK in result_of(paid), GIVE in review_of(paid)) == (False, False)


def test_a_top_up_that_the_bank_keeps_is_not_said_to_be_there():
    paid = make_top_up(make_member(), PRICE)
    # As much is there, by another card.
    make_top_up(paid.payer, PRICE)

    lose(paid)

    shown, mine = result_of(paid), page_of(paid.payer, "/me/money/")
    assert ("Your bank took back €100" in shown, "is in your wallet" in shown) == (True, False)
    assert (ASK in shown, GIVE in review_of(paid)) == (False, False)
    assert mine.count("your bank took it back") == 1


def test_of_a_top_up_that_the_bank_took_in_part_the_rest_is_offered():
    paid = make_top_up(make_member(), PRICE)

    lose(paid, 4_000)

    assert "Your bank took back €40" in result_of(paid)
    assert (ASK in result_of(paid), GIVE in review_of(paid)) == (True, True)
    assert "your bank took back €40.00" in page_of(paid.payer, "/me/money/")


def test_late_money_that_the_bank_keeps_is_not_offered():
    kept, there = make_late_money(), make_late_money()

    lose(kept)

    assert (ASK in page_of(kept.payer, "/me/money/"), ASK in page_of(there.payer, "/me/money/")) == (False, True)


@pytest.mark.parametrize(
    "told", [note_dispute, lambda payment: apply_dispute(payment, said(OPEN, reference=f"dp_{payment.pk}"))]
)
def test_while_it_is_not_decided_an_admin_is_offered_nothing(told):
    bought = Payment.objects.get(order_id=make_bought().order_id)
    paid = make_top_up(make_member(), PRICE)
    assert (GIVE in review_of(bought), GIVE in review_of(paid)) == (True, True)

    note_dispute(bought)
    told(bought)
    note_dispute(paid)
    told(paid)

    assert (GIVE in review_of(bought), GIVE in review_of(paid)) == (False, False)


def test_what_was_won_is_offered_again():
    paid = make_top_up(make_member(), PRICE)
    note_dispute(paid)
    apply_dispute(paid, said(OPEN))

    apply_dispute(paid, said(WON, is_back=True))

    assert GIVE in review_of(paid)


def test_the_list_says_what_a_bank_wants_and_keeps_and_can_be_asked_for_it():
    wanted, kept, won = (make_top_up(make_member(name), PRICE) for name in ("Wim", "Kim", "Uma"))
    make_top_up(make_member("Nobody"), PRICE)
    note_dispute(wanted)
    lose(kept)
    note_dispute(won)
    apply_dispute(won, said(WON, is_back=True, reference="dp_2"))
    admin = make_admin()

    all_of_them, disputed = page_of(admin, "/money/"), page_of(admin, "/money/?state=disputed")

    for page in (all_of_them, disputed):
        assert page.count("Their bank wants it back") == 1
        assert page.count("Kept by their bank") == 1
    assert [name in disputed for name in ("Wim", "Kim", "Uma", "Nobody")] == [True, True, True, False]
    assert "Nobody" not in signed_in(admin).get("/money/payments.csv?state=disputed").getvalue().decode()


WARNS = "bank wants back a payment behind these earnings"


def make_asked(coach: User, *, source: str = "earnings") -> Payout:
    """All that somebody has, asked for."""
    make_terms()
    return ask_for_payout(make_payout_account(coach), source=source, amount=8_500, by=coach)


def payout_page(payout: Payout) -> str:
    return page_of(make_admin(), f"/money/payouts/{payout.pk}/")


@pytest.mark.parametrize("most", [PRICE, 4_000, 1])
def test_who_decides_on_a_payout_is_told_what_a_buyers_bank_wants_of_it(most):
    coach = make_earning_coach()
    payment = Payment.objects.get(order_id=make_bought(coach=coach).order_id)
    payout = make_asked(coach)
    assert WARNS not in payout_page(payout)

    note_dispute(payment)
    noted = disputed_earnings(coach, "EUR")
    apply_dispute(payment, said(OPEN, amount=most))
    known = disputed_earnings(coach, "EUR")
    page = payout_page(payout)
    lose(payment, most)

    assert [(one.payment, one.earned) for one in noted] == [(payment, 8_500)]
    # What was said is what is taken.
    assert [one.earned for one in known] == [owed_by(coach, "EUR")]
    assert (WARNS in page, f"/money/payments/{payment.pk}/" in page) == (True, True)
    assert (disputed_earnings(coach, "EUR"), WARNS in payout_page(payout)) == ([], False)


def test_only_who_earned_of_it_is_warned_of_and_only_of_earnings_that_have_not_left():
    coach, other = make_earning_coach(), make_earning_coach()
    payment = Payment.objects.get(order_id=make_bought(coach=coach).order_id)
    make_bought(coach=other)
    make_wallet_money(coach, 8_500)
    note_dispute(payment)

    earned, wallet, others = make_asked(coach), make_asked(coach, source="wallet"), make_asked(other)

    assert [WARNS in payout_page(one) for one in (earned, wallet, others)] == [True, False, False]
    mark_payout_sent(approve_payout(earned, by=make_admin()), by=make_admin())
    assert WARNS not in payout_page(earned)


def test_what_is_not_earned_yet_or_was_won_or_went_back_is_nothing_to_warn_of():
    coach = make_earning_coach()
    to_come = make_booking(make_session(coach, price=PRICE), make_member())
    won, back = (Payment.objects.get(order_id=make_bought(coach=coach, ago=days).order_id) for days in (1, 2))
    assert to_come.line is not None
    for payment in (Payment.objects.get(order_id=to_come.line.order_id), won, back):
        note_dispute(payment)
    apply_dispute(won, said(WON, is_back=True))
    line = Line.objects.get(order=back.order_id)

    give_refund(line=line, amount=4_000, to="wallet", by=make_admin())
    part = [one.earned for one in disputed_earnings(coach, "EUR")]
    give_refund(line=line, amount=6_000, to="wallet", by=make_admin())

    assert (part, disputed_earnings(coach, "EUR")) == ([5_100], [])


def test_many_disputes_cost_as_many_statements_as_one(django_assert_num_queries):
    coach = make_earning_coach()
    with django_assert_num_queries(1):
        assert disputed_earnings(coach, "EUR") == []
    for number in range(4):
        note_dispute(Payment.objects.get(order_id=make_bought(coach=coach, ago=number + 1).order_id))
        if number in (0, 3):
            with django_assert_num_queries(4):
                assert len(disputed_earnings(coach, "EUR")) == number + 1
