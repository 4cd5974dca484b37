"""The page on which a time is booked: what it says, what it refuses, and that nothing typed is lost."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from tenpo.checkout.slot_forms import AnswersForm
from tenpo.orders.tests.make import make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member, make_user, signed_in
from tenpo.schedule.actions.services import withdraw_service
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.slot_queries import SlotSearch, find_slots
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_location, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

BERLIN = ZoneInfo("Europe/Berlin")
# A Monday without anything to it, and the start that is booked.
MONDAY = datetime(2027, 6, 7, 8, tzinfo=BERLIN)
TEN = datetime(2027, 6, 8, 10, tzinfo=BERLIN)
QUESTIONS = [
    {"key": "q1", "label": "What hurts?", "kind": "text", "required": False, "options": []},
    {"key": "q2", "label": "How often?", "kind": "choice", "required": True, "options": ["Hardly", "Often"]},
    {"key": "q3", "label": "My doctor knows", "kind": "yes", "required": True, "options": []},
]
ANSWERS = {"q-q1": "My knee", "q-q2": "Often", "q-q3": "on"}


@pytest.fixture(autouse=True)
def _on_monday():
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def lena() -> User:
    lena = make_coach("Lena Ott")
    make_hours(lena)
    return lena


@pytest.fixture
def service(lena: User) -> Service:
    policy = make_cancellation_policy((48, 100), (24, 50), (0, 0))
    return make_service(lena, name="Training", price=8_000, cancellation_policy=policy)


def url(service: Service, at: datetime = TEN, **wanted: object) -> str:
    name = at.astimezone(ZoneInfo("UTC")).strftime("%Y%m%dT%H%MZ")
    query = "&".join(f"{key}={value}" for key, value in wanted.items())
    return reverse("checkout:slot-book", args=[service.pk, name]) + (f"?{query}" if query else "")


def card(agreed: int = 8_000, *, number: str = SUCCEEDS, **more: object) -> dict[str, Any]:
    return {"provider": "sandbox", "test_card": number, "agreed": agreed, **more}


def typed_again(text: str) -> dict[str, str]:
    """What the page's form holds: fields, choices that are made, and words."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name = re.search(r'name="([^"]+)"', tag)
        if name and (('type="radio"' not in tag and 'type="checkbox"' not in tag) or "checked" in tag):
            found[name[1]] = (re.search(r'value="([^"]*)"', tag) or ["", "on" if "checked" in tag else ""])[1]
    return found | dict(re.findall(r'<textarea name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', text))


def test_the_page_says_what_when_where_with_whom_and_who_pays(service):
    member = make_member("Maya Berg")
    make_share_policy(percent=75)
    make_credit(member, 800)

    page = signed_in(member).get(url(service))

    text = page.content.decode()
    assert page.status_code == 200
    for words in (
        "Training", "tomorrow 10:00–11:00", "One-on-one, 1 h", "Lena Ott", "Studio", "Main street 1", "Maya Berg",
        "€60", "Book and pay €12", "Until today 10:00 half comes back", "On the map",
    ):  # fmt: skip
        assert words in text, words
    assert 'name="agreed" value="1200"' in text


def test_booking_by_card_ends_on_a_calm_page_and_keeps_the_answers(service, lena):
    Service.objects.filter(pk=service.pk).update(questions=QUESTIONS)
    member = make_member()

    page = signed_in(member).post(url(service), card() | ANSWERS, follow=True)

    assert "You are booked" in page.content.decode()
    assert "booking.ics" in page.content.decode()
    booking = Booking.objects.get()
    assert (booking.state, booking.booked_by, booking.session.coach) == (Booking.State.CONFIRMED, member, lena)
    assert (booking.session.starts_at, booking.session.service) == (TEN, service)
    assert [one["answer"] for one in booking.answers] == ["My knee", "Often", True]


def test_a_saved_card_comes_first_and_needs_nothing_but_the_button(service):
    member = make_member()
    add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)
    client = signed_in(member)

    fields = typed_again(client.get(url(service)).content.decode())
    assert fields["provider"].startswith("saved:")
    page = client.post(url(service), fields, follow=True)

    assert "You are booked" in page.content.decode()


def test_sending_twice_and_coming_back_lead_to_the_one_booking(service):
    client = signed_in(make_member())
    first = client.post(url(service), card())

    again, back = client.post(url(service), card()), client.get(url(service))

    assert Booking.objects.count() == Session.objects.count() == Payment.objects.count() == 1
    assert first["Location"] == again["Location"] == back["Location"]


