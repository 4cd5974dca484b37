from django.db import migrations

from tenpo.core.db import CreateViews

# A wallet is what was paid in and what was given, in one currency; it is known by whichever was opened first.
WALLET_ID = """(
    SELECT w.id FROM ledger_account w
    WHERE w.owner_id = {owner} AND w.currency = {currency} AND w.kind IN ('wallet', 'granted')
    ORDER BY w.id LIMIT 1
)"""
# When somebody's account last changed, as far as that was written down: by an admin, or by themselves.
CHANGED_AT = """greatest(u.created_at, (
    SELECT max(c.created_at) FROM audit_auditlog c
    WHERE c.object_id = u.id AND c.action LIKE 'user.%'
        AND c.action NOT IN ('user.signed_in', 'user.device_signed_out', 'user.devices_signed_out')
))"""
# By hand is by the bank, as far as this source has a word for it.
PAYOUT_METHOD = """CASE p.method
    WHEN 'sepa' THEN 'bank' WHEN 'manual' THEN 'bank' WHEN 'paypal' THEN 'paypal' WHEN 'crypto' THEN 'crypto'
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
# What a cancellation gave back to the wallet: one for each of its two pots.
RESTORED = f"""
    SELECT t.id, a.owner_id, {WALLET_ID.format(owner="a.owner_id", currency="a.currency")}, 'refund',
        reporting_major_units(t.amount, t.currency), t.currency::text, 'completed', 'wallet', l.description::text,
        jsonb_strip_nulls(jsonb_build_object('order_id', l.order_id)), t.created_at, t.created_at
    FROM ledger_transfer t
    JOIN ledger_account a ON a.id = t.credit_id
    LEFT JOIN orders_line l ON l.id = t.subject_id
    WHERE t.kind = 'wallet_restore'
"""

VIEWS = {
    "users": f"""
        SELECT u.id, u.email::text AS email, NULL::text AS password_hash, u.name::text AS name,
            CASE
                WHEN EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'admin') THEN 'admin'
                WHEN EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'coach') THEN 'partner'
                ELSE 'user'
            END AS role,
            EXISTS (
                SELECT FROM account_emailaddress e
                WHERE e.user_id = u.id AND e.verified AND lower(e.email) = lower(u.email)
            ) AS email_verified,
            -- Nobody is led through first steps yet.
            NULL::boolean AS onboarding_completed,
            u.created_at, {CHANGED_AT} AS updated_at
        FROM people_user u
    """,
    # Of all its transfers the newest: asked for one by id, PostgreSQL would go through the whole ledger for each account.
    "wallets": """
        SELECT (array_agg(a.id ORDER BY a.id))[1] AS id, a.owner_id AS user_id,
            reporting_major_units(sum(a.balance)::bigint, a.currency) AS balance, a.currency::text AS currency,
            -- Nothing is paid by the minute yet.
            NULL::numeric AS average_minute_cost,
            max(greatest(a.created_at, debited.at, credited.at)) AS last_updated, min(a.created_at) AS created_at
        FROM ledger_account a
        CROSS JOIN LATERAL (
            SELECT max(t.created_at) AS at FROM ledger_transfer t WHERE t.debit_id = a.id
        ) debited
        CROSS JOIN LATERAL (
            SELECT max(t.created_at) AS at FROM ledger_transfer t WHERE t.credit_id = a.id
        ) credited
        WHERE a.kind IN ('wallet', 'granted')
        GROUP BY a.owner_id, a.currency
    """,
    "transactions": " UNION ALL ".join([PAYMENTS, GRANTS, SPENT, WITHDRAWN, RESTORED]),
    # Where money goes is shown as its owner is shown it: enough to know it again.
    "withdrawals": f"""
        SELECT p.id, p.payee_id AS user_id, reporting_major_units(p.amount, p.currency) AS amount,
            p.currency::text AS currency, {PAYOUT_METHOD} AS method,
            CASE p.state
                WHEN 'asked' THEN 'pending' WHEN 'approved' THEN 'processing' WHEN 'sent' THEN 'processing'
                WHEN 'done' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'rejected' THEN 'failed'
                WHEN 'cancelled' THEN 'failed'
            END AS status,
            CASE p.method WHEN 'sepa' THEN jsonb_build_object('holder', a.holder, 'iban', a.masked) END AS bank_details,
            CASE p.method WHEN 'paypal' THEN a.masked END::text AS paypal_email,
            CASE p.method WHEN 'crypto' THEN a.masked END::text AS crypto_address,
            p.created_at, p.approved_at AS processed_at, CASE p.state WHEN 'done' THEN p.ended_at END AS completed_at
        FROM payments_payout p
        JOIN payments_payoutaccount a ON a.id = p.account_id
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0001_company_coaching"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("audit", "0002_search_words_of_actions"),
        ("people", "0001_initial"),
        ("ledger", "0013_transfers_by_time"),
        ("payments", "0009_grants"),
        ("orders", "0005_splits"),
    ]
    operations = [CreateViews("pay_per_minute", VIEWS)]
