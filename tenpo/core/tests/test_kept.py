import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import time_machine

from tenpo.core import kept
from tenpo.core.kept import Kept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The few seconds as they are in earnest, by a clock that only the test moves."""
    monkeypatch.setattr(kept, "SECONDS_KEPT", 5.0)
    with time_machine.travel(0, tick=False) as moved:
        monkeypatch.setattr("time.monotonic", time.time)
        yield moved


def numbers() -> Kept[int]:
    """1 at the first reading, then 2, and so on."""
    reading = count(1)
    return Kept(lambda: next(reading))


def test_it_is_read_again_after_a_few_seconds_and_not_before(clock):
    number = numbers()

    assert (number(), number()) == (1, 1)
    clock.shift(5.0)
    assert number() == 1
    clock.shift(0.1)
    assert (number(), number()) == (2, 2)


def test_who_asks_afresh_is_told_what_is_there_now_and_so_is_everybody_after(clock):
    number = numbers()
    number()

    assert number.afresh() == 2
    assert number() == 2
    clock.shift(4.0)
    assert number() == 2


def test_what_is_forgotten_is_read_at_the_next_question(clock):
    number = numbers()
    number()

    number.forget()

    assert (number(), number()) == (2, 2)


def test_what_cannot_be_read_is_not_kept():
    def read() -> int:
        raise LookupError

    broken = Kept(read)

    for _again in range(2):
        with pytest.raises(LookupError):
            broken()
