from django.db import migrations

# How many decimals a currency has; `core.money` asks the same table (a test holds the two together).
MAJOR_UNITS = """
CREATE FUNCTION reporting_major_units(amount bigint, currency text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(amount / power(10::numeric, digits), digits)
    FROM (SELECT CASE
        WHEN currency IN (%(none)s) THEN 0
        WHEN currency IN (%(three)s) THEN 3
        WHEN currency IN ('CLF', 'UYW') THEN 4
        ELSE 2 END) AS of_currency (digits)
$$
"""
NONE = (
    "ADP AFN ALL BIF BYR CLP DJF ESP GNF IQD IRR ISK ITL JPY KMF KPW KRW LAK LBP LUF MGA MGF MMK MRO PYG RSD RWF "
    "SLL SOS STD SYP TMM TRL UGX UYI VND VUV XAF XOF XPF YER ZMK ZWD"
)
THREE = "BHD JOD KWD LYD OMR TND"

VIEWS = {
    "users": """
        SELECT u.id, u.email::text AS email, NULL::text AS password_hash,
            CASE
                WHEN EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'admin') THEN 'ADMIN'
                WHEN EXISTS (SELECT FROM people_rolegrant g WHERE g.user_id = u.id AND g.role = 'coach') THEN 'COACH'
                ELSE 'USER'
            END AS role,
            u.created_at, u.disabled_at
        FROM people_user u
    """,
    "invite_tokens": """
        SELECT i.id, NULL::text AS token,
            CASE i.role WHEN 'member' THEN 'USER' ELSE upper(i.role) END AS role_to_assign,
            i.expires_at, i.accepted_at AS consumed_at, i.created_by_id AS created_by_admin_id
        FROM people_invite i
    """,
    "sessions": """
        SELECT s.id, s.coach_id, s.title::text AS title, s.starts_at AS scheduled_at,
            reporting_major_units(s.price, s.currency) AS price, upper(s.status) AS status
        FROM schedule_session s
    """,
    # Whoever only waits for a seat, or let an offered one go, has ordered nothing yet.
    "subscriptions": """
        SELECT b.id, coalesce(p.user_id, b.booked_by_id) AS user_id, b.session_id,
            o.created_at AS subscribed_at, b.cancelled_at
        FROM schedule_booking b
        JOIN people_participant p ON p.id = b.participant_id
        JOIN orders_line l ON l.id = b.line_id
        JOIN orders_order o ON o.id = l.order_id
    """,
    "payment_policies": """
        SELECT p.id, p.percent AS company_share_percent,
            reporting_major_units(p.amount, p.currency) AS company_share_amount, p.active_from, p.active_until
        FROM orders_sharepolicy p
    """,
    "payments": """
        SELECT p.id, p.payer_id AS user_id, l.subject_id AS session_id, l.share_policy_id AS policy_id,
            reporting_major_units(p.amount, p.currency) AS amount_paid, p.paid_at
        FROM payments_payment p
        LEFT JOIN orders_line l ON l.order_id = p.order_id AND l.kind = 'session'
        WHERE p.state = 'succeeded'
    """,
    # What a credit was when it was given: its issue, or, for one that stands in for a lapsed one, what came back.
    "credits": """
        SELECT a.id, a.owner_id AS user_id, a.source_id AS source_payment_id,
            reporting_major_units((
                SELECT sum(t.amount) FROM ledger_transfer t
                WHERE t.credit_id = a.id AND (t.kind = 'credit_issue' OR a.name = 'again:' || t.subject_id::text)
            )::bigint, a.currency) AS amount,
            a.created_at,
            CASE WHEN a.balance = 0
                THEN (SELECT max(t.created_at) FROM ledger_transfer t WHERE t.debit_id = a.id)
            END AS consumed_at
        FROM ledger_account a
        WHERE a.kind = 'credit'
    """,
    "notifications": """
        SELECT n.id, n.user_id, n.kind::text AS type, n.payload,
            (SELECT min(d.sent_at) FROM notify_delivery d WHERE d.notification_id = n.id) AS sent_at
        FROM notify_notification n
    """,
}


def _schema(schema_editor):
    """`company_coaching` beside the schema `public`; a business in a schema of its own gets its name in front."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (business,) = cursor.fetchone()
    return "company_coaching" if business == "public" else f"{business}_company_coaching"


def create_views(apps, schema_editor):
    """The views of the source design, in their own schema.

    They run with their owner's rights, so a reader needs no right on the tables. The barrier keeps a reader's own
    functions from seeing rows that a view leaves out.
    """
    quote = schema_editor.connection.ops.quote_name
    schema = quote(_schema(schema_editor))
    listed = {"none": NONE, "three": THREE}
    schema_editor.execute(
        MAJOR_UNITS % {key: ", ".join(f"'{code}'" for code in codes.split()) for key, codes in listed.items()}
    )
    schema_editor.execute(f"CREATE SCHEMA {schema}")
    for name, query in VIEWS.items():
        schema_editor.execute(f"CREATE VIEW {schema}.{quote(name)} WITH (security_barrier) AS {query}")


def drop_views(apps, schema_editor):
    schema_editor.execute(f"DROP SCHEMA {schema_editor.connection.ops.quote_name(_schema(schema_editor))} CASCADE")
    schema_editor.execute("DROP FUNCTION reporting_major_units(bigint, text)")


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0001_initial"),
        ("notify", "0001_initial"),
        ("ledger", "0001_initial"),
        ("payments", "0001_initial"),
        ("orders", "0001_initial"),
        ("schedule", "0001_initial"),
    ]
    operations = [migrations.RunPython(create_views, drop_views)]
