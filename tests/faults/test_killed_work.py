"""A worker killed at every place of a delivery and of a job: another one ends the work, and nothing happens twice."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.checkout.actions.auto_topping_up import look_after_wallets
from tenpo.checkout.actions.settling import reconcile_payments
from tenpo.checkout.tests.make import left_in_wallet, make_auto_top_up, make_booking
from tenpo.core import outbox
from tenpo.core.jobs import defer
from tenpo.core.models import OutboxMessage
from tenpo.ledger.models import Transfer
from tenpo.notify.models import Channel, Delivery, Notification
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import SUCCEEDS_LATE
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.tests.make import make_member
from tenpo.runtime import worker
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.installation import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants, pytest.mark.timeout(400)]

OUTBOX_PLACES = ["claimed", "before the consumer", "after the consumer", "before the commit", "after the commit"]
MAIL_PLACES = ["fetched", "claimed", "before the call", "after the call", "after the commit"]
MONEY_PLACES = ["fetched", "before the call", "after the call", "before the commit", "after the commit"]
# What comes after is told like any other money.
TOP_UP_PLACES = ["begun", "after the call"]
DIE_SECONDS = 60


def start_worker(folder: Path, place: str = "nowhere", *, hours: float = 0) -> subprocess.Popen[bytes]:
    database = connection.settings_dict["NAME"]
    command = [sys.executable, "-m", "tests.faults.worker", str(database), str(folder), place, str(hours)]
    with (folder / "worker.txt").open("ab") as said:
        return subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)


def kill_worker_at(place: str, folder: Path) -> None:
    """Let a worker work until it dies at this place, and the time pass after which it counts as dead."""
    process = start_worker(folder, place)
    try:
        code = process.wait(DIE_SECONDS)
    finally:
        process.kill()
    assert code == -signal.SIGKILL, (folder / "worker.txt").read_text()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 hour'")
    make_due()


def make_due() -> None:
    """Let the time pass for which whatever failed, or was in a dead worker's hand, waits for another try."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE scheduled_at > now()")
        cursor.execute("UPDATE notify_delivery SET next_attempt_at = now() WHERE state IN ('queued', 'failed')")
        cursor.execute("UPDATE core_outboxmessage SET next_attempt_at = now() WHERE delivered_at IS NULL")


@contextlib.contextmanager
def working(folder: Path, place: str = "nowhere", *, hours: float = 0) -> Iterator[subprocess.Popen[bytes]]:
    """A healthy worker, ended when the block is over."""
    process = start_worker(folder, place, hours=hours)
    try:
        yield process
        assert process.poll() is None, (folder / "worker.txt").read_text()
        process.terminate()
        # Where there was nothing to do it may be told to end before it listens.
        assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()


def is_all_done() -> bool:
    """Whether no event, mail or job waits for anybody; periodic ones come and go."""
    jobs = ProcrastinateJob.objects.filter(status__in=["todo", "doing"]).exclude(queue_name="periodic")
    mails = Delivery.objects.unfinished().filter(channel=Channel.EMAIL)
    return not OutboxMessage.objects.waiting().exists() and not jobs.exists() and not mails.exists()


def mails_in(folder: Path) -> dict[str, list[str]]:
    """What was sent: Message-ID → subjects."""
    found: dict[str, list[str]] = {}
    for file in folder.glob("*.log"):
        for raw in file.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
            if raw.strip():
                mail = message_from_bytes(raw)
                found.setdefault(mail["Message-ID"], []).append(mail["Subject"])
    return found


def test_a_delivery_ends_wherever_its_worker_died(tmp_path):
    bookings = []
    for place in OUTBOX_PLACES:
        bookings.append(make_booking(make_session(), make_member()))
        # A second message, so that there is a next one to take in hand.
        bookings.append(make_booking(make_session(), make_member()))
        kill_worker_at(f"outbox: {place}", tmp_path)

    with working(tmp_path):
        wait_until(is_all_done, 60)

    told = Notification.objects.filter(kind="booking.confirmed").values_list("user_id", flat=True)
    assert sorted(told) == sorted(booking.booked_by_id for booking in bookings)
    assert not OutboxMessage.objects.exclude(dead_at=None).exists()


