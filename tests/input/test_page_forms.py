"""Every form of every page, filled in as nobody fills it in: a message and never an error, and what was typed stays.

The pages come from the table of routes (`tests/matrix`), their forms from what they show, so a new one is here by
existing. What a page forbids by its own marks (required, a length, a choice), its server must refuse beside that field.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core import mail
from django.forms import BaseForm
from django.test import Client

from tenpo.core.business import forget_business
from tenpo.core.models import Business
from tenpo.people.tests import make
from tenpo.people.tests.make import PASSWORD
from tenpo.schedule.tests.intro_make import begin
from tenpo.schedule.views.calendars import FOUND
from tests.input import turns
from tests.input.conftest import undone
from tests.input.forms import CHOSEN, TYPED, Field, Form, Page
from tests.input.test_redirects import stays
from tests.input.turns import in_turn
from tests.matrix.asking import NAME
from tests.matrix.bodies import BODIES, files_of
from tests.matrix.table import OUTSIDE, Row, pattern_of, rows
from tests.world import PEOPLE, World, named

VISITORS = (*PEOPLE, "anon")
# Files, fragments and what programs ask for; and the page of components, whose forms are there to be looked at.
NO_PAGE = re.compile(r"\.(ics|csv|json|pdf)\b|/progress/$|^/design|^/_allauth/|^/resources/|^/api/v1/(?!docs)")
PAGES = [
    row for row in rows()
    if row.method == "GET" and row.path not in OUTSIDE and not NO_PAGE.search(row.path)
    and any(row.cell(one).startswith("200") for one in VISITORS)
]  # fmt: skip

TOKEN = "csrfmiddlewaretoken"
ROW_NUMBER = re.compile(r"_\d+$")
WRONG_ID = "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"
# As people and programs type them; None is not sent at all, bytes are no UTF-8 (a lone surrogate, and no character).
TEXTS: dict[str, str | bytes | None] = {
    "missing": None, "empty": "", "NUL": "a\0b", "no UTF-8": b"\xed\xa0\x80\xff", "10,000 characters": "x" * 10_000,
    "400 digits": "9" * 400, "2^63": str(2**63), "NaN": "NaN", "a power of ten": "1e9999999", "negative": "-1",
    "a wrong id": WRONG_ID, "a formula": '=HYPERLINK("https://evil.example")',
    "a line break": "a\r\nBcc: eve@evil.example",
}  # fmt: skip
ALWAYS = ("missing", "empty", "NUL", "no UTF-8", "twice")
OF_KIND = {
    "checkbox": ("missing", "NUL", "a wrong id"), "file": ("missing", "empty", "NUL"),
    **dict.fromkeys(("select", "radio"), (*ALWAYS, "negative", "a wrong id")),
    **dict.fromkeys(("text", "search", "textarea", "password", "email", "url"),
                    (*ALWAYS, "10,000 characters", "a formula", "a line break")),
}  # fmt: skip
UNASKED = {"is_admin": ["1"], "id": [WRONG_ID], "state": ["confirmed"], "price": ["0"], "owner": [WRONG_ID]}
# What is typed where the page asks for something and the table of bodies does not say what.
USUAL = {
    "email": "new@example.com", "url": "https://example.com/", "number": "1", "date": "2031-03-04", "time": "07:00",
    "password": PASSWORD,
}  # fmt: skip
A_FILE = "a file that is as it should be"
# In the frame of every page; tried on the first one.
FRAME = {"search", "account/logout/"}
# They look for the beginning of a long text, and show what they looked for.
CUTS_SHORT = {"search", "api/v1/docs"}

type Sent = dict[str, list[Any]]
type Tried = dict[tuple[str, str], set[str]]


@dataclass
class Visit:
    """Somebody before a page, who sends each of its forms as if it were the first."""

    world: World
    actor: str
    path: str
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(raise_request_exception=False)
        if self.actor in PEOPLE:
            self.client.cookies[settings.SESSION_COOKIE_NAME] = self.world.cookies[self.actor]

    def open(self) -> Page:
        answer = self.client.get(self.path)
        assert answer.status_code == 200, (self.actor, self.path, answer.status_code, answer.headers)
        html = answer.content.decode()
        page = Page(html, self.path)
        assert len(page.forms) == html.count("<form")
        return page

    def send(self, form: Form, values: Sent) -> Any:
        """Send a form as a browser does; what it wrote is undone, and so are the cookies that it was given."""
        cookies, query = deepcopy(self.client.cookies), urlencode(values, doseq=True)
        with undone():
            if form.method == "get":
                answer = self.client.get(form.action.partition("?")[0], QUERY_STRING=query)
            elif form.is_multipart:
                files = files_of(form.action)
                with_files = {name: files[name] if sent == [A_FILE] else sent for name, sent in values.items()}
                answer = self.client.post(form.action, with_files)
            else:
                answer = self.client.post(form.action, query.encode(), "application/x-www-form-urlencoded")
        self.client.cookies = cookies
        return answer


def fill(world: World, text: str) -> str:
    return NAME.sub(lambda match: named(world.things[match[2]]), text)


def as_list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def well_filled(world: World, form: Form) -> Sent:
    """What somebody sends who fills the form in as it is meant."""
    values: Sent = dict(form.untouched())
    typed = {name for name, one in form.fields.items() if one.kind not in ("hidden", "file")}
    values |= {name: [A_FILE] for name, one in form.fields.items() if one.kind == "file"}
    for name in typed:
        one = form.fields[name]
        if one.is_required and not any(values.get(name, [])):
            values[name] = one.options[:1] or [USUAL.get(one.kind, "Kept as typed")]
    for row in rows():
        if form.method == "post" and str(row) in BODIES and row.is_page and pattern_of(row) == form.route:
            known = json.loads(fill(world, json.dumps(BODIES[str(row)])))
            values |= {name: as_list(known[name]) for name in typed & set(known)}
    return values


def ways_of(one: Field) -> tuple[str, ...]:
    """The ways in which a field may be bad: all of them where a number or an id is expected."""
    return (*TEXTS, "twice") if one.attrs.get("inputmode") else OF_KIND.get(one.kind, (*TEXTS, "twice"))


def spoil(good: Sent, one: Field, way: str) -> Sent:
    """A form with one field that is bad in this way."""
    rest = {name: values for name, values in good.items() if name != one.name}
    if way == "twice":
        return {**rest, one.name: [*good.get(one.name, ["a"]), "another"]}
    return rest if TEXTS[way] is None else {**rest, one.name: [TEXTS[way]]}


def cases(form: Form, good: Sent, names: set[str]) -> Iterator[tuple[str, Sent, list[Field]]]:
    """What is sent of a form, some names of which are in question: in which way it is bad, and which fields are."""
    yield "nothing at all", {}, []
    yield "what nobody asked for", {**UNASKED, **good}, []
    buttons = [Field(name, "hidden", {}, [value]) for name, value in form.buttons if name in names]
    for one in buttons:
        yield f"the button {one.name}", {**good, one.name: one.values}, []
    refused: dict[str, list[Field]] = {}
    # Rows that repeat are read by the same code: one of them stands for all (`opens_3`, `opens_4`).
    stands_for = {ROW_NUMBER.sub("", name): name for name in sorted(names, reverse=True)}
    for one in [*buttons, *(form.fields[name] for name in sorted(names & set(form.fields)))]:
        turn = in_turn(ways_of(one), f"{form.key} {one.name}")
        for way in ways_of(one):
            sent = spoil(good, one, way)
            if one.forbids(last_of(sent, one.name)):
                refused.setdefault(way, []).append(one)
            elif way in turn and stands_for.get(ROW_NUMBER.sub("", one.name), one.name) == one.name:
                # One at a time: what the form lets through goes further.
                yield f"{one.name} {way}", sent, []
    for way, fields in refused.items():
        sent = good
        for one in fields:
            sent = spoil(sent, one, way)
        yield f"{', '.join(one.name for one in fields)} {way}", sent, fields


def last_of(sent: Sent, name: str) -> str:
    """What a form has of a name that comes once."""
    last = sent.get(name, [""])[-1]
    return last.decode("utf-8", "replace") if isinstance(last, bytes) else last


def all_spoilt(form: Form, good: Sent, turn: int) -> Sent:
    """Each field is bad, and each in another way."""
    sent = good
    for number, one in enumerate(one for one in form.fields.values() if one.name != TOKEN):
        ways = ways_of(one)
        sent = spoil(sent, one, ways[(number + turn) % len(ways)])
    return sent


def wrong_with(visit: Visit, forms: list[Form], tried: Tried) -> Iterator[str]:
    """Send each form in every bad way; what was tried of it before, only once and all of it at once."""
    for form in forms:
        good, known = well_filled(visit.world, form), tried.get(form.key)
        new = form.names - (known or set())
        if known is not None and not new:
            yield from tell(visit, form, "all of it", all_spoilt(form, good, VISITORS.index(visit.actor)))
            continue
        tried[form.key] = form.names | (known or set())
        answer = visit.send(form, good)
        yield from faults(answer, form, good)
        if shows_page(answer) and form.method == "post":
            # A second step: with another button, or a form that was not there before.
            after = Page(answer.content.decode(), visit.path)
            new_forms = [one for one in after.forms if not one.is_in_frame and one.names - tried.get(one.key, set())]
            yield from wrong_with(visit, new_forms, tried)
        for what, sent, bad in cases(form, good, new - {TOKEN}):
            yield from tell(visit, form, what, sent, bad)


def tell(visit: Visit, form: Form, what: str, sent: Sent, bad: Collection[Field] = ()) -> Iterator[str]:
    for fault in faults(visit.send(form, sent), form, sent, bad):
        yield f"{visit.actor} sends {form.key} with {what}: {fault}"


def faults(answer: Any, form: Form, sent: Sent, bad: Collection[Field] = ()) -> Iterator[str]:
    """What is wrong with an answer: it broke, took what it should not, does not say why, or forgot what was typed."""
    if answer.status_code >= 500:
        yield f"broke with {answer.status_code}"
        return
    if "eve@" in str(answer.headers) or not stays(answer.get("Location", "/")):
        yield "became a header"
    page = Page(answer.content.decode(), form.action) if shows_page(answer) else None
    if bad and form.route not in CUTS_SHORT:
        # A page that has no more use for the form says so in other words.
        if answer.status_code == 302 or (page and not page.says_why):
            yield f"is taken with {answer.status_code}, although the page forbids it"
        elif page and page.has(form):
            typed = [one.name for one in bad if one.name in sent]
            yield from (f"has no message beside {name}" for name in typed if name not in page.wrong)
    if page and (again := page.has(form)):
        if answer.status_code in (409, 422) and not page.says_why:
            yield f"does not say why ({answer.status_code})"
        if page.says_why or again.state() != form.state():
            yield from forgotten(again, sent)


def shows_page(answer: Any) -> bool:
    return answer.status_code in (200, 409, 422) and answer.get("Content-Type", "").startswith("text/html")


def forgotten(again: Form, sent: Sent) -> Iterator[str]:
    """What was typed and is no longer there when the form is shown again."""
    for one in again.fields.values():
        typed = [last_of(sent, one.name)] if one.name in sent else []
        if one.kind == "password":
            if any(one.values):
                yield f"shows the password {one.name}"
        elif one.kind in TYPED and typed and one.values != typed and again.route not in CUTS_SHORT:
            yield f"forgot {one.name}={typed[0][:40]!r} and shows {str(one.values)[:60]}"
        elif one.kind in CHOSEN and typed and typed[0] in one.options and typed[0] not in one.values:
            yield f"forgot that {one.name} was {typed[0]}"


def wrong_on(world: World, row: Row) -> Iterator[str]:
    tried: Tried = {}
    for actor in VISITORS:
        if not row.cell(actor).startswith("200"):
            continue
        if row.address != row.path and (plain := next((one for one in PAGES if one.address == row.path), None)):
            # The same page, asked something: what the plain one shows is tried there.
            for form in Visit(world, actor, fill(world, plain.path)).open().forms:
                tried.setdefault(form.key, set()).update(form.names)
        visit = Visit(world, actor, fill(world, row.address.partition("#")[0]))
        yield from wrong_with(visit, outside_frame(visit.open(), row.path), tried)


def outside_frame(page: Page, path: str) -> list[Form]:
    """The forms that are tried on this page."""
    in_frame = [form for form in page.forms if form.is_in_frame]
    assert {form.route for form in in_frame} <= FRAME
    return page.forms if path == "/" else [form for form in page.forms if form not in in_frame]


@pytest.mark.parametrize("row", PAGES, ids=str)
def test_bad_input_is_refused_and_kept(business, row):
    assert [*wrong_on(business, row)] == []


def show_that_it_is_me(visit: Visit) -> None:
    make.show_that_it_is_me(visit.client)


def have_an_app(visit: Visit) -> None:
    make.set_up_app(visit.client)


def sign_in_with_an_app(visit: Visit) -> None:
    """As far as the password: the page that asks for the code comes next."""
    have_an_app(visit)
    visit.client.post("/account/logout/")
    visit.client.post("/account/login/", {"login": visit.world.people[visit.actor].email, "password": PASSWORD})


def ask_for_a_code(visit: Visit) -> None:
    visit.client.post("/account/login/code/", {"email": visit.world.people["member"].email})


def move_to_another_address(visit: Visit) -> None:
    show_that_it_is_me(visit)
    visit.client.post("/account/email/", {"email": "moved@example.com", "action_add": ""})


def forget_the_password(visit: Visit) -> None:
    visit.client.post("/account/password/reset/", {"email": visit.world.people["member"].email})
    link = re.search(r"/account/password/reset/key/\S+", str(mail.outbox[-1].body))
    assert link
    visit.path = visit.client.get(link[0])["Location"]


def let_anybody_sign_up(visit: Visit) -> None:
    Business.objects.update(allows_sign_up=True)
    forget_business()


def sign_in_elsewhere(visit: Visit) -> None:
    show_that_it_is_me(visit)
    Visit(visit.world, "anon", "").client.post(
        "/account/login/", {"login": visit.world.people[visit.actor].email, "password": PASSWORD}
    )


# Pages that are there once something else was done: by whom, and what.
def find_an_account(visit: Visit) -> None:
    """The calendars of an account were found, and one is to be chosen."""
    session = visit.client.session
    calendars = [{"url": "https://dav.example.com/1/", "name": "Home", "is_writable": True}]
    session[FOUND] = {"username": "maya", "password": "k3y", "calendars": calendars}
    session.save()


def go_in_soon(visit: Visit) -> None:
    """A visitor's session begins in a moment, so that they can go in."""
    intro = begin(visit.world.things["intro_of_other"], ago=timedelta(minutes=-5))
    visit.path = f"/intro/{intro.link}/"


