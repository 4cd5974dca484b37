import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout import jobs
from tenpo.checkout.actions.buying import book_session, take_offer
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.settling import (
    apply_outcome,
    decide_sandbox_charge,
    mark_all_paid,
    mark_paid,
    receive_event,
    reconcile_payments,
)
from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import credit_left, ledger_sum, make_credit
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import BadSignature, Outcome, ProviderTimeout
from tenpo.payments.providers.sandbox import (
    DECLINED,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
    SUCCEEDS_LATE,
    TEST_CARDS,
    signature,
)
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere, release_lapsed_of
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import WEEK, make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def only_payment() -> Payment:
    return Payment.objects.get()


def refuses(code: str, action, *args, **wanted) -> None:
    with pytest.raises(RuleError) as refusal:
        action(*args, **wanted)
    assert refusal.value.code == code


def test_the_fee_is_posted_with_the_payment():
    make_booking(make_session(price=10_000), make_member())

    assert only_payment().fee == 175
    assert ledger_sum(Account.Kind.FEES) == -175
    assert ledger_sum(Account.Kind.PROVIDER, "sandbox") == -10_000 + 175


def test_a_card_whose_answer_gets_lost_ends_as_paid():
    member, session = make_member(), make_session()
    held = make_booking(session, member, card=NEVER_ANSWERS)
    assert only_payment().state == Payment.State.UNKNOWN
    assert reconcile_payments() == 0  # not yet a minute old

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        jobs.reconcile_payments(timestamp=0)

    held.refresh_from_db()
    assert (held.state, only_payment().state) == (Booking.State.CONFIRMED, Payment.State.SUCCEEDED)
    assert reconcile_payments() == 0


def test_a_payment_that_never_reached_the_provider_fails():
    held = make_booking(make_session(), make_member(), card=DECLINED)
    lost = Payment.objects.create(
        payer=held.booked_by, order_id=held.line.order_id, provider="sandbox", amount=1, currency="EUR", description="x"
    )

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert reconcile_payments() == 1

    lost.refresh_from_db()
    assert (lost.state, lost.failure_code) == (Payment.State.FAILED, "never_started")


def test_money_whose_answer_was_never_kept_becomes_credit_when_its_booking_is_cancelled(monkeypatch):
    session = make_session(price=2_000)
    buyer = make_member()
    charge = provider_of("sandbox").start

    def die_after_the_charge(payment: Payment, source: str, **options: bool) -> Outcome:
        charge(payment, source, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(provider_of("sandbox"), "start", die_after_the_charge)
    with pytest.raises(KeyboardInterrupt):
        book_session(session, participant=buyer.participant, by=buyer, provider="sandbox", source=SUCCEEDS)
    cancel_booking(Booking.objects.get(), by=buyer)
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    reconcile_payments()

    payment = only_payment()
    assert (payment.state, payment.order_id) == (Payment.State.SUCCEEDED, None)
    assert credit_left(buyer) == 2_000


def test_one_that_waits_at_the_bank_beyond_the_hold_is_given_up_there_too():
    make_booking(make_session(), make_member(), card=NEEDS_CONFIRMATION)

    with time_machine.travel(timezone.now() + timedelta(minutes=current_business().hold_minutes + 1), tick=False):
        reconcile_payments()

    assert only_payment().state == Payment.State.CANCELLED
    assert SandboxCharge.objects.get().state == "cancelled"
    assert not decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)


def test_one_payment_that_cannot_be_settled_does_not_keep_the_others(monkeypatch):
    for _ in range(2):
        make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    first = Payment.objects.order_by("id")[0]
    SandboxCharge.objects.update(state="succeeded")
    sandbox = provider_of("sandbox")
    retrieve = sandbox.retrieve

    def broken(payment):
        if payment == first:
            raise RuntimeError("odd answer")
        return retrieve(payment)

    monkeypatch.setattr(sandbox, "retrieve", broken)
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert reconcile_payments() == 1

    assert sorted(Payment.objects.values_list("state", flat=True)) == ["pending", "succeeded"]


