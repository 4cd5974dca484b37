"""Story: somebody finds a time of their own and books it, in few clicks; their coach sees who comes."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Service, Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_service

ASKED = [{"key": "q1", "label": "Does anything hurt?", "kind": "text", "required": True, "options": []}]


def training(*coaches: User, **terms: object) -> Service:
    """An hour with each of these coaches, at any hour of any day."""
    for coach in coaches:
        make_hours(coach, opens=0, closes=24 * 60)
    return make_service(*coaches, name="Personal training", **terms)  # type: ignore[arg-type]


def with_a_card(name: str) -> User:
    member = make_member(name)
    add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=member)
    return member


def count_clicks(page: Page) -> None:
    page.add_init_script(
        "addEventListener('click', () => sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1, true)"
    )
    page.reload()


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_from_the_list_to_booked_in_at_most_four_clicks(open_page, size, scripts):
    training(make_coach("Lena Ott"), make_coach("Jonas Weber"))
    page = open_page("/book/", with_a_card("Maya Berg"), size=size, scripts=scripts)
    count_clicks(page)

    page.get_by_role("link", name="Personal training").click()
    page.locator(".starts a").first.click()
    page.get_by_role("button", name="Book and pay €60").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    expect(page.get_by_role("link", name="Add to calendar")).to_be_visible()
    assert Booking.objects.get().state == Booking.State.CONFIRMED
    if scripts:
        assert int(page.evaluate("sessionStorage.clicks")) <= 4


def test_choosing_changes_only_what_is_shown_and_goes_back(open_page, assert_calm):
    lena, jonas = make_coach("Lena Ott"), make_coach("Jonas Weber")
    service = training(lena, jonas, durations=[60, 90])
    page = open_page(f"/book/{service.pk}/", make_member())
    assert_calm(page)

    page.get_by_role("link", name="1 h 30 min").click()
    expect(page.locator("#times")).to_contain_text("1 h 30 min ·")
    page.get_by_role("link", name="Jonas Weber").click()
    expect(page).to_have_url(re.compile(f"minutes=90&coach={jonas.pk}"))
    expect(page.get_by_role("link", name="Jonas Weber")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name="Jonas Weber")).to_be_focused()
    # Late in the evening tomorrow is the first day with a time, and chosen by itself.
    later = timezone.localdate() + timedelta(days=2)
    page.locator(f"#day-{later}").press("Enter")
    expect(page.locator(f"#day-{later}")).to_have_attribute("aria-current", "date")
    assert_calm(page)
    page.go_back()
    expect(page.locator(f"#day-{later}")).not_to_have_attribute("aria-current", "date")


def test_times_on_another_clock(open_page):
    service = training(make_coach("Lena Ott"))
    page = open_page(f"/book/{service.pk}/", make_member())

    page.get_by_text("Times in Berlin").click()
    page.get_by_label("Time zone").select_option("Asia/Tokyo")

    expect(page.get_by_text("Times in Tokyo")).to_be_visible()
    expect(page.locator(".starts a").first).to_contain_text("in Berlin")


def test_a_time_that_goes_meanwhile_loses_nothing_typed(open_page, assert_calm):
    lena = make_coach("Lena Ott")
    service = training(lena, questions=ASKED)
    page = open_page(f"/book/{service.pk}/", with_a_card("Maya Berg"))
    page.locator(".starts a").nth(1).click()
    page.get_by_label("Does anything hurt?").fill("My knee")
    found = re.search(r"/(\d{8}T\d{4})Z/", page.url)
    assert found
    make_session(lena, starts_at=datetime.strptime(found[1], "%Y%m%dT%H%M").replace(tzinfo=ZoneInfo("UTC")))
    page.get_by_role("button", name="Book and pay €60").click()

    expect(page.get_by_text("Somebody was quicker")).to_be_visible()
    assert_calm(page)
    page.locator(".starts button").first.click()
    expect(page.get_by_label("Does anything hurt?")).to_have_value("My knee")
    page.get_by_role("button", name="Book and pay €60").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")
    assert Booking.objects.get().answers == [{"label": "Does anything hurt?", "answer": "My knee"}]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_coach_sees_who_comes_what_they_said_and_who_their_clients_are(open_page, assert_calm, size):
    lena = make_coach("Lena Ott")
    service = training(lena, questions=ASKED)
    page = open_page(f"/book/{service.pk}/", with_a_card("Maya Berg"))
    page.locator(".starts a").first.click()
    page.get_by_label("Does anything hurt?").fill("My knee")
    page.get_by_role("button", name="Book and pay €60").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are booked")

    desk = open_page("/", lena, size=size)
    expect(desk.get_by_text("Maya Berg")).to_be_visible()
    desk.get_by_role("link", name="Personal training").first.click()
    expect(desk.get_by_text("My knee")).to_be_visible()
    assert_calm(desk)
    desk.goto("/teaching/clients/")
    expect(desk.get_by_text("Maya Berg", exact=True)).to_be_visible()
    expect(desk.get_by_text("not yet")).to_be_visible()
    assert_calm(desk)
    desk.goto(f"/sessions/{Session.objects.get().pk}/")
    expect(desk.get_by_text("Maya Berg")).to_be_visible()
    assert_calm(desk)
