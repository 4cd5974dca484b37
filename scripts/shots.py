"""Picture every page as every role, at two widths, light and dark; and check each with axe and the browser's console.

    python scripts/shots.py                       start the demo in a folder of its own, picture everything
    python scripts/shots.py --url http://…        picture an installation that runs (with the demo's accounts)
    python scripts/shots.py --only schedule: --role coach --quick

Pages come from the table of addresses, where they need no argument, and from the links found on them: one page for
each name of an address. The pictures go to `shots/`, which git ignores. The exit code is 1 when a page failed.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tenpo.runtime.system import free_port

ROOT = Path(__file__).resolve().parents[1]
TENPO = Path(sys.executable).with_name("tenpo")
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
SKIP = re.compile(
    r"logout|/stream|/_allauth/|/api/v1/(?!docs)|/static/|\.(ics|csv|json|txt|xml)(\?|$)|export|download|healthz|metrics"
)


@dataclass
class Report:
    """What was seen: pictures taken, and everything that is not right."""

    pictures: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note something that is not right, and say it at once."""
        self.wrong.append(f"{where}: {what}")
        print(f"  ✗ {where}: {what}", flush=True)


@contextlib.contextmanager
def running(url: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of an installation with the demo's data, and the environment that its commands need."""
    if url:
        yield url.rstrip("/"), dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="tenpo-shots-") as folder:
        port = free_port()
        env = {**os.environ, "TENPO_DATA": folder, "TENPO_PORT": str(port), "TENPO_DEMO": "true", "TENPO_DEBUG": "true"}
        server = subprocess.Popen([TENPO, "run"], env=env, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            address = f"http://localhost:{port}"
            wait_for(address, server)
            yield address, env
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def wait_for(address: str, server: "subprocess.Popen[bytes]", seconds: int = 180) -> None:
    """Wait until the pages answer."""
    for _ in range(seconds):
        if server.poll() is not None:
            raise SystemExit("Tenpo stopped before it answered.")
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(1)
    raise SystemExit(f"{address} did not answer within {seconds} s.")


def accounts(env: dict[str, str]) -> list[dict[str, str]]:
    """The demo's people, one for each role."""
    said = subprocess.run(
        [TENPO, "demo", "accounts", "--json"], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, dict[str, str]] = {}
    for one in json.loads(said.stdout):
        found.setdefault(one["role"], one)
    return list(found.values())


def addresses() -> dict[str, str]:
    """Every address that needs no argument: its name and its path."""
    import django
    from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenpo.config.settings")
    django.setup()
    found: dict[str, str] = {}

    def walk(patterns: list[URLPattern | URLResolver], space: str) -> None:
        for one in patterns:
            if isinstance(one, URLResolver):
                walk(one.url_patterns, f"{space}{one.namespace}:" if one.namespace else space)
            elif one.name:
                with contextlib.suppress(NoReverseMatch):
                    found[f"{space}{one.name}"] = reverse(f"{space}{one.name}")

    walk(get_resolver().url_patterns, "")
    return {name: path for name, path in found.items() if not SKIP.search(path)}


def name_of(path: str) -> str | None:
    """The name of the address that answers a path."""
    from django.urls import Resolver404, resolve

    try:
        return resolve(path).view_name or None
    except Resolver404:
        return None


def sign_in(page: Page, base: str, one: dict[str, str]) -> None:
    """Sign in with e-mail and password, as a person would."""
    from django.urls import reverse

    page.goto(base + reverse("account_login"))
    page.fill("input[name=login]", one["email"])
    page.fill("input[name=password]", one["password"])
    page.locator("form:has(input[name=password]) [type=submit]").first.click()
    page.wait_for_load_state()


def to_see(page: Page, base: str, known: dict[str, str], only: str) -> dict[str, str]:
    """Names and paths of the pages that this person can reach: the table's, and one for each name found by a link."""
    queue = ["/", *known.values()]
    seen: dict[str, str] = {}
    while queue:
        path = queue.pop(0)
        name = name_of(urlsplit(path).path)
        if name is None or name in seen or SKIP.search(path):
            continue
        answer = page.request.get(base + path, headers={"Accept": "text/html"})
        if "text/html" not in answer.headers.get("content-type", "") or answer.status in {401, 403, 404, 405}:
            continue
        final = urlsplit(answer.url).path
        if final != urlsplit(path).path:
            queue.append(final)
            continue
        seen[name] = path
        links = re.findall(r'href="(/[^"#]*)"', answer.text())
        queue += [urlsplit(urljoin(base, link)).path for link in links if not SKIP.search(link)]
    return {name: path for name, path in seen.items() if name.startswith(only)}


def picture(page: Page, where: str, path: str, out: Path, report: Report) -> None:
    """Open a page, take its picture, and note whatever is wrong with it."""
    heard: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            heard.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: heard.append(str(error)))
    answer = page.goto(path, wait_until="load")
    page.wait_for_timeout(250)
    if answer is not None and answer.status >= 500:
        report.add(where, f"answered {answer.status}")
    out.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=out, full_page=True)
    report.pictures += 1
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if width > 0:
        report.add(where, f"is {width} px wider than the screen")
    # axe must not fetch our style sheets again and write them inline: the policy refuses that, and says so.
    result: dict[str, Any] = Axe().run(page, options={"preload": False}).response
    for violation in result["violations"]:
        nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
        report.add(where, f"axe {violation['id']} ({len(violation['nodes'])}): {nodes}")
    for text in heard:
        report.add(where, f"console: {text[:200]}")
    page.remove_listener("console", hear)


