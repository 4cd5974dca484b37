"""Everything that must hold of money and seats, whatever happened before."""

from django.db import connection

from tenpo.ledger.tests.invariants import LEDGER
from tenpo.orders.tests.invariants import ORDERS
from tenpo.payments.tests.invariants import PAYMENTS
from tenpo.schedule.tests.invariants import SEATS

ALL = {**LEDGER, **PAYMENTS, **ORDERS, **SEATS}


def broken() -> dict[str, list[str]]:
    """The sentences that do not hold, with the rows that break them."""
    found = {}
    with connection.cursor() as cursor:
        for sentence, statement in ALL.items():
            cursor.execute(statement)
            if rows := cursor.fetchall():
                found[sentence] = [str(row[0]) for row in rows[:5]]
    return found


def check_money() -> None:
    """Fail unless every sentence holds."""
    assert broken() == {}
