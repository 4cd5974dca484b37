"""What a bank takes back for good is taken back from whoever had it: each amount once, and no more than was paid."""

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from uuid import UUID

import pytest

from tenpo.checkout.actions import disputing, refunding
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.disputing import apply_dispute, take_all_that_came_back, take_what_came_back
from tenpo.checkout.actions.refunding import give_refund, give_refund_elsewhere
from tenpo.checkout.queries.disputes import disputes_of
from tenpo.checkout.queries.refunds import what_is_left
from tenpo.checkout.tests.dispute_make import FEE, LOST, OPEN, PRICE, WON, borne, lose, said
from tenpo.checkout.tests.make import left_in_wallet, make_booking, make_top_up, told
from tenpo.checkout.tests.refund_make import buyer_of, make_bought, make_earning_coach, make_granted, make_late_money
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Line
from tenpo.orders.tests.make import credit_left, ledger_sum
from tenpo.payments.actions import disputes
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.actions.refund_sending import apply_refund_outcome, send_refund
from tenpo.payments.models import Dispute, Payment, Refund
from tenpo.payments.providers.base import DisputeMovement, DisputeOutcome, RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION, Sandbox
from tenpo.payments.queries import disputed_by, owed_by
from tenpo.payments.tests.make import earnings_left, make_payout_account, make_terms
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, meet_after, meet_before, outcomes
from tests.work import work

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def is_warned_of(payment: Payment) -> tuple[bool, bool]:
    """Whether who decides on a refund of it, and on a payout of its payer, is told of the dispute."""
    fresh = Payment.objects.get(pk=payment.pk)
    return fresh.is_wanted_back, disputed_by(fresh.payer) == fresh


def moved() -> set[tuple[str, int, str]]:
    """What disputes moved, from which kind of account, as often as it did."""
    found = Transfer.objects.filter(kind__startswith="dispute").values_list("kind", "amount", "debit__kind")
    assert len(found) == len(set(found))
    return set(found)


def test_who_earned_gives_back_and_what_was_bought_stays():
    coach, admin = make_earning_coach(), make_admin()
    line = make_bought(coach=coach)
    payment = Payment.objects.get()

    for _again in range(3):
        dispute = lose(payment)

    line, payment = Line.objects.get(), Payment.objects.get()
    assert (line.own_back, line.refunded_percent, payment.left) == (PRICE, None, 0)
    assert (dispute.state, dispute.taken, dispute.lost, dispute.fee) == ("lost", PRICE, PRICE, FEE)
    assert earnings_left(coach) == 0
    refund = Refund.objects.get()
    assert (refund.origin, refund.state, refund.own, refund.to) == ("dispute", "done", PRICE, "method")
    assert moved() == {("dispute", PRICE, "disputes")}
    assert told(admin).count("admin.dispute_lost") == 1
    assert "earnings.taken_back" in told(coach)
    assert not any(kind.startswith("refund.") for kind in told(buyer_of(line)))
    with pytest.raises(RuleError, match="nothing left"):
        give_refund(line=line, amount=1, to="wallet", by=admin)


def test_what_was_paid_out_is_owed():
    coach = make_earning_coach()
    make_bought(coach=coach)
    make_terms()
    ask_for_payout(make_payout_account(coach), source="earnings", amount=8_500, by=coach)

    lose(Payment.objects.get())

    assert (earnings_left(coach), owed_by(coach, "EUR")) == (0, 8_500)


def test_a_part_takes_a_part_and_leaves_the_rest_to_be_refunded():
    coach = make_earning_coach()
    line = make_bought(coach=coach)

    lose(Payment.objects.get(), 4_000)

    assert earnings_left(coach) == 8_500 - 3_400
    with pytest.raises(RuleError, match="60"):
        give_refund(line=line, amount=6_001, to="wallet", by=make_admin())
    give_refund(line=line, amount=6_000, to="wallet", by=make_admin())
    assert (earnings_left(coach), left_in_wallet(buyer_of(line))) == (0, 6_000)


