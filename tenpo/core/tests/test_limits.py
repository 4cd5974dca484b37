from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from tenpo.core.errors import TooManyRequests
from tenpo.core.limits import LIMITS, Try, forget_old_counts, give_back, hit
from tenpo.core.models import RateCount

pytestmark = pytest.mark.usefixtures("one_window")


def tries(n: int) -> int:
    """How many of `n` parallel tries are let through."""

    def one(_number: int) -> bool:
        try:
            hit("account-mail", "anna@example.com")
        except TooManyRequests:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(20) as pool:
        return sum(pool.map(one, range(n)))


@pytest.mark.django_db(transaction=True)
def test_a_hundred_at_once_get_exactly_the_limit():
    assert tries(100) == LIMITS["account-mail"].count


@pytest.mark.django_db(transaction=True)
def test_control_counting_before_writing_lets_too_many_through(monkeypatch):
    """Shows that the test above can fail: without the one statement, parallel tries do not see each other."""
    together = Barrier(20)

    def read_then_write(name: str, *parts: object) -> None:
        count = RateCount.objects.filter(key="naive").count()
        together.wait(timeout=10)
        if count >= LIMITS[name].count:
            raise TooManyRequests(1)
        RateCount.objects.create(key="naive", window_starts_at=timezone.now())

    monkeypatch.setitem(globals(), "hit", read_then_write)

    assert tries(20) > LIMITS["account-mail"].count


@pytest.mark.django_db
def test_a_new_window_starts_afresh_and_others_are_not_counted():
    for _ in range(LIMITS["account-mail"].count):
        hit("account-mail", "anna@example.com")
    hit("account-mail", "ben@example.com")
    with pytest.raises(TooManyRequests) as refusal:
        hit("account-mail", "anna@example.com")
    assert 1 <= refusal.value.retry_after <= LIMITS["account-mail"].seconds

    RateCount.objects.update(window_starts_at=timezone.now() - timedelta(days=1))

    hit("account-mail", "anna@example.com")


@pytest.mark.django_db
def test_a_try_that_was_right_leaves_room_for_one_more():
    first, *_others = [hit("account-mail", "anna@example.com") for _ in range(LIMITS["account-mail"].count)]

    give_back(first)

    hit("account-mail", "anna@example.com")
    with pytest.raises(TooManyRequests):
        hit("account-mail", "anna@example.com")


@pytest.mark.django_db
def test_what_is_given_back_late_is_no_try_of_the_next_window():
    now = hit("account-mail", "anna@example.com")

    give_back(Try(now.key, now.window_starts_at - timedelta(days=1)))

    assert RateCount.objects.get().count == 1


@pytest.mark.django_db(transaction=True)
def test_none_of_a_hundred_right_ones_at_once_stays_counted():
    def one(_number: int) -> None:
        try:
            give_back(hit("sign-in-everywhere", "anna@example.com"))
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(100)))

    assert RateCount.objects.get().count == 0


@pytest.mark.django_db
def test_an_address_is_never_stored_in_clear():
    hit("sign-in-account", "anna@example.com")

    assert "anna" not in RateCount.objects.get().key


@pytest.mark.django_db
def test_counts_whose_time_is_over_are_dropped_and_others_stay():
    hit("mailed-code", "old")
    RateCount.objects.update(window_starts_at=timezone.now() - timedelta(seconds=LIMITS["mailed-code"].seconds + 60))
    hit("mailed-code", "new")

    assert forget_old_counts() == 1
    assert forget_old_counts() == 0
    assert RateCount.objects.count() == 1