def test_manual_payments_do_not_stand_in_the_way_of_others():
    coach = make_coach()
    for number in range(3):
        make_manual(coach, number)
    make_booking(make_session(), make_member(), card=NEVER_ANSWERS)

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert reconcile_payments(limit=1) == 1


def test_a_provider_that_does_not_answer_is_asked_again(monkeypatch):
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)

    def silent(payment):
        raise ProviderTimeout

    monkeypatch.setattr(provider_of("sandbox"), "retrieve", silent)
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert reconcile_payments() == 0
    assert only_payment().state == Payment.State.PENDING


@pytest.mark.parametrize("first", [Payment.State.SUCCEEDED, Payment.State.FAILED])
def test_what_is_final_stays(first):
    make_booking(make_session(), make_member(), card=SUCCEEDS if first == "succeeded" else DECLINED)
    payment = only_payment()
    records = AuditLog.objects.count()

    for state in (Payment.State.PENDING, Payment.State.FAILED, Payment.State.CANCELLED, Payment.State.UNKNOWN):
        apply_outcome(payment, Outcome(state, reference=payment.reference))

    assert only_payment().state == first
    assert AuditLog.objects.count() == records


@pytest.mark.invariants(but={"sandbox-took-what-a-payment-says"})  # said in the sandbox's name
def test_a_declined_charge_that_succeeds_after_all_buys_the_seat_that_still_waits():
    held = make_booking(make_session(), make_member(), card=DECLINED)

    apply_outcome(only_payment(), Outcome(Payment.State.SUCCEEDED, reference=only_payment().reference))

    held.refresh_from_db()
    assert held.state == Booking.State.CONFIRMED
    assert credit_left(held.booked_by) == 0


@pytest.mark.invariants(but={"sandbox-took-what-a-payment-says"})  # said in the sandbox's name
def test_an_old_view_of_a_payment_changes_nothing_twice():
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    old = only_payment()
    apply_outcome(only_payment(), Outcome(Payment.State.SUCCEEDED, reference=old.reference))

    seen = apply_outcome(old, Outcome(Payment.State.FAILED, reference=old.reference))

    assert seen.state == Payment.State.SUCCEEDED
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == 1


def test_marking_is_for_admins_and_manual_payments():
    held = make_manual(make_coach())
    payment = only_payment()

    for person in (held.booked_by, held.session.coach):
        with pytest.raises(PermissionDenied):
            mark_paid(payment, by=person)
        with pytest.raises(PermissionDenied):
            mark_all_paid([payment.pk], by=person)
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    refuses("not_manual", mark_paid, Payment.objects.get(provider="sandbox"), by=make_admin())
    assert not Transfer.objects.exists()
    assert mark_all_paid([uuid4()], by=make_admin()) == (0, 0)


def test_marking_twice_changes_nothing():
    make_manual(make_coach())
    first, second = make_admin(), make_admin()

    mark_paid(only_payment(), by=first)
    mark_paid(only_payment(), by=second)

    assert only_payment().marked_by == first
    assert OutboxMessage.objects.filter(name="booking.confirmed").count() == 1


def test_a_transfer_that_comes_after_the_seat_was_let_go_is_credit():
    held = make_manual(make_coach())
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        assert release_lapsed_everywhere() == 1
        assert only_payment().state == Payment.State.CANCELLED

        mark_paid(only_payment(), by=make_admin())

    assert credit_left(held.booked_by) == 10_000
    assert only_payment().order_id is None


def test_a_card_in_place_of_a_transfer():
    held = make_manual(make_coach())

    paid = pay_booking(held, by=held.booked_by, provider="sandbox", source=SUCCEEDS)

    assert paid.state == Booking.State.CONFIRMED
    assert sorted(Payment.objects.values_list("provider", "state")) == [
        ("sandbox", "succeeded"),
        ("transfer", "cancelled"),
    ]


