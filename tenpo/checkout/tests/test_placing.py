"""Staff books for somebody: who may for whom, who pays, and what is kept for how long."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from tenpo.access.actions.accounts import disable_user
from tenpo.access.actions.idempotency import Call
from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import take_offer
from tenpo.checkout.actions.placing import Terms, place_in_session, place_in_slot
from tenpo.checkout.tests.make import make_booking, make_top_up, told
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, everything, lapse, make_client_of, working_coach
from tenpo.core.errors import RuleError
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.core.tokens import new_id
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import Role, User
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.waitlist import join_waitlist, join_waitlist_together
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, outcomes
from tests.migrations import sql_of

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
KEPT = Terms()
NOW = Terms(is_offer=False, provider="payroll")


@pytest.fixture
def coach() -> User:
    return working_coach()


def seat(session: Session, member: User, by: User, terms: Terms = KEPT) -> Booking:
    return place_in_session(session, participant=member.participant, by=by, terms=terms)


def slot(coach: User, member: User, by: User, terms: Terms = KEPT, **wanted: Any) -> Booking:
    service = wanted.pop("service", None) or make_service(coach)
    values = {"starts_at": NINE, "minutes": 60, **wanted}
    return place_in_slot(service, participant=member.participant, by=by, terms=terms, **values)


def refusal(code: str, work: Any) -> None:
    """It is refused by the rule of this code, and nothing moved."""
    before = everything()
    with pytest.raises(RuleError) as refused:
        work()
    assert (refused.value.code, everything()) == (code, before)


def test_a_coach_keeps_a_seat_for_a_client_who_pays_for_it(coach):
    member, session = make_client_of(coach), make_session(coach, price=4_000)

    placed = seat(session, member, coach)

    assert (placed.state, placed.booked_by, placed.line, Order.objects.filter(lines__price=4_000).count()) == (
        "offered", member, None, 0,
    )  # fmt: skip
    assert Session.objects.get(pk=session.pk).seats_taken == 1
    assert AuditLog.objects.get(action="booking.offered").actor_id == coach.pk
    taken = take_offer(placed, by=member, provider="sandbox", source=SUCCEEDS, agreed=4_000)
    assert (taken.state, taken.line.own_share) == ("confirmed", 4_000)


def test_whom_it_is_kept_for_is_told(coach):
    member = make_client_of(coach)

    placed = seat(make_session(coach, price=4_000), member, coach)

    assert told(member)[-1] == "booking.offered_by_host"
    news = Notification.objects.get(user=member, kind="booking.offered_by_host")
    assert say(news.kind, news.payload).path == f"/bookings/{placed.pk}/"


def test_a_coach_keeps_a_time_for_a_client_whatever_the_notice(coach):
    member = make_client_of(coach)
    service = make_service(coach, notice_minutes=60 * 24 * 30, needs_approval=True)

    placed = slot(coach, member, coach, service=service)

    assert (placed.state, placed.awaits_approval, placed.session.is_private) == ("offered", False, True)
    taken = take_offer(placed, by=member, provider="sandbox", source=SUCCEEDS, agreed=6_000)
    assert (taken.state, taken.session.status) == ("confirmed", "planned")


@pytest.mark.parametrize("hours", [24, 72, 168])
def test_it_is_kept_as_long_as_was_said_but_never_past_its_start(coach, hours):
    member, session = make_client_of(coach), make_session(coach, starts_in=timedelta(hours=100))

    placed = seat(session, member, coach, Terms(hours=hours))

    expected = min(timezone.now() + timedelta(hours=hours), session.starts_at)
    assert placed.held_until
    assert abs(placed.held_until - expected) < timedelta(minutes=1)


def test_what_nobody_takes_is_free_again(coach):
    member = make_client_of(coach)
    service = make_service(coach)
    session = make_session(coach, capacity=1)
    kept, time = seat(session, member, coach), slot(coach, member, coach, service=service)
    waiting = join_waitlist(session, participant=make_member().participant, by=make_admin())
    for one in (kept, time):
        lapse(one)

    release_lapsed_everywhere()

    waiting.refresh_from_db()
    assert (waiting.state, Session.objects.get(pk=time.session_id).status) == ("offered", "cancelled")
    assert book(service, make_member()).state == "confirmed"


def test_a_coach_spends_nothing_of_theirs_and_learns_nothing_of_it(coach):
    member, session = make_client_of(coach), make_session(coach, price=4_000)
    make_credit(member, 4_000)
    make_top_up(member, 5_000)

    placed = seat(session, member, coach)

    assert (placed.state, credit_left(member)) == ("offered", 4_000)


def test_nobody_earns_by_booking_what_the_company_pays(coach):
    make_share_policy(percent=100)
    member = make_client_of(coach)

    assert seat(make_session(coach, price=4_000), member, coach).state == "offered"
    later, free = (make_session(coach, price=price, starts_in=timedelta(days=9 + price)) for price in (4, 0))
    assert seat(later, member, make_admin()).state == "confirmed"
    assert seat(free, member, coach).state == "confirmed"


def test_an_admin_books_in_their_name_and_marks_what_came(coach):
    admin, member, session = make_admin(), make_member(), make_session(coach, price=4_000)

    placed = seat(session, member, admin, Terms(is_offer=False, provider="payroll", is_paid=True, agreed=4_000))

    assert (placed.state, placed.booked_by, placed.line.order.buyer) == ("confirmed", member, member)
    payment = Payment.objects.get(order_id=placed.line.order_id)
    assert (payment.payer, payment.state, payment.provider) == (member, "succeeded", "payroll")
    assert AuditLog.objects.get(action="booking.held").actor_id == admin.pk


def test_an_admin_books_and_the_money_is_still_to_come(coach):
    placed = slot(coach, make_member(), make_admin(), Terms(is_offer=False, provider="payroll"))

    assert (placed.state, Payment.objects.get(order_id=placed.line.order_id).state) == ("held", "pending")


@pytest.mark.parametrize(("is_paid", "hours"), [(False, 2), (True, 2), (False, 25)])
def test_a_transfer_that_is_still_to_come_can_be_there_before_it_starts(coach, is_paid, hours):
    make_account_to_pay_to()
    session = make_session(coach, price=4_000, starts_in=timedelta(hours=hours))
    terms = Terms(is_offer=False, provider="transfer", is_paid=is_paid)
    member, admin = make_member(), make_admin()

    if is_paid or hours > 24:
        assert seat(session, member, admin, terms).state == ("confirmed" if is_paid else "held")
        return
    refusal("payment_needed", lambda: seat(session, member, admin, terms))
    with pytest.raises(RuleError, match="would not be there before it starts"):
        seat(session, member, admin, terms)


def test_an_admin_may_let_what_they_own_pay(coach):
    member = make_member()
    make_credit(member, 1_000)
    make_top_up(member, 5_000)
    session = make_session(coach, price=4_000)

    placed = seat(session, member, make_admin(), Terms(is_offer=False, use_wallet=True, agreed=0))

    assert (placed.state, placed.line.credit_spent, placed.line.wallet_spent) == ("confirmed", 1_000, 3_000)
    assert credit_left(member) == 0


def test_who_may_not_book_for_whom(coach):
    client, stranger, session = make_client_of(coach), make_member(), make_session(coach)
    service = make_service(coach)
    tries = [
        partial(seat, session, stranger, coach), partial(seat, session, client, make_coach()),
        partial(seat, session, client, stranger), partial(seat, session, coach, coach),
        partial(seat, session, client, coach, NOW), partial(slot, coach, stranger, coach, service=service),
        partial(slot, coach, client, make_coach(), service=service),
        partial(slot, coach, client, coach, NOW, service=service),
    ]  # fmt: skip
    before = everything()

    for one in tries:
        with pytest.raises(PermissionDenied):
            one()

    assert everything() == before


def test_what_the_rules_refuse(coach):
    admin, member, session = make_admin(), make_member(), make_session(coach, capacity=1, price=4_000)
    elsewhere = make_session(make_coach(), price=0, starts_at=session.starts_at)
    make_booking(elsewhere, member)
    gone = make_member()
    disable_user(gone, by=admin)
    gone.refresh_from_db()
    gone.participant.user = gone
    other = make_member()

    refusal("participant_elsewhere", lambda: seat(session, member, admin))
    refusal("no_account", lambda: seat(session, gone, admin))
    refusal("not_by_hand", lambda: seat(session, other, admin, Terms(is_offer=False, provider="sandbox")))
    refusal("payment_needed", lambda: seat(session, other, admin, Terms(is_offer=False)))
    refusal("price_changed", lambda: seat(session, other, admin, Terms(is_offer=False, provider="payroll", agreed=1)))
    refusal("not_so_long", lambda: seat(session, other, admin, Terms(hours=1_000)))
    seat(session, other, admin)
    refusal("already_booked", lambda: seat(make_room(session), other, admin))
    Session.objects.filter(pk=session.pk).update(capacity=1)
    refusal("full", lambda: seat(session, make_member(), admin))


def make_room(session: Session) -> Session:
    Session.objects.filter(pk=session.pk).update(capacity=5)
    return session


def test_an_admin_who_teaches_it_lets_them_decide():
    admin = make_admin()
    both = make_user("Both", roles=(Role.COACH, Role.ADMIN))
    session, member = make_session(both, price=4_000), make_member()

    refusal("own_session", lambda: seat(session, member, both, NOW))
    assert seat(session, member, admin, NOW).state == "held"


def test_a_repeat_of_a_call_that_died_makes_nothing_twice(coach):
    member, session, call = make_client_of(coach), make_session(coach), Call(new_id(), False)
    first = seat(session, member, coach, Terms(call=call))
    make_booking(session, make_member())
    before = everything()

    again = seat(session, member, coach, Terms(call=Call(call.id, True)))

    assert (again.pk, everything()) == (first.pk, before)


def clients_of(coach: User, number: int) -> list[User]:
    """So many who were with a coach in one session of yesterday."""
    members, session = [make_member() for _ in range(number)], make_session(coach, price=0)
    for member in members:
        make_booking(session, member)
    past = timezone.now() - timedelta(days=1)
    set_times(Session.objects.filter(pk=session.pk), starts_at=past, ends_at=past + HOUR)
    return members


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_the_last_seat(coach):
    session, members = make_session(coach, capacity=1), clients_of(coach, 4)

    done = at_once([partial(seat, session, member, coach) for member in members])

    assert outcomes(done) == {"offered": 1, "full": 3}
    assert Session.objects.get(pk=session.pk).seats_taken == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_the_time(coach):
    service, members = make_service(coach), clients_of(coach, 3)

    done = at_once([partial(slot, coach, member, coach, service=service) for member in members])

    assert outcomes(done) == {"offered": 1, "slot_taken": 2}
    assert Session.objects.filter(is_private=True).exclude(status="cancelled").count() == 1


def test_a_seat_that_lies_open_is_kept_for_somebody_past_a_party_that_needs_more(coach):
    session = make_session(coach, capacity=3)
    make_booking(session, make_member())
    lena = make_member()
    join_waitlist_together(session, participants=[lena.participant, *add_guests(["Mia", "Noa"], by=lena)], by=lena)

    placed = seat(session, make_client_of(coach), coach)

    assert (placed.state, placed.waitlisted_at) == ("offered", None)


def test_what_was_given_before_this_was_known_never_waited_either(coach):
    session, (owner, waiting) = make_session(coach, capacity=2), (make_member(), make_member())
    booked, given = make_booking(session, owner), seat(session, make_client_of(coach), coach)
    in_line = join_waitlist(session, participant=waiting.participant, by=waiting)
    cancel_booking(booked, by=owner)
    left = join_waitlist(session, participant=owner.participant, by=owner)
    Booking.objects.filter(pk=given.pk).update(waitlisted_at=timezone.now())

    with connection.cursor() as cursor:
        cursor.execute(sql_of("schedule", "0028_who_was_given_a_place_never_waited"))

    waited = Booking.objects.filter(waitlisted_at__isnull=False)
    assert {one.pk: one.state for one in waited} == {in_line.pk: "offered", left.pk: "waitlisted"}
