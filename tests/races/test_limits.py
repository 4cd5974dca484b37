"""A hundred tries at the same moment against what may be tried a few times."""

from collections import Counter

import pytest
from django.conf import settings

from tenpo.core.limits import LIMITS
from tenpo.people.tests.make import PASSWORD, make_member
from tests.server import STRANGER, Answer, Caller, Request, Server, running, with_cookies, with_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

TRIES = 100
LOGIN, CODE, CONFIRM = "/account/login/", "/account/login/code/", "/account/login/code/confirm/"
WRONG_PASSWORD, WRONG_CODE, OFTEN = "do not belong together", "This is not the code", "very often"


def said(answers: list[Answer], *words: str) -> Counter[str]:
    """How often each of the words is on a page; pages without any count as their status."""
    return Counter(next((word for word in words if word in answer.text), str(answer.status)) for answer in answers)


def waiting_for_a_code(server: Server, email: str) -> Caller:
    """A browser that asked for a code by mail."""
    answer = server.ask(STRANGER.form(CODE, email=email))
    assert answer.status == 302, answer.text
    return with_cookies(answer.cookie(settings.SESSION_COOKIE_NAME))


def guesses(browser: Caller, count: int = TRIES) -> list[Request]:
    return [browser.form(CONFIRM, code=f"WRONG{number}") for number in range(count)]


def checked(answers: list[Answer]) -> int:
    """How many codes were compared: they are answered by the page again or, the last one, by the way back."""
    return sum(WRONG_CODE in answer.text or answer.headers.get("location") == LOGIN for answer in answers)


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_few_codes_are_tried(server, is_known):
    email = make_member().email if is_known else "nobody@example.com"
    browser = waiting_for_a_code(server, email)

    answers = server.at_once(guesses(browser))

    assert checked(answers) <= LIMITS["mailed-code"].count
    assert {answer.status for answer in answers} <= {200, 302, 429}


@pytest.mark.control
def test_few_codes_control():
    """Counted in the session alone, tries that come together do not see each other."""
    with running(without="code_tries") as server:
        browser = waiting_for_a_code(server, make_member().email)
        answers = server.at_once(guesses(browser))

    assert checked(answers) > LIMITS["mailed-code"].count


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_few_passwords_are_checked(server, is_known):
    email = make_member().email if is_known else "nobody@example.com"
    tries = [STRANGER.form(LOGIN, login=email, password=f"{PASSWORD} {number}") for number in range(TRIES)]

    found = said(server.at_once(tries), WRONG_PASSWORD, OFTEN)

    assert set(found) <= {WRONG_PASSWORD, OFTEN, "429"}
    assert 1 <= found[WRONG_PASSWORD] <= LIMITS["sign-in-account"].count


@pytest.mark.parametrize(
    ("path", "limit"), [("/bookings", "book-user"), ("/bookings/{id}/payment", "pay-user")], ids=["book", "pay"]
)
def test_few_bookings_and_payments_are_tried(server, path, limit):
    nothing = "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"
    body = {"session_id": nothing} if path == "/bookings" else {"provider": "sandbox"}
    caller = with_key(make_member())

    answers = server.at_once([caller.call("POST", path.format(id=nothing), body) for _ in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {
        404: LIMITS[limit].count,
        429: TRIES - LIMITS[limit].count,
    }
