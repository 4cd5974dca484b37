"""One world for each file of tests, and for each test a savepoint that brings it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from tenpo.core.business import forget_business
from tests.input.world import World, make_world
from tests.matrix import world as matrix


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is as if it had never been."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)
            forget_business()


@pytest.fixture(scope="module")
def lasting_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Made once for a file: it takes longer than most of the tests that use it."""
    with django_db_blocker.unblock(), undone():
        mail.outbox = []
        yield make_world()


@pytest.fixture
def world(lasting_world: World) -> Iterator[World]:
    """The business, as it was before any other test."""
    with undone():
        yield lasting_world


@pytest.fixture(scope="module")
def lasting_business(django_db_setup: None, django_db_blocker: Any) -> Iterator[matrix.World]:
    """The business of `tests/matrix`, where every route has its row: who may ask for it, and with what."""
    with django_db_blocker.unblock(), undone():
        yield matrix.make_world()


@pytest.fixture
def business(lasting_business: matrix.World) -> Iterator[matrix.World]:
    """That business, as it was before any other test."""
    with undone():
        yield lasting_business