def test_refusals_of_another_try():
    member = make_member()
    held = make_booking(make_session(), member, card=SUCCEEDS_LATE)
    before = Payment.objects.count()

    refuses("payment_under_way", pay_booking, held, by=member, provider="sandbox", source=SUCCEEDS)
    with pytest.raises(PermissionDenied):
        pay_booking(held, by=make_member(), provider="sandbox", source=SUCCEEDS)
    declined = make_booking(make_session(), member, card=DECLINED)
    refuses("payment_needed", pay_booking, declined, by=member, provider="gold", source=SUCCEEDS)
    Booking.objects.filter(pk=declined.pk).update(held_until=timezone.now())
    refuses("not_held", pay_booking, declined, by=member, provider="sandbox", source=SUCCEEDS)
    assert Payment.objects.count() == before + 1


def test_a_card_that_is_tried_again_does_not_keep_the_seat_longer():
    member = make_member()
    held = make_booking(make_session(), member, card=DECLINED)

    again = pay_booking(held, by=member, provider="sandbox", source=DECLINED)
    by_hand = pay_booking(held, by=member, provider="payroll")

    assert again.held_until == held.held_until
    assert by_hand.held_until
    assert held.held_until
    assert by_hand.held_until > held.held_until


def test_a_hold_that_ran_out_does_not_keep_its_owner_from_booking_again():
    member, session = make_member(), make_session()
    held = make_booking(session, member, card=DECLINED)
    assert held.held_until

    with time_machine.travel(held.held_until + timedelta(seconds=1), tick=False):
        refuses("not_held", pay_booking, held, by=member, provider="sandbox", source=SUCCEEDS)
        again = make_booking(session, member)

    held.refresh_from_db()
    assert (held.state, held.ending) == (Booking.State.CANCELLED, Booking.Ending.EXPIRED)
    assert again.state == Booking.State.CONFIRMED


def test_a_transfer_that_is_chosen_again_and_again_does_not_keep_the_seat_longer():
    member, session = make_member(), make_session(starts_in=timedelta(days=60))
    held = book_session(session, participant=member.participant, by=member, provider="transfer")
    assert held.held_until
    with time_machine.travel(held.held_until - timedelta(hours=1), tick=False):
        again = pay_booking(held, by=member, provider="payroll")
        card = pay_booking(again, by=member, provider="sandbox", source=DECLINED)
        last = pay_booking(card, by=member, provider="transfer")

    assert last.held_until == card.held_until == again.held_until == held.held_until


def test_an_unknown_card_is_declined_and_not_kept():
    make_booking(make_session(), make_member(), card="5555 5555 5555 4444")

    assert only_payment().failure_code == "unknown_card"
    assert SandboxCharge.objects.get().card == "4444"
    assert only_payment().method == "Card •••• 4444"


@pytest.mark.parametrize("card", TEST_CARDS)
def test_starting_twice_charges_once(card):
    make_booking(make_session(), make_member(), card=card)
    payment = only_payment()

    again = provider_of("sandbox").start(payment, card)

    assert SandboxCharge.objects.count() == 1
    assert again.reference == str(SandboxCharge.objects.get().pk)


def test_an_event_that_cannot_be_read_is_refused():
    now = str(int(time.time()))
    for body in (b"not json", b"[]", b"{}", b"null"):
        headers = {"webhook-id": "e", "webhook-timestamp": now, "webhook-signature": signature("e", now, body)}
        with pytest.raises(BadSignature):
            receive_event("sandbox", headers, body)
    for provider in ("payroll", "transfer"):
        with pytest.raises(BadSignature):
            receive_event(provider, {}, b"{}")


def test_the_late_job_settles_and_nothing_the_second_time():
    held = make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    charge = str(SandboxCharge.objects.get().pk)

    jobs.succeed_late(charge)
    jobs.succeed_late(charge)
    jobs.succeed_late(str(uuid4()))
    jobs.forget_old_idempotency_keys(timestamp=0)

    held.refresh_from_db()
    assert held.state == Booking.State.CONFIRMED