def choose_another_time(visit: Visit) -> None:
    """A visitor has chosen the time that their talk is to be moved to, and is asked whether it is right."""
    visit.path = fill(visit.world, "/intro/{intro_token}/move/?start={=intro_to}")


LATER: dict[str, tuple[str, Callable[[Visit], None]]] = {
    "/me/keys/": ("member", show_that_it_is_me),
    "/me/calendars/caldav/choose/": ("member", find_an_account),
    "/intro/": ("anon", go_in_soon),
    "/intro/move/": ("anon", choose_another_time),
    "/settings/": ("admin", show_that_it_is_me),
    "/me/money/payouts/accounts/": ("member", show_that_it_is_me),
    "/account/2fa/totp/activate/": ("member", show_that_it_is_me),
    "/account/2fa/webauthn/add/": ("member", show_that_it_is_me),
    "/account/2fa/totp/deactivate/": ("member", have_an_app),
    "/account/2fa/recovery-codes/generate/": ("member", have_an_app),
    "/account/2fa/reauthenticate/": ("member", have_an_app),
    "/account/2fa/authenticate/": ("member", sign_in_with_an_app),
    "/account/login/code/confirm/": ("anon", ask_for_a_code),
    "/account/confirm-email/": ("member", move_to_another_address),
    "/account/password/reset/key/": ("anon", forget_the_password),
    "/account/signup/": ("anon", let_anybody_sign_up),
    "/account/sessions/": ("member", sign_in_elsewhere),
}


