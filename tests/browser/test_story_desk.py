"""Story: a coach at their desk. They answer who asked, book for a client, move a time; by keyboard too."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tenpo.checkout.actions.slots import book_slot
from tenpo.checkout.tests.slot_make import make_client_of
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Service
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_service

SIZES = pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])


def free_service(coach: User, **terms: object) -> Service:
    make_hours(coach, opens=0, closes=24 * 60)
    return make_service(coach, name="Training", price=0, **terms)


def booked(service: Service, member: User) -> Booking:
    at = (timezone.now() + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    return book_slot(service, starts_at=at, minutes=60, participant=member.participant, by=member)


def press_until(page: Page, name: str) -> None:
    """Go on by the tab key until a button or link of this name has the focus, and press it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


@SIZES
def test_a_request_is_answered_by_keyboard(open_page, assert_calm, size, theme):
    coach = make_coach("Lena Ott")
    booking = booked(free_service(coach, needs_approval=True), make_member("Mina Ray"))
    page = open_page("/teaching/requests/", coach, size=size, theme=theme)
    assert_calm(page)

    press_until(page, "Mina Ray")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mina Ray asks for a time")
    assert_calm(page)
    press_until(page, "Say yes")

    expect(page.get_by_role("status").or_(page.locator(".toast")).first).to_contain_text("Mina Ray is booked")
    booking.refresh_from_db()
    assert booking.state == "confirmed"


@SIZES
def test_a_coach_books_for_a_client_whom_they_find_by_typing(open_page, assert_calm, size, theme):
    coach = make_coach("Lena Ott")
    client, session = make_client_of(coach), make_session(coach, title="Open circle", price=4_000)
    page = open_page(f"/teaching/book/?session={session.pk}", coach, size=size, theme=theme)

    page.get_by_label("Who").fill(client.name)
    page.get_by_role("link", name=client.name).click()
    expect(page.locator("main")).to_contain_text("€40")
    assert_calm(page)
    page.get_by_role("button", name=f"Book for {client.name}").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Open circle")
    expect(page.locator("main")).to_contain_text(client.name)
    assert Booking.objects.get(session=session).state == "offered"


@SIZES
def test_a_time_is_moved_after_its_effect_was_shown(open_page, assert_calm, size, theme):
    coach, member = make_coach("Lena Ott"), make_member("Mina Ray")
    policy = make_cancellation_policy((24, 100), (0, 0), reschedules=2)
    booking = booked(free_service(coach, cancellation_policy=policy), member)
    before = booking.session.starts_at
    page = open_page(f"/bookings/{booking.pk}/move/", member, size=size, theme=theme)
    assert_calm(page)

    page.locator(".starts a").first.click()
    expect(page.locator("main")).to_contain_text("From now on")
    assert_calm(page)
    page.get_by_role("button", name="Move it to").click()

    expect(page.locator(".toast").first).to_contain_text("Moved. We see you")
    booking.session.refresh_from_db()
    assert booking.session.starts_at != before


@SIZES
def test_the_week_shows_what_there_is_and_opens_it(open_page, assert_calm, size, theme):
    coach = make_coach("Lena Ott")
    booking = booked(free_service(coach, needs_approval=True), make_member("Mina Ray"))
    day = timezone.localtime(booking.session.starts_at).date()
    page = open_page(f"/teaching/week/?day={day}", coach, size=size, theme=theme)
    assert_calm(page)

    page.locator("a:visible", has_text="Mina Ray").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Mina Ray asks for a time")
