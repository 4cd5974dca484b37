"""Many people at the same moment. Each guard is shown to matter by a control that takes it away."""

from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.utils import timezone

from tenpo.checkout.actions import buying
from tenpo.checkout.actions.buying import book_session, take_offer
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.settling import apply_outcome, decide_sandbox_charge, mark_paid, receive_event
from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.core.invariants import find_faults
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import credit_left, ledger_sum, make_credit, make_share_policy
from tenpo.payments.models import Payment, ProviderEvent, SandboxCharge
from tenpo.payments.providers.base import Outcome
from tenpo.payments.providers.sandbox import (
    DECLINED,
    NEEDS_CONFIRMATION,
    SUCCEEDS,
    SUCCEEDS_LATE,
    decide_charge,
    signed_event,
)
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import cancellations, seats
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, meet_after, outcomes, without_constraint

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.invariants,
    pytest.mark.usefixtures("takes_transfers"),
]

BUYERS, SEATS = 12, 3


def booking(session: Session, member: User, **wanted: Any) -> Any:
    """Books when called."""
    return partial(book_session, session, participant=member.participant, by=member, **wanted)


def test_many_buyers_for_few_seats():
    session = make_session(price=0, capacity=SEATS)
    members = [make_member() for _ in range(BUYERS)]

    found = outcomes(at_once([booking(session, member) for member in members]))

    assert found == {"confirmed": SEATS, "full": BUYERS - SEATS}


@pytest.mark.control
def test_many_buyers_control(monkeypatch):
    """Without the condition and the constraint, everybody gets a seat that is not there."""
    monkeypatch.setattr(seats, "_TAKE_SEATS", seats._TAKE_SEATS.replace("s.seats_taken + %s <= s.capacity", "%s > 0"))
    session = make_session(price=0, capacity=SEATS)
    members = [make_member() for _ in range(BUYERS)]

    with without_constraint("schedule_session", "session_seats_within_capacity"):
        found = outcomes(at_once([booking(session, member) for member in members]))

    assert found == {"confirmed": BUYERS}
    assert "session-has-no-more-people-than-seats" in {finding.name for finding in find_faults()}


def test_the_constraint_alone_refuses_too(monkeypatch):
    monkeypatch.setattr(seats, "_TAKE_SEATS", seats._TAKE_SEATS.replace("s.seats_taken + %s <= s.capacity", "%s > 0"))
    session = make_session(price=0, capacity=SEATS)
    members = [make_member() for _ in range(BUYERS)]

    found = outcomes(at_once([booking(session, member) for member in members]))

    assert found == {"confirmed": SEATS, "IntegrityError": BUYERS - SEATS}


def test_one_credit_is_spent_once():
    member = make_member()
    make_credit(member, 4_000)
    sessions = [make_session(price=4_000) for _ in range(6)]

    found = outcomes(at_once([booking(session, member, agreed=0) for session in sessions]))

    assert found == {"confirmed": 1, "price_changed": 5}
    assert credit_left(member) == 0


def test_whoever_agreed_to_nothing_pays_the_rest():
    member = make_member()
    make_credit(member, 4_000)
    sessions = [make_session(price=4_000) for _ in range(4)]

    at_once([booking(session, member, provider="sandbox", source=SUCCEEDS) for session in sessions])

    assert Booking.objects.filter(state="confirmed").count() == 4
    assert sum(Payment.objects.filter(order_id__isnull=False).values_list("amount", flat=True)) == 12_000


@pytest.mark.control
def test_one_credit_control(monkeypatch):
    """Without the constraint on the balance, one credit pays for everything."""
    meet_after(monkeypatch, buying, "quotes", 6)
    admin = make_admin()
    make_credit(admin, 4_000)
    places = [(make_session(price=4_000), make_member().participant) for _ in range(6)]

    # For six people: what one takes part in is written one after the other anyway.
    with without_constraint("ledger_account", "account_never_below_zero"):
        found = outcomes(
            at_once([partial(book_session, place, participant=one, by=admin, agreed=0) for place, one in places])
        )

    assert found == {"confirmed": 6}
    assert credit_left(admin) == -20_000