@pytest.mark.parametrize("path", LATER)
def test_bad_input_is_refused_and_kept_later(business, path):
    actor, prepare = LATER[path]
    visit = Visit(business, actor, path)
    prepare(visit)

    assert [*wrong_with(visit, outside_frame(visit.open(), path), {})] == []


# Acts whose form no page of ours shows, and why.
FORMLESS = {
    "account/2fa/recovery-codes/download/": "a link",
    "account/password/set/": "everybody has a password",
    "account/2fa/webauthn/keys/<int:pk>/edit/": "needs a device with a passkey",
    "account/2fa/webauthn/keys/<int:pk>/remove/": "needs a device with a passkey",
    "account/2fa/webauthn/reauthenticate/": "needs a device with a passkey",
    "me/money/stripe/": "there with Stripe's key alone",
}


def test_every_act_has_a_form_that_is_tried(business):
    shown = set()
    for row in PAGES:
        # A coach sees no form that an admin does not see, but where the page is theirs alone.
        may = [one for one in ("admin", "member", "anon") if row.cell(one).startswith("200")] or ["coach"]
        for actor in may if row.cell("admin").startswith("200") else may[:1]:
            shown |= {form.route for form in Visit(business, actor, fill(business, row.address)).open().forms}
    for path, (actor, prepare) in LATER.items():
        with undone():
            visit = Visit(business, actor, path)
            prepare(visit)
            shown |= {form.route for form in visit.open().forms}

    acts = {pattern_of(row) for row in rows() if row.is_page and row.method == "POST" and "/_allauth/" not in row.path}
    assert acts - shown == set(FORMLESS)


