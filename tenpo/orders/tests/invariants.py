"""What always holds of orders and their money: each statement finds the rows that break its sentence."""

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

ORDERS = {
    "the transfers of a paid line sum to its price, and others earn nothing": f"""
        SELECT id FROM ({_MOVED}) m WHERE earned <> CASE WHEN state = 'paid' THEN price ELSE 0 END""",
    "an open line has its credit set aside, and no other has": f"""
        SELECT id FROM ({_MOVED}) m WHERE reserved <> CASE WHEN state = 'open' THEN credit_spent ELSE 0 END""",
    "nobody gets back more than they gave, and only what was given back": f"""
        SELECT id FROM ({_MOVED}) m
        WHERE released > company_share OR restored > credit_spent OR issued > own_share
           OR returned <> released + restored + issued
           OR (refunded_percent IS NULL AND returned > 0) OR (refunded_percent = 100 AND returned <> price)""",
    "an order that has an own share is paid by one payment of that amount": """
        SELECT o.id FROM orders_order o JOIN orders_line l ON l.order_id = o.id
        WHERE o.state = 'paid' AND l.own_share <> (
            SELECT coalesce(sum(p.amount), 0) FROM payments_payment p
            WHERE p.order_id = o.id AND p.state = 'succeeded')""",
}