def test_what_went_back_by_card_before_is_borne_by_the_business():
    line = make_bought()
    send_refund(make_granted(line, 7_000))

    lose(Payment.objects.get())

    assert Payment.objects.get().refunded == PRICE
    assert moved() == {("dispute", PRICE, "disputes"), ("dispute_loss", 7_000, "sales")}


@pytest.mark.parametrize(("to", "spent"), [("credit", 0), ("credit", 4_000), ("wallet", 0), ("wallet", 4_000)])
def test_what_went_back_here_before_is_taken_as_far_as_it_is_there(to, spent):
    line = make_bought()
    member = buyer_of(line)
    give_refund(line=line, amount=PRICE, to=to, by=make_admin())
    if spent:
        make_booking(make_session(price=spent), member)

    lose(Payment.objects.get(order_id=line.order_id))
    lose(Payment.objects.get(order_id=line.order_id))

    assert (left_in_wallet(member), credit_left(member)) == (0, 0)
    borne = {("dispute_loss", spent, "sales")} if spent else set()
    assert moved() == {("dispute", PRICE, "disputes"), ("dispute_loss", PRICE - spent, to)} | borne
    assert told(member).count("payment.taken_back") == 1


@pytest.mark.parametrize("spent", [0, 4_000])
def test_a_top_up_is_taken_out_of_the_wallet_and_never_below_zero(spent):
    member = make_member()
    payment = make_top_up(member, PRICE)
    if spent:
        make_booking(make_session(price=spent), member)

    lose(payment)
    # Money that comes later is another payment's.
    make_top_up(member, 5_000)
    lose(payment)

    assert left_in_wallet(member) == 5_000
    payment.refresh_from_db()
    assert what_is_left(None, payment).whole == 0
    with pytest.raises(RuleError, match="nothing left"):
        give_refund(payment=payment, amount=1, to="method", by=make_admin())


def test_a_top_up_of_which_some_was_refunded_gives_no_more_than_the_rest():
    member, admin = make_member(), make_admin()
    payment = make_top_up(member, PRICE)
    make_top_up(member, 5_000)
    send_refund(give_refund(payment=payment, amount=3_000, to="method", by=admin))

    lose(payment)

    assert left_in_wallet(member) == 5_000
    assert ("dispute_loss", 3_000, "sales") in moved()


def test_a_top_up_of_which_a_refund_is_needless_gives_back_what_is_left_of_it():
    member, admin = make_member(), make_admin()
    payment = make_top_up(member, PRICE)
    waiting = give_refund(payment=payment, amount=4_000, to="method", by=admin)

    lose(payment, 4_000)

    waiting.refresh_from_db()
    assert (waiting.state, left_in_wallet(member)) == ("done", 6_000)
    payment.refresh_from_db()
    assert what_is_left(None, payment).whole == 6_000
    assert give_refund(payment=payment, amount=6_000, to="method", by=admin).state == "approved"
    assert left_in_wallet(member) == 0


def test_money_that_came_late_is_taken_out_of_its_credit():
    payment = make_late_money()

    lose(payment)

    assert is_warned_of(payment) == (False, True)
    assert (credit_left(payment.payer), what_is_left(None, Payment.objects.get()).whole) == (0, 0)
    assert moved() == {("dispute", PRICE, "disputes"), ("dispute_loss", PRICE, "credit")}


def test_while_it_is_open_and_when_it_is_won_nobody_loses_anything():
    coach = make_earning_coach()
    line, admin = make_bought(coach=coach), make_admin()
    payment = Payment.objects.get()

    apply_dispute(payment, said(OPEN))
    assert (earnings_left(coach), ledger_sum(Account.Kind.DISPUTES)) == (8_500, -PRICE)
    assert is_warned_of(payment) == (True, True)
    for _again in range(3):
        apply_dispute(payment, said(WON, is_back=True))
    assert is_warned_of(payment) == (False, False)

    assert (earnings_left(coach), ledger_sum(Account.Kind.DISPUTES)) == (8_500, 0)
    assert (Refund.objects.count(), Dispute.objects.get().lost) == (0, 0)
    assert told(admin).count("admin.dispute_won") == 1
    assert give_refund(line=line, amount=PRICE, to="wallet", by=admin).state == "done"


