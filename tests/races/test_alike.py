"""Nobody learns from the real server whether an address has an account: answer, mails and time are alike."""

import re
from collections.abc import Callable
from statistics import median
from time import perf_counter

import pytest

from tenpo.core.models import Business
from tests.installation import wait_until
from tests.server import STRANGER, Answer, Request, Server, make_known

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

PASSWORD = "another horse battery"
UNKNOWN = "nobody@example.com"
ROUNDS = 7
# How many times as long one of them may take: an argon2 hash that only one of them cost would be far beyond.
LENIENT = 3

# What somebody sends who wants to know; and the mails that the known and the unknown address get.
WAYS: dict[str, tuple[Callable[[str], Request], str, str]] = {
    "sign-in": (lambda email: STRANGER.form("/account/login/", login=email, password=PASSWORD), "", ""),
    "reset": (
        lambda email: STRANGER.form("/account/password/reset/", email=email),
        "Choose a new password", "There is no account with this address",
    ),
    "code": (
        lambda email: STRANGER.form("/account/login/code/", email=email),
        "is your code for", "There is no account with this address",
    ),
    "sign-up": (
        lambda email: STRANGER.form("/account/signup/", name="Lena Okafor", email=email, password1=PASSWORD),
        "You already have an account", "confirms your address",
    ),
}  # fmt: skip
# What is new in each answer.
NEW = re.compile(
    r'(csrfmiddlewaretoken" value="|X-CSRFToken": "|nonce[=-]"?|_(?:session|csrf)=|x-request-id: |date: )[^"\';\n]+'
)
# A message for the next page, signed, with the address in it: as long as the other one's.
MESSAGE = re.compile(r"(?<=messages=)[^;\n]+")
TIME = re.compile(r"\d\d:\d\d:\d\d GMT")


@pytest.fixture(autouse=True)
def sign_up_is_open(server: Server, transactional_db: None) -> None:
    """Until every process of the server has noticed; they ask again only now and then."""
    Business.objects.update_or_create(only=True, defaults={"allows_sign_up": True})
    page = STRANGER.page("/account/signup/")
    wait_until(lambda: all('name="password1"' in answer.text for answer in server.at_once([page] * 20)), 30)


def shown(answer: Answer, email: str) -> str:
    """Status, headers and page, without what is new in each answer and the address that was asked about."""
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(answer.headers.items()))
    text = f"{answer.status}\n{headers}\n\n{answer.text}".replace(email, "")
    text = MESSAGE.sub(lambda found: str(len(found[0])), text)
    return TIME.sub("", NEW.sub(r"\1", text))


@pytest.mark.parametrize("way", WAYS)
def test_known_and_unknown_get_the_same_answer(server: Server, way: str):
    ask, mail_to_known, mail_to_unknown = WAYS[way]
    # As long as each other, for the length of the page is in the headers.
    known, unknown = make_known(f"known.{way}@example.com").email, f"other.{way}@example.com"
    answers = {email: server.ask(ask(email)) for email in (known, unknown)}

    assert shown(answers[known], known) == shown(answers[unknown], unknown)
    for email, subject in ((known, mail_to_known), (unknown, mail_to_unknown)):
        mails = server.mails_to(email)
        assert len(mails) == bool(subject)
        assert all(subject in mail for mail in mails)


def test_known_and_unknown_take_about_as_long(server: Server):
    """One after the other, by turns, so that both meet the same load; that both hash a password is tested elsewhere."""
    known = make_known().email
    seconds: dict[str, list[float]] = {known: [], UNKNOWN: []}
    for number in range(ROUNDS):
        for email, times in seconds.items():
            # From elsewhere each time: beyond a limit nothing is checked.
            request = STRANGER.at(f"10.2.0.{number}").form("/account/login/", login=email, password=PASSWORD)
            start = perf_counter()
            answer = server.ask(request)
            times.append(perf_counter() - start)
            assert "do not belong together" in answer.text

    ratio = median(seconds[known]) / median(seconds[UNKNOWN])

    assert 1 / LENIENT < ratio < LENIENT, seconds
