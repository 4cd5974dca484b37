"""What always holds of what was sold."""

from tenpo.core.invariants import Invariant

# What moved for each line, by what it was for.
_MOVED = """
    SELECT l.id, l.price, l.company_share, l.credit_spent, l.own_share, l.refunded_percent, o.state,
           coalesce(sum(t.amount) FILTER (WHERE c.kind = 'sales'), 0) AS earned,
           coalesce(sum(t.amount) FILTER (WHERE d.kind = 'sales'), 0) AS returned,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'company_release'), 0) AS released,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'credit_restore'), 0) AS restored,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'credit_issue'), 0) AS issued,
           coalesce(sum(t.amount) FILTER (WHERE c.kind = 'reserved'), 0)
             - coalesce(sum(t.amount) FILTER (WHERE d.kind = 'reserved'), 0) AS reserved
    FROM orders_line l JOIN orders_order o ON o.id = l.order_id
    LEFT JOIN ledger_transfer t ON t.subject_id = l.id
    LEFT JOIN ledger_account d ON d.id = t.debit_id LEFT JOIN ledger_account c ON c.id = t.credit_id
    GROUP BY l.id, o.state
"""

INVARIANTS = (
    Invariant(
        "paid-line-earns-its-price",
        "The transfers of a paid line sum to its price, and others earn nothing.",
        f"""
        SELECT id, state, price, earned FROM ({_MOVED}) m
        WHERE earned <> CASE WHEN state = 'paid' THEN price ELSE 0 END""",
    ),
    Invariant(
        "open-line-has-its-credit-set-aside",
        "An open line has its credit set aside, and no other has.",
        f"""
        SELECT id, state, credit_spent, reserved FROM ({_MOVED}) m
        WHERE reserved <> CASE WHEN state = 'open' THEN credit_spent ELSE 0 END""",
    ),
    Invariant(
        "nobody-gets-back-more-than-they-gave",
        "Nobody gets back more than they gave, and only what was given back.",
        f"""
        SELECT id, released, restored, issued, returned, refunded_percent FROM ({_MOVED}) m
        WHERE released > company_share OR restored > credit_spent OR issued > own_share
           OR returned <> released + restored + issued
           OR (refunded_percent IS NULL AND returned > 0) OR (refunded_percent = 100 AND returned <> price)""",
    ),
    Invariant(
        "own-share-is-paid-by-payments",
        "What a buyer owed of a paid order came by a payment of that amount.",
        """
        WITH owed AS (
            SELECT o.id, sum(l.own_share) AS own_share FROM orders_order o JOIN orders_line l ON l.order_id = o.id
            WHERE o.state = 'paid' GROUP BY o.id
        ), paid AS (
            SELECT order_id, sum(amount) AS amount FROM payments_payment
            WHERE state = 'succeeded' AND order_id IS NOT NULL GROUP BY order_id)
        SELECT owed.id, owed.own_share, coalesce(paid.amount, 0) AS paid
        FROM owed LEFT JOIN paid ON paid.order_id = owed.id
        WHERE owed.own_share <> coalesce(paid.amount, 0)""",
    ),
)