def test_what_costs_nothing_is_booked_without_a_way_to_pay(lena):
    service = make_service(lena, price=0)
    client = signed_in(make_member())

    assert "How do you want to pay" not in client.get(url(service)).content.decode()
    client.post(url(service), {"agreed": 0})

    assert Booking.objects.get().state == Booking.State.CONFIRMED


def test_both_clocks_are_shown_where_they_differ(service):
    text = signed_in(make_user(time_zone="America/New_York")).get(url(service)).content.decode()

    assert "tomorrow 04:00–05:00" in text
    assert "10:00 in Berlin" in text


def test_the_zone_that_was_looked_in_is_kept(service):
    text = signed_in(make_member()).get(url(service, zone="Asia/Tokyo")).content.decode()

    assert "17:00–18:00" in text
    assert f"/book/{service.pk}/?zone=Asia%2FTokyo" in text


def test_a_declined_card_keeps_the_time_and_offers_another(service):
    client = signed_in(make_member())

    page = client.post(url(service), card(number=DECLINED), follow=True)

    text = page.content.decode()
    booking = Booking.objects.get()
    assert page.redirect_chain[-1][0] == reverse("checkout:pay", args=[booking.pk])
    for words in ("The card was declined. Nothing was paid.", "kept for you for", "Pay €80", "data-countdown"):
        assert words in text, words
    client.post(page.redirect_chain[-1][0], card())
    booking.refresh_from_db()
    assert booking.state == Booking.State.CONFIRMED


def test_a_bank_that_asks_is_gone_to_and_the_time_is_held(service):
    page = signed_in(make_member()).post(url(service), card(number=NEEDS_CONFIRMATION))

    assert page["Location"].startswith("/sandbox/")
    assert Booking.objects.get().state == Booking.State.HELD


def test_answers_that_are_missing_are_asked_for_beside_them_and_the_rest_stays(service):
    Service.objects.filter(pk=service.pk).update(questions=QUESTIONS)

    page = signed_in(make_member()).post(url(service), card() | {"q-q1": "My knee"})

    text = page.content.decode()
    assert page.status_code == 422
    assert "Please answer this." in text
    assert "Without a yes it cannot be booked." in text
    assert typed_again(text)["q-q1"].strip() == "My knee"
    assert not Booking.objects.exists()


def test_what_the_action_refuses_stands_beside_its_question(service):
    form = AnswersForm({"q-q1": "x", "q-q2": "Often", "q-q3": "on"}, questions=QUESTIONS)
    assert form.is_valid()

    assert form.refuse(ValidationError({"q1": "Not this."}))
    assert form.errors["q1"] == ["Not this."]
    assert not form.refuse(ValidationError({"coach": "Choose a coach."}))
    assert not form.refuse(ValidationError("No."))


def test_a_card_that_is_none_is_said_beside_it(service):
    page = signed_in(make_member()).post(url(service), card(card_number="1234"))

    assert page.status_code == 422
    assert "This is not the number of a card." in page.content.decode()


def test_without_a_way_to_pay_it_is_asked_for(service):
    page = signed_in(make_member()).post(url(service), {"agreed": 8_000})

    assert page.status_code == 422
    assert not Booking.objects.exists()


def test_another_price_is_shown_before_it_is_paid(service):
    page = signed_in(make_member()).post(url(service), card(agreed=7_000))

    text = page.content.decode()
    assert page.status_code == 409
    assert "The price has changed." in text
    assert 'name="agreed" value="8000"' in text
    assert not Booking.objects.exists()


def test_a_time_that_was_taken_offers_the_nearest_and_loses_nothing_typed(service, lena):
    Service.objects.filter(pk=service.pk).update(questions=QUESTIONS)
    client = signed_in(make_member())
    make_session(lena, starts_at=TEN)

    page = client.post(url(service), card() | ANSWERS)

    text = page.content.decode()
    assert page.status_code == 409
    assert "Somebody was quicker" in text
    assert "What you have typed stays." in text
    assert "Book and pay" not in text
    kept = typed_again(text)
    assert {name: kept[name].strip() for name in ANSWERS} == ANSWERS
    assert url(service, TEN - timedelta(hours=1)) in text
    assert f'formaction="{url(service, TEN)}"' not in text

    other = url(service, TEN + timedelta(hours=1))
    assert f'formaction="{other}"' in text
    moved = client.post(other, kept | {"look": "yes"})
    text = moved.content.decode()
    assert moved.status_code == 200
    assert "tomorrow 11:00–12:00" in text
    assert not Booking.objects.exists()
    client.post(other, typed_again(text))
    booking = Booking.objects.get()
    assert booking.session.starts_at == TEN + timedelta(hours=1)
    assert [one["answer"] for one in booking.answers] == ["My knee", "Often", True]


