"""People's own accounts at Stripe, against the double."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from tenpo.checkout.actions.settling import receive_event
from tenpo.core.errors import RuleError
from tenpo.payments import jobs
from tenpo.payments.actions.connect import open_stripe_account, settle_stripe_account
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.stripe_connect import retrieve_bank_payout, retrieve_transfer, reverse, transfer
from tenpo.payments.tests.stripe_contract import contract_folder
from tenpo.payments.tests.stripe_double import StripeDouble, signed, stripe_by_double
from tenpo.people.tests.make import freshly_signed_in, make_coach

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.invariants,
    pytest.mark.skipif(contract_folder() is None, reason="Stripe's description of its API is missing"),
]
PAGE = "/me/money/stripe/"


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    with stripe_by_double(settings) as one:
        yield one


def opened(double: StripeDouble, *, is_approved: bool = True) -> StripeAccount:
    coach = make_coach()
    open_stripe_account(coach, by=coach)
    account = StripeAccount.objects.get(user=coach)
    double.complete_account(account.reference, is_approved=is_approved)
    settle_stripe_account(account)
    return StripeAccount.objects.get(pk=account.pk)


def test_an_account_is_opened_once_and_completed_at_stripe(double):
    coach = make_coach()

    urls = {open_stripe_account(coach, by=coach) for _ in range(2)}
    account = StripeAccount.objects.get()

    assert urls == {f"{double.address}/setup/{account.reference}"}
    assert (account.status, account.payouts_enabled, account.onboarded_at) == ("pending", False, None)
    assert len(double.of_kind("account")) == 1


@pytest.mark.parametrize(("is_approved", "status"), [(True, "active"), (False, "restricted")])
def test_a_webhook_tells_how_an_account_stands(double, is_approved, status):
    coach = make_coach()
    open_stripe_account(coach, by=coach)
    account = StripeAccount.objects.get()
    double.complete_account(account.reference, is_approved=is_approved)

    for _ in range(2):
        receive_event("stripe", *signed(double.events[-1]))

    account.refresh_from_db()
    assert (account.status, account.payouts_enabled) == (status, is_approved)
    assert account.onboarded_at is not None
    assert account.requirements == ([] if is_approved else ["individual.verification.document"])


def test_the_job_makes_up_for_a_lost_webhook(double):
    coach = make_coach()
    open_stripe_account(coach, by=coach)
    double.complete_account(StripeAccount.objects.get().reference)

    jobs.settle_stripe_accounts(timestamp=0)

    assert StripeAccount.objects.get().status == "active"


@pytest.mark.parametrize("fault", ["lost", "500"])
def test_an_opening_whose_answer_is_lost_is_gone_on_with(double, fault):
    coach = make_coach()
    double.faults = [fault]

    with pytest.raises(RuleError):
        open_stripe_account(coach, by=coach)
    open_stripe_account(coach, by=coach)

    assert [one["id"] for one in double.of_kind("account")] == [StripeAccount.objects.get().reference]


def test_refusals(double, settings):
    coach = make_coach()
    with pytest.raises(PermissionDenied):
        open_stripe_account(coach, by=make_coach())
    settings.STRIPE_KEY = ""
    with pytest.raises(RuleError):
        open_stripe_account(coach, by=coach)
    assert not StripeAccount.objects.exists()
    assert double.asked == []


def test_a_transfer_is_sent_once_and_taken_back_up_to_its_amount(double):
    account = opened(double)

    first, again = (
        transfer(account, amount=900, currency="EUR", key="one", transfer_group="order 1") for _ in range(2)
    )
    back = [reverse(str(first.reference), amount=amount, currency="EUR", key=str(amount)) for amount in (500, 500, 401)]

    assert first == again == retrieve_transfer(account, key="one")
    assert [one["transfer_group"] for one in double.of_kind("transfer")] == ["order 1"]
    assert back[0] == back[1]
    assert back[2].failure_code == "amount_too_large"
    assert double.things[str(first.reference)]["amount_reversed"] == 500


@pytest.mark.parametrize("fault", ["lost", "500"])
def test_a_transfer_whose_answer_is_lost_is_found(double, fault):
    account = opened(double)
    double.faults = [fault]

    with pytest.raises(ProviderTimeout):
        transfer(account, amount=900, currency="EUR", key="one")

    assert (retrieve_transfer(account, key="one") is not None) == (fault == "lost")
    transfer(account, amount=900, currency="EUR", key="one")
    assert len(double.of_kind("transfer")) == 1


def test_nothing_is_sent_to_an_account_that_is_not_complete(double):
    account = opened(double, is_approved=False)

    refused = transfer(account, amount=900, currency="EUR", key="one")

    assert (refused.reference, refused.failure_code) == (None, "insufficient_capabilities_for_transfer")
    assert retrieve_bank_payout(account, key="one") is None


def test_the_page_leads_to_stripe_and_back(double, client: Client):
    coach = make_coach()
    client.force_login(coach)
    assert client.post(PAGE).status_code == 302  # shows again who it is first
    assert not StripeAccount.objects.exists()
    fresh = freshly_signed_in(coach)
    assert "You have no account there yet" in fresh.get(PAGE).content.decode()

    leaving = fresh.post(PAGE).content.decode()
    account = StripeAccount.objects.get()
    assert f"{double.address}/setup/{account.reference}" in leaving
    double.complete_account(account.reference, is_approved=False)
    back = fresh.get(f"{PAGE}back/", follow=True).content.decode()

    assert "individual.verification.document" in back
    assert "Restricted" in back
