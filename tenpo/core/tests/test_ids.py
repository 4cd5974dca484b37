"""Ids of ours, before the database would give them."""

import time
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from tenpo.core import clock
from tenpo.core.tokens import new_id


def test_an_id_says_when_it_was_made_as_those_of_the_database_do():
    before = time.time_ns() // 1_000_000
    made = new_id()

    assert (made.version, made.variant) == (7, UUID(int=0x2 << 62).variant)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_each_sorts_after_the_one_before():
    made = [new_id() for _one in range(10_000)]

    assert made == sorted(set(made))


def test_a_clock_that_is_set_back_a_little_changes_nothing_of_that(monkeypatch):
    first, before = new_id(), time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: before - 5_000_000_000)

    assert first < new_id() < new_id()


def test_a_clock_that_was_far_ahead_is_believed_again():
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        ahead = new_id()

    assert new_id() < ahead
    assert new_id() < new_id()


def test_what_the_databases_clock_says_counts(monkeypatch):
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        monkeypatch.setattr(clock, "_ahead", timedelta(hours=-1))
        made = new_id()

    assert abs(made.int >> 80) - time.time_ns() // 1_000_000 < 60_000


@pytest.mark.django_db
def test_they_sort_among_those_of_the_database():
    first = new_id()
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuidv7()")
        (second,) = cursor.fetchone()

    assert first < second < new_id()
