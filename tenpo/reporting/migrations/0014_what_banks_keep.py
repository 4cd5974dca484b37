from django.db import migrations

from tenpo.core.db import CreateViews

# A wallet is what was paid in and what was given, in one currency; it is known by whichever was opened first.
WALLET_ID = """(
    SELECT w.id FROM ledger_account w
    WHERE w.owner_id = {owner} AND w.currency = {currency} AND w.kind IN ('wallet', 'granted')
    ORDER BY w.id LIMIT 1
)"""
# By hand is by the bank, as far as this source has a word for it; by Stripe people are paid to their banks.
PAYOUT_METHOD = """CASE p.method
    WHEN 'sepa' THEN 'bank' WHEN 'stripe' THEN 'bank' WHEN 'manual' THEN 'bank'
    WHEN 'paypal' THEN 'paypal' WHEN 'crypto' THEN 'crypto'
END"""
PROVIDER_METHOD = """CASE p.provider
    WHEN 'stripe' THEN 'card' WHEN 'sandbox' THEN 'card' WHEN 'transfer' THEN 'bank' ELSE p.provider
END"""

PAYMENTS = f"""
    SELECT p.id, p.payer_id AS user_id,
        CASE p.purpose WHEN 'top_up' THEN {WALLET_ID.format(owner="p.payer_id", currency="p.currency")} END
            AS wallet_id,
        CASE p.purpose WHEN 'top_up' THEN 'topup' WHEN 'order' THEN 'payment' END AS type,
        reporting_major_units(p.amount, p.currency) AS amount, p.currency::text AS currency,
        CASE p.state
            WHEN 'created' THEN 'pending' WHEN 'needs_action' THEN 'pending' WHEN 'pending' THEN 'pending'
            WHEN 'unknown' THEN 'pending' WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed'
            WHEN 'cancelled' THEN 'cancelled'
        END AS status,
        {PROVIDER_METHOD}::text AS payment_method, p.description::text AS description,
        jsonb_strip_nulls(jsonb_build_object(
            'provider', p.provider, 'reference', p.reference, 'order_id', p.order_id,
            'failure_code', nullif(p.failure_code, '')
        )) AS metadata,
        p.created_at, p.paid_at AS completed_at
    FROM payments_payment p
"""
# What was given is paid in by the business. It is taken back in full, or not at all.
GRANTS = f"""
    SELECT g.id, g.owner_id, {WALLET_ID.format(owner="g.owner_id", currency="g.currency")}, 'topup',
        reporting_major_units(g.amount, g.currency), g.currency::text,
        CASE WHEN g.taken_back_by_id IS NULL THEN 'completed' ELSE 'cancelled' END, NULL::text, g.reason::text,
        jsonb_strip_nulls(jsonb_build_object('given_by', g.given_by_id, 'taken_back_by', g.taken_back_by_id)),
        g.created_at, CASE WHEN g.taken_back_by_id IS NULL THEN g.created_at END
    FROM payments_grant g
"""
# What of a line came out of the wallet; what a card paid of it is a payment of its own.
SPENT = f"""
    SELECT l.id, o.buyer_id, {WALLET_ID.format(owner="o.buyer_id", currency="o.currency")}, 'payment',
        reporting_major_units(l.wallet_spent, o.currency), o.currency::text,
        CASE o.state WHEN 'open' THEN 'pending' WHEN 'paid' THEN 'completed' WHEN 'void' THEN 'cancelled' END,
        'wallet', l.description::text, jsonb_build_object('order_id', o.id),
        o.created_at, CASE o.state WHEN 'paid' THEN o.settled_at END
    FROM orders_line l
    JOIN orders_order o ON o.id = l.order_id
    WHERE l.wallet_spent > 0
"""
# A payout of earnings comes out of no wallet.
WITHDRAWN = f"""
    SELECT p.id, p.payee_id,
        CASE p.source WHEN 'wallet' THEN {WALLET_ID.format(owner="p.payee_id", currency="p.currency")} END,
        'withdrawal', reporting_major_units(p.amount, p.currency), p.currency::text,
        CASE p.state
            WHEN 'asked' THEN 'pending' WHEN 'approved' THEN 'pending' WHEN 'sent' THEN 'pending'
            WHEN 'done' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'rejected' THEN 'failed'
            WHEN 'cancelled' THEN 'cancelled'
        END,
        {PAYOUT_METHOD}, nullif(p.word, '')::text,
        jsonb_strip_nulls(jsonb_build_object(
            'source', p.source, 'reference', p.reference, 'failure_code', nullif(p.failure_code, '')
        )),
        p.created_at, CASE p.state WHEN 'done' THEN p.ended_at END
    FROM payments_payout p
"""
# What cancellations and refunds gave back to the wallet: one for each of its two pots.
RESTORED = f"""
    SELECT t.id, a.owner_id, {WALLET_ID.format(owner="a.owner_id", currency="a.currency")}, 'refund',
        reporting_major_units(t.amount, t.currency), t.currency::text, 'completed', 'wallet',
        coalesce(l.description, r.description)::text,
        jsonb_strip_nulls(jsonb_build_object('order_id', l.order_id)), t.created_at, t.created_at
    FROM ledger_transfer t
    JOIN ledger_account a ON a.id = t.credit_id
    LEFT JOIN orders_line l ON l.id = t.subject_id
    LEFT JOIN payments_refund r ON r.id = t.subject_id
    WHERE t.kind IN ('wallet_restore', 'wallet_refund')
"""
# The rest of what a refund gives its buyer, by the way that it was paid or as credit; before it is granted, what was
# asked for. One of a top-up takes money out of the wallet, unless it could not be sent and was put back; one of money
# that came late takes it out of the credit that it became.
REFUNDED = f"""
    SELECT p.id, p.user_id,
        CASE WHEN p.is_top_up AND p.is_granted THEN {WALLET_ID.format(owner="p.user_id", currency="p.currency")} END,
        CASE WHEN p.is_top_up THEN 'withdrawal' ELSE 'refund' END,
        reporting_major_units(p.given, p.currency), p.currency::text,
        CASE
            WHEN p.state IN ('asked', 'approved', 'sent', 'failed') THEN 'pending'
            WHEN p.state = 'done' AND p.is_top_up AND p.goes_to = 'wallet' THEN 'cancelled'
            WHEN p.state = 'done' THEN 'completed' WHEN p.state = 'rejected' THEN 'failed'
            WHEN p.state = 'withdrawn' THEN 'cancelled'
        END,
        (CASE WHEN p.goes_to = 'method' THEN {PROVIDER_METHOD} ELSE p.goes_to END)::text, p.description::text,
        jsonb_strip_nulls(jsonb_build_object(
            'payment_id', p.payment_id, 'line_id', p.line_id, 'reference', p.reference,
            'reason', nullif(p.reason, ''), 'failure_code', nullif(p.failure_code, '')
        )),
        p.created_at, CASE WHEN p.state = 'done' AND NOT (p.is_top_up AND p.goes_to = 'wallet') THEN p.ended_at END
    FROM (
        SELECT r.id, r.user_id, r.payment_id, r.line_id, r.provider, r.state, r.currency, r.description, r.reference,
            r.reason, r.failure_code, r.created_at, r.ended_at, r."to" AS goes_to,
            r.line_id IS NULL AND m.purpose = 'top_up' AS is_top_up, r.amount > 0 AS is_granted,
            CASE
                WHEN r.amount = 0 THEN r.asked
                WHEN (r.line_id IS NOT NULL OR m.purpose = 'order') AND r."to" = 'wallet' THEN r.credit
                ELSE r.credit + r.own
            END AS given
        FROM payments_refund r
        LEFT JOIN payments_payment m ON m.id = r.payment_id
    ) p
    WHERE p.given > 0
"""

