"""Python, the database's functions and its columns' defaults tell one time, which a machine moves."""

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tenpo.core import clock
from tenpo.people.tests.make import make_member
from tests.machines.clock import Clock
from tests.machines.machine import START

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_clocks_tell_the_time_that_a_machine_moves():
    with transaction.atomic():
        moved = Clock(START)
        moved.move(timedelta(hours=30))

        told = [clock.now(), timezone.now(), *_database_says(), _database_stamps()]
        moved.stop()

    assert told == [START + timedelta(hours=30)] * 5


def test_after_a_machine_all_clocks_tell_the_real_time():
    with transaction.atomic():
        Clock(START).stop()

    before = timezone.now()
    told = [clock.now(), *_database_says(), _database_stamps()]

    assert all(abs(at - before) < timedelta(minutes=5) for at in told)


def _database_says() -> tuple[datetime, datetime]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now(), statement_timestamp()")
        ((now, statement_timestamp),) = cursor.fetchall()
    return now, statement_timestamp


def _database_stamps() -> datetime:
    user = make_member()
    user.refresh_from_db()
    return user.created_at
