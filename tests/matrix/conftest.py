from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.world import World, make_world


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """The business that a module's tests look at: made once, in a transaction that is never committed."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)
