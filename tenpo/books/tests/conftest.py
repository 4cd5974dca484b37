from collections.abc import Iterator

import pytest

from tests.machines.clock import movable_clock


@pytest.fixture(scope="module")
def clock_moves(django_db_setup: None) -> Iterator[None]:
    """Lets the tests of a module have clocks that can be moved (`tenpo.books.tests.make.at`)."""
    with movable_clock():
        yield