@pytest.mark.control
def test_told_before_the_consumers_commit_is_lost(tmp_path):
    """What the outbox does not do: the same kill loses a message when it is marked first."""
    make_booking(make_session(), make_member())
    kill_worker_at("outbox: told before the consumer's commit", tmp_path)

    outbox.drain()

    assert not OutboxMessage.objects.waiting().exists()
    assert not Notification.objects.filter(kind="booking.confirmed").exists()


def test_a_mail_leaves_wherever_its_worker_died(tmp_path):
    for place in MAIL_PLACES:
        make_booking(make_session(), make_member())
        outbox.drain()
        kill_worker_at(f"mail: {place}", tmp_path)

    with working(tmp_path):
        wait_until(is_all_done, 60)

    deliveries = Delivery.objects.filter(channel=Channel.EMAIL)
    assert set(deliveries.values_list("state", flat=True)) == {Delivery.State.SENT}
    mails = mails_in(tmp_path)
    assert len(mails) == deliveries.count()
    # Two of the five died after the mail had left, and one of those had said so.
    assert sum(len(subjects) - 1 for subjects in mails.values()) == 1
    assert not ProcrastinateJob.objects.filter(status="failed").exists()


def test_money_is_settled_once_wherever_its_worker_died(tmp_path):
    bookings = []
    for place in MONEY_PLACES:
        bookings.append(make_booking(make_session(), make_member(), card=SUCCEEDS_LATE))
        make_due()
        kill_worker_at(f"money: {place}", tmp_path)

    with working(tmp_path):
        wait_until(is_all_done, 60)

    assert {Booking.objects.get(pk=booking.pk).state for booking in bookings} == {Booking.State.CONFIRMED}
    assert SandboxCharge.objects.count() == Payment.objects.filter(state="succeeded").count() == len(bookings)
    assert Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == len(bookings)
    assert Notification.objects.filter(kind="booking.confirmed").count() == len(bookings)


def test_a_wallet_is_filled_once_wherever_its_worker_died(tmp_path):
    members = []
    for place in TOP_UP_PLACES:
        members.append(make_auto_top_up(make_member()))
        kill_worker_at(f"top-up: {place}", tmp_path)

    with working(tmp_path):
        wait_until(is_all_done, 60)
    Payment.objects.open().update(created_at=timezone.now() - timedelta(minutes=2))
    reconcile_payments()
    # What never reached the provider is begun anew once it has waited.
    assert AutoTopUp.objects.filter(paused_until__isnull=False).count() == 1
    AutoTopUp.objects.update(paused_until=None)
    look_after_wallets()

    assert [left_in_wallet(member) for member in members] == [2_500] * len(members)
    assert SandboxCharge.objects.count() == Payment.objects.filter(state="succeeded").count() == len(members)


def test_a_job_that_kills_its_workers_is_given_up_visibly_and_others_go_on(tmp_path):
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    outbox.drain()
    # All but two of its workers have died already.
    poison = ProcrastinateJob.objects.filter(task_name="checkout.succeed_late")
    assert poison.count() == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET attempts = %s WHERE task_name = 'checkout.succeed_late'",
            [worker.WORKERS_PER_JOB_MAX - 2],
        )
    make_due()

    for _ in range(2):
        kill_worker_at("money: fetched", tmp_path)
    with working(tmp_path):
        wait_until(lambda: poison.get().status == "failed", 60)
        defer("checkout.succeed_late", charge_id=str(SandboxCharge.objects.get().pk))
        wait_until(lambda: Payment.objects.get().state == "succeeded", 60)

    assert poison.get().attempts == worker.WORKERS_PER_JOB_MAX


def is_given_up() -> bool:
    make_due()
    return ProcrastinateJob.objects.filter(status="failed", task_name="people.run_import").exists()


def test_a_job_that_fails_every_time_is_visible_and_others_go_on(tmp_path):
    defer("people.run_import", import_id="no such import")
    make_booking(make_session(), make_member(), card=SUCCEEDS_LATE)
    make_due()

    with working(tmp_path):
        wait_until(lambda: Payment.objects.get().state == "succeeded", 60)
        wait_until(is_given_up, 60)
