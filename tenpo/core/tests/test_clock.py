from collections.abc import Callable
from datetime import timedelta

import pytest
import structlog
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.core import clock

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has just begun to follow the database; it forgets so afterwards."""
    for name, value in {"_follows": False, "_ahead": timedelta(), "_asked_at": None}.items():
        monkeypatch.setattr(clock, name, value)
    clock.follow_database()


@pytest.fixture
def let_a_minute_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def pass_() -> None:
        assert clock._asked_at is not None
        monkeypatch.setattr(clock, "_asked_at", clock._asked_at - clock.ASK_SECONDS - 1)

    return pass_


def off_by() -> timedelta:
    """How far `now` is from the machine's clock; how long it took to ask counts for nothing here."""
    return round((clock.now() - timezone.now()) / timedelta(minutes=1)) * timedelta(minutes=1)


def test_who_does_not_follow_asks_nobody(django_assert_num_queries):
    with time_machine.travel(timezone.now() + HOUR, tick=False), django_assert_num_queries(0):
        assert clock.now() == timezone.now()


@pytest.mark.usefixtures("following")
@pytest.mark.parametrize("wrong", [pytest.param(HOUR, id="fast"), pytest.param(-HOUR, id="slow")])
def test_a_wrong_clock_is_set_right(wrong):
    with time_machine.travel(timezone.now() + wrong):
        assert off_by() == -wrong


@pytest.mark.usefixtures("following")
def test_it_is_asked_once_in_a_minute(let_a_minute_pass):
    with CaptureQueriesContext(connection) as asked:
        for _ in range(3):
            clock.now()
        assert len(asked) == 1
        let_a_minute_pass()
        for _ in range(3):
            clock.now()

    assert len(asked) == 2


@pytest.mark.usefixtures("following")
def test_a_clock_that_is_set_right_is_believed_again(let_a_minute_pass):
    with time_machine.travel(timezone.now() + HOUR):
        assert off_by() == -HOUR
    let_a_minute_pass()

    assert off_by() == timedelta()


@pytest.mark.usefixtures("following")
def test_what_the_way_to_the_database_takes_is_no_difference(monkeypatch):
    # However slow the machine is on which this is asked.
    monkeypatch.setattr(clock, "TOLERANCE", timedelta(minutes=10))

    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        assert clock.now() == timezone.now()


@pytest.mark.usefixtures("following")
def test_a_wrong_clock_is_said_once(let_a_minute_pass):
    with time_machine.travel(timezone.now() + HOUR), structlog.testing.capture_logs() as said:
        clock.now()
        let_a_minute_pass()
        clock.now()

    assert [line["event"] for line in said] == ["clock_differs_from_database"]
    assert abs(said[0]["by_seconds"] + 3600) < 60
