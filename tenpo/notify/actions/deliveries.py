"""Sending: each delivery is claimed, sent outside of any transaction, then marked; what fails is tried again."""

import smtplib
from datetime import timedelta
from uuid import UUID

import structlog
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.jobs import defer, defer_all
from tenpo.core.mail import Mail, absolute, compose, message_id
from tenpo.core.outbox import publish
from tenpo.notify.actions.telling import MAIL_QUEUE
from tenpo.notify.kinds import Facts, all_kinds, path_to, say
from tenpo.notify.models import Channel, Delivery, Notification
from tenpo.notify.permissions import can_run_deliveries
from tenpo.notify.queries import reading_as, unsubscribe_path
from tenpo.people.models import User

MAX_ATTEMPTS = 6
FIRST_RETRY_SECONDS = 30
RETRY_FACTOR = 4
# A try that has not ended by then has died. Longer than any mail server may take to answer.
CLAIM_SECONDS = 180
MAX_ERROR_LENGTH = 1_000

log = structlog.get_logger()

# Those that nobody is going to send: no job waits for them and no worker has one in hand.
_LOST = """
    SELECT d.id FROM notify_delivery d
    WHERE d.state IN ('queued', 'failed') AND d.next_attempt_at < statement_timestamp() - interval '1 minute'
      AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs j
        WHERE j.task_name = 'notify.send_delivery' AND j.status IN ('todo', 'doing')
          AND j.args ->> 'delivery_id' = d.id::text)
    ORDER BY d.next_attempt_at LIMIT %s
"""


def send_delivery(delivery_id: UUID) -> bool:
    """Send one e-mail; returns whether it left now.

    At least once: dying between sending and marking sends it again, with the same Message-ID. Six tries over some
    three hours, then it is dead; an address that the mail server refuses for good is dead at once.
    """
    delivery = _claim(delivery_id)
    if delivery is None:
        return False
    user = delivery.notification.user
    if user.disabled_at is not None:
        _give_up(delivery, "the account is disabled")
        return False
    try:
        _message(delivery).send()
    except Exception as error:  # noqa: BLE001 - whatever a mail server or a template does, the delivery must say so
        _note_failure(delivery, error)
        return False
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.SENT, sent_at=Now(), last_error="")
    return True


@transaction.atomic
def retry_delivery(delivery: Delivery, *, by: User | None) -> Delivery:
    """Try a dead delivery again from the start. Raises RuleError not_dead."""
    delivery = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
    if not can_run_deliveries(by):
        raise PermissionDenied
    if delivery.state != Delivery.State.DEAD:
        raise RuleError("not_dead", _("Only what was given up can be tried again."))
    delivery.state = Delivery.State.QUEUED
    delivery.attempts = 0
    delivery.next_attempt_at = clock.now()
    delivery.save(update_fields=["state", "attempts", "next_attempt_at"])
    defer("notify.send_delivery", queue=MAIL_QUEUE, delivery_id=str(delivery.pk))
    record("delivery.retried", by=by, on=delivery, after={"channel": delivery.channel})
    return delivery


def requeue_lost_deliveries(limit: int = 500) -> int:
    """Queue again whatever waits without a job; the job for it runs every five minutes. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_LOST, [limit])
        lost = [str(id_) for (id_,) in cursor.fetchall()]
    defer_all("notify.send_delivery", [{"delivery_id": id_} for id_ in lost], queue=MAIL_QUEUE)
    return len(lost)


def _claim(delivery_id: UUID) -> Delivery | None:
    """Take one delivery in hand: its attempt counts before it is made, and nobody else makes it meanwhile."""
    claimed = Delivery.objects.unfinished().filter(pk=delivery_id, channel=Channel.EMAIL, next_attempt_at__lte=Now())
    if not claimed.update(attempts=F("attempts") + 1, next_attempt_at=Now() + timedelta(seconds=CLAIM_SECONDS)):
        return None
    return Delivery.objects.select_related("notification__user").get(pk=delivery_id)


def _message(delivery: Delivery) -> EmailMultiAlternatives:
    notification = delivery.notification
    user = notification.user
    with reading_as(user):
        mail, headers = _mail(notification)
        headers["Message-ID"] = message_id(str(delivery.pk))
        message = compose(mail, to=user.email, name=user.name, headers=headers)
        kind = all_kinds().get(notification.kind)
        if kind and kind.attaches and (file := kind.attaches(Facts(notification.payload), user)):
            message.attach(file.name, file.content, file.mime_type)
        return message


def _mail(notification: Notification) -> tuple[Mail, dict[str, str]]:
    user, business = notification.user, current_business()
    words = say(notification.kind, notification.payload)
    kind = all_kinds().get(notification.kind)
    links = [(_("Choose what we tell you"), absolute(path_to("notify:preferences")))]
    headers = {}
    if kind is None or kind.email_is_optional:
        address = absolute(unsubscribe_path(user, notification.kind))
        links.append((_("No more e-mails like this"), address))
        headers = {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    mail = Mail(
        subject=words.title,
        greeting=_("Hello %(name)s,") % {"name": user.name} if user.name else _("Hello,"),
        paragraphs=tuple(paragraph for paragraph in words.text.split("\n\n") if paragraph),
        facts=words.facts,
        act_label=words.act,
        act_url=absolute(words.path) if words.act else "",
        why=_("You get this because you have an account with %(business)s.") % {"business": business.name},
        links=tuple(links),
    )
    return mail, headers


def _note_failure(delivery: Delivery, error: Exception) -> None:
    text = repr(error).replace("\0", "")[:MAX_ERROR_LENGTH]
    log.warning("delivery_failed", delivery_id=str(delivery.pk), attempts=delivery.attempts, exc_info=error)
    if delivery.attempts >= MAX_ATTEMPTS or _is_refused_for_good(error):
        _give_up(delivery, text)
        return
    wait_seconds = FIRST_RETRY_SECONDS * RETRY_FACTOR ** (delivery.attempts - 1)
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=Delivery.State.FAILED, last_error=text, next_attempt_at=Now() + timedelta(seconds=wait_seconds)
        )
        # One second later than the row allows, so that the job never comes too early.
        defer("notify.send_delivery", queue=MAIL_QUEUE, in_seconds=wait_seconds + 1, delivery_id=str(delivery.pk))


@transaction.atomic
def _give_up(delivery: Delivery, why: str) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.DEAD, last_error=why)
    publish("delivery.dead", subject=delivery)


def _is_refused_for_good(error: Exception) -> bool:
    """Whether the mail server said of every recipient that it will never take it (a code from 500 on)."""
    if not isinstance(error, smtplib.SMTPRecipientsRefused):
        return False
    return all(code >= 500 for code, _answer in error.recipients.values())
