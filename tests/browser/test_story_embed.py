"""Story: somebody books on a coach's own site, which is another origin; a site that may not show it shows nothing."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tenpo.people.models import User
from tenpo.people.tests.make import make_coach
from tenpo.schedule.actions.embeds import make_embed
from tenpo.schedule.models import Booking, Embed, Intro
from tenpo.schedule.tests.intro_make import make_intro_service
from tenpo.schedule.tests.time_make import make_hours, make_service

# What a site keeps of what it was told.
NOTES = """<script>
window.heard = [];
for (const name of ["ready", "resized", "time-chosen", "booked"])
  document.addEventListener(`tenpo:${name}`, (event) => window.heard.push([name, event.detail]));
window.raw = [];
addEventListener("message", (message) => window.raw.push([message.origin, JSON.stringify(message.data)]));
</script>"""

# Where a popup's frame stands, and how tall it is, each time that either changes.
WATCHED = """() => {
  window.places = [];
  const frame = document.querySelector("iframe");
  new ResizeObserver(() => {
    const { top, height } = frame.getBoundingClientRect();
    if (height) window.places.push([top, height]);
  }).observe(frame);
}"""


@contextmanager
def site(body: Callable[[], str]) -> Iterator[str]:
    """A little site of somebody else's, and its origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f"<!doctype html><title>My site</title><h1>Come and talk</h1>{NOTES}{body()}".encode()
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page if self.path == "/" else b"")

        def log_message(self, *_said: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """A visitor's browser at a site, which has never been anywhere else."""
    contexts = []

    def open_it(address: str) -> Page:
        context = browser.new_context(timezone_id="America/New_York", reduced_motion="reduce")
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()


def tag(live_server: LiveServer, embed: Embed, rest: str = "") -> str:
    return f'<script src="{live_server.url}/embed/v1.js" data-embed="{embed.pk}" {rest}></script>'


def made(coach: User, *origins: str) -> Embed:
    return make_embed(by=coach, coach=coach, name="My site", origins=origins)


def wait_until_it_fits(page: Page, *, shown: int) -> None:
    """Until the frame is as tall as the last of so many pages in it: a press on what is still to move goes astray."""
    page.wait_for_function(
        """shown => {
          const names = window.heard.map(([name]) => name);
          const last = names.lastIndexOf("ready");
          return names.filter((name) => name === "ready").length === shown && names.indexOf("resized", last) > last;
        }""",
        arg=shown,
    )


def test_an_intro_is_booked_right_there_and_the_site_is_told(live_server, visit):
    lena = make_coach("Lena Ott")
    make_intro_service(lena, step_minutes=60, notice_minutes=24 * 60)
    line: list[str] = []
    with site(lambda: "".join(line)) as origin:
        embed = made(lena, origin)
        line.append(tag(live_server, embed, 'data-name="Vera Voss" data-email="vera@example.com"'))
        page = visit(origin)
        frame = page.frame_locator("iframe")

        expect(frame.get_by_text("Times in New York")).to_be_visible()
        # They are on their way, and want to see the times of where they go.
        frame.locator(".zone-choice summary").click()
        frame.get_by_label("Time zone").select_option("Asia/Tokyo")
        expect(frame.get_by_text("Times in Tokyo")).to_be_visible()
        wait_until_it_fits(page, shown=2)
        frame.locator(".starts a").first.click()
        wait_until_it_fits(page, shown=3)
        # What the site knows of its visitor is filled in.
        expect(frame.get_by_label("Your name")).to_have_value("Vera Voss")
        frame.get_by_role("button", name="Hold this time for me").click()
        expect(frame.get_by_role("heading", level=1)).to_have_text("Look into your mailbox")
        page.wait_for_function("window.heard.some(([name]) => name === 'booked')")

        heard = page.evaluate("window.heard")
        assert {name for name, _detail in heard} == {"ready", "resized", "time-chosen", "booked"}
        [chosen] = [detail for name, detail in heard if name == "time-chosen"]
        assert chosen["service"] == "First talk"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", chosen["startsAt"])
        # Nothing that is typed leaves the frame.
        assert "vera@example.com" not in str(page.evaluate("window.raw"))
        assert {sender for sender, _data in page.evaluate("window.raw")} == {live_server.url}
        assert page.context.cookies() == []
        height = page.locator("iframe").evaluate("frame => frame.getBoundingClientRect().height")
        assert height != 420
    intro = Intro.objects.select_related("participant").get()
    assert (intro.state, intro.participant.name, intro.time_zone) == ("held", "Vera Voss", "Asia/Tokyo")


def test_a_site_that_may_not_show_it_shows_nothing_and_is_told_nothing(live_server, visit):
    lena = make_coach("Lena Ott")
    make_intro_service(lena)
    embed = made(lena, "https://somewhere.example")
    with site(lambda: tag(live_server, embed)) as origin:
        page = visit("about:blank")
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text))
        page.goto(origin)
        page.wait_for_function("document.querySelector('iframe') !== null")
        page.wait_for_load_state("networkidle")

        frame = page.frames[-1]
        assert "First talk" not in frame.content()
        assert any("frame-ancestors" in text for text in refused)
        assert page.evaluate("window.raw") == []


def test_what_takes_an_account_opens_beside_it_with_what_was_chosen(live_server, visit):
    lena = make_coach("Lena Ott")
    asked = [{"label": "Why?", "kind": "text", "required": True}]
    service = make_service(lena, name="Paid hour", open_to="visitors", questions=asked, price=4_500, format="virtual")
    key = service.questions[0]["key"]
    make_intro_service(lena, name="Free talk")
    line: list[str] = []
    with site(lambda: "".join(line)) as origin:
        embed = make_embed(by=lena, coach=lena, service=service, name="Paid", origins=[origin])
        line.append(tag(live_server, embed, f'data-mode="popup" data-label="Book me" data-answer-{key}="My knee"'))
        page = visit(origin)

        page.evaluate(WATCHED)
        page.get_by_role("button", name="Book me").click()
        frame = page.frame_locator("iframe")
        # It grew, and nothing in it moved meanwhile: whoever presses a time just then has it under their finger.
        page.wait_for_function("new Set(window.places.map(([_top, height]) => height)).size > 1")
        assert len({top for top, _height in page.evaluate("window.places")}) == 1
        wait_until_it_fits(page, shown=1)
        with page.context.expect_page() as opened:
            frame.locator(".starts a").first.click()
        beside = opened.value

        expect(beside.get_by_role("heading", level=1)).to_have_text("Paid hour")
        expect(beside.get_by_label("Why?")).to_have_value("My knee")
        assert "My knee" not in beside.url
        beside.get_by_role("button", name="Sign in and book").click()
        expect(beside).to_have_url(re.compile("/account/login/"))
        page.get_by_role("button", name="Close").click()
        expect(page.locator("dialog")).not_to_be_visible()
    assert not Booking.objects.exists()


def test_whoever_comes_to_our_own_page_has_the_clock_of_their_device_until_they_choose_another(live_server, visit):
    lena = make_coach("Lena Ott")
    make_hours(lena, opens=0, closes=24 * 60)
    service = make_service(lena, name="Trial hour", open_to="visitors", format="virtual")
    page = visit(f"{live_server.url}/book/{service.pk}/")

    expect(page.get_by_text("Times in New York")).to_be_visible()
    page.locator(".zone-choice summary").click()
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    expect(page.get_by_text("Times in Tokyo")).to_be_visible()
    page.locator(".starts a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Trial hour")
    page.goto(f"{live_server.url}/book/{service.pk}/")
    expect(page.get_by_text("Times in Tokyo")).to_be_visible()
