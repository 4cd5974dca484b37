"""A seed means the same runs wherever it is used: whoever looks for what a build found must find it."""

from contextlib import AbstractContextManager, nullcontext

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.machines.machine import alike_everywhere

ODD = 777_777


def drawn(how: AbstractContextManager[None]) -> list[int]:
    """The numbers of a hundred runs."""
    found: list[int] = []

    @seed(1)
    @settings(max_examples=100, database=None, phases=[Phase.generate])
    @given(st.integers(0, 1_000_000))
    def run(number: int) -> None:
        found.append(number)

    with how:
        run()
    return found


@pytest.fixture
def another_module(monkeypatch):
    """Call it, and there is another module that names a number."""

    def load() -> None:
        monkeypatch.setattr(providers, "CONSTANTS_CACHE", {})
        monkeypatch.setattr(providers, "_get_local_constants", lambda: Constants(integers={ODD}))

    return load


def test_runs_are_the_same_whatever_is_loaded(another_module):
    before = drawn(alike_everywhere())

    another_module()

    assert drawn(alike_everywhere()) == before


@pytest.mark.control
def test_runs_are_the_same_control(another_module):
    another_module()

    assert ODD in drawn(nullcontext())
