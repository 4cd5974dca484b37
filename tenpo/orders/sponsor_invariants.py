"""What always holds of sponsors' budgets."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

# What is left of each line's sponsor's share, and whose it was: held ones too, as long as the order may be paid.
_USED = """
    SELECT l.sponsorship_id, o.buyer_id, o.state, l.sponsor_share - l.sponsor_back AS amount
    FROM orders_line l JOIN orders_order o ON o.id = l.order_id
    WHERE l.sponsorship_id IS NOT NULL AND o.state <> 'void'
"""

SPONSOR_INVARIANTS = (
    Invariant(
        "budget-is-what-its-lines-took",
        _("What a budget has spent is what its sponsor pays of what was bought, less what came back."),
        f"""
        SELECT s.id, s.spent, coalesce(u.amount, 0) AS used FROM orders_sponsorship s
        LEFT JOIN (SELECT sponsorship_id, sum(amount) AS amount FROM ({_USED}) u GROUP BY sponsorship_id) u
            ON u.sponsorship_id = s.id
        WHERE s.spent <> coalesce(u.amount, 0)""",
    ),
    Invariant(
        "person-is-funded-as-their-lines-say",
        _("What a budget has spent for somebody is what its sponsor pays of what they bought, and they are named."),
        f"""
        WITH used AS (
            SELECT sponsorship_id, buyer_id, sum(amount) AS amount FROM ({_USED}) u GROUP BY sponsorship_id, buyer_id)
        SELECT coalesce(p.id, u.sponsorship_id) AS id, u.buyer_id, p.spent, u.amount AS used
        FROM orders_sponsoredperson p
        FULL JOIN used u ON u.sponsorship_id = p.sponsorship_id AND u.buyer_id = p.user_id
        WHERE p.spent IS DISTINCT FROM coalesce(u.amount, 0)""",
    ),
    Invariant(
        "budget-is-not-overspent",
        _("A budget gives no more than its pot, and nobody more than there is for each person."),
        """
        SELECT s.id, s.pot, s.spent, p.id AS person, p.most, p.spent AS for_person FROM orders_sponsorship s
        LEFT JOIN orders_sponsoredperson p ON p.sponsorship_id = s.id
        WHERE s.spent > s.pot OR s.spent < 0 OR p.spent > p.most OR p.spent < 0
           OR p.most IS DISTINCT FROM CASE WHEN p.id IS NOT NULL THEN s.per_person END""",
    ),
    Invariant(
        "sponsor-owes-what-was-bought",
        _("What a sponsor owes is their share of what was paid for, less what came back, less what they paid."),
        f"""
        WITH moved AS (
            SELECT coalesce(d.source_id, c.source_id) AS sponsorship_id,
                   sum(CASE t.kind WHEN 'sponsor_share' THEN t.amount WHEN 'sponsor_release' THEN -t.amount END)
                       AS used,
                   sum(t.amount) FILTER (WHERE t.kind = 'sponsor_paid') AS paid
            FROM ledger_transfer t
            JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
            WHERE 'sponsor' IN (d.kind, c.kind) GROUP BY 1
        ), bought AS (
            SELECT sponsorship_id, sum(amount) AS used FROM ({_USED}) u WHERE state = 'paid' GROUP BY sponsorship_id
        ), paid AS (
            SELECT sponsorship_id, sum(amount) AS paid FROM orders_sponsorpayment GROUP BY sponsorship_id)
        SELECT coalesce(s.id, m.sponsorship_id) AS id, m.used AS posted, b.used AS bought, m.paid AS came, p.paid
        FROM orders_sponsorship s FULL JOIN moved m ON m.sponsorship_id = s.id
        LEFT JOIN bought b ON b.sponsorship_id = s.id LEFT JOIN paid p ON p.sponsorship_id = s.id
        WHERE s.id IS NULL OR coalesce(m.used, 0) <> coalesce(b.used, 0)
           OR coalesce(m.paid, 0) <> coalesce(p.paid, 0)""",
    ),
    Invariant(
        "sponsor-owes-on-their-own-account",
        _("What is owed for a budget stands on an account of its sponsor, in its currency."),
        """
        SELECT a.id, a.owner_id, a.currency, s.sponsor_id, s.currency AS of_budget
        FROM ledger_account a JOIN orders_sponsorship s ON s.id = a.source_id
        WHERE a.kind = 'sponsor' AND (a.owner_id, a.currency) <> (s.sponsor_id, s.currency)""",
    ),
    Invariant(
        "sponsor-pays-as-agreed",
        _("A sponsor pays of a line no more than was agreed, of the kinds and in the time that were agreed."),
        """
        SELECT l.id, l.price, l.sponsor_share, s.id AS sponsorship FROM orders_line l
        JOIN orders_order o ON o.id = l.order_id LEFT JOIN orders_sponsorship s ON s.id = l.sponsorship_id
        WHERE l.sponsor_share > coalesce(least(
                coalesce(s.amount, (l.price * s.percent + 50) / 100), s.cap, l.price - l.company_share), 0)
           OR o.created_at < s.active_from - interval '1 minute' OR o.created_at > s.active_until + interval '1 minute'
           OR s.currency <> o.currency OR (s.kinds <> '{}' AND NOT l.kind = ANY (s.kinds))""",
    ),
    Invariant(
        "sponsorship-is-percent-or-amount",
        _("A sponsorship is a percentage or a fixed amount, and ends after it starts."),
        """
        SELECT id, percent, amount, cap, active_from, active_until FROM orders_sponsorship
        WHERE num_nonnulls(percent, amount) <> 1 OR percent NOT BETWEEN 1 AND 100 OR amount <= 0 OR cap <= 0
           OR (amount IS NOT NULL AND cap IS NOT NULL) OR active_until < active_from""",
    ),
    Invariant(
        "somebody-is-named-once-in-a-budget",
        _("A sponsorship names somebody once."),
        """
        SELECT user_id, sponsorship_id, count(*) AS times FROM orders_sponsoredperson
        GROUP BY user_id, sponsorship_id HAVING count(*) > 1""",
    ),
)