def test_a_double_click_books_and_pays_once():
    member, session = make_member(), make_session()

    found = outcomes(at_once([booking(session, member, provider="sandbox", source=SUCCEEDS)] * 4))

    assert found == {"confirmed": 1, "already_booked": 3}
    assert Payment.objects.count() == 1


def test_a_double_click_on_another_card_pays_once():
    member, session = make_member(), make_session()
    held = make_booking(session, member, card=DECLINED)

    found = outcomes(at_once([partial(pay_booking, held, by=member, provider="sandbox", source=SUCCEEDS)] * 4))

    assert found["confirmed"] == 1
    assert Payment.objects.filter(state="succeeded").count() == 1
    assert credit_left(member) == 0


def test_a_seat_that_is_given_up_while_others_book():
    for _round in range(4):
        session = make_session(capacity=1)
        taken = make_booking(session, make_member())
        others = [make_member() for _ in range(5)]

        at_once(
            [
                partial(cancel_booking, taken, by=taken.booked_by),
                *(booking(session, member, provider="sandbox", source=SUCCEEDS) for member in others),
            ]
        )

        assert Booking.objects.filter(session=session).seated().count() <= 1
        assert credit_left(taken.booked_by) == 10_000
        assert find_faults() == []


def test_an_offer_taken_as_it_ends():
    for milliseconds in (0, 5, 15, 40):
        session = make_session(capacity=1, price=0)
        first, second, third = make_member(), make_member(), make_member()
        taken = make_booking(session, first)
        offered = join_waitlist(session, participant=second.participant, by=second)
        join_waitlist(session, participant=third.participant, by=third)
        cancel_booking(taken, by=first)
        ends = timezone.now() + timedelta(milliseconds=milliseconds)
        Booking.objects.filter(pk=offered.pk).update(held_until=ends)

        at_once([partial(take_offer, offered, by=second), partial(release_lapsed_of, session.pk)] * 2)
        release_lapsed_of(session.pk)

        states = [Booking.objects.get(session=session, booked_by=person).state for person in (second, third)]
        assert states in (["confirmed", "waitlisted"], ["cancelled", "offered"])
        assert find_faults() == []


def test_cancelling_many_times_gives_back_once():
    member, session = make_member(), make_session()
    mine = make_booking(session, member)

    found = outcomes(at_once([partial(cancel_booking, mine, by=member)] * 8))

    assert found == {"cancelled": 8}
    assert credit_left(member) == 10_000
    assert OutboxMessage.objects.filter(name="booking.cancelled").count() == 1


@pytest.mark.control
def test_cancelling_many_times_control(monkeypatch):
    """Without the locks, only the keys of the ledger stand between one credit and many."""
    monkeypatch.setattr(cancellations, "lock_users", lambda *users: None)
    monkeypatch.setattr(cancellations, "lock_sessions_of", lambda one: Session.objects.in_bulk([one.session_id]))
    all_have_read = Barrier(8, timeout=10)

    def unlocked(booking: Booking) -> list[Booking]:
        read = Booking.objects.select_related("line__order", "booked_by").get(pk=booking.pk)
        all_have_read.wait()
        return [read]

    monkeypatch.setattr(cancellations, "lock_order_of", unlocked)
    member, session = make_member(), make_session()
    mine = make_booking(session, member)

    found = outcomes(at_once([partial(cancel_booking, mine, by=member)] * 8))

    assert found["cancelled"] < 8
    assert credit_left(member) == 10_000


@pytest.mark.invariants(but={"sandbox-took-what-a-payment-says"})  # said in the sandbox's name
def test_one_payment_settled_many_times():
    member, session = make_member(), make_session()
    make_booking(session, member, card=SUCCEEDS_LATE)
    payment = Payment.objects.get()

    at_once(
        [partial(apply_outcome, payment, Outcome(Payment.State.SUCCEEDED, reference=payment.reference, fee=10))] * 8
    )

    assert Booking.objects.get().state == Booking.State.CONFIRMED
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == 1
    assert OutboxMessage.objects.filter(name="booking.confirmed").count() == 1
    assert credit_left(member) == 0


