"""A worker whose clock is an hour off: nothing ends early, nothing late, nothing twice."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.checkout.tests.make import make_booking
from tenpo.core.jobs import defer
from tenpo.ledger.models import Transfer
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, NEVER_ANSWERS
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.faults.test_killed_work import working
from tests.installation import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants, pytest.mark.timeout(400)]

PERIODIC = ["schedule.release_lapsed", "checkout.reconcile_payments", "schedule.remind_people"]


def do_periodic_jobs() -> None:
    """Let each be done once now, whatever minute the worker believes it to be."""
    for task in PERIODIC:
        defer(task, queue="periodic", timestamp=0)
    mine = ProcrastinateJob.objects.filter(task_name__in=PERIODIC, status__in=["todo", "doing"], args__timestamp=0)
    wait_until(lambda: not mine.exists(), 60)


@pytest.mark.parametrize("hours", [pytest.param(1, id="fast"), pytest.param(-1, id="slow")])
def test_deadlines_go_by_the_databases_clock(tmp_path, hours):
    held = make_booking(make_session(), make_member(), card=DECLINED)
    lapsed = make_booking(make_session(), make_member(), card=DECLINED)
    lost = make_booking(make_session(), make_member(), card=NEVER_ANSWERS)
    full = make_session(capacity=1)
    leaving = make_booking(full, make_member(), card=DECLINED)
    waiting = make_member()
    offered = join_waitlist(full, participant=waiting.participant, by=waiting)
    tomorrow = make_booking(make_session(starts_in=timedelta(hours=24, minutes=30)), make_member())
    # The worker lets both go, and offers the second's seat to whoever waits for it.
    Booking.objects.filter(pk__in=[lapsed.pk, leaving.pk]).update(held_until=Now() - timedelta(seconds=1))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_payment SET created_at = now() - interval '2 minutes'")

    with working(tmp_path, hours=hours):
        do_periodic_jobs()
        do_periodic_jobs()

    state = {row.pk: row for row in Booking.objects.all()}
    assert state[held.pk].state == Booking.State.HELD
    assert (state[lapsed.pk].state, state[lapsed.pk].ending) == (Booking.State.CANCELLED, Booking.Ending.EXPIRED)
    assert state[lost.pk].state == Booking.State.CONFIRMED
    assert (
        Transfer.objects.filter(kind=Transfer.Kind.PAYMENT).count() == Payment.objects.filter(state="succeeded").count()
    )
    offer = state[offered.pk]
    assert offer.state == Booking.State.OFFERED
    assert offer.held_until
    assert abs(offer.held_until - timezone.now() - timedelta(hours=12)) < timedelta(minutes=2)
    assert state[tomorrow.pk].reminded_at is None


@pytest.mark.control
def test_a_worker_that_believes_its_own_clock_lets_go_of_held_seats(tmp_path):
    held = make_booking(make_session(), make_member(), card=DECLINED)

    with working(tmp_path, "with its own clock", hours=1):
        do_periodic_jobs()

    held.refresh_from_db()
    assert held.state == Booking.State.CANCELLED
