"""What was approved does not leave to whoever is disabled since: it waits until it is rejected, or they are back."""

import pytest
from django.urls import reverse

from tenpo.access.actions.accounts import disable_user, enable_user
from tenpo.core.errors import RuleError
from tenpo.payments.actions.payout_sending import (
    drop_payout_batch,
    make_payout_batch,
    mark_payout_sent,
    read_payout_batch,
    send_payout,
    send_payout_batch,
    send_waiting_payouts,
)
from tenpo.payments.actions.payouts import reject_payout
from tenpo.payments.models import Payout, PayoutBatch
from tenpo.payments.payout_methods.base import PayoutOutcome, PayoutTimeout
from tenpo.payments.payout_methods.paypal import PayPal
from tenpo.payments.tests.make import earnings_left, make_approved
from tenpo.people.tests.make import make_admin, make_coach, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def asked(monkeypatch, settings) -> list[Payout]:
    """What PayPal is asked to send, which does not answer."""
    settings.PAYPAL_CLIENT_ID, settings.PAYPAL_SECRET = "client", "secret"
    found: list[Payout] = []

    def send(_self: PayPal, payout: Payout, *, is_new: bool) -> PayoutOutcome:
        found.append(payout)
        raise PayoutTimeout

    monkeypatch.setattr(PayPal, "send", send)
    return found


def state_of(payout: Payout) -> str:
    return Payout.objects.get(pk=payout.pk).state


def test_none_leaves_by_itself_until_they_are_back(asked):
    payout, admin = make_approved(make_coach(), method="paypal"), make_admin()
    disable_user(payout.payee, by=admin)

    send_waiting_payouts()
    send_payout(payout)
    assert (asked, state_of(payout)) == ([], "approved")

    enable_user(payout.payee, by=admin)
    send_waiting_payouts()
    assert (asked, state_of(payout)) == ([payout], "sent")


def test_none_stands_in_a_file():
    one, other = (make_approved(make_coach(), method="sepa") for _ in range(2))
    admin = make_admin()
    disable_user(one.payee, by=admin)

    batch = make_payout_batch("sepa", by=admin)

    assert [payout.pk for payout in batch.payouts.all()] == [other.pk]
    assert one.pk.hex not in read_payout_batch(batch, by=admin).text
    with pytest.raises(RuleError) as refusal:
        make_payout_batch("sepa", by=admin)
    assert refusal.value.code == "nothing_to_send"


def test_a_file_that_they_stand_in_is_not_handed_on_until_it_is_made_anew():
    one, other = (make_approved(make_coach(), method="sepa") for _ in range(2))
    admin = make_admin()
    batch = make_payout_batch("sepa", by=admin)
    path = reverse("payments:batch-detail", args=[batch.pk])
    assert "Disabled, and in this file" not in signed_in(admin).get(path).content.decode()
    disable_user(one.payee, by=admin)

    with pytest.raises(RuleError, match=f"in this file: {one.payee}.") as refusal:
        send_payout_batch(batch, by=admin)
    page = signed_in(admin).get(path).content.decode()

    assert (refusal.value.code, state_of(one), state_of(other)) == ("payee_disabled", "approved", "approved")
    assert PayoutBatch.objects.get().state == "made"
    assert (f"in this file: {one.payee}." in page, 'value="sent"' in page, 'value="drop"' in page) == (
        True,
        False,
        True,
    )

    drop_payout_batch(batch, by=admin)
    again = send_payout_batch(make_payout_batch("sepa", by=admin), by=admin)

    assert (again.state, state_of(one), state_of(other)) == ("sent", "approved", "sent")


def test_one_that_the_bank_has_is_said_once_they_are_back_and_one_that_left_is_not_looked_at():
    payout, admin = make_approved(make_coach(), method="sepa"), make_admin()
    batch = make_payout_batch("sepa", by=admin)
    disable_user(payout.payee, by=admin)
    enable_user(payout.payee, by=admin)

    send_payout_batch(batch, by=admin)
    disable_user(payout.payee, by=admin)

    assert send_payout_batch(batch, by=admin).state == "sent"
    page = signed_in(admin).get(reverse("payments:batch-detail", args=[batch.pk])).content.decode()
    assert "Disabled, and in this file" not in page


def test_none_is_sent_by_hand_and_what_was_held_is_given_back():
    payout, admin = make_approved(make_coach()), make_admin()
    disable_user(payout.payee, by=admin)

    with pytest.raises(RuleError) as refusal:
        mark_payout_sent(payout, by=admin)
    page = signed_in(admin).get(reverse("payments:payout-review", args=[payout.pk])).content.decode()

    assert (refusal.value.code, state_of(payout)) == ("payee_disabled", "approved")
    assert "Nothing leaves to it" in page
    assert 'value="sent"' not in page
    assert reject_payout(payout, word="We have to talk.", by=admin).state == "rejected"
    assert earnings_left(payout.payee) == payout.amount