def test_one_transfer_marked_by_many_admins():
    held = make_manual(make_coach())
    payment = Payment.objects.get()
    admins = [make_admin() for _ in range(6)]

    found = outcomes(at_once([partial(mark_paid, payment, by=admin) for admin in admins]))

    assert found == {"succeeded": 6}
    assert Booking.objects.get(pk=held.pk).state == Booking.State.CONFIRMED
    assert credit_left(held.booked_by) == 0


def test_a_webhook_that_comes_many_times_at_once():
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    charge = decide_charge(SandboxCharge.objects.get().pk, succeeds=True)
    assert charge
    headers, body = signed_event(charge)

    results = at_once([partial(receive_event, "sandbox", headers, body)] * 6)

    assert not [result for result in results if isinstance(result, Exception)]
    assert ProviderEvent.objects.count() == 1
    assert Booking.objects.get().state == Booking.State.CONFIRMED


def test_another_try_while_the_first_succeeds_late():
    for _round in range(4):
        member, session = make_member(), make_session()
        held = make_booking(session, member, card=NEEDS_CONFIRMATION)
        charge = SandboxCharge.objects.latest("id")

        at_once(
            [
                partial(decide_sandbox_charge, charge.pk, succeeds=True),
                partial(pay_booking, held, by=member, provider="sandbox", source=SUCCEEDS),
            ]
        )

        held.refresh_from_db()
        paid = Payment.objects.filter(payer=member, state="succeeded")
        assert held.state == Booking.State.CONFIRMED
        # Whatever was paid twice is credit; nothing is lost.
        assert sum(p.amount for p in paid) == 10_000 + credit_left(member)
        assert find_faults() == []


def test_a_session_called_off_while_people_book():
    make_share_policy(percent=40)
    for _round in range(3):
        session = make_session(capacity=10)
        members = [make_member() for _ in range(8)]
        for member in members[:3]:
            make_booking(session, member)

        at_once(
            [
                partial(cancel_session, session, reason="Ill", by=session.coach),
                *(booking(session, member, provider="sandbox", source=SUCCEEDS) for member in members[3:]),
            ]
        )

        assert not Booking.objects.filter(session=session).live().exists()
        paid = Payment.objects.filter(payer__in=members, state="succeeded")
        assert sum(p.amount for p in paid) == sum(credit_left(member) for member in members)
        assert find_faults() == []
    assert ledger_sum(Account.Kind.COMPANY) == 0


def test_two_sessions_called_off_do_not_wait_for_each_other():
    """The same people's credit pays for both, in another order each time."""
    for _round in range(4):
        members = [make_member() for _ in range(6)]
        for member in members:
            make_credit(member, 2_000)
        one, two = make_session(price=1_000), make_session(price=1_000)
        for member in members:
            make_booking(one, member)
        for member in reversed(members):
            make_booking(two, member)

        results = at_once([partial(cancel_session, s, reason="Ill", by=s.coach) for s in (one, two)])

        assert not [result for result in results if isinstance(result, Exception)]
        assert [credit_left(member) for member in members] == [2_000] * 6
        assert find_faults() == []


def test_a_late_payment_after_the_hold_ended_is_credit_in_full():
    member, session = make_member(), make_session(capacity=1, price=3_000)
    held = make_booking(session, member, card=SUCCEEDS_LATE)
    Booking.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    other = make_booking(session, make_member())

    decide_sandbox_charge(SandboxCharge.objects.order_by("id")[0].pk, succeeds=True)

    held.refresh_from_db()
    assert (held.state, held.ending) == (Booking.State.CANCELLED, Booking.Ending.EXPIRED)
    assert other.state == Booking.State.CONFIRMED
    assert credit_left(member) == 3_000
    payment = Payment.objects.get(payer=member)
    assert (payment.state, payment.order_id) == (Payment.State.SUCCEEDED, None)
    assert Account.objects.credits_of(member).get().source_id == payment.pk
    assert OutboxMessage.objects.filter(name="payment.came_late").count() == 1
