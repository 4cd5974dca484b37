from collections.abc import Iterator

import pytest

from tenpo.checkout.tests.invariants import check_money


@pytest.fixture(autouse=True)
def money_holds(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test that has a database: money and seats are as they must be."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        yield
        return
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    yield
    if not request.node.get_closest_marker("control"):
        check_money()
