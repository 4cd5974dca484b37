"""What always holds of payments: each statement finds the rows that break its sentence."""

PAYMENTS = {
    "a payment moved its amount when it succeeded, and only then": """
        SELECT p.id FROM payments_payment p LEFT JOIN ledger_transfer t ON t.key = 'payment:' || p.id
        WHERE (p.state = 'succeeded') <> (t.id IS NOT NULL) OR t.amount <> p.amount""",
    "a payment that bought nothing is credit in full": """
        SELECT p.id FROM payments_payment p
        WHERE p.state = 'succeeded' AND p.order_id IS NULL AND p.amount <> (
            SELECT coalesce(sum(t.amount), 0) FROM ledger_transfer t
            WHERE t.subject_id = p.id AND t.kind = 'credit_issue')""",
    "a provider's fee is posted": """
        SELECT p.id FROM payments_payment p LEFT JOIN ledger_transfer t ON t.key = 'payment:' || p.id || ':fee'
        WHERE p.state = 'succeeded' AND p.fee <> coalesce(t.amount, 0)""",
}
