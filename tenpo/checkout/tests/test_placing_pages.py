"""The pages on which staff books for somebody."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from tenpo.checkout.tests.slot_make import NINE, book, everything, make_client_of, working_coach
from tenpo.orders.tests.make import make_credit, make_share_policy, make_sponsorship
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def coach() -> User:
    return working_coach()


def seat_url(member: User, session: Session) -> str:
    return reverse("checkout:placing-seat", args=[member.participant.pk, session.pk])


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_coach_finds_those_whom_they_know_by_a_part_of_the_name(coach):
    client, stranger, session = make_client_of(coach), make_member(), make_session(coach)
    path = f"/teaching/book/?session={session.pk}"

    everyone = signed_in(coach).get(path)
    nobody = signed_in(coach).get(f"{path}&q=zzz")

    assert seat_url(client, session) in everyone.content.decode()
    assert str(stranger.participant.pk) not in everyone.content.decode()
    assert "Nobody is called that." in text_of(nobody)
    assert str(stranger.participant.pk) in signed_in(make_admin()).get(path).content.decode()


def test_what_can_be_booked_for_them_is_their_own_coachs(coach):
    client = make_client_of(coach)
    make_service(coach, name="Deep talk")
    make_service(working_coach(), name="Another one's")
    make_session(coach, title="Open circle", capacity=5)

    said = text_of(signed_in(coach).get(f"/teaching/book/{client.participant.pk}/"))

    assert "Deep talk" in said
    assert "Open circle" in said
    assert "Another one" not in said


def test_however_much_there_is_all_of_it_can_be_chosen(coach):
    client = make_client_of(coach)
    for number in range(31):
        make_service(coach, name=f"Service {number:02}")
        make_session(coach, title=f"Circle {number:02}", starts_in=timedelta(days=20 + number))
    browser, found = signed_in(coach), set()
    address = f"/teaching/book/{client.participant.pk}/"

    first = browser.get(address)
    for name in ("services", "sessions"):
        assert f"?{name}=" in first.content.decode()
        said = text_of(browser.get(address, {name: first.context[f"next_{name}"]}))
        found |= {one for one in ("Service 29", "Service 30", "Circle 29", "Circle 30") if one in said}
        assert "Circle 00" in said if name == "services" else "Service 00" in said, "the other list stays"

    assert "Service 29" in text_of(first)
    assert "Circle 30" not in text_of(first)
    assert {"Service 30", "Circle 30"} <= found
    assert browser.get(address, {"services": "nonsense"}).status_code == 404


def test_a_seat_is_kept_after_the_price_was_shown(coach):
    make_share_policy(percent=50)
    client, session = make_client_of(coach), make_session(coach, price=4_000)
    browser = signed_in(coach)

    page = browser.get(seat_url(client, session))
    answer = browser.post(seat_url(client, session), {"hours": "72"}, follow=True)

    assert "€40" in text_of(page)
    assert text_of(page).count("€20") == 2
    assert "Book it now" not in text_of(page)
    assert answer.redirect_chain == [(f"/teaching/{session.pk}/", 302)]
    assert f"Kept for {client.name}" in text_of(answer)


def test_a_coach_is_not_told_what_they_own_or_who_funds_them(coach):
    client, session = make_client_of(coach), make_session(coach, price=4_000)
    before = text_of(signed_in(coach).get(seat_url(client, session)))

    make_credit(client, 1_000)
    make_sponsorship(client, percent=50, name="Town works")

    assert text_of(signed_in(coach).get(seat_url(client, session))) == before
    assert "Town works" in text_of(signed_in(make_admin()).get(seat_url(client, session)))


def test_an_admin_books_it_in_their_name(coach):
    member, session = make_member(), make_session(coach, price=4_000)
    sent = {"way": "book", "provider": "payroll", "is_paid": "on"}

    answer = signed_in(make_admin()).post(seat_url(member, session), sent, follow=True)

    assert f"{member.name} is booked, and is told." in text_of(answer)
    assert Booking.objects.get(session=session).state == "confirmed"


@pytest.mark.parametrize("sent", [{"hours": "5"}, {"hours": "x"}])
def test_what_makes_no_sense_changes_nothing(coach, sent):
    client, session = make_client_of(coach), make_session(coach)
    before = everything()

    answer = signed_in(coach).post(seat_url(client, session), sent)

    assert (answer.status_code, everything()) == (422, before)


def test_a_refusal_is_said_on_the_page(coach):
    member, session = make_member(), make_session(coach, price=4_000)

    answer = signed_in(make_admin()).post(seat_url(member, session), {"way": "book"})

    assert (answer.status_code, "Choose how you want to pay." in text_of(answer)) == (409, True)


def test_a_time_is_found_and_kept_whatever_the_notice(coach):
    client = make_client_of(coach)
    service = make_service(coach, notice_minutes=60 * 24 * 30)
    browser = signed_in(coach)
    times = reverse("checkout:placing-time", args=[client.participant.pk, service.pk])

    found = browser.get(f"{times}?day={NINE:%Y-%m-%d}")
    page = browser.get(f"{times}{start_name(NINE)}/")
    answer = browser.post(f"{times}{start_name(NINE)}/", {"hours": ""}, follow=True)

    assert f"{times}{start_name(NINE)}/" in found.content.decode()
    assert "€60" in text_of(page)
    booking = Booking.objects.get(session__service=service)
    assert (booking.state, booking.booked_by) == ("offered", client)
    assert answer.redirect_chain == [(f"/teaching/{booking.session_id}/", 302)]


def test_a_time_that_is_gone_names_what_is_near(coach):
    client, service = make_client_of(coach), make_service(coach)
    book(service, make_member())
    path = reverse("checkout:placing-slot", args=[client.participant.pk, service.pk, start_name(NINE)])
    before = everything()

    answer = signed_in(coach).post(path, {"hours": ""})

    assert (answer.status_code, everything()) == (409, before)
    assert "These are near to it." in text_of(answer)


def test_who_is_no_client_is_not_there(coach):
    member, session, service = make_member(), make_session(coach), make_service(coach)
    who = member.participant.pk

    for path in (
        "",
        f"sessions/{session.pk}/",
        f"services/{service.pk}/",
        f"services/{service.pk}/{start_name(NINE)}/",
    ):
        assert signed_in(coach).get(f"/teaching/book/{who}/{path}").status_code == 404
        assert signed_in(member).get(f"/teaching/book/{who}/{path}").status_code == 404
