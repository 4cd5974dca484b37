"""Times that wait for their coach's yes or no."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.access.actions.idempotency import Call
from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import take_offer
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.actions.requests import ANSWERED_WITHIN, approve_request, decline_request
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, everything, lapse, refusal_of, starts, working_coach
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.orders.models import CancellationPolicy, Order
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.services import edit_service
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def coach() -> User:
    return working_coach()


@pytest.fixture
def service(coach: User) -> Service:
    return make_service(coach, needs_approval=True)


def ask(service: Service, member: User, **wanted: Any) -> Booking:
    return book(service, member, provider="", source="", **wanted)


def test_a_request_holds_the_time_and_nothing_is_ordered(service, coach):
    member = make_member()

    booking = ask(service, member)

    assert (booking.state, booking.awaits_approval, booking.line, Order.objects.count()) == ("held", True, None, 0)
    assert booking.held_until
    assert abs(booking.held_until - timezone.now() - ANSWERED_WITHIN) < timedelta(minutes=1)
    assert refusal_of(service, make_member()).code == "slot_taken"
    assert refusal_of(make_service(working_coach()), member).code == "participant_elsewhere"
    assert (told(coach), told(member)) == (["coach.requested"], [])


def test_a_yes_offers_it_to_be_paid(service, coach):
    member = make_member()
    booking = ask(service, member)

    offered = approve_request(booking, by=coach)
    again = approve_request(booking, by=coach)

    assert (offered.state, again.state, offered.awaits_approval) == ("offered", "offered", False)
    assert again.waitlisted_at is None
    assert AuditLog.objects.filter(action="booking.approved").count() == 1
    taken = take_offer(offered, by=member, provider="sandbox", source=SUCCEEDS, agreed=6_000)
    assert (taken.state, taken.line.own_share, taken.session.status) == ("confirmed", 6_000, "planned")


def test_whoever_asked_is_told_of_the_yes(service, coach):
    member = make_member()

    approve_request(ask(service, member), by=coach)

    assert told(member) == ["booking.approved"]


def test_a_yes_books_what_needs_no_money(service, coach):
    make_share_policy(amount=5_000)
    member = make_member()
    make_credit(member, 1_000)
    booking = ask(service, member)
    assert credit_left(member) == 1_000

    booked = approve_request(booking, by=coach)

    assert (booked.state, booked.line.company_share, booked.line.credit_spent) == ("confirmed", 5_000, 1_000)
    assert (credit_left(member), told(member)) == (0, ["booking.confirmed"])


@pytest.mark.parametrize(("agreed", "credit"), [(1, 90_000), (6_000, 90_000), (5_999, 0), (0, 5_999)])
def test_who_agreed_to_another_price_asks_for_nothing(service, agreed, credit):
    """Else the yes would spend their credit for it."""
    member = make_member()
    if credit:
        make_credit(member, credit)

    assert refusal_of(service, member, agreed=agreed).code == "price_changed"
    assert credit_left(member) == credit


def test_who_agreed_to_what_it_costs_gets_it_for_that_by_the_yes(service, coach):
    member = make_member()
    make_credit(member, 6_500)
    booking = ask(service, member, agreed=0)
    edit_service(service, by=coach, prices={1: 6_400})

    booked = approve_request(booking, by=coach)

    assert (booked.state, booked.line.price, credit_left(member)) == ("confirmed", 6_000, 500)


def test_a_no_frees_the_time_with_a_word(service, coach):
    member = make_member()
    booking = ask(service, member)

    declined = decline_request(booking, word="I am away then.", by=coach)
    decline_request(booking, by=coach)

    assert (declined.state, declined.ending, Session.objects.get().status) == ("cancelled", "host", "cancelled")
    assert told(member) == ["booking.declined"]
    assert AuditLog.objects.filter(action="session.cancelled").count() == 1
    assert ask(service, make_member()).state == "held"


def test_what_nobody_answers_is_over(service, coach):
    member = make_member()
    booking = ask(service, member)
    lapse(booking)

    for answer in (approve_request, decline_request):
        with pytest.raises(RuleError) as refusal:
            answer(booking, by=coach)
        assert refusal.value.code == "not_requested"
    assert release_lapsed_everywhere() == 1

    assert (Session.objects.get().status, told(member)) == ("cancelled", ["booking.request_lapsed"])
    assert "09:00" in starts(service)


def test_a_yes_that_is_not_paid_in_time_is_over_too(service, coach):
    member = make_member()
    lapse(approve_request(ask(service, member), by=coach))

    assert release_lapsed_everywhere() == 1

    assert Session.objects.get().status == "cancelled"
    assert told(member)[-1] == "booking.hold_lapsed"
    assert told(coach)[-1] == "coach.not_taken"


def test_only_its_coach_and_admins_answer(service, coach):
    member = make_member()
    booking, strangers = ask(service, member), (member, make_member(), working_coach())
    before = everything()

    for stranger in strangers:
        for answer in (approve_request, decline_request):
            with pytest.raises(PermissionDenied):
                answer(booking, by=stranger)
    with pytest.raises(ValidationError):
        decline_request(booking, word="x" * 301, by=coach)

    assert everything() == before
    assert approve_request(booking, by=make_admin()).state == "offered"


def test_a_request_is_given_up_and_never_paid(service, coach):
    member = make_member()
    booking = ask(service, member)

    with pytest.raises(RuleError) as refusal:
        pay_booking(booking, by=member, provider="sandbox", source=SUCCEEDS)
    given_up = cancel_booking(booking, by=member)

    assert (refusal.value.code, Payment.objects.count(), given_up.state) == ("not_held", 0, "cancelled")
    for answer in (approve_request, decline_request):
        if answer is approve_request:
            with pytest.raises(RuleError):
                answer(booking, by=coach)
    assert Session.objects.get().status == "cancelled"


def test_its_coach_says_yes_by_booking(service, coach):
    assert book(service, make_member(), by=make_admin()).state == "confirmed"


def test_the_same_call_twice_asks_once(service):
    member, call = make_member(), Call(new_id(), is_again=False)
    booking = ask(service, member, call=call)

    assert ask(service, member, call=Call(call.id, is_again=True)) == booking
    assert Session.objects.count() == 1


def test_the_same_call_after_the_yes_was_taken_finds_what_was_booked(service, coach):
    member, call = make_member(), Call(new_id(), is_again=False)
    offered = approve_request(ask(service, member, call=call), by=coach)
    taken = take_offer(offered, by=member, provider="sandbox", source=SUCCEEDS)
    before = everything()

    assert ask(service, member, call=Call(call.id, is_again=True)) == taken
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_of_a_yes_and_a_no_at_once_one_counts(service, coach):
    bookings = [ask(service, make_member(), at=NINE + n * HOUR) for n in range(3)]
    answers = [partial(answer, one, by=coach) for one in bookings for answer in (approve_request, decline_request)]

    found = outcomes(at_once(answers))

    assert found["not_requested"] == 3
    states = list(Booking.objects.values_list("state", "session__status"))
    assert set(states) <= {("offered", "planned"), ("cancelled", "cancelled")}


def test_whoever_asked_sees_that_and_nothing_to_pay(service):
    member = make_member()
    booking = ask(service, member)
    client = Client()
    client.force_login(member)

    result = client.get(f"/bookings/{booking.pk}/result/")
    detail = client.get(f"/bookings/{booking.pk}/")

    assert (result.status_code, detail.status_code) == (200, 200)
    assert "Asked for" in result.content.decode()
    assert f"/bookings/{booking.pk}/pay/" not in detail.content.decode()
    assert client.get(f"/bookings/{booking.pk}/pay/").status_code == 302
    assert client.get(f"/bookings/{booking.pk}/cancel/").status_code == 200
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "change", [{"price": 9_000}, {"capacity": 2}, {"cancellation_policy": "another"}], ids=["price", "seats", "policy"]
)
def test_what_somebody_asked_for_stays_as_they_saw_it(service, coach, change):
    make_share_policy(amount=5_000)
    member = make_member()
    make_credit(member, 9_000)
    booking = ask(service, member)
    if "cancellation_policy" in change:
        change = {"cancellation_policy": make_cancellation_policy((0, 0))}

    with pytest.raises(RuleError) as refusal:
        edit_session(booking.session, by=coach, **change)

    assert refusal.value.code == "private_session"
    booked = approve_request(booking, by=coach)
    assert (booked.line.price, credit_left(member)) == (6_000, 8_000)


def test_the_page_of_a_booked_time_asks_for_what_can_change(coach):
    policy = make_cancellation_policy((0, 0))
    ask(make_service(coach, needs_approval=True, cancellation_policy=policy), make_member())
    # A form that asked for it would ask for another one.
    CancellationPolicy.objects.filter(pk=policy.pk).update(retired_at=timezone.now())
    session = Session.objects.get()
    client = signed_in(coach)
    address = reverse("schedule:session-edit", args=[session.pk])

    page = client.get(address)
    fields = page.context["form"].fields.keys()
    typed = {name: value for name, value in page.context["form"].initial.items() if name in fields}
    saved = client.post(address, {**typed, "title": "Knees", "place": "Hall 2"})

    assert not {"price", "capacity", "cancellation_policy"} & fields
    assert (saved.status_code, Session.objects.get().title) == (302, "Knees")
