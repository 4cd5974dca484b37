"""One world for each file of tests, and for each test a savepoint that brings it back."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from tenpo.core.business import forget_business
from tests.input.calls import Calls, make_calls
from tests.world import World, make_world


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is as if it had never been."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)
            forget_business()


@pytest.fixture(autouse=True, scope="module")
def _no_pause() -> None:
    """The time that an answer takes is measured here; a pause to collect what earlier tests left is not its own."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def lasting_business(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Made once for a file: it takes longer than most of the tests that use it."""
    with django_db_blocker.unblock(), undone():
        mail.outbox = []
        yield make_world()


@pytest.fixture
def business(lasting_business: World) -> Iterator[World]:
    """The business, as it was before any other test."""
    with undone():
        yield lasting_business


@pytest.fixture(scope="module")
def lasting_calls(lasting_business: World, django_db_blocker: Any) -> Iterator[Calls]:
    with django_db_blocker.unblock(), undone():
        yield make_calls(lasting_business)


@pytest.fixture
def calls(lasting_calls: Calls) -> Iterator[Calls]:
    """How each operation is called there."""
    with undone():
        yield lasting_calls
