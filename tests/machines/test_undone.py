"""A machine that fails is one test that fails: the connection and the clocks are handed back as they were."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from hypothesis.stateful import rule

from tenpo.core import clock
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tests.database import as_superuser
from tests.machines import machine
from tests.machines.machine import START, Machine, nothing_left_behind, run

pytestmark = pytest.mark.django_db(transaction=True)


class Odd(Machine):
    """Makes somebody, and agrees with nothing."""

    runs = steps_of_a_run = 1

    def __init__(self) -> None:
        super().__init__()
        make_member()

    @rule()
    def nothing(self) -> None:
        pass

    def found(self) -> dict[str, Any]:
        return {"people": [1]}

    def expected(self) -> dict[str, Any]:
        return {"people": [2]}


class Unborn(Odd):
    """Fails while it is made, after its transaction and its clock began."""

    def __init__(self) -> None:
        super().__init__()
        raise AssertionError("unborn")


def disagree() -> None:
    run(Odd)


def forget_one() -> None:
    Odd().they_agree()


def forget_two() -> None:
    Odd()
    Odd().they_agree()


def be_unborn() -> None:
    Unborn()


def find_no_clock() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(machine, "Clock", None)
        Odd()


def lose_the_connection() -> None:
    Odd()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ((ours,),) = cursor.fetchall()
    with as_superuser() as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])
    make_member()


@pytest.mark.parametrize(
    "fail",
    [disagree, forget_one, forget_two, be_unborn, find_no_clock, lose_the_connection],
    ids=lambda one: one.__name__,
)
def test_whatever_fails_the_next_test_finds_all_as_it_was(fail):
    with pytest.raises((AssertionError, TypeError, OperationalError)), nothing_left_behind():
        fail()

    assert (connection.in_atomic_block, connection.savepoint_ids, Machine.under_way) == (False, [], [])
    assert User.objects.count() == 0
    told = [clock.now(), make_member().created_at]
    assert all(abs(at - timezone.now()) < timedelta(minutes=5) for at in told)
    assert timezone.now() != START


@pytest.mark.control
def test_what_nobody_undoes_stays_control():
    with pytest.raises(AssertionError, match="Tenpo says"):
        forget_one()

    assert (connection.in_atomic_block, timezone.now()) == (True, START)
