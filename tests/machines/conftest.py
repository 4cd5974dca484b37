from collections.abc import Iterator

import pytest

from tests.machines.clock import movable_clock


@pytest.fixture(autouse=True, scope="module")
def clock(django_db_setup: None) -> Iterator[None]:
    with movable_clock():
        yield
