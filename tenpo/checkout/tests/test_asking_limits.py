"""Pages that ask a provider what became of something do so a few times only."""

import pytest

from tenpo.checkout.tests.make import make_booking
from tenpo.core.limits import LIMITS
from tenpo.payments.actions import connect
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod, StripeAccount
from tenpo.payments.providers.base import Outcome, ProviderTimeout
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION, Sandbox
from tenpo.people.tests.make import freshly_signed_in, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
MOST = LIMITS["pay-user"].count


def test_a_page_asks_the_provider_a_few_times_only(monkeypatch):
    member = make_member()
    make_booking(make_session(), member, card=NEEDS_CONFIRMATION)
    client, retrieve = signed_in(member), Sandbox.retrieve
    asked: list[Payment] = []

    def counted(self: Sandbox, payment: Payment) -> Outcome | None:
        asked.append(payment)
        return retrieve(self, payment)

    monkeypatch.setattr(Sandbox, "retrieve", counted)

    answers = [client.get(f"/payments/{Payment.objects.get().pk}/back/").status_code for _ in range(MOST + 5)]

    assert len(asked) == MOST
    assert answers == [302] * MOST + [429] * 5


def test_so_does_the_way_back_from_where_a_card_was_entered():
    member = make_member()
    method = PaymentMethod.objects.create(user=member, provider="sandbox", action_url="https://example.com/")
    client = signed_in(member)

    answers = [client.get(f"/me/money/methods/{method.pk}/back/").status_code for _ in range(MOST + 1)]

    # The sandbox knows no such card, so that it is over after the first time, and nobody is asked any more.
    assert (answers, PaymentMethod.objects.get().state) == ([302] * (MOST + 1), "failed")


@pytest.mark.parametrize("way", ["get /me/money/stripe/back/", "post /me/money/stripe/"])
def test_so_do_the_pages_of_an_account_at_stripe(way, settings, monkeypatch):
    settings.STRIPE_KEY = "sk_test_nobody"
    member = make_member()
    StripeAccount.objects.create(user=member, reference="acct_1")
    asked = []

    def silent(*arguments: object) -> None:
        asked.append(arguments)
        raise ProviderTimeout

    monkeypatch.setattr(connect, "retrieve_account", silent)
    monkeypatch.setattr(connect, "onboarding_link", silent)
    browser, (method, path) = freshly_signed_in(member), way.split()

    answers = [getattr(browser, method)(path).status_code for _ in range(MOST + 2)]

    assert (answers, len(asked)) == ([302] * MOST + [429] * 2, MOST)
