"""What is measured without HTTP: functions of the application, called as its actions and its worker call them."""

import functools
import random
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction

from tenpo.bench.fill import ANY_COACH, ONE_COACH, pots
from tenpo.core import clock, outbox
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.schedule.glance import free_starts
from tenpo.schedule.models import Service
from tenpo.schedule.slot_queries import SlotSearch, find_slots

_pots = functools.cache(pots)


# Of the outbox at once; the worker takes more, but a small installation has no more waiting.
MESSAGES = 5


def transfer() -> int:
    """One unit out of somebody's credit, in a transaction of its own."""
    debit = random.choice(_pots())  # noqa: S311 (which one is no secret)
    sales = Pot(Account.Kind.SALES, debit.currency)
    with transaction.atomic():
        line_id = new_id()
        key = f"line:{line_id}:credit"
        return post_transfers([Posting(Transfer.Kind.CREDIT_SPEND, debit, sales, 1, key, line_id)])


def deliver() -> int:
    """The next messages of the outbox, each to its consumer."""
    return outbox.drain(MESSAGES)


def slots() -> int:
    """What can be booked of one coach in a month."""
    return len(find_slots(_service(ONE_COACH), _month())) and 1


def any_slots() -> int:
    """When any of many coaches could begin in a month."""
    return len(free_starts(_service(ANY_COACH), _month())) and 1


def _month() -> SlotSearch:
    now = clock.now()
    return SlotSearch(since=now, until=now + timedelta(days=30), minutes=60)


@functools.cache
def _service(name: str) -> Service:
    return Service.objects.get(name=name)


# Each returns how many it did; 0 when there is nothing to do.
WORKS: dict[str, Callable[[], int]] = {
    "transfer": transfer, "deliver": deliver, "slots": slots, "any-slots": any_slots,
}  # fmt: skip
