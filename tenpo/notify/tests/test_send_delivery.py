import smtplib
import threading
from datetime import UTC, datetime, timedelta
from email.policy import SMTP

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.notify.actions import deliveries
from tenpo.notify.actions.deliveries import (
    CLAIM_SECONDS,
    MAX_ATTEMPTS,
    requeue_lost_deliveries,
    retry_delivery,
    send_delivery,
)
from tenpo.notify.models import Delivery, Notification
from tenpo.notify.tests.make import make_delivery
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.booking_notifications import SESSION_CANCELLED

pytestmark = pytest.mark.django_db
FAR = datetime(2030, 12, 3, 17, 0, tzinfo=UTC)


class ServerDown(EmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, messages):
        raise TimeoutError("no answer \0 from the server")


class Refuses(EmailBackend):
    """A mail server that knows the address not, or not now."""

    code = 550

    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({"maya@example.com": (self.code, b"no such user")})


class RefusesForNow(Refuses):
    code = 450


def use_mailer(settings, backend: type) -> None:
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.{backend.__name__}"}}


def due(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=timezone.now() - timedelta(minutes=5))


def test_a_mail_says_it_in_the_readers_language_zone_and_currency():
    member = make_member("Maya")
    User.objects.filter(pk=member.pk).update(time_zone="America/New_York")
    delivery = make_delivery(
        member, kind=SESSION_CANCELLED, starts_at=FAR.isoformat(), time_zone="Europe/Berlin", coach="Jo",
        credit=1200, currency="EUR", reason="Ill",
    )  # fmt: skip

    assert send_delivery(delivery.pk) is True

    (message,) = mail.outbox
    assert message.subject == "Called off: Yoga"
    assert message.to == [f"Maya <{member.email}>"]
    assert "The session with Jo on Tue 3 Dec 2030, 12:00 (18:00 in Berlin) does not take place." in " ".join(
        message.body.split()
    )
    assert "€12 went back to you as credit" in " ".join(message.body.split())
    assert isinstance(message, EmailMultiAlternatives)
    html = str(message.alternatives[0][0])
    assert "€12 went back to you as credit" in html
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("sent", 1, "")
    assert delivery.sent_at is not None


def test_the_headers_are_those_of_a_good_sender():
    delivery = make_delivery(make_member())

    send_delivery(delivery.pk)

    headers = mail.outbox[0].message()
    assert headers["Message-ID"] == f"<{delivery.pk}@localhost>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["List-Unsubscribe"].startswith("<http://localhost:8000/notifications/off/")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["Date"]
    assert headers["From"] == "Tenpo <hello@tenpo.invalid>"