# What a bank keeps of a top-up, or of what had gone back to the wallet, leaves it as the bank gave it to its customer.
DISPUTED = f"""
    SELECT t.id, a.owner_id, {WALLET_ID.format(owner="a.owner_id", currency="a.currency")}, 'withdrawal',
        reporting_major_units(t.amount, t.currency), t.currency::text, 'completed', {PROVIDER_METHOD},
        p.description::text,
        jsonb_strip_nulls(jsonb_build_object('payment_id', p.id, 'reference', d.reference)), t.created_at, t.created_at
    FROM ledger_transfer t
    JOIN ledger_account a ON a.id = t.debit_id
    JOIN payments_dispute d ON d.id = t.subject_id
    JOIN payments_payment p ON p.id = d.payment_id
    WHERE t.kind = 'dispute_loss' AND a.kind = 'wallet'
"""

BEFORE = {"transactions": " UNION ALL ".join([PAYMENTS, GRANTS, SPENT, WITHDRAWN, RESTORED, REFUNDED])}
NOW = {"transactions": f"{BEFORE['transactions']} UNION ALL {DISPUTED}"}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0013_intro_sessions"),
        ("payments", "0027_disputes"),
    ]
    operations = [CreateViews("pay_per_minute", NOW, replaces=BEFORE)]
