"""Why money did not come or arrive is said in words; only a code that nobody knows is shown as it is."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.refund_make import make_bought, make_granted
from tenpo.payments.actions.refund_sending import apply_refund_outcome, send_refund
from tenpo.payments.models import Payment, Payout
from tenpo.payments.providers.base import RefundOutcome, RefundState
from tenpo.payments.providers.sandbox import DECLINED, REFUND_FAILS
from tenpo.payments.providers.stripe_answers import DECLINES
from tenpo.payments.tests.make import make_payout
from tenpo.payments.words import PAYING, SENDING, say_failure, say_method_failure, why_not_paid, why_not_sent
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.tests.make import make_session

UNKNOWN = "The provider’s reason: odd"


def text_of(client: Client, page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", client.get(page).content.decode()))


@pytest.mark.parametrize("code", sorted(PAYING.keys() | SENDING.keys() | DECLINES))
def test_each_known_code_is_a_sentence_and_never_itself(code):
    said = [why_not_paid(code), why_not_sent(code), say_failure(code), say_method_failure(code)]

    assert said[0] or said[1]
    for words in said:
        assert "_" not in words
        assert not words or words[-1] == "."
        assert "  " not in words


def test_who_pays_reads_what_it_means_for_them():
    assert say_failure("card_declined") == "The card was declined. Nothing was paid."
    assert say_failure("authentication_required").startswith("The bank wants you to confirm")
    assert say_failure("odd") == "The payment failed. Nothing was paid."
    assert say_method_failure("unknown_card") == "We do not know this card. It is not kept."
    assert say_method_failure("not_entered") == "No card was entered."
    assert say_method_failure("odd") == "That did not work. Nothing is kept."


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "said"), [("card_declined", "The card was declined."), ("odd", UNKNOWN)])
def test_an_admin_reads_why_a_payment_failed(code, said):
    make_booking(make_session(), make_member(), card=DECLINED)
    Payment.objects.update(failure_code=code)

    text = text_of(signed_in(make_admin()), reverse("checkout:payment-detail", args=[Payment.objects.get().pk]))

    assert said in text
    assert "card_declined" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "said"), [("lost_or_stolen_card", "The card was reported as lost or stolen."), ("odd", UNKNOWN)]
)
def test_an_admin_reads_why_a_refund_did_not_arrive(code, said):
    refund = send_refund(make_granted(make_bought(card=REFUND_FAILS)))
    apply_refund_outcome(refund, RefundOutcome(RefundState.FAILED, failure_code=code), attempt=1)

    assert said in text_of(signed_in(make_admin()), reverse("checkout:refund-review", args=[refund.pk]))


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "said"), [("no_account", "There is no account with this number."), ("odd", UNKNOWN)])
def test_admin_and_payee_read_why_a_payout_came_back(code, said):
    payout = make_payout(make_coach())
    Payout.objects.update(failure_code=code)

    assert said in text_of(signed_in(make_admin()), reverse("payments:payout-review", args=[payout.pk]))
    assert said in text_of(signed_in(payout.payee), reverse("payments:payout-detail", args=[payout.pk]))
