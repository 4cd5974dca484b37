"""A hundred tries at the same moment against what may be tried a few times."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import settings

from tenpo.checkout.tests.make import make_booking
from tenpo.core.limits import INTROS_HELD_AT_ONCE, LIMITS
from tenpo.people.second_factors import seal_for
from tenpo.people.tests.make import PASSWORD, make_coach, make_member
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Intro
from tenpo.schedule.tests.intro_make import make_intro_service, some_start
from tenpo.schedule.tests.make import make_session
from tests.server import STRANGER, Answer, Caller, Request, Server, make_known, running, with_cookies, with_key

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.invariants,
    pytest.mark.usefixtures("one_window"),
]

TRIES = 100
LOGIN, CODE, CONFIRM = "/account/login/", "/account/login/code/", "/account/login/code/confirm/"
RESET, FACTOR = "/account/password/reset/", "/account/2fa/authenticate/"
AGAIN = "/account/reauthenticate/"
NOTHING = "01920f3a-7c1e-7b3a-9d55-2f6f0c1b8a42"
CHANGE, WRONG_OLD_PASSWORD = "/account/password/change/", "not your present password"
WRONG_PASSWORD, WRONG_CODE, OFTEN = "do not belong together", "This is not the code", "very often"


@pytest.fixture(scope="module")
def careless_server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    """For the controls: tries that come together do not see each other."""
    with django_db_blocker.unblock(), running(program="tests.unguarded tries") as one:
        yield one


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

    assert 1 <= checked(answers) <= LIMITS["mailed-code"].count
    assert {answer.status for answer in answers} <= {200, 302, 429}


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_few_passwords_are_checked(server, is_known):
    email = make_known().email if is_known else "nobody@example.com"
    tries = [STRANGER.form(LOGIN, login=email, password=f"{PASSWORD} {number}") for number in range(TRIES)]

    found = said(server.at_once(tries), WRONG_PASSWORD, OFTEN)

    assert set(found) <= {WRONG_PASSWORD, OFTEN, "429"}
    assert 1 <= found[WRONG_PASSWORD] <= LIMITS["sign-in-account"].count


def test_few_old_passwords_are_checked(server):
    member, limit = make_known(), LIMITS["sign-in-account"].count
    answer = server.ask(STRANGER.form(LOGIN, login=member.email, password=PASSWORD))
    browser = with_cookies(answer.cookie(settings.SESSION_COOKIE_NAME))
    new = {"password1": "four words put together", "password2": "four words put together"}

    found = said(
        server.at_once([browser.form(CHANGE, oldpassword=f"{PASSWORD} {number}", **new) for number in range(TRIES)]),
        WRONG_OLD_PASSWORD,
    )

    assert found == {WRONG_OLD_PASSWORD: limit, "429": TRIES - limit}


@pytest.mark.parametrize(
    ("path", "limit"), [("/bookings", "book-user"), ("/bookings/{id}/payment", "pay-user")], ids=["book", "pay"]
)
def test_few_bookings_and_payments_are_tried(server, path, limit):
    body = {"session_id": NOTHING} if path == "/bookings" else {"provider": "sandbox"}
    caller = with_key(make_member())

    answers = server.at_once([caller.call("POST", path.format(id=NOTHING), body) for _ in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {
        404: LIMITS[limit].count,
        429: TRIES - LIMITS[limit].count,
    }


def test_few_payouts_are_asked_for(server):
    body = {"account_id": NOTHING, "source": "wallet", "amount": 1_000}
    caller, limit = with_key(make_member()), LIMITS["payout-user"].count

    answers = server.at_once([caller.call("POST", "/payouts", body) for _ in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {404: limit, 429: TRIES - limit}


def test_few_refunds_are_asked_for(server):
    body = {"line_id": NOTHING, "amount": 1_000, "to": "wallet", "reason": "Ill"}
    caller, limit = with_key(make_member()), LIMITS["refund-user"].count

    answers = server.at_once([caller.call("POST", "/refunds", body) for _ in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {404: limit, 429: TRIES - limit}


def test_few_ways_into_a_room_are_asked_for(server):
    """Each makes the room anew at its provider."""
    member, limit = make_member(), LIMITS["join-user"].count
    session = make_session(starts_in=timedelta(days=3))
    make_booking(session, member)
    caller = with_key(member)

    answers = server.at_once([caller.call("POST", f"/sessions/{session.pk}/join") for _ in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {409: limit, 429: TRIES - limit}


def test_few_files_are_taken(server):
    """Each is written down before it is looked at."""
    coach, limit = make_coach(), LIMITS["upload-user"].count
    caller, session = with_key(coach), make_session(coach)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n\r\n--x--\r\n"
    )
    call = caller.call("POST", f"/sessions/{session.pk}/files")
    sent = replace(call, body=body, headers={**call.headers, "Content-Type": "multipart/form-data; boundary=x"})

    answers = server.at_once([sent] * TRIES)

    assert Counter(answer.status for answer in answers) == {409: limit, 429: TRIES - limit}


def test_few_calendars_are_asked_for(server):
    """Each is an address that our server knocks at."""
    caller, limit = with_key(make_member()), LIMITS["calendar-user"].count

    answers = server.at_once([caller.call("POST", "/calendars", {"address": "nowhere"}) for _ in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {422: limit, 429: TRIES - limit}


def test_few_ways_to_be_paid_are_added(server):
    """By somebody whose visit has just shown their password, as it must for these."""
    member, limit = make_known(), LIMITS["payout-account-user"].count
    answer = server.ask(STRANGER.form(LOGIN, login=member.email, password=PASSWORD))
    browser = with_cookies(answer.cookie(settings.SESSION_COOKIE_NAME))
    assert server.ask(browser.form(AGAIN, password=PASSWORD)).status == 302
    body = {"method": "crypto", "holder": "Lena", "network": "bitcoin", "address": "nowhere"}
    form = browser.form("/api/v1/payout-accounts")
    headers = form.headers | {"Content-Type": "application/json"}
    wanted = replace(form, body=json.dumps(body).encode(), headers=headers)

    answers = server.at_once([wanted] * TRIES)

    # Coins are not paid here.
    found = Counter(answer.outcome for answer in answers)
    assert found == {"method_not_offered": limit, "too_many_requests": TRIES - limit}


@pytest.mark.parametrize("path", [CODE, RESET], ids=["code", "reset"])
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_few_mails_are_sent(server, path, is_known):
    email = make_member().email if is_known else f"nobody{TRIES}{len(path)}@example.com"
    limit = LIMITS["account-mail"].count

    answers = server.at_once([STRANGER.form(path, email=email)] * TRIES)

    # The limit on all that comes from one network is as high as this test is wide.
    assert Counter(answer.status for answer in answers) == {302: limit, 429: TRIES - limit}
    assert len(server.mails_to(email)) == limit


def test_few_strangers_are_written_to(server):
    limit = LIMITS["account-mail-network"].count

    answers = server.at_once([STRANGER.form(RESET, email=f"stranger{number}@example.com") for number in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {302: limit, 429: TRIES - limit}
    assert sum(len(server.mails_to(f"stranger{number}@example.com")) for number in range(TRIES)) == limit


def with_second_factors(server: Server) -> Caller:
    """A browser that knows the password of somebody with an app and recovery codes, and is asked for one of them."""
    member = make_known()
    app = {"secret": seal_for(member.pk, generate_totp_secret())}
    recovery = {"seed": seal_for(member.pk, RecoveryCodes.generate_seed()), "used_mask": 0}
    Authenticator.objects.create(user=member, type=Authenticator.Type.TOTP, data=app)
    Authenticator.objects.create(user=member, type=Authenticator.Type.RECOVERY_CODES, data=recovery)
    answer = server.ask(STRANGER.form(LOGIN, login=member.email, password=PASSWORD))
    assert answer.headers["location"] == FACTOR
    return with_cookies(answer.cookie(settings.SESSION_COOKIE_NAME))


@pytest.mark.parametrize("wrong", ["{:06}", "{:08}"], ids=["app", "recovery"])
def test_few_second_factors_are_tried(server, wrong):
    browser, limit = with_second_factors(server), LIMITS["second-factor"].count

    answers = server.at_once([browser.form(FACTOR, code=wrong.format(n)) for n in range(TRIES)])

    assert said(answers, WRONG_CODE) == {WRONG_CODE: limit, "429": TRIES - limit}


def test_few_invites_are_opened(server):
    limit = LIMITS["invite-open"].count

    answers = server.at_once([STRANGER.page(f"/invite/guess{number}/") for number in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {404: limit, 429: TRIES - limit}


def test_few_invites_are_accepted(server):
    limit = LIMITS["invite-accept"].count
    body = {"name": "Lena", "password": "four words put together"}

    answers = server.at_once(
        [STRANGER.call("POST", f"/invites/guess{number}/acceptance", body) for number in range(TRIES)]
    )

    assert Counter(answer.status for answer in answers) == {404: limit, 429: TRIES - limit}


def test_few_links_of_visitors_are_guessed(server):
    limit = LIMITS["intro-open"].count

    answers = server.at_once([STRANGER.page(f"/intro/guess{number}/") for number in range(TRIES)])

    assert Counter(answer.status for answer in answers) == {404: limit, 429: TRIES - limit}


@pytest.mark.parametrize("limit", ["intro-hold", "intro-mail"])
def test_few_times_are_held_for_visitors(server, limit):
    service = make_intro_service()

    def ask(number: int) -> Request:
        # One mailbox each, or one for all.
        email = f"v{number}@example.com" if limit == "intro-hold" else "vera@example.com"
        start = some_start() + timedelta(minutes=15 * number)
        return STRANGER.form(f"/book/{service.pk}/{start_name(start)}/", name="Vera", email=email)

    answers = server.at_once([ask(number) for number in range(20)])

    # Each asks for a time of its own, all of them free; within the limits somebody may still be one too many.
    tried = Counter(answer.status for answer in answers)
    count = min(LIMITS["intro-hold"].count, LIMITS[limit].count)
    assert tried[302] + tried[409] == count
    assert Intro.objects.count() == tried[302] == min(count, INTROS_HELD_AT_ONCE)


def twice_too_many(server: Server, request: Callable[[], Request], limit: str) -> list[Answer]:
    """One try, and then together twice as many as are left: in pairs, they count as half as many."""
    server.ask(request())
    return server.at_once([request() for _ in range(2 * (LIMITS[limit].count - 1))])


@pytest.mark.control
def test_few_codes_control(careless_server):
    browser = waiting_for_a_code(careless_server, make_member().email)

    answers = careless_server.at_once(guesses(browser))

    assert checked(answers) > LIMITS["mailed-code"].count


@pytest.mark.control
def test_few_second_factors_control(careless_server):
    browser = with_second_factors(careless_server)

    answers = careless_server.at_once([browser.form(FACTOR, code=f"{n:06}") for n in range(20)])

    assert said(answers, WRONG_CODE) == {WRONG_CODE: 20}


@pytest.mark.control
def test_few_passwords_control(careless_server):
    answers = twice_too_many(
        careless_server, lambda: STRANGER.form(LOGIN, login="nobody@example.com", password=PASSWORD), "sign-in-account"
    )

    assert said(answers, WRONG_PASSWORD) == {WRONG_PASSWORD: len(answers)}


@pytest.mark.control
def test_few_mails_control(careless_server):
    answers = twice_too_many(careless_server, lambda: STRANGER.form(RESET, email="nobody@example.com"), "account-mail")

    assert said(answers) == {"302": len(answers)}
    assert len(careless_server.mails_to("nobody@example.com")) > LIMITS["account-mail"].count


@pytest.mark.control
def test_few_payments_control(careless_server):
    caller = with_key(make_member())

    answers = twice_too_many(
        careless_server,
        lambda: caller.call("POST", f"/bookings/{NOTHING}/payment", {"provider": "sandbox"}),
        "pay-user",
    )

    assert said(answers) == {"404": len(answers)}
