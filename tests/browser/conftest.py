"""A real browser against the whole of Tenpo. A page that writes an error to the console fails its test."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tenpo.core.staticfiles import SHEET, join
from tenpo.people.models import User

CHROMIUM = Path(os.environ.get("TENPO_CHROMIUM", "/usr/bin/chromium"))
# axe must not fetch our style sheets and write them inline: the policy would refuse that, and say so. All that is right
# would be as long as the page.
RUN_AXE = """() => axe.run({ preload: false, resultTypes: ["violations"] }).then((found) => found.violations)"""
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

type Opener = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if not CHROMIUM.exists() and not os.environ.get("TENPO_REQUIRE_BROWSER"):
                item.add_marker(pytest.mark.skip(reason=f"{CHROMIUM} is not installed"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each page gets a window of its own."""
    # Playwright runs a loop in this thread, which Django takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session", autouse=True)
def one_sheet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The style sheet is served in one piece, as it is to people: sixty files were most of what a new window costs."""
    written, folder = finders.find(SHEET), tmp_path_factory.mktemp("static")
    assert written
    sheet = folder / SHEET
    sheet.parent.mkdir()
    sheet.write_text(join(Path(written).read_text(), Path(written).parent))
    with override_settings(STATICFILES_DIRS=[folder]):
        assert finders.find(SHEET) == str(sheet)
        yield


def without_streams(context: BrowserContext) -> None:
    """Let pages hear no news: streams are a process of their own, not running here.

    Asked of the test's server, a page's stream would be a 404 that may come after the page was left, with a cookie that
    is of yesterday by then.
    """
    context.add_init_script("globalThis.EventSource = class extends EventTarget { static CLOSED = 2; close() {} }")


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[Opener]:
    """`open_page("/path", user, size="phone", theme="dark", scripts=False)`: a page as this person sees it.

    Nobody: signed out.
    """
    heard: list[str] = []
    contexts = []

    def open_it(
        path: str,
        user: User | None = None,
        *,
        size: str = "desktop",
        theme: Literal["light", "dark"] = "light",
        scripts: bool = True,
    ) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
            has_touch=size == "phone",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(15_000)
        without_streams(context)
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(path)
        return page

    yield open_it

    for context in contexts:
        context.close()
    # A refusal is a 409 or 422, what one may not see a 404; Chromium reports them.
    assert [text for text in heard if not re.search(r"status of (404|409|422)|ERR_", text)] == []


@pytest.fixture
def look_through(open_page: Opener) -> Callable[..., Iterator[Page]]:
    """`look_through([("/path", user), …], size=…, theme=…)`: page after page, each person in a window of theirs."""

    def look(pages: Iterable[tuple[str, User | None]], **window: Any) -> Iterator[Page]:
        windows: dict[User | None, Page] = {}
        for path, user in pages:
            if user in windows:
                windows[user].goto(path)
            else:
                windows[user] = open_page(path, user, **window)
            yield windows[user]

    return look


@pytest.fixture
def assert_calm() -> Callable[[Page], None]:
    """Asks that a page is accessible (axe), and no wider than its window."""

    def check(page: Page) -> None:
        page.wait_for_load_state()
        page.evaluate(AXE_SCRIPT)
        wrong: list[dict[str, Any]] = page.evaluate(RUN_AXE)
        assert [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in wrong] == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    return check
