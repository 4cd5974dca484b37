"""What must hold when many act at the same moment; each with a control that takes the guard away."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.runtime import env, postgres
from tenpo.schedule.actions import sessions as actions
from tenpo.schedule.actions.sessions import create_session, edit_session
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_create_session import terms

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 50


def at_once(count: int, act: Callable[[int], Any]) -> Counter[str]:
    """How often each outcome came when `count` act together: "ok" or the code of a refusal."""
    barrier = Barrier(count)

    def one(number: int) -> str:
        try:
            barrier.wait(30)
            act(number)
            return "ok"
        except RuleError as refusal:
            return refusal.code
        except (IntegrityError, OperationalError) as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(one, range(count)))


@contextmanager
def without(table: str, constraint: str) -> Iterator[None]:
    """The same database with one guard less."""
    url = postgres.url(env.data_dir(), postgres.OWNER, database=f"test_{os.getpid()}")
    with psycopg.connect(url, autocommit=True) as owner:
        found = owner.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [constraint]
        ).fetchone()
        assert found
        owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        try:
            yield
        finally:
            owner.execute(f"TRUNCATE {table} CASCADE")
            owner.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {found[0]}")


def offer_at_once(coach: User) -> Counter[str]:
    start = timezone.now() + timedelta(days=3)
    return at_once(CROWD, lambda n: create_session(coach, by=coach, **terms(starts_at=start + timedelta(minutes=n))))


def test_fifty_overlapping_sessions_at_once_become_one():
    assert offer_at_once(make_coach()) == {"ok": 1, "overlap": CROWD - 1}
    assert Session.objects.count() == 1


def test_control_without_the_constraint_a_coach_is_in_two():
    coach = make_coach()
    with without("schedule_sessioncoach", "session_coach_never_in_two_at_once"):
        assert offer_at_once(coach)["ok"] > 1


def test_without_the_coachs_lock_the_constraint_alone_still_holds(monkeypatch):
    monkeypatch.setattr(actions, "lock_coaches", lambda coaches: None)
    coach = make_coach()
    start = timezone.now() + timedelta(days=3)

    outcomes = at_once(8, lambda n: create_session(coach, by=coach, **terms(starts_at=start)))

    assert outcomes["ok"] <= 1
    assert Session.objects.count() == outcomes["ok"]


def test_an_edit_and_bookings_at_once_never_leave_more_people_than_seats():
    session = make_session(capacity=10, price=0)
    members = [make_member() for _ in range(10)]

    def act(number: int) -> None:
        if number < 10:
            make_booking(session, members[number])
        else:
            edit_session(session, by=session.coach, capacity=5)

    outcomes = at_once(12, act)

    session.refresh_from_db()
    assert session.seats_taken <= session.capacity
    assert session.seats_taken == session.bookings.live().count()
    assert set(outcomes) <= {"ok", "full", "capacity_below_taken"}


def test_control_an_edit_that_looks_before_it_locks_meets_the_constraint():
    session = make_session(capacity=10, price=0)
    seen = Session.objects.get(pk=session.pk)
    for _ in range(6):
        make_booking(session, make_member())
    assert seen.seats_taken == 0

    with pytest.raises(IntegrityError):
        Session.objects.filter(pk=session.pk).update(capacity=5)

    with without("schedule_session", "session_seats_within_capacity"):
        Session.objects.filter(pk=session.pk).update(capacity=5)
        assert Session.objects.get(pk=session.pk).seats_left == -1


def test_of_two_editors_who_saw_the_same_one_wins():
    session = make_session()

    outcomes = at_once(8, lambda n: edit_session(session, by=session.coach, version=0, title=f"Title {n}"))

    assert outcomes == {"ok": 1, "changed_meanwhile": 7}
    assert Session.objects.get(pk=session.pk).version == 1


def test_edits_and_new_sessions_of_one_coach_never_wait_for_each_other_in_a_circle():
    coach = make_coach()
    days = [timedelta(days=3 + n) for n in range(6)]
    sessions = [make_session(coach, starts_in=day) for day in days[:3]]

    def act(number: int) -> None:
        start = timezone.now() + days[number % 6] + timedelta(hours=1 + number // 6)
        if number % 2:
            create_session(coach, by=coach, **terms(starts_at=start))
        else:
            edit_session(sessions[number % 3], by=coach, starts_at=start)

    assert set(at_once(24, act)) <= {"ok", "overlap"}
