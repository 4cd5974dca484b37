"""What lets in for good is not made by a session that is being ended, however close the two come."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tenpo.access.actions.accounts import disable_user, end_all_access
from tenpo.access.models import ApiClient
from tenpo.checkout.tests.make import make_top_up
from tenpo.checkout.tests.refund_make import make_bought, make_request
from tenpo.core.business import current_business
from tenpo.core.models import Business
from tenpo.core.tests.make import ACCOUNT
from tenpo.payments.actions import connect
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms, Refund, RefundTerms
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.payments.tests.make import make_payout, make_payout_account
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.actions import visits
from tenpo.people.adapters import AccountAdapter
from tenpo.people.models import User
from tenpo.people.queries import find_standing_access
from tenpo.people.tests.letting_in import MADE, OPERATIONS, PAGES, Ask, Way, what_lets_in
from tenpo.people.tests.make import make_admin, make_coach, make_member, show_that_it_is_me, signed_in_by_password
from tenpo.people.tests.waiting import alone, wait_until_it_waits
from tenpo.schedule.models import CalendarConnection, CalendarFeed
from tenpo.schedule.tests.calendar_plants import make_caldav
from tenpo.web.forms import BusinessForm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]

NOBODY = Business.SecondFactorFor.NOBODY


def settings_form() -> dict[str, Any]:
    """The form of the settings as it is shown, with no second factor asked of anybody."""
    form = BusinessForm(business=current_business(), is_currency_fixed=False, typed={})
    return {name: form[name].value() for name in form.fields if form[name].value()} | {"second_factor_for": NOBODY}


def with_cards(ask: Ask) -> Way:
    """Something that needs a card of whoever asks: everybody has one."""

    def way(_role: str, _by: User) -> Ask:
        for user in User.objects.filter(payment_methods=None):
            add_payment_method(user, provider="sandbox", source=SUCCEEDS, by=user)
        return ask

    return way


def with_two_accounts(path: str) -> Way:
    """Another account to be paid to than the usual one, of whoever asks."""

    def way(_role: str, by: User) -> Ask:
        owner = User.objects.exclude(pk=by.pk).latest("pk")
        make_payout_account(owner)
        return Ask(path.format(make_payout_account(owner).pk))

    return way


def with_calendar(path: str, body: dict[str, Any], method: str = "POST") -> Way:
    """A calendar of whoever asks, to which nothing is written yet."""

    def way(_role: str, by: User) -> Ask:
        owner = User.objects.exclude(pk=by.pk).latest("pk")
        return Ask(path.format(make_caldav(owner, writes=False).pk), body, method)

    return way


FILLED = {"threshold": "10", "kind": "fixed", "amount": "25", "daily_cap": "50"}

# What its owner ends with all the rest.
ENDED: dict[str, Way] = {
    "key by page": lambda *_: Ask("/me/keys/", {"name": "Payroll", "scope": "read", "days": "30"}),
    "key by API": lambda *_: Ask("/api/v1/api-keys", {"name": "Payroll"}),
    "calendar by page": lambda *_: Ask("/calendar/feed/"),
    "calendar by API": lambda *_: Ask("/api/v1/feeds"),
    **{way: asked for way, asked in {**PAGES, **OPERATIONS}.items() if not way.startswith("role")},
}
# Every way to make something that lasts: `tests/matrix/test_shown_again.py` misses the one that is not here.
MAKING: dict[str, Way] = {
    **ENDED,
    **PAGES,
    **OPERATIONS,
    "payout account by page": lambda *_: Ask("/me/money/payouts/accounts/", {"holder": "Rex", "note": "In cash"}),
    "payout account by API": lambda *_: Ask(
        "/api/v1/payout-accounts", {"method": "manual", "holder": "Rex", "note": "In cash"}
    ),
    "usual payout account by page": with_two_accounts("/me/money/payouts/accounts/{}/default/"),
    "usual payout account by API": with_two_accounts("/api/v1/payout-accounts/{}/default"),
    "approval by page": lambda *_: Ask(f"/money/payouts/{make_payout(make_coach()).pk}/", {"act": "approve"}),
    "approval by API": lambda *_: Ask(f"/api/v1/payouts/{make_payout(make_coach()).pk}/approval"),
    "refund by page": lambda *_: Ask(
        f"/money/refunds/{make_request(make_bought()).pk}/", {"act": "grant", "amount": "5", "to": "wallet"}
    ),
    "refund by API": lambda *_: Ask(f"/api/v1/refunds/{make_request(make_bought()).pk}/approval", {}),
    "given refund by page": lambda *_: Ask(f"/money/lines/{make_bought().pk}/refund/", {"amount": "5", "to": "wallet"}),
    "given refund by API": lambda *_: Ask(
        "/api/v1/given-refunds", {"line_id": str(make_bought().pk), "amount": 500, "to": "wallet"}
    ),
    "given top-up by page": lambda *_: Ask(
        f"/money/payments/{make_top_up(make_member(), 500).pk}/refund/", {"amount": "5"}
    ),
    "terms of refunds by page": lambda *_: Ask(
        "/money/refunds/terms/", {"ask_days": "3", "automatic_amount": "", "cancellation_to": "wallet"}
    ),
    "terms of refunds by API": lambda *_: Ask("/api/v1/refund-terms", {"ask_days": 3}, "PATCH"),
    "terms by page": lambda *_: Ask("/money/payouts/terms/", {"minimum": "20", "fee": "1", "schedule": "monthly"}),
    "terms by API": lambda *_: Ask("/api/v1/payout-terms", {"minimum": 2_000}, "PATCH"),
    "auto top-up by page": with_cards(Ask("/me/money/auto-top-up/", {"is_on": "on", **FILLED})),
    "auto top-up by API": with_cards(Ask("/api/v1/auto-top-up", {"is_on": True}, "PUT")),
    "written calendar by page": with_calendar("/me/calendars/{}/", {"label": "Home", "writes_sessions": "on"}),
    "written calendar by API": with_calendar("/api/v1/calendars/{}", {"writes_sessions": True}, "PATCH"),
    "second factor by page": lambda *_: Ask("/settings/", settings_form()),
    "account to pay to by page": lambda *_: Ask(
        "/settings/", settings_form() | {"second_factor_for": "admins"} | ACCOUNT
    ),
    "account to pay to by API": lambda *_: Ask("/api/v1/business", ACCOUNT, "PATCH"),
    "second factor by API": lambda *_: Ask("/api/v1/business", {"second_factor_for": NOBODY}, "PATCH"),
}
# There only where Stripe is switched on, which the matrix does not see.
WITH_STRIPE: dict[str, Way] = {"account at Stripe by page": lambda *_: Ask("/me/money/stripe/")}


def on_the_list(user: User) -> Client:
    """A browser on the list of devices, in which somebody has just shown their password."""
    client = signed_in_by_password(user)
    client.raise_request_exception = False
    show_that_it_is_me(client)
    return client


def end_it(user: User) -> None:
    end_all_access(user, by=user, but=None)


def choose_a_password(user: User) -> None:
    AccountAdapter().set_password(User.objects.get(pk=user.pk), "another horse battery")


def shut_out(user: User) -> None:
    disable_user(user, by=make_admin())


def what_lasts() -> list[Any]:
    """What stays when a session ends."""
    keys = ApiClient.objects.order_by("pk").values_list("pk", "revoked_at")
    feeds = CalendarFeed.objects.order_by("pk").values_list("pk", "token_hash")
    written = CalendarConnection.objects.order_by("pk").values_list("pk", "writes_sessions")
    paid = [
        *PayoutAccount.objects.order_by("pk").values_list("pk", "is_default"),
        *Payout.objects.values_list("pk", "state"),
        *PayoutTerms.objects.values_list("minimum"),
        *StripeAccount.objects.values_list("pk"),
        *AutoTopUp.objects.values_list("user", "is_on"),
        *Refund.objects.values_list("pk", "state"),
        *RefundTerms.objects.values_list("ask_days", "cancellation_to"),
    ]
    held = Business.objects.values_list("second_factor_for", "bank_iban")
    return [*what_lets_in(), *keys, *feeds, *written, *paid, *held]


def made_while(end: Callable[[User], None], way: Way) -> tuple[int, bool]:
    """Ask just before everything is ended is committed: the answer, and whether anything was made."""
    user = make_admin()
    client = on_the_list(user)
    # What is another's is not ended with what is one's own.
    ask = way("admin", make_admin())

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            end(user)
            before = what_lasts()
            answer = pool.submit(alone, ask.send, client)
            # It has seen that its session holds and is fresh, and waits for the user's row.
            wait_until_it_waits(answer)
        return answer.result().status_code, what_lasts() != before


@pytest.mark.parametrize("end", [end_it, choose_a_password, shut_out])
@pytest.mark.parametrize("way", MAKING)
def test_nothing_is_made_by_a_session_that_was_ended(way, end):
    status, has_made = made_while(end, MAKING[way])

    assert status == (403 if way.endswith("API") else 404)
    assert not has_made


@pytest.mark.control
@pytest.mark.parametrize("end", [end_it, choose_a_password])
@pytest.mark.parametrize("way", MAKING)
def test_control_without_looking_again_it_outlives_the_end(monkeypatch, way, end):
    """Shows that the test above can fail."""
    monkeypatch.setattr(visits, "_still_holds", lambda *_: True)

    status, has_made = made_while(end, MAKING[way])

    assert status in MADE
    assert has_made


@pytest.fixture
def stripe(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe is switched on, and does not answer: what is ours of an account is made before it is asked."""

    def no_answer(_account: StripeAccount) -> None:
        raise ProviderTimeout

    settings.STRIPE_KEY = "sk_test_nobody"
    monkeypatch.setattr(connect, "open_account", no_answer)


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("end", [end_it, choose_a_password, shut_out])
def test_no_account_at_stripe_is_opened_by_a_session_that_was_ended(end):
    assert made_while(end, *WITH_STRIPE.values()) == (404, False)


