"""What always holds in the books."""

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "balance-is-the-sum-of-its-transfers",
        "What somebody owns is the sum of what moved to and from it.",
        """
        WITH moved AS (
            SELECT account_id, sum(change) AS change FROM (
                SELECT credit_id AS account_id, amount AS change FROM ledger_transfer
                UNION ALL SELECT debit_id, -amount FROM ledger_transfer) ends
            GROUP BY account_id)
        SELECT a.id, a.balance, coalesce(m.change, 0) AS moved
        FROM ledger_account a LEFT JOIN moved m ON m.account_id = a.id
        WHERE a.balance <> coalesce(m.change, 0)""",
    ),
    Invariant(
        "balance-is-never-below-zero",
        "Nobody owns less than nothing.",
        "SELECT id, balance FROM ledger_account WHERE balance < 0",
    ),
    Invariant(
        "transfer-is-of-its-accounts-currency",
        "Both ends of a transfer are of its currency.",
        """
        SELECT t.id, t.currency, d.currency AS debit, c.currency AS credit
        FROM ledger_transfer t LEFT JOIN ledger_account d ON d.id = t.debit_id
        LEFT JOIN ledger_account c ON c.id = t.credit_id
        WHERE t.currency IS DISTINCT FROM d.currency OR t.currency IS DISTINCT FROM c.currency""",
    ),
    Invariant(
        "reversal-mirrors-what-it-undoes",
        "A reversal moves the whole amount back between the same two accounts.",
        """
        SELECT t.id, o.id AS undoes FROM ledger_transfer t JOIN ledger_transfer o ON o.id = t.reverses_id
        WHERE (t.amount, t.debit_id, t.credit_id) <> (o.amount, o.credit_id, o.debit_id)""",
    ),
)
