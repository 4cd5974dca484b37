from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.actions.settling import apply_outcome
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.orders.tests.make import credit_left, make_credit, make_share_policy
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.base import Outcome
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS, SUCCEEDS_LATE
from tenpo.people.tests.make import make_member, signed_in
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def book_url(session: Session) -> str:
    return reverse("checkout:book", args=[session.pk])


def card(number: str, agreed: int) -> dict[str, object]:
    return {"provider": "sandbox", "test_card": number, "agreed": agreed}


def test_the_page_says_who_pays_what_and_the_policy():
    member, session = make_member(), make_session(price=8_000)
    make_share_policy(percent=75)
    make_credit(member, 800)

    page = signed_in(member).get(book_url(session))

    text = page.content.decode()
    assert page.status_code == 200
    assert "€60" in text
    assert "Book and pay €12" in text
    assert "Free until" in text
    assert 'name="agreed" value="1200"' in text


def test_booking_by_card_ends_on_a_calm_page():
    member, session = make_member(), make_session(price=8_000)
    client = signed_in(member)

    page = client.post(book_url(session), card(SUCCEEDS, 8_000), follow=True)

    assert Booking.objects.get().state == Booking.State.CONFIRMED
    assert "You are booked" in page.content.decode()
    assert "You paid €80 · Card •••• 4242" in page.content.decode()


def test_posting_twice_and_reloading_change_nothing():
    member, session = make_member(), make_session(price=8_000)
    client = signed_in(member)
    client.post(book_url(session), card(SUCCEEDS, 8_000))

    again = client.post(book_url(session), card(SUCCEEDS, 8_000))

    booking = Booking.objects.get()
    assert again.headers["Location"] == reverse("checkout:booking-result", args=[booking.pk])
    assert client.get(book_url(session)).headers["Location"] == again.headers["Location"]
    assert Payment.objects.count() == 1


def test_a_covered_session_is_booked_without_a_way_to_pay():
    member, session = make_member(), make_session(price=8_000)
    make_share_policy(percent=100)
    client = signed_in(member)
    page = client.get(book_url(session)).content.decode()

    client.post(book_url(session), {"agreed": 0})

    assert 'name="provider"' not in page
    assert Booking.objects.get().state == Booking.State.CONFIRMED


def test_a_changed_price_is_refused_and_shown_anew():
    member, session = make_member(), make_session(price=8_000)
    client = signed_in(member)
    Session.objects.filter(pk=session.pk).update(price=9_000)

    page = client.post(book_url(session), {**card(SUCCEEDS, 8_000), "card_number": "5555 5555 5555 4444"})

    text = page.content.decode()
    assert page.status_code == 409
    assert "The price has changed" in text
    assert 'name="agreed" value="9000"' in text
    assert "5555 5555 5555 4444" in text
    assert not Booking.objects.exists()


def test_a_wrong_card_number_is_said_beside_its_field():
    member, session = make_member(), make_session(price=8_000)

    page = signed_in(member).post(book_url(session), {**card("", 8_000), "card_number": "1234"})

    assert page.status_code == 422
    assert "This is not the number of a card." in page.content.decode()
    assert 'value="1234"' in page.content.decode()
    assert not Booking.objects.exists()


def test_a_declined_card_keeps_the_seat_and_another_one_pays():
    member, session = make_member(), make_session(price=8_000)
    client = signed_in(member)

    page = client.post(book_url(session), card(DECLINED, 8_000), follow=True)

    booking = Booking.objects.get()
    text = page.content.decode()
    assert page.redirect_chain[-1][0] == reverse("checkout:pay", args=[booking.pk])
    assert "The card was declined" in text
    assert "data-countdown" in text
    client.post(reverse("checkout:pay", args=[booking.pk]), card(SUCCEEDS, 8_000))
    booking.refresh_from_db()
    assert booking.state == Booking.State.CONFIRMED


@pytest.mark.parametrize(("answer", "state"), [("approve", "confirmed"), ("decline", "held")])
def test_the_bank_asks_and_brings_back(answer, state):
    member, session = make_member(), make_session(price=8_000)
    client = signed_in(member)

    at_bank = client.post(book_url(session), card(NEEDS_CONFIRMATION, 8_000))

    charge = SandboxCharge.objects.get()
    assert at_bank.headers["Location"] == reverse("checkout:sandbox-bank", args=[charge.pk])
    assert "Approve" in client.get(at_bank.headers["Location"]).content.decode()
    assert signed_in(make_member()).get(at_bank.headers["Location"]).status_code == 404
    client.post(at_bank.headers["Location"], {"answer": answer})
    assert Booking.objects.get().state == state
    assert "decided already" in client.get(at_bank.headers["Location"]).content.decode()


