"""Budgets with everything that can happen to them, and what breaks each of their invariants."""

from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.actions.sponsorships import record_sponsor_payment
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

SPONSOR_PLANTS: dict[str, str | list[str]] = {
    "budget-is-what-its-lines-took": "UPDATE orders_sponsorship SET spent = spent - 1",
    "person-is-funded-as-their-lines-say": """
        UPDATE orders_sponsoredperson SET spent = spent - 1 WHERE id = (
            SELECT id FROM orders_sponsoredperson WHERE spent > 0 ORDER BY id LIMIT 1)""",
    "budget-is-not-overspent": "UPDATE orders_sponsorship SET pot = spent - 1",
    "sponsor-owes-what-was-bought": "UPDATE orders_sponsorpayment SET amount = amount + 1",
    "sponsor-owes-on-their-own-account": """
        UPDATE orders_sponsorship SET sponsor_id = (SELECT user_id FROM orders_sponsoredperson ORDER BY id LIMIT 1)""",
    "sponsor-pays-as-agreed": "UPDATE orders_sponsorship SET cap = 1",
    "sponsorship-is-percent-or-amount": """
        SELECT pg_temp.copy_row('orders_sponsorship', 'true',
            '{"spent": 0, "active_from": "2999-01-02", "active_until": "2999-01-01"}')""",
    "somebody-is-named-once-in-a-budget": "SELECT pg_temp.copy_row('orders_sponsoredperson', 'spent = 0', '{}')",
}


def make_sponsors() -> None:
    """A budget of which a part was spent, a part came back, a part is held, and a part was paid."""
    members = [make_member() for _ in range(4)]
    sponsorship = make_sponsorship(*members, percent=30, pot=90_000)
    session = make_session(price=3_000)
    for who in members[:2]:
        make_booking(session, who)
    cancel_booking(make_booking(make_session(price=3_000), members[1]), by=members[1])
    make_booking(session, members[2], card=DECLINED)
    record_sponsor_payment(sponsorship, amount=500, received_on=timezone.localdate(), by=make_admin())