def beside_no_field(form: BaseForm, field: str, error: Any) -> None:
    add_error(form, None, error)


add_error = BaseForm.add_error


@pytest.mark.control
@pytest.mark.parametrize(
    ("path", "what", "instead", "said"),
    [
        ("/teaching/import/{plan}/", "tenpo.core.forms.parse_money", lambda *_: 1 / 0, "price NaN: broke with 500"),
        ("/teaching/import/{plan}/", "tenpo.core.forms.AmountField.prepare_value", lambda *_: "", "forgot price='NaN'"),
        ("/invites/new/", "django.forms.fields.Field.validate", lambda *_: None, "is taken with"),
        ("/invites/new/", "django.forms.forms.BaseForm.add_error", beside_no_field, "has no message beside days"),
        ("/bookings/{declined}/pay/", "tests.input.forms.Page.says_why", False, "agreed NaN: does not say why (422)"),
    ],
    ids=["breaks", "forgets", "takes all", "says it elsewhere", "says nothing"],
)
def test_control_a_form_that_does_not_hold_is_noticed(business, monkeypatch, path, what, instead, said):
    monkeypatch.setattr(what, instead)
    monkeypatch.setattr(turns, "TURNS", 1)
    row = next(row for row in PAGES if row.address == path)

    assert any(said in one for one in wrong_on(business, row))