ANSWERS = [said(OPEN), said(LOST), said(LOST, is_back=True)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_in_any_order_it_ends_the_same_and_what_came_back_after_all_is_the_business_s(order):
    coach, admin = make_earning_coach(), make_admin()
    make_bought(coach=coach)

    for place in order * 2:
        apply_dispute(Payment.objects.get(), ANSWERS[place])

    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.taken, dispute.lost) == ("lost", 0, 0)
    assert ledger_sum(Account.Kind.DISPUTES) == 0
    # Whoever hears of all of it at once has nothing to take back.
    is_told = "admin.dispute_returned" in told(admin)
    assert earnings_left(coach) == (0 if is_told else 8_500)
    assert is_told == (order.index(1) < order.index(2))


def test_two_disputes_of_one_payment_take_no_more_than_it_was():
    coach = make_earning_coach()
    make_bought(coach=coach)
    payment = Payment.objects.get()

    lose(payment, 6_000)
    lose(payment, 5_000, reference="dp_2")

    assert (earnings_left(coach), Payment.objects.get().refunded) == (0, PRICE)
    assert ("dispute_loss", 1_000, "sales") in moved()


def test_what_it_says_in_another_currency_is_left_to_the_comparison():
    payment = make_top_up(make_member(), PRICE)
    outcome = DisputeOutcome("dp_1", LOST, PRICE, "EUR", (DisputeMovement("out", -PRICE, FEE, "USD"),))

    dispute = apply_dispute(payment, outcome)

    assert (dispute.state, dispute.taken, dispute.lost, moved()) == ("lost", 0, 0, set())


def test_cancelling_what_is_lost_gives_nothing_back():
    member = make_member()
    booking = book_session(make_session(), participant=member.participant, by=member, provider="sandbox",
                           source="4242424242424242")  # fmt: skip
    lose(Payment.objects.get())
    booking.refresh_from_db()
    assert booking.state == "confirmed"

    cancel_booking(booking, by=member)

    assert (credit_left(member), left_in_wallet(member), Refund.objects.count()) == (0, 0, 1)


@pytest.mark.parametrize("state", [RefundState.SUCCEEDED, RefundState.PENDING])
def test_what_a_provider_said_of_a_refund_before_the_bank_gave_it_back_changes_nothing(monkeypatch, state):
    line = make_bought()
    monkeypatch.setattr(Sandbox, "refund", lambda *_args, **_how: RefundOutcome(state, reference="re_1"))
    refund = send_refund(make_granted(line, 7_000))
    # Two webhooks at once ask about it, and one of them is slow to say what it heard.
    failed = RefundOutcome(RefundState.FAILED, reference="re_1", failure_code="charge_disputed")
    apply_refund_outcome(refund, failed, attempt=1)
    lose(Payment.objects.get())

    late = apply_refund_outcome(refund, failed, attempt=1)

    assert (late.state, late.reference) == ("done", None)
    with pytest.raises(RuleError, match="did not arrive"):
        give_refund_elsewhere(late, to="wallet", by=make_admin())
    assert left_in_wallet(buyer_of(line)) == 0


@pytest.mark.parametrize("to", ["credit", "wallet"])
@pytest.mark.parametrize("lost", [4_000, 1])
def test_what_a_bank_keeps_of_a_larger_refund_that_waits_is_taken_of_it_when_it_goes_another_way(monkeypatch, lost, to):
    line, admin = make_bought(), make_admin()
    monkeypatch.setattr(Sandbox, "refund", lambda *_args, **_how: RefundOutcome(RefundState.FAILED))
    refund = send_refund(make_granted(line))
    lose(Payment.objects.get(), lost)
    refund.refresh_from_db()
    assert (refund.state, refund.own) == ("failed", PRICE)

    for _again in range(2):
        give_refund_elsewhere(refund, to=to, by=admin)

    member = buyer_of(line)
    assert left_in_wallet(member) + credit_left(member) == PRICE - lost
    assert told(member).count("payment.taken_back") == 1
    # Nothing more of it is taken, should its provider say it again.
    lose(Payment.objects.get(), lost)
    assert left_in_wallet(member) + credit_left(member) == PRICE - lost


