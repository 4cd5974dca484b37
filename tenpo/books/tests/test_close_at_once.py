"""A day that is closed while others post, or close it as well."""

import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from tenpo.books.actions import closing
from tenpo.books.actions.closing import close_day
from tenpo.books.models import DayClose
from tenpo.books.queries.days import next_day
from tenpo.books.tests.make import move_transfers_back, post, today
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.invariants import find_faults
from tenpo.core.models import BusinessQuerySet
from tenpo.ledger.models import Transfer
from tests.at_once import JOIN_SECONDS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]


def yesterday() -> date:
    return today() - timedelta(days=1)


def test_two_who_close_one_day_close_it_once():
    post(1_000)
    move_transfers_back(1)
    day = yesterday()

    results = at_once([partial(close_day, day, by=None)] * 4)

    assert [close.pk for closes in results for close in closes] == [DayClose.objects.get().pk] * 4


@pytest.mark.control
def test_control_without_the_turn_being_taken_two_would_write(monkeypatch):
    """The constraint refuses the second one's rows; without the lock it is an error and no answer."""
    post(1_000)
    move_transfers_back(1)
    day = yesterday()
    meeting = threading.Barrier(2)
    monkeypatch.setattr(BusinessQuerySet, "select_for_update", lambda rows, **kwargs: rows)
    write_up = closing._write_up

    def write_up_together(*args, **kwargs):
        meeting.wait(JOIN_SECONDS)
        return write_up(*args, **kwargs)

    monkeypatch.setattr(closing, "_write_up", write_up_together)

    results = at_once([partial(close_day, day, by=None)] * 2)

    assert sorted(type(result).__name__ for result in results) == ["IntegrityError", "list"]


class UnderWay:
    """Somebody whose transaction began before midnight, and who posts when they are told to."""

    def __init__(self) -> None:
        current_business()
        self.began, self.may_post, self.posted, self.may_end = (threading.Event() for _ in range(4))
        self.thread = threading.Thread(target=self._work)

    def __enter__(self) -> "UnderWay":
        self.thread.start()
        assert self.began.wait(JOIN_SECONDS)
        return self

    def __exit__(self, *error: object) -> None:
        self.may_end.set()
        self.may_post.set()
        self.thread.join(JOIN_SECONDS)
        assert not self.thread.is_alive()

    def post(self) -> None:
        """Let them post, and wait until they have, though nobody else sees it yet."""
        self.may_post.set()
        assert self.posted.wait(JOIN_SECONDS)

    def _work(self) -> None:
        try:
            with transaction.atomic():
                assert Transfer.objects.exists()
                self.began.set()
                if not self.may_post.wait(JOIN_SECONDS):
                    return
                post(77)
                self.posted.set()
                assert self.may_end.wait(JOIN_SECONDS)
        finally:
            connection.close()


def let_midnight_be_now(monkeypatch: pytest.MonkeyPatch) -> date:
    """The day of all transfers so far ends at this moment; which day that is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((midnight,),) = cursor.fetchall()
    monkeypatch.setattr(closing, "end_of", lambda day: midnight)
    monkeypatch.setattr(closing, "is_over", lambda day: True)
    day = next_day()
    assert day is not None
    return day


def when_it_waits(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Do something as soon as the closing looks for the second time whether it may go on."""
    sleep = time.sleep
    met = threading.Event()

    def sleep_and_tell(seconds: float) -> None:
        if not met.is_set():
            met.set()
            then()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", sleep_and_tell)


def test_what_was_posted_before_midnight_is_in_the_day_that_is_closed_meanwhile(monkeypatch):
    post(1_000)
    with UnderWay() as other:
        other.post()
        day = let_midnight_be_now(monkeypatch)
        when_it_waits(monkeypatch, other.may_end.set)

        [close] = close_day(day, by=None)

    assert (close.transfers, close.amount) == (2, 1_077)


def test_what_began_before_midnight_and_is_posted_later_is_the_next_days(monkeypatch):
    post(1_000)
    with UnderWay() as other:
        day = let_midnight_be_now(monkeypatch)

        def go_on() -> None:
            other.post()
            other.may_end.set()

        when_it_waits(monkeypatch, go_on)

        [close] = close_day(day, by=None)

    assert (close.transfers, close.amount) == (1, 1_000)


@pytest.mark.control
def test_control_without_the_wait_a_transfer_is_lost_to_its_day(monkeypatch):
    post(1_000)
    monkeypatch.setattr(closing, "wait_for_older", lambda moment: None)
    with UnderWay() as other:
        other.post()
        day = let_midnight_be_now(monkeypatch)

        [close] = close_day(day, by=None)

    assert (close.transfers, close.amount) == (1, 1_000)
    # It bears the time of a day that was closed without it, and the check says so.
    assert {"closed-day-has-not-changed", "closed-day-says-what-moved"} == {fault.name for fault in find_faults()}


def test_what_stays_under_way_leaves_the_day_open(monkeypatch):
    post(1_000)
    monkeypatch.setattr(closing, "WAIT_SECONDS", 0.2)
    with UnderWay():
        day = let_midnight_be_now(monkeypatch)

        with pytest.raises(RuleError) as refusal:
            close_day(day, by=None)

    assert refusal.value.code == "still_under_way"
    assert not DayClose.objects.exists()


def test_what_begins_after_midnight_is_waited_for_by_nobody(monkeypatch):
    post(1_000)
    day = let_midnight_be_now(monkeypatch)
    with UnderWay():
        [close] = close_day(day, by=None)

    assert close.transfers == 1