def test_opened_too_late_the_page_says_so(service, lena):
    make_session(lena, starts_at=TEN)

    page = signed_in(make_member()).get(url(service))

    assert page.status_code == 200
    assert "Somebody was quicker" in page.content.decode()
    assert "What you have typed stays." not in page.content.decode()


def test_outside_of_all_hours_it_cannot_be_booked(service):
    page = signed_in(make_member()).post(url(service, TEN + timedelta(hours=12)), card())

    assert page.status_code == 409
    assert "This time cannot be booked." in page.content.decode()


def test_what_was_withdrawn_shows_its_coach_no_time_and_books_none(service, lena):
    withdraw_service(service, by=lena)
    client = signed_in(lena)

    assert "This time cannot be booked." in client.get(url(service)).content.decode()
    assert client.post(url(service), card()).status_code == 409
    assert find_slots(Service.objects.get(), SlotSearch(TEN, TEN + timedelta(days=1), minutes=60)) == []
    assert not Booking.objects.exists()


def test_nothing_near_leads_to_other_times(service):
    page = signed_in(make_member()).get(url(service, TEN + timedelta(days=200)))

    assert "Nothing is free in the week before and after it." in page.content.decode()


def test_who_is_elsewhere_then_reads_so(service):
    member = make_member()
    client = signed_in(member)
    other = make_service(make_coach(), name="Talk")
    make_hours(other.given_by.get().coach)
    client.post(url(other), card(6_000))

    text = client.post(url(service), card()).content.decode()

    assert "There is another session at this time already" in text
    assert Booking.objects.count() == 1


def test_as_many_as_one_may_have_is_said(service):
    Service.objects.filter(pk=service.pk).update(most_per_day=1)
    client = signed_in(make_member())
    client.post(url(service, TEN + timedelta(hours=3)), card())

    text = client.post(url(service), card()).content.decode()

    assert "You have as many of these" in text


def test_what_is_not_open_to_somebody_is_refused(lena):
    service = make_service(lena, open_to="team")

    page = signed_in(make_member()).post(url(service), card(6_000))

    assert page.status_code == 409
    assert "This is not open to you." in page.content.decode()


def test_with_whom_and_where_is_chosen_where_there_is_a_choice(service, lena):
    jonas = make_coach("Jonas Weber")
    make_hours(jonas)
    service.given_by.create(coach=jonas, place=1)
    hall = make_location("Hall")
    service.locations.add(hall)
    client = signed_in(make_member())

    text = client.get(url(service)).content.decode()
    assert "With whom, and where?" in text
    for words in ("Lena Ott · Hall", "Jonas Weber · Hall", "Lena Ott · Studio"):
        assert words in text
    client.post(url(service), card() | {"option": f"{jonas.pk}/{hall.pk}"})

    session = Session.objects.get()
    assert (session.coach, session.location) == (jonas, hall)


def test_a_coach_who_was_taken_meanwhile_leaves_those_who_are_free(service, lena):
    jonas = make_coach("Jonas Weber")
    make_hours(jonas)
    service.given_by.create(coach=jonas, place=1)
    client = signed_in(make_member())
    make_session(lena, starts_at=TEN)

    page = client.post(url(service), card() | {"option": f"{lena.pk}/{make_location().pk}"})

    text = page.content.decode()
    assert page.status_code == 409
    assert "Your choice has just been taken." in text
    assert "Jonas Weber" in text
    assert not Booking.objects.exists()


def test_any_coach_is_whoever_has_the_least_to_do(lena):
    jonas = make_coach("Jonas Weber")
    make_hours(jonas)
    service = make_service(lena, jonas, coaches_rule="any")
    client = signed_in(make_member())

    text = client.get(url(service)).content.decode()
    assert "Whoever of us has the most time for you" in text
    client.post(url(service), card(6_000))

    assert Session.objects.get().coach in (lena, jonas)


def test_the_wallet_can_be_kept_for_later(service):
    text = signed_in(make_member()).get(url(service, wallet="no")).content.decode()

    assert "Book and pay €80" in text


@pytest.mark.parametrize("start", ["soon", "20270608T0800", "20270608T2500Z", "00010101T0000Z", "2027060800800Z"])
def test_what_names_no_moment_is_not_there(service, start):
    assert signed_in(make_member()).get(f"/book/{service.pk}/{start}/").status_code == 404


def test_what_one_may_not_see_is_not_there(service):
    withdraw_service(service, by=None)

    assert signed_in(make_member()).get(url(service)).status_code == 404
