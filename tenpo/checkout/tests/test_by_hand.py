"""Money that comes by another way: given up, carried on, and marked by somebody else."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone, translation

from tenpo.checkout import jobs
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import mark_all_paid, mark_paid, reconcile_payments
from tenpo.checkout.actions.topping_up import cancel_left_top_ups, cancel_top_up, top_up
from tenpo.checkout.tests.make import make_top_up
from tenpo.core import outbox
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.payments.models import Payment
from tenpo.payments.providers.manual import Manual
from tenpo.payments.providers.sandbox import NEEDS_CONFIRMATION
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def by_transfer(member: User, amount: int = 5_000) -> Payment:
    return top_up(member, amount=amount, provider="transfer", by=member)


def passed(**time: int) -> None:
    """So much time passes for every payment."""
    Payment.objects.update(created_at=timezone.now() - timedelta(**time))


def refused(code: str, act: Any) -> None:
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code


def test_top_ups_that_nobody_pays_end_and_leave_their_room():
    member, admin = make_member(), make_admin()
    most = current_business().wallet_most
    left = [by_transfer(member, 50_000) for _ in range(most // 50_000)]
    refused("wallet_full", lambda: make_top_up(member, 1_000))

    passed(days=current_business().manual_hold_days - 1)
    assert cancel_left_top_ups() == 0
    passed(days=current_business().manual_hold_days, minutes=1)
    jobs.cancel_left_top_ups(0)

    assert set(Payment.objects.values_list("state", flat=True)) == {"cancelled"}
    assert make_top_up(member, 1_000).state == "succeeded"
    # The money comes after all.
    assert mark_paid(Payment.objects.get(pk=left[0].pk), by=admin).state == "succeeded"
    assert sum(balance_of(member, "EUR", WALLET).values()) == 51_000


def told_of_it(owner: User) -> list[str]:
    outbox.drain(1_000)
    rows = Notification.objects.filter(user=owner, kind="wallet.top_up_given_up")
    return [say(row.kind, row.payload).title for row in rows]


def test_its_owner_is_told_once_that_nobody_waits_any_more():
    member, other = make_member(), make_member()
    by_transfer(member)
    passed(days=current_business().manual_hold_days, minutes=1)

    for _again in range(2):
        cancel_left_top_ups()

    assert told_of_it(member) == ["We do not wait any more for €50 for your wallet"]
    assert told_of_it(other) == []
    assert Notification.objects.get(kind="wallet.top_up_given_up").deliveries.filter(channel="email").exists()


def test_nobody_is_told_who_gave_it_up_themselves_or_whose_money_came_meanwhile():
    member, payer = make_member(), make_member()
    cancel_top_up(by_transfer(member), by=member)
    came = by_transfer(payer)
    passed(days=current_business().manual_hold_days, minutes=1)

    cancel_left_top_ups()
    mark_paid(Payment.objects.get(pk=came.pk), by=make_admin())

    assert told_of_it(member) == told_of_it(payer) == []


@pytest.mark.parametrize(("locale", "stored"), [("en", "Top-up of a wallet"), ("de", "Aufladung einer Geldbörse")])
def test_it_is_stored_in_the_language_of_the_business_whoever_pays(locale, stored):
    make_account_to_pay_to(locale=locale)
    for reading in ("en", "de"):
        with translation.override(reading):
            by_transfer(make_member())
            make_top_up(make_member(), 1_000)

    assert set(Payment.objects.values_list("description", flat=True)) == {stored}


def test_only_top_ups_that_wait_for_their_money_are_left():
    member = make_member()
    booking = book_session(make_session(), participant=member.participant, by=member, provider="transfer")
    asked = make_top_up(member, 1_000, card=NEEDS_CONFIRMATION)
    passed(days=400)

    assert cancel_left_top_ups() == 0
    assert booking.line is not None
    assert Payment.objects.get(order_id=booking.line.order_id).state == "pending"
    assert Payment.objects.get(pk=asked.pk).state == "needs_action"


def test_a_payer_says_that_they_will_not_pay():
    member = make_member()
    payment = by_transfer(member)
    client = signed_in(member)
    page = f"/me/money/top-ups/{payment.pk}/"

    assert "I will not pay this" in client.get(page).content.decode()
    for _again in range(2):
        said = client.post(f"{page}cancel/", follow=True).content.decode()
        assert "This top-up was given up" in said

    assert Payment.objects.get().state == "cancelled"
    assert signed_in(make_member()).post(f"{page}cancel/").status_code == 404
    assert mark_paid(Payment.objects.get(), by=make_admin()).state == "succeeded"
    assert "€50 is in your wallet" in client.get(page).content.decode()


def test_it_is_given_up_by_its_payer_alone_and_only_while_it_waits():
    member = make_member()
    payment, paid = by_transfer(member), make_top_up(member, 1_000)
    asked = make_top_up(member, 1_000, card=NEEDS_CONFIRMATION)

    with pytest.raises(PermissionDenied):
        cancel_top_up(payment, by=make_admin())
    for other in (paid, asked):
        refused("not_waiting", lambda other=other: cancel_top_up(other, by=member))

    assert sorted(Payment.objects.values_list("state", flat=True)) == ["needs_action", "pending", "succeeded"]


def test_by_api():
    member = make_member()
    payment = by_transfer(member)
    client = signed_in(member)

    answers = [client.delete(f"/api/v1/wallet/top-ups/{payment.pk}") for _again in range(2)]

    assert [(one.status_code, one.json()["state"]) for one in answers] == [(200, "cancelled")] * 2


def test_what_was_only_begun_goes_on_to_wait_for_its_money(monkeypatch):
    """The process died between the row and the provider."""
    member = make_member()

    def dies(*_arguments: Any, **_wanted: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Manual, "start", dies)
        with pytest.raises(KeyboardInterrupt):
            by_transfer(member)
    assert Payment.objects.get().state == "created"
    assert reconcile_payments() == 0

    passed(minutes=2)

    assert reconcile_payments() == 1
    assert (Payment.objects.get().state, Payment.objects.get().method) == ("pending", "Bank transfer")
    assert reconcile_payments() == 0


def test_nobody_marks_their_own_payment():
    admin, other = make_admin(), make_admin()
    own, theirs = by_transfer(admin), by_transfer(make_member())
    client = signed_in(admin)

    refused("own_payment", lambda: mark_paid(own, by=admin))
    assert "Mark as paid" not in client.get(f"/money/payments/{own.pk}/").content.decode()
    page = client.post("/money/waiting/mark/", {"payment": [own.pk, theirs.pk]}, follow=True).content.decode()

    assert "1 payment is marked as paid." in page
    assert "1 is your own: another admin marks it." in page
    assert [Payment.objects.get(pk=one.pk).state for one in (own, theirs)] == ["pending", "succeeded"]
    assert mark_all_paid([own.pk], by=admin) == (0, 0)
    with pytest.raises(IntegrityError, match="payment_is_marked_by_somebody_else"), transaction.atomic():
        Payment.objects.filter(pk=own.pk).update(marked_by=admin)
    assert mark_paid(own, by=other).marked_by == other
