"""One server for the tests of a module, on their process's database."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import Server, running


@pytest.fixture(scope="module")
def server(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock(), running() as one:
        yield one