def test_the_way_out_reaches_mail_programs_in_one_piece():
    delivery = make_delivery(make_member())

    send_delivery(delivery.pk)

    raw = mail.outbox[0].message(policy=SMTP).as_bytes()
    (line,) = [line for line in raw.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    path = line.removeprefix(b"List-Unsubscribe: <http://localhost:8000").removesuffix(b">").decode()
    assert Client().post(path).status_code == 200
    assert b"\r\nSubject: You are booked: Yoga\r\n" in raw


def test_what_nobody_may_miss_offers_no_way_out():
    delivery = make_delivery(make_member(), kind=SESSION_CANCELLED)

    send_delivery(delivery.pk)

    assert "List-Unsubscribe" not in mail.outbox[0].message()
    assert "No more e-mails like this" not in mail.outbox[0].body


def test_a_line_break_in_a_title_or_name_makes_no_header():
    member = make_member("Maya\r\nBcc: everybody@example.com")
    delivery = make_delivery(member, session="Yoga\r\nBcc: everybody@example.com")

    assert send_delivery(delivery.pk) is True

    headers = mail.outbox[0].message()
    assert headers["Bcc"] is None
    assert headers["Subject"] == "You are booked: Yoga Bcc: everybody@example.com"
    assert len(mail.outbox[0].recipients()) == 1


def test_sending_twice_sends_once():
    delivery = make_delivery(make_member())

    assert [send_delivery(delivery.pk), send_delivery(delivery.pk)] == [True, False]
    assert len(mail.outbox) == 1


def test_a_failure_is_noted_and_queued_again_later(settings):
    delivery = make_delivery(make_member())
    use_mailer(settings, ServerDown)

    assert send_delivery(delivery.pk) is False

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("failed", 1)
    assert delivery.last_error.startswith("TimeoutError('no answer")
    assert delivery.next_attempt_at > timezone.now() + timedelta(seconds=25)
    again = ProcrastinateJob.objects.filter(task_name="notify.send_delivery", scheduled_at__isnull=False).get()
    assert again.args == {"delivery_id": str(delivery.pk)}
    assert again.scheduled_at > delivery.next_attempt_at


def test_a_try_that_comes_too_early_does_nothing(settings):
    delivery = make_delivery(make_member())
    use_mailer(settings, ServerDown)
    send_delivery(delivery.pk)

    send_delivery(delivery.pk)

    delivery.refresh_from_db()
    assert delivery.attempts == 1


def test_after_six_tries_it_is_given_up(settings):
    delivery = make_delivery(make_member())
    use_mailer(settings, ServerDown)

    for _ in range(MAX_ATTEMPTS + 2):
        due(delivery)
        send_delivery(delivery.pk)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("dead", MAX_ATTEMPTS)


@pytest.mark.parametrize(("backend", "state"), [(Refuses, "dead"), (RefusesForNow, "failed")])
def test_an_address_refused_for_good_is_given_up_at_once(settings, backend, state):
    delivery = make_delivery(make_member())
    use_mailer(settings, backend)

    send_delivery(delivery.pk)

    delivery.refresh_from_db()
    assert delivery.state == state


def test_a_disabled_account_gets_no_mail():
    member = make_member()
    delivery = make_delivery(member)
    User.objects.filter(pk=member.pk).update(disabled_at=timezone.now())

    assert send_delivery(delivery.pk) is False
    delivery.refresh_from_db()
    assert delivery.state == "dead"
    assert mail.outbox == []


def test_an_unknown_delivery_is_nothing_to_do():
    assert send_delivery(make_member().pk) is False


def test_a_kind_that_is_gone_still_sends_words():
    delivery = make_delivery(make_member())
    Notification.objects.filter(pk=delivery.notification_id).update(kind="gone.since")

    assert send_delivery(delivery.pk) is True
    assert mail.outbox[0].subject == "Something happened that we cannot show any more"


def test_dying_between_sending_and_marking_sends_it_again_under_the_same_name(monkeypatch):
    delivery = make_delivery(make_member())

    class Killed(BaseException):
        pass

    real = deliveries._message

    def send_and_die(claimed):
        real(claimed).send()
        raise Killed

    monkeypatch.setattr(deliveries, "_message", send_and_die)
    with pytest.raises(Killed):
        send_delivery(delivery.pk)
    monkeypatch.undo()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("queued", 1)
    assert delivery.next_attempt_at > timezone.now() + timedelta(seconds=CLAIM_SECONDS - 10)
    assert send_delivery(delivery.pk) is False

    ProcrastinateJob.objects.all().delete()
    due(delivery)
    assert requeue_lost_deliveries() == 1
    assert send_delivery(delivery.pk) is True

    first, second = mail.outbox
    assert first.message()["Message-ID"] == second.message()["Message-ID"]


def test_the_sweep_takes_only_what_nobody_has_in_hand():
    waits, sent, dead = [make_delivery(make_member()) for _ in range(3)]
    lost = make_delivery(make_member())
    ProcrastinateJob.objects.filter(args__delivery_id=str(lost.pk)).delete()
    send_delivery(sent.pk)
    Delivery.objects.filter(pk=dead.pk).update(state="dead")
    for delivery in (waits, dead, lost):
        due(delivery)
    ProcrastinateJob.objects.exclude(args__delivery_id=str(waits.pk)).delete()

    assert requeue_lost_deliveries() == 1
    assert requeue_lost_deliveries() == 0

    assert ProcrastinateJob.objects.filter(args__delivery_id=str(lost.pk), queue_name="mail").count() == 1


def test_an_admin_tries_a_dead_one_again():
    delivery = make_delivery(make_member(), state="dead")
    admin = make_admin()

    retry_delivery(delivery, by=admin)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("queued", 0)
    assert send_delivery(delivery.pk) is True
    assert AuditLog.objects.get(action="delivery.retried").actor_id == admin.pk


@pytest.mark.parametrize("state", ["queued", "failed"])
def test_only_a_dead_one_is_tried_again(state):
    delivery = make_delivery(make_member(), state=state)

    with pytest.raises(RuleError) as refusal:
        retry_delivery(delivery, by=make_admin())

    assert refusal.value.code == "not_dead"


def test_only_admins_try_again():
    member = make_member()
    delivery = make_delivery(member, state="dead")

    with pytest.raises(PermissionDenied):
        retry_delivery(delivery, by=member)

    delivery.refresh_from_db()
    assert delivery.state == "dead"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_guarded", [True, False])
def test_eight_workers_send_one_mail(is_guarded, monkeypatch):
    """Without the claim they send several: the control."""
    delivery = make_delivery(make_member())
    if not is_guarded:
        monkeypatch.setattr(
            deliveries, "_claim", lambda pk: Delivery.objects.select_related("notification__user").get(pk=pk)
        )
    start = threading.Barrier(8)

    def work():
        start.wait()
        try:
            send_delivery(delivery.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(mail.outbox) == 1) is is_guarded
