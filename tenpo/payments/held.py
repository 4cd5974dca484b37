"""What is set aside on an account of the business until it has left, beside what it is set aside for."""


def held_beside(kind: str, waiting: str) -> str:
    """The query that finds where an account of this kind has another balance than what `waiting` sums by currency."""
    return f"""
        WITH held AS (
            SELECT t.currency, sum(CASE WHEN c.kind = '{kind}' THEN t.amount ELSE -t.amount END) AS amount
            FROM ledger_transfer t
            JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
            WHERE (c.kind = '{kind}') <> (d.kind = '{kind}') GROUP BY t.currency
        ), waiting AS ({waiting})
        SELECT currency, held.amount AS held, waiting.amount AS waiting FROM held FULL JOIN waiting USING (currency)
        WHERE coalesce(held.amount, 0) <> coalesce(waiting.amount, 0)"""  # noqa: S608 (our own words)
