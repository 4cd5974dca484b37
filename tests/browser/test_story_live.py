"""Story 7, live: with the real web server and its streams, news arrive on an open page, and nobody reloads it."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, expect

from tenpo.checkout.tests.make import make_booking
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.tests.make import make_session
from tests.server import running
from tests.work import work


@pytest.fixture
def web_server(transactional_db: None) -> Iterator[str]:
    """The real web server, with its streams, on the database of this test."""
    with running() as server:
        yield f"http://localhost:{server.port}"


def signed_in(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}


def test_news_arrive_on_an_open_page(browser: Browser, web_server: str):
    coach, member = make_coach("Jonas Weber"), make_member("Maya Berg")
    session = make_session(coach, title="Breathing at work")
    context = browser.new_context(base_url=web_server, reduced_motion="reduce")
    context.add_cookies([{**signed_in(member), "url": web_server}])  # type: ignore[typeddict-item]
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    with page.expect_response("**/stream"):
        page.goto("/notifications/")
    count = page.locator(".rail [data-unread]")
    expect(count).to_be_hidden()

    make_booking(session, member)
    work()

    expect(count).to_have_text("1", timeout=15_000)
    expect(page.locator(".toast", has_text="You are booked: Breathing at work")).to_be_visible()
    expect(page.get_by_role("link", name="You are booked: Breathing at work").first).to_be_visible()
    # Reading it elsewhere counts down here.
    other = context.new_page()
    other.goto("/notifications/")
    other.get_by_role("button", name="Mark all as read").click()
    expect(other.get_by_text("Everything is marked as read.")).to_be_visible()
    expect(count).to_be_hidden(timeout=15_000)
    context.close()
    assert wrong == []
