"""Story 7, live: with the real web server and its streams, news arrive on an open page, and nobody reloads it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx2
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, expect

from tenpo.checkout.tests.make import make_booking
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.runtime import env, postgres
from tenpo.runtime.system import free_port
from tenpo.schedule.tests.make import make_session
from tests.work import work

START_SECONDS = 30


@pytest.fixture
def web_server(transactional_db: None) -> Iterator[str]:
    """`tenpo web` as an operator runs it, on the database of this test."""
    port = free_port()
    url = f"http://localhost:{port}"
    database = postgres.url(env.data_dir(), postgres.APP, database=connection.settings_dict["NAME"])
    process = subprocess.Popen(
        [sys.executable, "-m", "tenpo.cli.main", "web"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tenpo.config.settings",
            "DATABASE_URL": database,
            "TENPO_PORT": str(port),
            "TENPO_WORKERS": "1",
            "TENPO_DEBUG": "true",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    ends_at = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx2.get(f"{url}/account/login/", timeout=5)
            break
        except httpx2.TransportError:
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            assert time.monotonic() < ends_at, "the web server does not answer"
            time.sleep(0.1)
    yield url
    process.terminate()
    process.communicate(timeout=30)


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