@pytest.mark.invariants(but={"sandbox-took-what-a-payment-says"})  # said in the sandbox's name
def test_a_late_card_is_being_confirmed_until_it_is_settled():
    member, session = make_member(), make_session(price=8_000)
    client = signed_in(member)

    page = client.post(book_url(session), card(SUCCEEDS_LATE, 8_000), follow=True).content.decode()

    booking, payment = Booking.objects.get(), Payment.objects.get()
    assert "Your payment is being confirmed" in page
    assert 'hx-trigger="every 2s"' in page
    apply_outcome(payment, Outcome(Payment.State.SUCCEEDED, reference=payment.reference))
    part = client.get(reverse("checkout:booking-result", args=[booking.pk]), headers={"HX-Request": "true"})
    assert "You are booked" in part.content.decode()
    assert "<html" not in part.content.decode()


@pytest.mark.parametrize(("provider", "words"), [("payroll", "next salary"), ("transfer", "Your transfer")])
def test_a_manual_payment_reserves_the_seat(provider, words):
    member, session = make_member(), make_session(price=8_000, starts_in=timedelta(days=20))

    page = signed_in(member).post(book_url(session), {"provider": provider, "agreed": 8_000}, follow=True)

    booking = Booking.objects.get()
    assert booking.held_until
    assert booking.held_until > timezone.now() + timedelta(days=6)
    assert "Reserved until" in page.content.decode()
    assert words in page.content.decode()
    assert booking.line.order.number in page.content.decode()


def test_a_full_session_leads_to_the_waitlist():
    member, session = make_member(), make_session(capacity=1)
    make_booking(session, make_member())
    client = signed_in(member)

    page = client.get(book_url(session)).content.decode()
    joined = client.post(reverse("checkout:waitlist-join", args=[session.pk]), follow=True)

    assert "Join the waitlist" in page
    assert "You are number 1 in line" in joined.content.decode()


def test_an_offer_is_taken_on_the_paying_page():
    member, session = make_member(), make_session(capacity=1)
    other = make_member()
    taken = make_booking(session, other)
    client = signed_in(member)
    client.post(reverse("checkout:waitlist-join", args=[session.pk]))
    signed_in(other).post(reverse("checkout:booking-cancel", args=[taken.pk]))
    offered = Booking.objects.get(participant=member.participant)

    page = client.get(reverse("checkout:booking-result", args=[offered.pk]), follow=True).content.decode()
    client.post(reverse("checkout:pay", args=[offered.pk]), card(SUCCEEDS, 10_000))

    offered.refresh_from_db()
    assert "A seat is yours if you want it." in page
    assert offered.state == Booking.State.CONFIRMED


def test_cancelling_says_its_effect_first():
    member, session = make_member(), make_session(starts_in=timedelta(hours=30), price=8_000)
    make_share_policy(percent=75)
    booking = make_booking(session, member)
    client = signed_in(member)
    address = reverse("checkout:booking-cancel", args=[booking.pk])

    page = client.get(address).content.decode()
    after = client.post(address, follow=True).content.decode()

    assert "You get €10 back as credit. That is 50 % of €20." in page
    assert "is not charged €30" in page
    assert credit_left(member) == 1_000
    assert "€10 came back as credit" in after
    assert "You cancelled it. €10 came back as credit." in after


def test_strangers_find_nothing():
    booking = make_booking(make_session(), make_member())
    stranger = signed_in(make_member())

    for name in ("pay", "booking-result", "booking-cancel"):
        assert stranger.get(reverse(f"checkout:{name}", args=[booking.pk])).status_code == 404
        assert Client().get(reverse(f"checkout:{name}", args=[booking.pk])).status_code == 302


def test_a_session_that_has_begun_cannot_be_booked():
    member, session = make_member(), make_session(starts_in=timedelta(minutes=-5))

    page = signed_in(member).post(book_url(session), card(SUCCEEDS, 10_000))

    assert page.status_code == 409
    assert "already begun" in page.content.decode()
    assert not Booking.objects.exists()


def test_where_no_test_cards_are_wanted_nobody_pays_with_one(settings):
    settings.SANDBOX_PAYMENTS = False
    session, member = make_session(), make_member()
    browser = signed_in(member)

    page = browser.get(book_url(session)).content.decode()
    answer = browser.post(book_url(session), card(SUCCEEDS, session.price))
    with pytest.raises(RuleError) as refusal:
        make_booking(session, member)

    assert "pay-card" not in page
    assert 'value="payroll"' in page
    assert answer.status_code == 422
    assert refusal.value.code == "payment_needed"
    assert not Booking.objects.exists()
