from django.db import migrations

from tenpo.core.db import CreateViews

# When somebody's account last changed, as far as that was written down: by an admin, or by themselves.
CHANGED_AT = """greatest(u.created_at, (
    SELECT max(c.created_at) FROM audit_auditlog c
    WHERE c.object_id = u.id AND c.action LIKE 'user.%'
        AND c.action NOT IN ('user.signed_in', 'user.device_signed_out', 'user.devices_signed_out')
))"""
IS_ADMIN = "EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'admin')"
IS_COACH = "EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'coach')"
# People have one name: its last word is the family's.
FIRST_NAME = r"nullif(regexp_replace(btrim(u.name), '\s+\S+$', ''), '')::text"
LAST_NAME = r"substring(btrim(u.name) FROM '\s(\S+)$')"
METHOD = """CASE
    WHEN p.provider IN ('stripe', 'sandbox') THEN 'card' WHEN p.provider = 'transfer' THEN 'bank' ELSE p.provider
END"""
REFERENCE = r"""CASE
    WHEN p.provider IN ('stripe', 'sandbox') AND p.reference NOT LIKE 'cs\_%' THEN p.reference
END::text"""

VIEWS = {
    "User": f"""
        SELECT u.id::text AS id, u.email::text AS email, {FIRST_NAME} AS first_name, {LAST_NAME} AS last_name,
            -- We ask nobody for a number, and keep no token by which a password is chosen anew.
            NULL::text AS phone_number, NULL::text AS password,
            CASE WHEN {IS_ADMIN} THEN 'ADMIN' WHEN {IS_COACH} THEN 'TRAINER' ELSE 'PARENT' END AS role,
            NULL::text AS "resetToken", NULL::timestamptz AS "resetTokenExpiresAt",
            u.created_at AS "createdAt", {CHANGED_AT} AS "updatedAt"
        FROM people_user u
    """,
    # Whoever teaches, or did. Prices belong to sessions; an hour has none of its own.
    "Trainer": f"""
        SELECT u.id::text AS user_id, {FIRST_NAME} AS first_name, {LAST_NAME} AS last_name,
            nullif(c.bio, '')::text AS bio, nullif(c.headline, '')::text AS experience, NULL::text[] AS photos,
            NULL::integer AS price_per_hour, NULL::integer AS session_duration,
            jsonb_build_object('email', u.email) AS contacts, NULL::jsonb AS "additionalSources",
            NULL::boolean AS external,
            s.reference::text AS stripe_account_id, s.onboarded_at IS NOT NULL AS stripe_onboarding_completed,
            -- Both let in whoever has them.
            NULL::text AS stripe_onboarding_url, NULL::text AS stripe_express_dashboard_url
        FROM people_user u
        LEFT JOIN people_coachprofile c ON c.user_id = u.id
        LEFT JOIN payments_stripeaccount s ON s.user_id = u.id
        WHERE c.user_id IS NOT NULL OR {IS_COACH}
            OR EXISTS (SELECT FROM schedule_session t WHERE t.coach_id = u.id)
    """,
    # What was not paid for a trainer's session: today that fills wallets, for no event is sold yet.
    "Payment": f"""
        SELECT p.id::text AS id, p.payer_id::text AS user_id, NULL::text AS event_id, NULL::text AS event_ticket_id,
            {REFERENCE} AS stripe_payment_id, reporting_major_units(p.amount, p.currency) AS amount,
            p.currency::text AS currency, p.state::text AS status, {METHOD}::text AS payment_method,
            u.email::text AS email
        FROM payments_payment p
        JOIN people_user u ON u.id = p.payer_id
        WHERE NOT EXISTS (SELECT FROM orders_line l WHERE l.order_id = p.order_id AND l.kind = 'session')
    """,
    # What its buyer pays of each session that costs something; what a company pays of it is not theirs.
    "TrainerOrder": f"""
        SELECT l.id::text AS id, o.buyer_id::text AS user_id, t.coach_id::text AS trainer_id,
            {REFERENCE} AS stripe_payment_id,
            reporting_major_units(l.credit_spent + l.wallet_spent + l.own_share, o.currency) AS amount,
            o.currency::text AS currency, o.state::text AS status,
            CASE
                WHEN p.id IS NOT NULL THEN {METHOD} WHEN l.wallet_spent > 0 THEN 'wallet'
                WHEN l.credit_spent > 0 THEN 'credit'
            END::text AS payment_method
        FROM orders_line l
        JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN schedule_session t ON t.id = l.subject_id
        LEFT JOIN LATERAL (
            SELECT p.id, p.provider, p.reference FROM payments_payment p
            WHERE p.order_id = o.id ORDER BY (p.state = 'succeeded') DESC, p.id DESC LIMIT 1
        ) p ON true
        WHERE l.kind = 'session' AND l.price > 0
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0003_peer_learning"),
        ("audit", "0002_search_words_of_actions"),
        ("people", "0001_initial"),
        ("payments", "0007_wallets"),
        ("orders", "0005_splits"),
        ("schedule", "0001_initial"),
    ]
    operations = [CreateViews("youth_sports", VIEWS)]
