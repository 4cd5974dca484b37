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
# The payment that paid an order; without one, the last try.
PAYMENT = """LATERAL (
    SELECT p.id, p.reference, p.state, p.paid_at, p.provider IN ('stripe', 'sandbox') AS is_card FROM payments_payment p
    WHERE p.order_id = o.id ORDER BY (p.state = 'succeeded') DESC, p.id DESC LIMIT 1
)"""

VIEWS = {
    # People have no handle, picture or site of their own here yet, and get no newsletter that they could refuse.
    "users": f"""
        SELECT u.id, u.email::text AS email, NULL::text AS password_hash, u.name::text AS name, NULL::text AS handle,
            nullif(c.headline, '')::text AS title, NULL::text AS avatar_url, nullif(c.bio, '')::text AS bio,
            nullif(left(coalesce(nullif(c.headline, ''), c.bio), 160), '')::text AS bio_short,
            NULL::text AS teaching_philosophy, NULL::text AS website,
            CASE WHEN {IS_ADMIN} THEN 'admin' WHEN {IS_COACH} THEN 'creator' ELSE 'student' END AS role,
            {IS_COACH} AS is_creator,
            -- Whoever taught what somebody else made.
            EXISTS (SELECT FROM orders_split t WHERE t.recipient_id = u.id AND t.part = 'teacher')
                AS is_student_teacher,
            {IS_ADMIN} AS is_admin, false AS is_moderator,
            -- Everybody who is signed in sees the coaches.
            {IS_COACH} AS privacy_public,
            e.is_verified AS email_verified, CASE WHEN e.is_verified THEN 'valid' END AS email_status,
            NULL::boolean AS marketing_opt_out,
            s.reference::text AS stripe_account_id, s.status::text AS stripe_account_status,
            coalesce(s.payouts_enabled, false) AS stripe_payouts_enabled,
            u.created_at, {CHANGED_AT} AS updated_at
        FROM people_user u
        LEFT JOIN people_coachprofile c ON c.user_id = u.id
        LEFT JOIN payments_stripeaccount s ON s.user_id = u.id
        CROSS JOIN LATERAL (
            SELECT EXISTS (
                SELECT FROM account_emailaddress e
                WHERE e.user_id = u.id AND e.verified AND lower(e.email) = lower(u.email)
            ) AS is_verified
        ) e
    """,
    # One for each line that costs something, however it is paid; an enrollment is the booking that it paid.
    "transactions": f"""
        SELECT l.id, b.id AS enrollment_id, l.price AS amount_cents,
            CASE WHEN p.is_card AND p.reference NOT LIKE 'cs\\_%' THEN p.reference END::text AS stripe_payment_id,
            -- Stripe knows the charge of a payment; we keep the payment alone.
            NULL::text AS stripe_charge_id,
            CASE WHEN p.is_card THEN p.id END::text AS transfer_group,
            CASE
                WHEN o.state = 'open' THEN 'pending'
                WHEN o.state = 'paid' AND l.refunded_percent = 100 THEN 'refunded'
                WHEN o.state = 'paid' THEN 'completed'
                -- The money came after the seat was gone, and became credit.
                WHEN o.state = 'void' AND p.state = 'succeeded' THEN 'refunded'
                WHEN o.state = 'void' THEN 'failed'
            END AS status,
            coalesce(p.paid_at, CASE o.state WHEN 'paid' THEN o.settled_at END) AS paid_at, o.created_at
        FROM orders_line l
        JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN schedule_booking b ON b.line_id = l.id
        LEFT JOIN {PAYMENT} p ON true
        WHERE l.price > 0
    """,
    # The platform's part is its own with the order; everybody else's when what was sold has taken place.
    "payment_splits": """
        SELECT s.id, b.id AS enrollment_id, s.line_id AS transaction_id, s.recipient_id,
            CASE s.part
                WHEN 'business' THEN 'platform' WHEN 'creator' THEN 'creator' WHEN 'royalty' THEN 'creator_royalty'
                WHEN 'teacher' THEN 'student_teacher'
            END AS recipient_type,
            s.amount AS amount_cents, s.percent::int AS percentage,
            -- Earnings leave together, as a payout.
            NULL::text AS stripe_transfer_id,
            CASE
                WHEN o.state = 'void' OR (s.reversed = s.amount AND s.amount > 0) THEN 'reversed'
                WHEN s.earned_at IS NOT NULL OR (s.part = 'business' AND o.state = 'paid') THEN 'paid'
                ELSE 'pending'
            END AS status,
            s.created_at,
            CASE WHEN s.part <> 'business' THEN s.earned_at WHEN o.state = 'paid' THEN o.settled_at END AS paid_at
        FROM orders_split s
        JOIN orders_line l ON l.id = s.line_id
        JOIN orders_order o ON o.id = l.order_id
        LEFT JOIN schedule_booking b ON b.line_id = l.id
    """,
    # Of earnings: this source knows no wallets.
    "payouts": """
        SELECT p.id, p.payee_id AS recipient_id, p.amount AS amount_cents,
            CASE WHEN p.reference LIKE 'tr\\_%' THEN p.reference END::text AS stripe_transfer_id,
            CASE p.state
                WHEN 'asked' THEN 'pending' WHEN 'approved' THEN 'processing' WHEN 'sent' THEN 'processing'
                WHEN 'done' THEN 'completed' WHEN 'failed' THEN 'failed' WHEN 'rejected' THEN 'failed'
                WHEN 'cancelled' THEN 'failed'
            END AS status,
            p.approved_by_id AS approved_by, p.approved_at,
            CASE p.state WHEN 'done' THEN p.ended_at END AS paid_at, p.created_at
        FROM payments_payout p
        WHERE p.source = 'earnings'
    """,
}


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0002_pay_per_minute"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("audit", "0002_search_words_of_actions"),
        ("people", "0001_initial"),
        ("payments", "0006_stripe_accounts"),
        ("orders", "0005_splits"),
        ("schedule", "0001_initial"),
    ]
    operations = [CreateViews("peer_learning", VIEWS)]
