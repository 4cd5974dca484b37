"""A provider that charges and does not answer, and webhooks that come twice, late, in any order, forged or never."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone

from tenpo.checkout.actions.settling import decide_sandbox_charge, receive_event, reconcile_payments
from tenpo.checkout.tests.make import make_booking
from tenpo.ledger.models import Transfer
from tenpo.payments.models import Payment, ProviderEvent, SandboxCharge
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.base import BadSignature, ProviderTimeout
from tenpo.payments.providers.sandbox import (
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    SUCCEEDS,
    SUCCEEDS_LATE,
    decide_charge,
    signature,
    signed_event,
)
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

WINDOW = 300


class Envelope:
    """A webhook as it travels, to be tampered with."""

    def __init__(self) -> None:
        make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
        charge = decide_charge(SandboxCharge.objects.get().pk, succeeds=True)
        assert charge
        self.headers, self.body = signed_event(charge)

    def at(self, seconds: int) -> None:
        """Sent, and signed by whoever knows the key, so many seconds from now."""
        stamp = str(int(timezone.now().timestamp()) + seconds)
        signed = signature(self.headers["webhook-id"], stamp, self.body)
        self.headers |= {"webhook-timestamp": stamp, "webhook-signature": signed}


def other_key(envelope: Envelope) -> None:
    envelope.headers["webhook-signature"] = "v1," + "0" * 64


def change_body(envelope: Envelope) -> None:
    envelope.body = envelope.body.replace(b"succeeded", b"succeedee")


FORGERIES: dict[str, Callable[[Envelope], object]] = {
    "body-byte": change_body,
    "body-longer": lambda e: setattr(e, "body", e.body + b" "),
    "body-empty": lambda e: setattr(e, "body", b""),
    "other-id": lambda e: e.headers.update({"webhook-id": "evt_other"}),
    "other-time": lambda e: e.headers.update({"webhook-timestamp": str(int(e.headers["webhook-timestamp"]) + 1)}),
    "no-time": lambda e: e.headers.pop("webhook-timestamp"),
    "endless-time": lambda e: e.headers.update({"webhook-timestamp": "9" * 400}),
    "more-than-endless-time": lambda e: e.headers.update({"webhook-timestamp": "9" * 5_000}),
    "time-in-other-digits": lambda e: e.headers.update({"webhook-timestamp": "١٢٣"}),
    "half-a-character-as-id": lambda e: e.headers.update({"webhook-id": "\udcff"}),
    "half-a-character": lambda e: e.headers.update({"webhook-signature": "v1,\udcff"}),
    "too-old": lambda e: e.at(-WINDOW - 1),
    "too-new": lambda e: e.at(WINDOW + 2),
    "other-key": other_key,
    "no-signature": lambda e: e.headers.pop("webhook-signature"),
    "empty-signature": lambda e: e.headers.update({"webhook-signature": ""}),
    "other-version": lambda e: e.headers.update({"webhook-signature": "v0" + e.headers["webhook-signature"][2:]}),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_event_changes_nothing(forge):
    envelope = Envelope()
    forge(envelope)

    with pytest.raises(BadSignature):
        receive_event("sandbox", envelope.headers, envelope.body)

    assert Payment.objects.get().state == Payment.State.PENDING
    assert not ProviderEvent.objects.exists()


@pytest.mark.parametrize("seconds", [-WINDOW + 5, 0, WINDOW - 5])
def test_a_true_event_counts_within_its_window(seconds):
    envelope = Envelope()
    envelope.at(seconds)

    assert receive_event("sandbox", envelope.headers, envelope.body)
    assert Payment.objects.get().state == Payment.State.SUCCEEDED


def test_a_lost_webhook_is_made_up_for():
    held = make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    decide_charge(SandboxCharge.objects.get().pk, succeeds=True)

    Payment.objects.update(created_at=Now() - timedelta(minutes=2))
    assert reconcile_payments() == 1

    held.refresh_from_db()
    assert held.state == Booking.State.CONFIRMED


def test_money_that_comes_after_the_hold_is_a_seat_or_credit_never_both():
    held = make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    Booking.objects.update(held_until=Now() - timedelta(seconds=1))
    assert release_lapsed_everywhere() == 1

    decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)
    decide_sandbox_charge(SandboxCharge.objects.get().pk, succeeds=True)

    held.refresh_from_db()
    assert held.state == Booking.State.CANCELLED
    kinds = Counter(Transfer.objects.values_list("kind", flat=True))
    assert kinds[Transfer.Kind.PAYMENT] == 1
    assert Payment.objects.get().order_id is None


class Moody:
    """The sandbox behind a bad line: calls are lost before or after they did their work, for as long as it lasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dice: random.Random) -> None:
        self.dice = dice
        self.is_down = False
        self.sandbox = provider_of("sandbox")
        for name in ("start", "retrieve", "cancel"):
            monkeypatch.setattr(self.sandbox, name, self._over_a_bad_line(getattr(self.sandbox, name)))

    def _over_a_bad_line(self, call: Callable[..., object]) -> Callable[..., object]:
        def moody(*arguments: object, **options: object) -> object:
            fate = self.dice.random()
            if self.is_down or fate < 0.15:
                raise ProviderTimeout
            answer = call(*arguments, **options)
            if fate < 0.3:
                raise ProviderTimeout
            return answer

        return moody


def test_a_hundred_payments_over_a_bad_line_are_settled_once(monkeypatch):
    dice = random.Random(20270328)
    line = Moody(monkeypatch, dice)
    sessions = [make_session(capacity=20) for _ in range(5)]
    people = [make_member() for _ in range(20)]
    cards = [SUCCEEDS, SUCCEEDS, SUCCEEDS_LATE, NEVER_ANSWERS, NEEDS_CONFIRMATION]
    for number, (session, member) in enumerate((session, member) for session in sessions for member in people):
        # For a while nobody answers at all.
        line.is_down = 40 <= number < 60
        make_booking(session, member, card=dice.choice(cards))
    line.is_down = False
    assert Payment.objects.filter(state=Payment.State.UNKNOWN).exists()

    # The bank says yes to all that wait for it.
    decided = [decide_charge(charge.pk, succeeds=True) for charge in SandboxCharge.objects.all()]
    events = [signed_event(charge) for charge in decided if charge is not None]
    # Each three times, in any order, and one in five never.
    sent = [event for event in events if dice.random() > 0.2 for _copy in range(3)]
    dice.shuffle(sent)
    for headers, body in sent:
        # What could not be asked about is told again, or found by the job.
        with suppress(ProviderTimeout):
            receive_event("sandbox", headers, body)
    Payment.objects.update(created_at=Now() - timedelta(minutes=2))
    for _ in range(30):
        reconcile_payments()

    assert not Payment.objects.open().exists()
    succeeded = SandboxCharge.objects.filter(state="succeeded").count()
    assert Payment.objects.filter(state="succeeded").count() == succeeded
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == succeeded
    assert Booking.objects.filter(state="confirmed").count() == succeeded
    assert SandboxCharge.objects.values("key").distinct().count() == SandboxCharge.objects.count()
    # What never reached the provider lets its seat go.
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        release_lapsed_everywhere()
    assert not Booking.objects.filter(state="held").exists()
