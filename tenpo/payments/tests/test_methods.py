"""Saved ways to pay: added, chosen, paid with, removed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from tenpo.access.actions.idempotency import Call
from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.core.limits import METHODS_KEPT
from tenpo.core.tokens import new_id
from tenpo.payments import jobs
from tenpo.payments.actions import methods
from tenpo.payments.actions.methods import (
    add_payment_method,
    remove_payment_method,
    set_default_method,
    settle_methods,
)
from tenpo.payments.actions.starting import start_payment
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.provider_models import PaymentMethod, SandboxCard
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, NEVER_ANSWERS, SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
READY, FAILED, ADDING, REMOVED = (PaymentMethod.State(name) for name in ("ready", "failed", "adding", "removed"))


def keep(user: User, card: str = SUCCEEDS, **more: Any) -> PaymentMethod:
    return add_payment_method(user, provider="sandbox", source=card, by=user, **more)


def refuses(code: str, act: Any) -> None:
    with pytest.raises(RuleError) as refusal:
        act()
    assert refusal.value.code == code


def later(minutes: int) -> Any:
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False)


def test_the_first_card_is_offered_first_and_a_second_one_is_not():
    member = make_member()

    first, second = keep(member), keep(member)

    assert (first.state, first.is_default, str(first)) == (READY, True, "Visa •••• 4242")
    assert (second.state, second.is_default) == (READY, False)
    assert list(AuditLog.objects.filter(object_id=first.pk).order_by("id").values_list("action", flat=True)) == [
        "payment_method.begun",
        "payment_method.added",
    ]


@pytest.mark.parametrize(("card", "code"), [(DECLINED, "card_declined"), ("5555555555554444", "unknown_card")])
def test_a_card_that_is_not_taken_is_not_kept(card, code):
    method = keep(make_member(), card)

    assert (method.state, method.failure_code, method.is_default) == (FAILED, code, False)
    assert "5555555555554444" not in SandboxCard.objects.get().card


def test_a_card_whose_answer_gets_lost_is_found_by_the_job():
    method = keep(make_member(), NEVER_ANSWERS)
    assert method.state == ADDING
    assert settle_methods() == 0  # not yet a minute old

    with later(2):
        jobs.settle_methods(timestamp=0)

    method.refresh_from_db()
    assert (method.state, method.is_default) == (READY, True)


def test_what_never_reached_the_provider_fails(monkeypatch):
    def unreachable(*_arguments: object) -> None:
        raise ProviderTimeout

    monkeypatch.setattr(provider_of("sandbox"), "start_saving", unreachable)
    method = keep(make_member())

    with later(2):
        settle_methods()

    method.refresh_from_db()
    assert (method.state, method.failure_code) == (FAILED, "never_started")


def test_one_that_cannot_be_settled_does_not_keep_the_others(monkeypatch):
    broken, good = keep(make_member(), NEVER_ANSWERS), keep(make_member(), NEVER_ANSWERS)
    settle = methods.settle_method

    def odd(method: PaymentMethod) -> PaymentMethod:
        if method == broken:
            raise RuntimeError("odd answer")
        return settle(method)

    monkeypatch.setattr(methods, "settle_method", odd)
    with later(2):
        assert settle_methods() == 1

    good.refresh_from_db()
    assert good.state == READY


def test_a_repeat_of_a_call_that_died_goes_on_with_its_card():
    member, call = make_member(), Call(new_id(), is_again=True)

    first, again = keep(member, call=call), keep(member, call=call)

    assert first == again
    assert first.pk == call.id
    assert SandboxCard.objects.count() == 1


def test_refusals():
    member = make_member()
    refuses("not_kept", lambda: add_payment_method(member, provider="transfer", by=member))
    refuses("not_kept", lambda: add_payment_method(member, provider="gold", by=member))
    method = keep(member)
    declined = keep(member, DECLINED)
    for act in (set_default_method, remove_payment_method):
        with pytest.raises(PermissionDenied):
            act(method, by=make_member())
    with pytest.raises(PermissionDenied):
        add_payment_method(member, provider="sandbox", source=SUCCEEDS, by=make_member())
    refuses("not_ready", lambda: set_default_method(declined, by=member))
    while PaymentMethod.objects.kept().count() < METHODS_KEPT:
        keep(member)
    refuses("too_many_methods", lambda: keep(member))
    remove_payment_method(method, by=member)
    assert keep(member).state == READY


def test_choosing_and_removing_twice_changes_nothing():
    member = make_member()
    first, second = keep(member), keep(member)

    for _ in range(2):
        set_default_method(second, by=member)
    for _ in range(2):
        remove_payment_method(second, by=member)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.is_default, second.is_default, second.state) == (True, False, REMOVED)
    assert second.forgotten_at is not None
    assert SandboxCard.objects.get(key=str(second.pk)).state == "forgotten"
    assert AuditLog.objects.filter(action__in=["payment_method.chosen", "payment_method.removed"]).count() == 2


def test_a_removed_card_is_let_go_at_its_provider_when_that_answers_again(monkeypatch):
    member = make_member()
    method = keep(member)
    with monkeypatch.context() as patch:

        def unreachable(_method: object) -> None:
            raise ProviderTimeout

        patch.setattr(provider_of("sandbox"), "forget_method", unreachable)
        remove_payment_method(method, by=member)
    assert SandboxCard.objects.get().state == "saved"

    settle_methods()

    assert SandboxCard.objects.get().state == "forgotten"
    assert settle_methods() == 0


def test_a_saved_card_pays():
    member = make_member()
    method = keep(member)

    booking = make_booking(make_session(), member, card=str(method.pk))

    payment = Payment.objects.get()
    assert (booking.state, payment.saved_method, payment.method) == ("confirmed", method, "Card •••• 4242")


@pytest.mark.parametrize("whose", ["removed", "another's", "nobody's"])
def test_what_is_not_ones_own_pays_nothing(whose):
    member = make_member()
    method = keep(make_member() if whose == "another's" else member)
    if whose == "removed":
        remove_payment_method(method, by=member)

    card = str(new_id()) if whose == "nobody's" else str(method.pk)
    booking = make_booking(make_session(), member, card=card)

    assert booking.state == "held"
    assert Payment.objects.get().failure_code == "unknown_method"
    assert not SandboxCharge.objects.exists()


def test_a_card_that_is_removed_while_it_is_charged_pays_nothing():
    member = make_member()
    method = keep(member)
    booking = make_booking(make_session(), member, card=DECLINED)
    payment = Payment.objects.create(
        payer=member, provider="sandbox", amount=5, currency="EUR", description="x", saved_method=method
    )
    remove_payment_method(method, by=member)

    outcome = provider_of("sandbox").start(payment, "")

    assert (outcome.state, outcome.failure_code) == ("failed", "unknown_card")
    assert booking.state == "held"
    SandboxCharge.objects.filter(key=str(payment.pk)).delete()
    Payment.objects.filter(pk=payment.pk).delete()


def test_a_bank_that_asks_is_not_asked_when_nobody_is_there():
    member = make_member()
    method = keep(member, NEEDS_CONFIRMATION)
    asked = [
        Payment.objects.create(payer=member, provider="sandbox", amount=5, currency="EUR", description="x")
        for _ in range(2)
    ]

    there = start_payment(asked[0], str(method.pk))
    automatic = start_payment(asked[1], str(method.pk), is_automatic=True)

    assert there.state == "needs_action"
    assert (automatic.state, automatic.failure_code) == ("failed", "authentication_required")


@pytest.mark.django_db(transaction=True)
def test_ten_first_cards_at_once_leave_one_that_is_offered_first():
    member = make_member()

    found = outcomes(at_once([lambda: keep(member)] * 10))

    assert found == {"ready": 10}
    assert PaymentMethod.objects.filter(is_default=True).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.control
def test_control_without_the_lock_two_first_cards_collide(monkeypatch):
    member, both_looked = make_member(), threading.Barrier(2)
    save = PaymentMethod.save

    def save_late(row: PaymentMethod, **wanted: Any) -> None:
        if row.state == READY:
            both_looked.wait(30)
        save(row, **wanted)

    monkeypatch.setattr(methods, "lock_user", lambda user: user)
    monkeypatch.setattr(PaymentMethod, "save", save_late)

    found = outcomes(at_once([lambda: keep(member), lambda: keep(member)]))

    assert found == {"ready": 1, "IntegrityError": 1}