def test_refusals_of_booking_move_nothing():
    member = make_member()
    make_credit(member, 500)
    over = make_session(starts_in=timedelta(minutes=-1))
    off = make_session()
    cancel_session(off, reason="", by=off.coach)
    session = make_session()
    make_booking(session, member)
    transfers = Transfer.objects.count()
    cases: list[tuple[str, Session, dict[str, Any]]] = [
        ("started", over, {}),
        ("not_planned", off, {}),
        ("already_booked", session, {"provider": "sandbox"}),
        ("payment_needed", make_session(), {"provider": ""}),
        ("price_changed", make_session(), {"provider": "sandbox", "agreed": 3}),
    ]
    for code, wanted, more in cases:
        refuses(code, book_session, wanted, participant=member.participant, by=member, **more)
    with pytest.raises(PermissionDenied):
        book_session(make_session(), participant=member.participant, by=make_member())
    assert Transfer.objects.count() == transfers
    assert Booking.objects.count() == 1


def test_an_offer_is_for_whom_it_is_made_and_while_it_holds():
    first, second = make_member(), make_member()
    session = make_session(capacity=1, price=0)
    taken = make_booking(session, first)
    line = join_waitlist(session, participant=second.participant, by=second)
    refuses("offer_over", take_offer, line, by=second)
    cancel_booking(taken, by=first)

    with pytest.raises(PermissionDenied):
        take_offer(line, by=first)
    with time_machine.travel(timezone.now() + timedelta(hours=13), tick=False):
        refuses("offer_over", take_offer, line, by=second)
        release_lapsed_of(session.pk)
    line.refresh_from_db()
    assert (line.state, line.ending) == (Booking.State.CANCELLED, Booking.Ending.OFFER_LAPSED)
    assert Session.objects.get(pk=session.pk).seats_taken == 0


def test_refusals_of_the_waitlist():
    member = make_member()
    session = make_session(capacity=1, starts_in=WEEK)
    refuses("not_full", join_waitlist, session, participant=member.participant, by=member)
    make_booking(session, make_member())
    join_waitlist(session, participant=member.participant, by=member)

    refuses("already_booked", join_waitlist, session, participant=member.participant, by=member)
    with pytest.raises(PermissionDenied):
        join_waitlist(session, participant=make_member().participant, by=member)
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        other = make_member()
        refuses("started", join_waitlist, session, participant=other.participant, by=other)


@pytest.mark.parametrize(("hours", "back"), [(49, 10_000), (30, 5_000), (2, 0)])
def test_cancelling_gives_back_by_the_windows(hours, back):
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(hours=hours)), member)

    cancel_booking(booking, by=member)

    assert credit_left(member) == back


def test_the_last_moment_of_a_window_counts():
    member = make_member()
    start = timezone.now() + timedelta(days=5)
    booking = make_booking(make_session(starts_at=start), member)

    with time_machine.travel(start - timedelta(hours=24), tick=False):
        cancel_booking(booking, by=member)

    assert credit_left(member) == 5_000


@pytest.mark.parametrize("who", ["coach", "admin"])
def test_the_host_gives_everything_back_however_late(who):
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(minutes=5)), member)

    cancel_booking(booking, by=booking.session.coach if who == "coach" else make_admin())

    assert credit_left(member) == 10_000
    booking.refresh_from_db()
    assert booking.ending == Booking.Ending.BY_HOST


def test_refusals_of_cancelling():
    member = make_member()
    booking = make_booking(make_session(starts_in=timedelta(hours=1)), member)

    for stranger in (make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            cancel_booking(booking, by=stranger)
        with pytest.raises(PermissionDenied):
            cancel_session(booking.session, reason="", by=stranger)
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        refuses("started", cancel_booking, booking, by=member)
    assert Booking.objects.get().state == Booking.State.CONFIRMED
    assert credit_left(member) == 0


def test_credit_that_lapsed_meanwhile_comes_back_as_a_new_one():
    member = make_member()
    old = make_credit(member, 4_000, expires_in_days=2)
    booking = make_booking(make_session(price=4_000, starts_in=timedelta(days=20)), member)

    with time_machine.travel(timezone.now() + timedelta(days=5), tick=False):
        cancel_booking(booking, by=member)

    new = Account.objects.credits_of(member).get(balance__gt=0)
    assert (new.balance, new.source_id) == (4_000, old.source_id)
    assert new.expires_at
    assert new.expires_at > timezone.now() + timedelta(days=365)
