"""Who is told what about money."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.settling import apply_outcome, mark_paid
from tenpo.checkout.tests.make import make_booking
from tenpo.core.outbox import drain
from tenpo.notify.kinds import say
from tenpo.notify.models import Delivery, Notification
from tenpo.payments.models import Payment
from tenpo.payments.providers.base import Outcome
from tenpo.payments.providers.sandbox import DECLINED, NEVER_ANSWERS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def told(user: User) -> list[str]:
    drain(1_000)
    return list(Notification.objects.filter(user=user).order_by("id").values_list("kind", flat=True))


def words(user: User, kind: str) -> str:
    said = say(kind, Notification.objects.get(user=user, kind=kind).payload)
    return f"{said.title} {said.text}"


def book(session: Session, member: User) -> Booking:
    return book_session(session, participant=member.participant, by=member, provider="payroll")


def payment_of(booking: Booking) -> Payment:
    assert booking.line is not None
    return Payment.objects.get(order_id=booking.line.order_id)


def test_a_transfer_is_awaited_by_the_payer_and_an_admin():
    admin, member = make_admin(), make_member("Maya")
    booking = book(make_session(title="Yoga", price=5_000), member)

    assert told(member) == ["payment.awaited"]
    assert told(admin) == ["admin.payment_to_mark"]
    assert "As soon as €50 has come by payroll" in words(member, "payment.awaited")
    assert "Maya owes €50" in words(admin, "admin.payment_to_mark")
    mark_paid(payment_of(booking), by=admin)
    assert told(member) == ["payment.awaited", "booking.confirmed"]


def test_what_was_paid_before_we_speak_is_not_awaited():
    admin, member = make_admin(), make_member()
    booking = book(make_session(), member)
    mark_paid(payment_of(booking), by=admin)

    assert told(member) == ["booking.confirmed"]
    assert told(admin) == []


def test_a_card_declined_before_their_eyes_sends_no_mail():
    member = make_member()
    make_booking(make_session(), member, card=DECLINED)

    assert told(member) == ["payment.failed"]
    assert "so you can try again" in words(member, "payment.failed")
    assert [delivery.channel for delivery in Delivery.objects.all()] == ["in_app"]


def test_a_payment_that_fails_later_does():
    member = make_member()
    booking = make_booking(make_session(), member, card=NEVER_ANSWERS)
    payment = payment_of(booking)
    Payment.objects.filter(pk=payment.pk).update(created_at=timezone.now() - timedelta(minutes=30))

    apply_outcome(payment, Outcome(Payment.State.FAILED, failure_code="card_declined"))

    assert told(member) == ["payment.failed"]
    assert {delivery.channel for delivery in Delivery.objects.all()} == {"in_app", "email"}


def test_money_that_came_too_late_is_credit():
    member = make_member()
    booking = make_booking(make_session(title="Yoga", price=5_000), member, card=NEVER_ANSWERS)
    payment = payment_of(booking)
    Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    release_lapsed_everywhere()

    apply_outcome(payment, Outcome(Payment.State.SUCCEEDED, reference=payment.reference))

    assert told(member) == ["booking.hold_lapsed", "payment.came_late"]
    assert "Your payment became credit: €50" in words(member, "payment.came_late")
    assert "Yoga" in words(member, "payment.came_late")