def test_of_a_top_up_whose_refund_waits_as_well_and_the_page_says_who_bore_it(monkeypatch):
    member, admin = make_member(), make_admin()
    payment = make_top_up(member, PRICE)
    monkeypatch.setattr(Sandbox, "refund", lambda *_args, **_how: RefundOutcome(RefundState.FAILED))
    refund = send_refund(give_refund(payment=payment, amount=PRICE, to="method", by=admin))
    lose(payment, 4_000)
    make_top_up(member, 5_000)
    assert [(one.borne, one.from_payer) for one in disputes_of(Payment.objects.get(pk=payment.pk))] == [(4_000, 0)]

    give_refund_elsewhere(refund, to="wallet", by=admin)

    assert left_in_wallet(member) == PRICE - 4_000 + 5_000
    [effect] = disputes_of(Payment.objects.get(pk=payment.pk))
    assert (effect.borne, effect.from_payer, effect.came_back) == (0, 4_000, 0)


@pytest.mark.parametrize("way", ["credit", "wallet", "top-up"])
def test_what_comes_back_of_what_was_bought_with_it_after_it_was_lost_is_taken(way):
    member, admin = make_member(), make_admin()
    if way == "top-up":
        payment = make_top_up(member, PRICE)
    else:
        line = make_bought(member=member)
        payment = Payment.objects.get()
        give_refund(line=line, amount=PRICE, to=way, by=admin)
    first, second = (make_booking(make_session(price=amount), member) for amount in (4_000, 6_000))
    lose(payment)
    make_top_up(member, 5_000)
    later = make_booking(make_session(price=1_000), member)

    for booking, left in [(first, 6_000), (second, 0), (later, 0)]:
        cancel_booking(booking, by=member)
        work()
        assert borne() == left

    # What they paid since, and what they bought with it, is theirs.
    assert (credit_left(member), left_in_wallet(member)) == (0, 5_000)
    assert told(member).count("payment.taken_back") == 2
    [effect] = disputes_of(Payment.objects.get(pk=payment.pk))
    assert (effect.from_payer, effect.borne, effect.came_back) == (PRICE, 0, 0)
    assert take_what_came_back(member) == 0


@pytest.mark.django_db(transaction=True)
def test_five_who_hear_of_it_at_once_take_it_once():
    coach = make_earning_coach()
    make_bought(coach=coach)
    payment = Payment.objects.get()

    found = outcomes(at_once([partial(lose, payment)] * 5))

    assert found == {"lost": 5}
    assert (earnings_left(coach), Refund.objects.count(), Dispute.objects.get().lost) == (0, 1, PRICE)
    assert moved() == {("dispute", PRICE, "disputes")}


