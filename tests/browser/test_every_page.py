"""Every page in a real browser: its policy is never broken, and no text in it is ever a script.

The pages come from the table of routes (`tests/matrix`), so a new one is here by existing. The business they show has
sixty payloads in its texts. Each role opens all it may as it is, where the policy says what it refused. Then every
page is opened once more without the Content-Security-Policy, by the first role that may, with other payloads in each
place: the policy is the second wall; the first is that text stays text.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings
from django.core import mail
from playwright.sync_api import Browser, BrowserContext, Dialog, Page
from pytest_django.live_server_helper import LiveServer

from tenpo.core.models import Business
from tests.browser.conftest import without_streams
from tests.browser.payloads import ALL, HOST, PAYLOADS, make_poisoned_world, poison, text_fields
from tests.matrix.table import Row, rows
from tests.work import work
from tests.world import World, named

ROLES = ("member", "coach", "admin", "anon")
NO_PAGE = re.compile(r"\.(ics|csv|json|pdf|js)\b|^/design/events|^/resources/|/_allauth/|/api/v1/(?!docs)|^/stream")
LISTEN = """
globalThis.ran = (number) => console.error(`payload ${number} ran`);
for (const name of ["alert", "confirm", "prompt"]) globalThis[name] = () => globalThis.ran(name);
addEventListener("securitypolicyviolation", (one) => console.error(`refused: ${one.violatedDirective} ${one.sample}`));
"""
# What would run once somebody clicks or points there; a picture alone may be written into its own address.
ARMED = """() => [...document.querySelectorAll("*")].flatMap((one) => [...one.attributes].filter(({ name, value }) =>
  /^(on|hx-on)/.test(name) || name === "srcdoc" || (/(href|src|action|data)$/.test(name) && one.localName !== "img"
  && /^[\\s\\0]*(javascript|data|vbscript):/i.test(value)))
  .map((what) => `${one.localName} ${what.name}=${what.value}`))"""
# As the server wrote it: scripts may set styles later, which the policy allows.
WRITTEN = """(html) => [...new DOMParser().parseFromString(html, "text/html").querySelectorAll(
  "[style], style, base, script:not([nonce]):not([type='application/json'])")].map((one) => one.outerHTML)"""


def pages_of(world: World, role: str, *, but_for: Sequence[str] = ()) -> list[str]:
    """The addresses that a role may open, without those that others may."""
    return [
        address_of(world, row)
        for row in rows()
        if row.method == "GET" and not NO_PAGE.search(row.path)
        and may_open(row, role) and not any(may_open(row, other) for other in but_for)
    ]  # fmt: skip


def may_open(row: Row, role: str) -> bool:
    return row.cell(role).rstrip("+") == "200"


def address_of(world: World, row: Row) -> str:
    return re.sub(r"\{=?(\w+)\}", lambda found: named(world.things[found[1]]), row.address.split("#")[0])


class Visitor:
    """One role's window, and everything that is wrong with what it saw."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.wrong: list[str] = []
        self.origin = origin
        self.at = ""
        context.add_init_script(LISTEN)
        context.set_default_timeout(60_000)
        without_streams(context)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self.hear(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.hear(str(error)))
        self.page.on("dialog", self.dismiss)
        self.page.on("request", lambda request: self.see(request.url))

    def hear(self, text: str) -> None:
        if not re.search(r"status of (404|409|422)|ERR_", text):
            self.wrong.append(f"{self.at}: {text}")

    def dismiss(self, dialog: Dialog) -> None:
        self.hear("opens a dialog")
        dialog.dismiss()

    def see(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:", "blob:", "about:")):
            self.hear(f"asks {url}")

    def open(self, path: str) -> None:
        self.at = path
        answer = self.page.goto(path, wait_until="domcontentloaded")
        assert answer is not None
        if answer.status != 200 or urlsplit(self.page.url).path != urlsplit(path).path:
            self.hear(f"answered {answer.status} at {self.page.url}")
        if not (kind := answer.headers["content-type"]).startswith("text/html"):
            # What is no page runs nothing, so waiting for its next frame would never end.
            self.hear(f"is no page, but {kind}")
            return
        self.look()
        for what in self.page.evaluate(WRITTEN, answer.text()):
            self.hear(f"holds {what}")

    def look(self) -> None:
        """What is on the page now: its files are here, calendars have drawn, and the next frame has come."""
        self.page.wait_for_load_state()
        if self.page.locator("[data-calendar]").count():
            self.page.locator("[data-calendar] .ec").first.wait_for()
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
        for what in self.page.evaluate(ARMED):
            self.hear(f"is armed: {what}")


@contextmanager
def visiting(browser: Browser, url: str, cookie: str, *, with_policy: bool = True) -> Iterator[Visitor]:
    # On the business's clock: a visitor's page would be asked for again on another one.
    context = browser.new_context(
        base_url=url, reduced_motion="reduce", bypass_csp=not with_policy, timezone_id="Europe/Berlin"
    )
    if cookie:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": url}])
    yield Visitor(context, url)
    context.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("with_policy", [True, False], ids=["with-policy", "without-policy"])
def test_no_page_breaks_its_policy_and_no_text_runs(
    browser: Browser, live_server: LiveServer, role: str, *, with_policy: bool
) -> None:
    world = make_poisoned_world()
    # Without the policy, other payloads stand in each place than with it.
    placed = poison(0 if with_policy else 31)
    assert min(placed[one] for one in PAYLOADS) > 20, "each payload stands in many places"

    with visiting(browser, live_server.url, world.cookies.get(role, ""), with_policy=with_policy) as visitor:
        before = ROLES[: ROLES.index(role)]
        for path in pages_of(world, role, but_for=() if with_policy else before):
            visitor.open(path)
        if role == "member":
            check_what_comes_later(visitor)

    assert visitor.wrong == []


def check_what_comes_later(visitor: Visitor) -> None:
    """Texts that come after the page: news, what is searched for, what a filter says of a wrong value."""
    visitor.open("/")
    for payload in PAYLOADS:
        news = {"text": payload, "url": payload}
        visitor.page.evaluate("(news) => document.dispatchEvent(new CustomEvent('toast', { detail: news }))", news)
    visitor.look()
    visitor.page.keyboard.press("/")
    found = "**/search?q=*"
    with visitor.page.expect_response(found):
        visitor.page.locator("#palette input").fill(PAYLOADS[5])
    visitor.look()
    for path in ("/search", "/sessions/", "/bookings/", "/account/login/"):
        for text in (ALL[:1500], ALL[1500:]):
            visitor.at = path
            visitor.page.goto(f"{path}?q={quote(text)}&next={quote(text)}&coach={quote(text)}&state={quote(text)}")
            visitor.look()


def test_no_mail_runs_a_text(browser: Browser, live_server: LiveServer) -> None:
    make_poisoned_world()
    work()
    html = [
        str(content) for message in mail.outbox for content, kind in getattr(message, "alternatives", [])
        if kind == "text/html"
    ]  # fmt: skip
    assert any(HOST in text or "ran(" in text for text in html)

    with visiting(browser, live_server.url, "", with_policy=False) as visitor:
        for text in html:
            visitor.page.set_content(text)
            visitor.look()

    assert visitor.wrong == []


def test_every_text_is_poisoned_or_said_to_be_ours() -> None:
    """A model's new text is poisoned by existing; this names some that must never fall out."""
    poisoned = {str(field) for _, fields in text_fields() for field in fields}

    assert {
        "core.Business.name", "people.User.name", "people.CoachProfile.bio", "people.Import.file_name",
        "schedule.Session.title", "schedule.Session.description", "schedule.Session.place",
        "schedule.Session.join_link", "access.ApiClient.name",
    } <= poisoned  # fmt: skip
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 60


@pytest.mark.control
@pytest.mark.parametrize("with_policy", [False, True], ids=["without-policy", "with-policy"])
def test_control_a_text_that_is_not_escaped_is_noticed(
    browser: Browser, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, *, with_policy: bool
) -> None:
    """Without escaping payloads run where there is no policy; where there is one, it refuses them."""
    monkeypatch.setattr("django.template.base.conditional_escape", str)
    Business.objects.update_or_create(defaults={"name": PAYLOADS[5]})

    with visiting(browser, live_server.url, "", with_policy=with_policy) as visitor:
        visitor.page.goto("/account/login/")
        visitor.look()

    ran = [text for text in visitor.wrong if "payload 5 ran" in text]
    refused = [text for text in visitor.wrong if "refused: script-src" in text]
    assert (bool(ran), bool(refused)) == (not with_policy, with_policy)


@pytest.mark.control
def test_control_what_is_no_page_is_noticed(browser: Browser, live_server: LiveServer) -> None:
    with visiting(browser, live_server.url, "") as visitor:
        visitor.open("/api/v1/openapi.json")

    assert visitor.wrong == ["/api/v1/openapi.json: is no page, but application/json"]
