"""What the demo's worker does: events, jobs and the clockwork, at once; its mails stay in memory."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from django.contrib.auth import hashers
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.checkout.actions.auto_topping_up import look_after_wallets
from tenpo.checkout.actions.settling import reconcile_payments
from tenpo.core.models import OutboxMessage
from tenpo.core.request_context import Origin, coming_from
from tenpo.schedule.actions.check_in import settle_attendance
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.reminders import remind_people
from tenpo.schedule.actions.reviews import open_reviews
from tenpo.schedule.actions.sessions import complete_past_sessions

INVITE = re.compile(r"/invite/([^/\s]+)/")


class Mailbox(BaseEmailBackend):
    """A mail server that keeps the last mail to each address, and sends none."""

    last: ClassVar[dict[str, EmailMessage]] = {}

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            for recipient in message.to:
                self.last[recipient.rpartition("<")[2].rstrip(">")] = message
        return len(email_messages)


@contextmanager
def mails_kept() -> Iterator[None]:
    """Nobody gets a mail while this lasts, whatever mail server is set up."""
    before = settings.MAILERS
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.Mailbox"}}
    try:
        yield
    finally:
        settings.MAILERS = before
        Mailbox.last.clear()


class QuickArgon2(Argon2PasswordHasher):
    """The same hash with little work in it: these passwords are printed. The first sign-in hashes as usual."""

    time_cost = 1
    memory_cost = 1024
    parallelism = 1


@contextmanager
def quickly() -> Iterator[None]:
    """Spend no time on what a demo need not be: safe from guessing, and from a power cut half way."""
    before = settings.PASSWORD_HASHERS
    settings.PASSWORD_HASHERS = [f"{__name__}.QuickArgon2"]
    hashers.reset_hashers(setting="PASSWORD_HASHERS")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        settings.PASSWORD_HASHERS = before
        hashers.reset_hashers(setting="PASSWORD_HASHERS")
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


def invite_token(address: str) -> str:
    """The token in the invite that was mailed to an address."""
    found = INVITE.search(str(Mailbox.last[address].body))
    assert found, "an invite's mail carries its link"
    return found[1]


def work(owner: psycopg.Connection[Any]) -> None:
    """Deliver every event and run every job that waits, until nothing does."""
    while _deliver() or _run_jobs(owner):
        pass


@transaction.atomic
def _deliver() -> int:
    """Tell of every event that waits, in its turn, as `outbox.drain` does.

    That one is careful of other workers and of consumers that fail. Here is no other worker, and a demo that fails is
    undone, so one transaction does for all of them.
    """
    messages = list(OutboxMessage.objects.waiting().order_by("id"))
    for message in messages:
        with coming_from(Origin(request_id=message.request_id)):
            import_string(settings.OUTBOX_CONSUMERS[message.consumer])(message)
    told = OutboxMessage.objects.filter(pk__in=[message.pk for message in messages])
    told.update(attempts=1, delivered_at=Now())
    return len(messages)


def tick() -> None:
    """What runs every few minutes: what ran out, reminders, sessions that are over, payments in doubt, wallets."""
    release_lapsed_everywhere()
    complete_past_sessions()
    settle_attendance()
    open_reviews()
    remind_people()
    reconcile_payments()
    look_after_wallets()


def _run_jobs(owner: psycopg.Connection[Any]) -> int:
    """Run what is queued, also what was to wait a few seconds; the owner takes finished jobs away, as a worker does."""
    jobs = list(ProcrastinateJob.objects.filter(status="todo").order_by("id"))
    for job in jobs:
        app.tasks[job.task_name].func(**job.args)
    if jobs:
        owner.execute("DELETE FROM procrastinate_jobs WHERE id = ANY(%s)", [[job.pk for job in jobs]])
    return len(jobs)