def lose_known_at_once(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> tuple[int, int]:
    """Five hear that a dispute that is known is lost: what is taken from its payer's wallet, and what is in all."""
    payer = make_member()
    payment = make_top_up(payer, PRICE)
    make_top_up(payer, 4 * PRICE)
    apply_dispute(payment, said(OPEN))
    if not is_locked:
        monkeypatch.setattr(disputing, "lock_payments", Payment.objects.in_bulk)
        # Nobody writes anything before all of them have read what is lost.
        meet_before(monkeypatch, disputes, "post_transfers", 5)
    found = outcomes(at_once([partial(lose, payment)] * 5))
    assert found == {"lost": 5}
    taken = Transfer.objects.filter(kind=Transfer.Kind.DISPUTE_LOSS).values_list("amount", flat=True)
    return 5 * PRICE - left_in_wallet(payer), sum(taken)


@pytest.mark.django_db(transaction=True)
def test_five_who_hear_at_once_that_a_known_one_is_lost_take_it_once(monkeypatch):
    assert lose_known_at_once(monkeypatch, is_locked=True) == (PRICE, PRICE)


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_payments_row_it_is_taken_again(monkeypatch):
    assert lose_known_at_once(monkeypatch, is_locked=False) == (PRICE, 5 * PRICE)


@pytest.mark.parametrize("to", ["credit", "wallet"])
def test_what_was_only_set_aside_when_it_was_lost_is_taken_as_well_once_it_is_let_go(to):
    line = make_bought()
    member = buyer_of(line)
    give_refund(line=line, amount=PRICE, to=to, by=make_admin())
    held = make_booking(make_session(price=PRICE + 1_000), member, card=NEEDS_CONFIRMATION)
    lose(Payment.objects.get(order_id=line.order_id))
    cancel_booking(held, by=member)
    assert credit_left(member) + left_in_wallet(member) == PRICE

    assert [take_all_that_came_back() for _again in range(2)] == [1, 0]

    assert (credit_left(member), left_in_wallet(member)) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_what_comes_back_is_taken_once_by_whoever_looks_at_the_same_moment():
    line = make_bought()
    member = buyer_of(line)
    give_refund(line=line, amount=PRICE, to="credit", by=make_admin())
    booking = make_booking(make_session(price=4_000), member)
    make_booking(make_session(price=6_000), member)
    lose(Payment.objects.get())
    cancel_booking(booking, by=member)

    assert outcomes(at_once([partial(take_what_came_back, member)] * 3)) == {"4000": 1, "0": 2}

    assert (credit_left(member), borne()) == (0, 6_000)


def unlocked(ids: Sequence[UUID]) -> dict[UUID, Line]:
    return {line.pk: line for line in Line.objects.select_related("order").filter(pk__in=ids)}


def lose_and_refund(monkeypatch: pytest.MonkeyPatch, *, is_locked: bool) -> int:
    """A bank keeps what an admin gives back to the wallet at the same moment; what the buyer has here afterwards."""
    line, admin = make_bought(), make_admin()
    payment = Payment.objects.get()
    if not is_locked:
        monkeypatch.setattr(disputing, "lock_lines", unlocked)
        meet_after(monkeypatch, disputing, "lock_lines", 2)
        # One barrier for both.
        monkeypatch.setattr(refunding, "lock_lines", vars(disputing)["lock_lines"])
    at_once([partial(lose, payment), partial(give_refund, line=line, amount=PRICE, to="wallet", by=admin)])
    return left_in_wallet(buyer_of(line))


@pytest.mark.django_db(transaction=True)
def test_a_refund_at_the_same_moment_gives_nothing_twice(monkeypatch):
    assert lose_and_refund(monkeypatch, is_locked=True) == 0


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lines_row_it_goes_back_twice(monkeypatch):
    assert lose_and_refund(monkeypatch, is_locked=False) == PRICE


def test_admins_list_disputes_by_api_and_nobody_else():
    one, other = make_top_up(make_member(), PRICE), make_top_up(make_member(), PRICE)
    lose(one)
    apply_dispute(other, said(OPEN, reference="dp_2"))
    admin = signed_in(make_admin())

    def listed(query: str = "") -> list[tuple[str, int, int]]:
        found = admin.get(f"/api/v1/disputes{query}").json()["items"]
        return [(row["state"], row["taken"], row["lost"]) for row in found]

    assert listed() == [("open", PRICE, 0), ("lost", PRICE, PRICE)]
    assert listed("?state=lost") == listed(f"?payment_id={one.pk}") == [("lost", PRICE, PRICE)]
    assert signed_in(one.payer).get("/api/v1/disputes").status_code == 403


def test_the_payments_page_says_who_bore_it_and_the_refunds_page_that_the_bank_took_it():
    admin = make_admin()
    line = make_bought(coach=make_earning_coach())
    give_refund(line=line, amount=6_000, to="wallet", by=admin)
    make_booking(make_session(price=2_500), buyer_of(line))
    payment = Payment.objects.get(order_id=line.order_id)
    lose(payment)

    page = " ".join(signed_in(admin).get(f"/money/payments/{payment.pk}/").content.decode().split())
    refund = Refund.objects.get(origin="dispute")
    review = signed_in(admin).get(f"/money/refunds/{refund.pk}/").content.decode()
    wallet = signed_in(buyer_of(line)).get("/me/money/wallet/").content.decode()

    assert "Lost. What was bought stays" in page
    for name, amount in [("Counted as refunds", "40"), ("From their wallet", "35"), ("Borne by the", "25")]:
        assert f"€{amount}.00" in page.partition(name)[2][:200]
    assert "Nobody asked here: the bank took it back." in review
    assert f"Kept by the bank: {payment.description}" in wallet
