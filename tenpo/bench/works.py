"""What is measured without HTTP: functions of the application, called as its actions and its worker call them."""

import functools
import random
from collections.abc import Callable

from django.db import transaction

from tenpo.bench.fill import pots
from tenpo.core import outbox
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer

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


# Each returns how many it did; 0 when there is nothing to do.
WORKS: dict[str, Callable[[], int]] = {"transfer": transfer, "deliver": deliver}
