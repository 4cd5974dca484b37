"""Refunds in every state, and what breaks each of their invariants, for `tests/test_invariants.py`."""

from datetime import timedelta

import time_machine
from django.utils import timezone

from tenpo.checkout.actions.disputing import apply_dispute
from tenpo.checkout.actions.refunding import ask_for_refund, give_refund, give_refund_elsewhere
from tenpo.checkout.tests.dispute_make import LOST, OPEN, said
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import (
    buyer_of,
    make_bought,
    make_bought_by_hand,
    make_granted,
    make_late_money,
    make_mixed_line,
    make_refund_terms,
    make_request,
)
from tenpo.payments.actions.refund_sending import send_refund, send_waiting_refunds
from tenpo.payments.actions.refunds import reject_refund, withdraw_refund
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import REFUND_FAILS, REFUNDS_LATE
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

SENT = "SELECT id FROM payments_refund WHERE state = 'done' AND \"to\" = 'method' ORDER BY id LIMIT 1"
ASKED = "SELECT id FROM payments_refund WHERE state = 'asked' AND line_id IS NOT NULL ORDER BY id LIMIT 1"
MIXED = "SELECT id FROM payments_refund WHERE company > 0 ORDER BY id LIMIT 1"

REFUND_PLANTS: dict[str, str | list[str]] = {
    "refund-is-in-the-books": f"""
        UPDATE ledger_transfer SET subject_id = uuidv7() WHERE kind = 'refund' AND subject_id = ({SENT})""",
    "refund-gives-each-part-back": f"""
        UPDATE payments_refund SET company = company - 1, credit = credit + 1 WHERE id = ({MIXED})""",
    "held-for-refunds-is-what-waits": """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)
        SELECT d.id, c.id, 1, 'EUR', 'refund', 'of no refund', uuidv7() FROM ledger_account d, ledger_account c
        WHERE d.kind = 'refunds' AND c.kind = 'provider' AND c.name = 'sandbox' AND c.currency = 'EUR'""",
    "payment-gives-back-no-more-than-it-was": """
        UPDATE payments_payment SET refunded = refunded + 1 WHERE id = (
            SELECT id FROM payments_payment WHERE refunded > 0 ORDER BY id LIMIT 1)""",
    "dispute-is-in-the-books": "UPDATE payments_dispute SET fee = fee + 1 WHERE state = 'lost'",
    "dispute-that-is-lost-is-borne": """
        UPDATE payments_dispute SET state = 'open', decided_at = NULL WHERE state = 'lost'""",
    "taken-by-banks-is-what-is-not-decided": """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)
        SELECT d.id, c.id, 1, 'EUR', 'dispute', 'of no dispute', uuidv7() FROM ledger_account d, ledger_account c
        WHERE d.kind = 'disputes' AND c.kind = 'provider' AND c.name = 'sandbox' AND c.currency = 'EUR'""",
    "refund-goes-to-who-paid": f"UPDATE payments_refund SET currency = 'USD' WHERE id = ({ASKED})",
    "refund-of-late-money-comes-out-of-its-credit": """
        UPDATE ledger_transfer SET subject_id = uuidv7() WHERE kind = 'credit_back'""",
    "refund-is-decided-by-somebody-else": f"UPDATE payments_refund SET reviewed_by_id = user_id WHERE id = ({SENT})",
    "refund-is-within-what-was-asked": f"UPDATE payments_refund SET asked = amount - 1 WHERE id = ({SENT})",
    "refund-is-asked-for-once-at-a-time": """
        UPDATE payments_refund r SET line_id = one.line_id, payment_id = one.payment_id, user_id = one.user_id,
            provider = one.provider
        FROM (SELECT * FROM payments_refund WHERE state = 'asked' AND line_id IS NOT NULL ORDER BY id LIMIT 1) one
        WHERE r.state = 'asked'""",
    "refund-is-sent": """
        UPDATE payments_refund SET reviewed_at = now() - interval '2 hours'
        WHERE state = 'approved' AND provider = 'sandbox'""",
    "sandbox-gives-back-what-a-refund-says": f"""
        UPDATE payments_sandboxrefund SET amount = amount - 1 WHERE key = ({SENT})::text""",
    "refund-is-as-last-recorded": f"""
        UPDATE audit_auditlog SET after = '{{"state": "sent"}}' WHERE object_id = ({ASKED})""",
}


def make_refunds() -> None:
    """Refunds in every state, of every kind of thing, with all parts."""
    admin = make_admin()
    send_refund(make_granted(make_bought(), 4_000))
    make_granted(make_mixed_line(), 5_000, to="wallet")
    make_request(make_bought(), 1_000)
    reject_refund(make_request(make_bought()), word="It took place.", by=admin)
    line = make_bought()
    withdraw_refund(make_request(line), by=buyer_of(line))
    make_granted(make_bought_by_hand())
    send_refund(make_granted(make_bought(card=REFUNDS_LATE)))
    for _one in range(2):
        failed = send_refund(make_granted(make_bought(card=REFUND_FAILS)))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()
    give_refund_elsewhere(failed, to="credit", by=admin)
    send_refund(make_granted(make_bought(card=REFUNDS_LATE)))
    make_granted(make_bought())
    owner = make_member()
    top_up = make_top_up(owner, 3_000)
    ask_for_refund(payment=top_up, amount=1_000, to="method", reason="Too much", by=owner)
    give_refund(payment=top_up, amount=500, to="method", by=admin)
    send_refund(give_refund(payment=make_late_money(amount=3_000), amount=1_000, to="method", by=admin))
    make_refund_terms(cancellation_to="method")
    booking = make_booking(make_session(make_coach(), price=2_000), make_member())
    cancel_booking(booking, by=booking.booked_by)
    make_refund_terms(cancellation_to="credit")
    make_disputes()


def make_disputes() -> None:
    """One that is open, and a lost one of a line, of a top-up, and of what had gone back already."""
    paid = [Payment.objects.get(order_id=make_bought().order_id) for _one in range(2)]
    gone = make_bought()
    make_granted(gone, to="wallet")
    paid += [make_top_up(make_member(), 10_000), Payment.objects.get(order_id=gone.order_id)]
    for number, payment in enumerate(paid):
        outcome = said(LOST if number else OPEN, amount=payment.amount, reference=f"dp_{number}")
        apply_dispute(payment, outcome)