def contexts(browser: Browser, state: Any, *, quick: bool) -> Iterator[tuple[str, BrowserContext]]:
    """One signed-in browser window for each width and each theme."""
    for size, (width, height) in SIZES.items():
        schemes: list[Literal["light", "dark"]] = ["light"] if quick else ["light", "dark"]
        for scheme in schemes:
            yield (
                f"{size}-{scheme}",
                browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                    has_touch=size == "phone",
                    storage_state=state,
                ),
            )


def shoot(browser: Browser, base: str, people: list[dict[str, str]], args: argparse.Namespace, report: Report) -> None:
    """Every page of every role."""
    known = addresses()
    for one in [{"role": "stranger"}, *people]:
        if args.role and one["role"] != args.role:
            continue
        first = browser.new_context()
        page = first.new_page()
        if "email" in one:
            sign_in(page, base, one)
        pages = to_see(page, base, known, args.only)
        state = first.storage_state()
        first.close()
        for window, context in contexts(browser, state, quick=args.quick):
            page = context.new_page()
            for number, (name, path) in enumerate(sorted(pages.items()), start=1):
                print(f"\r{one['role']} {window} {number}/{len(pages)} {name:<40}", end="", flush=True)
                out = args.out / one["role"] / f"{name.replace(':', '-')}-{window}.png"
                picture(page, f"{one['role']} {window} {name} {path}", base + path, out, report)
            context.close()
        print()


def main() -> int:
    """Read the options and go."""
    parser = argparse.ArgumentParser(description="Picture every page as every role.")
    parser.add_argument("--url", help="an installation that runs; without it the demo is started")
    parser.add_argument("--out", type=Path, default=ROOT / "shots", help="folder of the pictures")
    parser.add_argument("--only", default="", help="start of the address names, such as schedule:")
    parser.add_argument("--role", default="", help="one role instead of all")
    parser.add_argument("--quick", action="store_true", help="only the light theme")
    args = parser.parse_args()
    report = Report()
    with running(args.url) as (base, env), sync_playwright() as play:
        people = accounts(env)
        os.environ.update({name: env[name] for name in ("TENPO_DATA",) if name in env})
        browser = play.chromium.launch(
            executable_path=os.environ.get("TENPO_CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        shoot(browser, base, people, args, report)
        browser.close()
    print(f"{report.pictures} pictures in {args.out}, {len(report.wrong)} things to mend.")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
