"""Payouts in every state, and what breaks each of their invariants, for `tests/test_invariants.py`."""

from tenpo.payments.actions.payout_sending import (
    make_payout_batch,
    mark_payout_done,
    mark_payout_failed,
    mark_payout_sent,
    send_payout_batch,
)
from tenpo.payments.actions.payouts import cancel_payout, reject_payout
from tenpo.payments.tests.make import (
    make_approved,
    make_earnings,
    make_owed,
    make_payout,
    make_payout_account,
    make_terms,
    make_wallet_money,
)
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin

DONE = "SELECT id FROM payments_payout WHERE state = 'done' ORDER BY id LIMIT 1"
REJECTED = "SELECT id FROM payments_payout WHERE state = 'rejected' ORDER BY id LIMIT 1"
ASKED = "SELECT id FROM payments_payout WHERE state = 'asked' ORDER BY id LIMIT 1"

PAYOUT_PLANTS: dict[str, str | list[str]] = {
    "payout-is-held-in-full": f"""
        UPDATE ledger_transfer SET key = 'elsewhere' WHERE key = 'payout:' || ({DONE}) || ':hold'""",
    "payout-that-does-not-arrive-is-given-back": f"""
        UPDATE ledger_transfer SET key = 'elsewhere' WHERE key = 'payout:' || ({REJECTED}) || ':release'""",
    "payout-moves-once-it-arrived": f"""
        UPDATE ledger_transfer SET key = 'elsewhere' WHERE key = 'payout:' || ({DONE})""",
    "payout-gives-back-what-was-owed": "UPDATE payments_payout SET settled = settled + 1 WHERE settled > 0",
    "held-for-payouts-is-what-is-under-way": """
        INSERT INTO ledger_transfer (debit_id, credit_id, amount, currency, kind, key, subject_id)
        SELECT d.id, c.id, 1, 'EUR', 'payout_fee', 'of no payout', uuidv7() FROM ledger_account d, ledger_account c
        WHERE d.kind = 'payouts' AND c.kind = 'fees' AND c.currency = 'EUR'""",
    "payout-is-approved-by-somebody-else": """
        UPDATE payments_payout SET approved_by_id = payee_id WHERE state = 'approved'""",
    "payout-goes-to-its-payees-account": """
        UPDATE payments_payoutaccount SET usable_from = now() + interval '1 day'
        WHERE id IN (SELECT account_id FROM payments_payout)""",
    "payout-batch-holds-its-payouts": "UPDATE payments_payoutbatch SET total = total + 1 WHERE state = 'sent'",
    "payout-account-is-the-only-default": "UPDATE payments_payoutaccount SET is_default = true",
    "payout-is-as-last-recorded": f"""
        UPDATE audit_auditlog SET after = '{{"state": "sent"}}' WHERE object_id = ({ASKED})""",
}


def make_payouts(coach: User, other: User) -> None:
    """Payouts of two coaches in every state, with their fees, batches, and what was owed before."""
    make_terms(fee=25)
    admin = make_admin()
    make_payout(coach)
    make_owed(coach, 700)
    make_earnings(coach, 700)
    make_payout(coach)
    cancel_payout(make_payout(coach), by=coach)
    reject_payout(make_payout(other), word="Not yet", by=admin)
    make_approved(other)
    make_payout_account(other, "sepa")
    for mark in (mark_payout_done, lambda one, by: mark_payout_failed(one, word="", by=by)):
        mark(mark_payout_sent(make_approved(other), by=admin), by=admin)
    make_approved(other, method="sepa")
    send_payout_batch(make_payout_batch("sepa", by=admin), by=admin)
    make_approved(other, method="sepa")
    make_payout_batch("sepa", by=admin)
    make_wallet_money(other, 1_000)
