"""Jobs that ask about what waits: nobody who is never answered for, and nothing that breaks, keeps others waiting."""

from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone

from tenpo.checkout.actions.settling import reconcile_payments
from tenpo.checkout.tests.make import make_top_up
from tenpo.core.errors import RuleError
from tenpo.payments.actions import connect
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.actions.connect import open_stripe_account, settle_stripe_accounts
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers import stripe_connect
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.sandbox import NEVER_ANSWERS, Sandbox
from tenpo.payments.providers.stripe_connect import AccountOutcome
from tenpo.people.tests.make import freshly_signed_in, make_coach, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def accounts(settings: Any) -> list[StripeAccount]:
    settings.STRIPE_KEY = "sk_test_nobody"
    return [StripeAccount.objects.create(user=make_coach(), reference=f"acct_{n}") for n in range(4)]


def test_each_is_asked_in_its_turn_and_one_that_breaks_is_no_end(accounts):
    asked: list[str | None] = []

    def ask(account: StripeAccount) -> bool:
        asked.append(account.reference)
        if account.reference == "acct_0":
            raise RuntimeError("out of order")
        return account.reference == "acct_3"

    answered = [ask_in_turn(StripeAccount.objects.all(), ask, limit=2) for _ in range(3)]

    assert asked == ["acct_0", "acct_1", "acct_2", "acct_3", "acct_0", "acct_1"]
    assert answered == [0, 1, 0]


def refusal(words: str) -> stripe.StripeError:
    """What the library says when Stripe does not do it."""
    refuses: Any = stripe.InvalidRequestError
    found: stripe.StripeError = refuses(words, param=None)
    return found


class _Refusing:
    """Stripe, which understands and does not do it."""

    def __getattr__(self, _name: str) -> Any:
        return self

    def __call__(self, *_arguments: Any, **_wanted: Any) -> None:
        raise refusal("You have not signed up for Connect")


def test_a_refusal_of_stripe_is_a_message_and_no_failure(accounts, monkeypatch):
    monkeypatch.setattr(stripe_connect, "stripe_api", _Refusing)
    coach = make_coach()

    with pytest.raises(RuleError) as refused:
        open_stripe_account(coach, by=coach)
    page = freshly_signed_in(coach).post("/me/money/stripe/", follow=True)

    assert refused.value.code == "refused_there"
    assert (page.status_code, "Stripe does not open this account" in page.content.decode()) == (200, True)
    assert settle_stripe_accounts() == 0


def test_an_account_that_is_gone_does_not_keep_the_others_waiting(accounts, monkeypatch):
    def ask(account: StripeAccount) -> AccountOutcome:
        if account.reference == "acct_0":
            raise refusal("No such account")
        return AccountOutcome(str(account.reference), StripeAccount.Status.ACTIVE, True, True, [])

    monkeypatch.setattr(connect, "retrieve_account", ask)

    assert settle_stripe_accounts() == 3
    assert set(StripeAccount.objects.values_list("reference", "status")) == {
        ("acct_0", "pending"), ("acct_1", "active"), ("acct_2", "active"), ("acct_3", "active"),
    }  # fmt: skip


def test_payments_of_a_provider_that_is_silent_keep_no_new_one_waiting(monkeypatch):
    silent = {make_top_up(make_member(), 1_000, card=NEVER_ANSWERS).pk for _ in range(2)}
    retrieve = Sandbox.retrieve

    def answers_some(self: Sandbox, payment: Payment) -> Any:
        if payment.pk in silent:
            raise ProviderTimeout
        return retrieve(self, payment)

    monkeypatch.setattr(Sandbox, "retrieve", answers_some)
    new = make_top_up(make_member(), 1_000, card=NEVER_ANSWERS)
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=5))

    answered = [reconcile_payments(limit=2) for _ in range(2)]

    assert answered == [0, 1]
    assert Payment.objects.get(pk=new.pk).state == "succeeded"
