"""What always holds in the ledger: each statement finds the rows that break its sentence."""

LEDGER = {
    "a guarded balance is the sum of its transfers and never below zero": """
        SELECT a.id FROM ledger_account a
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN t.credit_id = a.id THEN t.amount ELSE -t.amount END), 0) AS moved
            FROM ledger_transfer t WHERE a.id IN (t.credit_id, t.debit_id)) sums ON true
        WHERE a.balance IS NOT NULL AND (a.balance <> sums.moved OR a.balance < 0)""",
    "both ends of a transfer are of its currency": """
        SELECT t.id FROM ledger_transfer t JOIN ledger_account d ON d.id = t.debit_id
        JOIN ledger_account c ON c.id = t.credit_id WHERE t.currency <> d.currency OR t.currency <> c.currency""",
    "a reversal mirrors what it undoes": """
        SELECT t.id FROM ledger_transfer t JOIN ledger_transfer o ON o.id = t.reverses_id
        WHERE (t.amount, t.debit_id, t.credit_id) <> (o.amount, o.credit_id, o.debit_id)""",
    "debits and credits are equal": """
        SELECT 1 FROM (SELECT sum(amount) FILTER (WHERE debit_id IS NOT NULL) AS debits,
                              sum(amount) FILTER (WHERE credit_id IS NOT NULL) AS credits FROM ledger_transfer) s
        WHERE s.debits <> s.credits""",
}