@pytest.mark.control
@pytest.mark.usefixtures("stripe")
def test_control_without_looking_again_an_account_at_stripe_is_opened(monkeypatch):
    monkeypatch.setattr(visits, "_still_holds", lambda *_: True)

    assert made_while(end_it, *WITH_STRIPE.values()) == (302, True)


@pytest.mark.parametrize("way", ENDED)
def test_what_is_made_just_before_is_ended_with_the_rest(way):
    user = make_admin()
    client = on_the_list(user)
    ask = ENDED[way]("admin", user)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert ask.send(client).status_code in MADE
            assert len(find_standing_access(user)) == 1
            ended = pool.submit(alone, end_it, user)
            wait_until_it_waits(ended)
        ended.result()

    assert find_standing_access(user) == []


def change_password_late(user: User) -> None:
    """Who changes a password read their row before they were shut out."""
    read = User.objects.get(pk=user.pk)
    shut_out(user)
    AccountAdapter().set_password(read, "another horse battery")


def test_a_new_password_opens_no_account_that_was_shut_meanwhile():
    user = make_admin()

    change_password_late(user)

    assert not User.objects.get(pk=user.pk).is_active


@pytest.mark.control
def test_control_a_whole_row_would_open_it(monkeypatch):
    """Shows that the test above can fail."""
    user = make_admin()
    monkeypatch.delattr(AccountAdapter, "set_password")

    change_password_late(user)

    assert User.objects.get(pk=user.pk).is_active
