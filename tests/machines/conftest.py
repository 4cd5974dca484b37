from collections.abc import Iterator

import pytest

from tests.machines.clock import movable_clock
from tests.machines.machine import nothing_left_behind


@pytest.fixture(autouse=True, scope="module")
def clock(django_db_setup: None) -> Iterator[None]:
    with movable_clock():
        yield


@pytest.fixture(autouse=True)
def undone(request: pytest.FixtureRequest, clock: None) -> Iterator[None]:
    """One machine that fails, be it while it is made, is one test that fails: those after it find what they need."""
    # Asked for here, so that the tables are emptied, and their connection is closed, after what is open was undone.
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("transactional_db")
    with nothing_left_behind():
        yield
