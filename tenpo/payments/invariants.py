"""What always holds of money from outside."""

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "payment-moves-its-amount-once-it-succeeded",
        "A payment moved its amount when it succeeded, and only then.",
        """
        SELECT p.id, p.state, p.amount, t.amount AS moved
        FROM payments_payment p LEFT JOIN ledger_transfer t ON t.key = 'payment:' || p.id
        WHERE (p.state = 'succeeded') <> (t.id IS NOT NULL) OR t.amount <> p.amount""",
    ),
    Invariant(
        "payment-that-bought-nothing-is-credit",
        "A payment that bought nothing is its payer's credit, in full.",
        """
        SELECT p.id, p.amount, coalesce(sum(t.amount), 0) AS issued
        FROM payments_payment p LEFT JOIN ledger_transfer t ON t.subject_id = p.id AND t.kind = 'credit_issue'
        WHERE p.state = 'succeeded' AND p.order_id IS NULL
        GROUP BY p.id HAVING p.amount <> coalesce(sum(t.amount), 0)""",
    ),
    Invariant(
        "fee-is-posted",
        "What the provider keeps of a payment is in the books.",
        """
        SELECT p.id, p.fee, t.amount AS posted
        FROM payments_payment p LEFT JOIN ledger_transfer t ON t.key = 'payment:' || p.id || ':fee'
        WHERE coalesce(t.amount, 0) <> CASE WHEN p.state = 'succeeded' THEN p.fee ELSE 0 END""",
    ),
)
