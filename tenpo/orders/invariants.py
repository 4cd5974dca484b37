"""What always holds of what was sold."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant
from tenpo.orders.sponsor_invariants import SPONSOR_INVARIANTS

# What moved for each line, by what it was for.
_MOVED = """
    SELECT l.id, l.price, l.company_share, l.credit_spent, l.wallet_spent, l.own_share, l.refunded_percent, o.state,
           l.company_back, l.credit_back, l.wallet_back, l.own_back, l.sponsor_share, l.sponsor_back,
           coalesce(sum(t.amount) FILTER (WHERE c.kind = 'sales' AND t.kind <> 'refund_release'), 0) AS earned,
           coalesce(sum(t.amount) FILTER (WHERE d.kind = 'sales'), 0)
             - coalesce(sum(t.amount) FILTER (WHERE t.kind = 'refund_release'), 0) AS returned,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'company_release'), 0) AS released,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'sponsor_release'), 0) AS unsponsored,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'credit_restore'), 0) AS restored,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'wallet_restore'), 0) AS refilled,
           coalesce(sum(t.amount) FILTER (WHERE t.kind IN ('credit_issue', 'wallet_refund', 'refund_hold')), 0)
             - coalesce(sum(t.amount) FILTER (WHERE t.kind = 'refund_release'), 0) AS own,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'company_release' AND t.key LIKE '%:refund:%'), 0)
             AS refunded_company,
           coalesce(sum(t.amount) FILTER (WHERE t.kind = 'sponsor_release' AND t.key LIKE '%:refund:%'), 0)
             AS refunded_sponsor,
           coalesce(sum(t.amount) FILTER (
             WHERE d.kind = 'sales' AND t.kind NOT IN ('company_release', 'sponsor_release')
               AND t.key LIKE '%:refund:%'), 0)
             - coalesce(sum(t.amount) FILTER (WHERE t.kind = 'refund_release' AND t.key LIKE '%:refund:%'), 0)
             AS refunded,
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
        _("The transfers of a paid line sum to its price, and others earn nothing."),
        f"""
        SELECT id, state, price, earned FROM ({_MOVED}) m
        WHERE earned <> CASE WHEN state = 'paid' THEN price ELSE 0 END""",
    ),
    Invariant(
        "open-line-has-its-credit-set-aside",
        _("An open line has its credit and wallet set aside, and no other has."),
        f"""
        SELECT id, state, credit_spent, wallet_spent, reserved FROM ({_MOVED}) m
        WHERE reserved <> CASE WHEN state = 'open' THEN credit_spent + wallet_spent ELSE 0 END""",
    ),
    Invariant(
        "nobody-gets-back-more-than-they-gave",
        _("Nobody gets back more than they gave, and only what was given back."),
        f"""
        SELECT id, released, unsponsored, restored, refilled, own, returned, refunded_percent FROM ({_MOVED}) m
        WHERE released > company_share OR restored > credit_spent OR refilled > wallet_spent OR own > own_share
           OR unsponsored > sponsor_share OR returned <> released + unsponsored + restored + refilled + own
           OR (refunded_percent = 100 AND returned <> price)""",
    ),
    Invariant(
        "line-remembers-what-went-back",
        _("What went back of a line is what it remembers, for each who paid it."),
        f"""
        SELECT id, released, company_back, restored, credit_back, refilled, wallet_back, own, own_back, unsponsored,
               sponsor_back
        FROM ({_MOVED}) m
        WHERE (released, restored, refilled, own, unsponsored)
            <> (company_back, credit_back, wallet_back, own_back, sponsor_back)""",
    ),
    Invariant(
        "splits-sum-to-the-price",
        _("What each earns of a line sums to its price, and goes back as much as the line does."),
        f"""
        SELECT m.id, m.price, m.returned, s.amount, s.reversed FROM ({_MOVED}) m
        JOIN orders_line l ON l.id = m.id
        LEFT JOIN (
            SELECT line_id, sum(amount) AS amount, sum(reversed) AS reversed FROM orders_split GROUP BY line_id) s
            ON s.line_id = m.id
        WHERE l.is_split <> (s.line_id IS NOT NULL) OR s.amount <> m.price OR s.reversed <> m.returned""",
    ),
    Invariant(
        "split-is-earned-once",
        _("What somebody has earned of a line is in their earnings, less what went back; before, nothing is."),
        """
        SELECT s.id, s.amount, s.reversed, s.earned_at, coalesce(sum(t.amount) FILTER (WHERE t.kind = 'earning'), 0)
               - coalesce(sum(t.amount) FILTER (WHERE t.kind IN ('earning_back', 'clawback')), 0) AS earned
        FROM orders_split s LEFT JOIN ledger_transfer t ON t.subject_id = s.id
        GROUP BY s.id
        HAVING coalesce(sum(t.amount) FILTER (WHERE t.kind = 'earning'), 0)
               - coalesce(sum(t.amount) FILTER (WHERE t.kind IN ('earning_back', 'clawback')), 0)
               <> CASE WHEN s.earned_at IS NULL THEN 0 ELSE s.amount - s.reversed END""",
    ),
    Invariant(
        "earnings-are-their-recipients",
        _("Whoever earns by a split is whom it names, and nobody earns without one."),
        """
        SELECT t.id, t.kind, a.owner_id, s.recipient_id FROM ledger_transfer t
        JOIN ledger_account a ON a.id IN (t.debit_id, t.credit_id) AND a.kind IN ('earnings', 'owed')
        LEFT JOIN orders_split s ON s.id = t.subject_id
        WHERE (t.kind IN ('earning', 'earning_back') AND a.owner_id IS DISTINCT FROM s.recipient_id)
           OR (t.kind = 'clawback' AND a.owner_id <> s.recipient_id)""",
    ),
    Invariant(
        "own-share-is-paid-by-payments",
        _("What a buyer owed of a paid order came by a payment of that amount."),
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
    Invariant(
        "line-shares-sum-to-the-price",
        _("What each pays of a line sums to its price, and nobody pays less than nothing."),
        """
        SELECT id, price, company_share, sponsor_share, credit_spent, wallet_spent, own_share FROM orders_line
        WHERE price <> company_share + sponsor_share + credit_spent + wallet_spent + own_share
           OR least(company_share, sponsor_share, credit_spent, wallet_spent, own_share) < 0""",
    ),
    Invariant(
        "company-pays-what-its-policy-says",
        _("The company pays of a line what the policy that held then says."),
        """
        SELECT l.id, l.price, l.company_share, p.id AS policy FROM orders_line l
        JOIN orders_order o ON o.id = l.order_id LEFT JOIN orders_sharepolicy p ON p.id = l.share_policy_id
        WHERE l.company_share <> CASE WHEN p.id IS NULL THEN 0 ELSE least(
                coalesce(p.amount, (l.price * p.percent + 50) / 100), p.cap, l.price) END
           OR o.created_at < p.active_from - interval '1 minute' OR o.created_at > p.active_until + interval '1 minute'
           OR p.currency <> o.currency""",
    ),
    Invariant(
        "one-share-policy-holds-at-a-time",
        _("One share policy holds at a time, for everybody and for each coach."),
        """
        SELECT id, coach_id, active_from, nullif(held_until, 'infinity') AS held_until FROM (
            SELECT p.*, max(coalesce(active_until, 'infinity')) OVER (
                PARTITION BY coach_id ORDER BY active_from, id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held_until
            FROM orders_sharepolicy p WHERE active_until IS NULL OR active_until > active_from) held
        WHERE active_from < held_until""",
    ),
    Invariant(
        "share-policy-is-percent-or-amount",
        _("A share policy is a percentage or a fixed amount, and ends after it starts."),
        """
        SELECT id, percent, amount, cap, active_from, active_until FROM orders_sharepolicy
        WHERE num_nonnulls(percent, amount) <> 1 OR percent NOT BETWEEN 1 AND 100 OR amount <= 0 OR cap <= 0
           OR (amount IS NOT NULL AND cap IS NOT NULL) OR active_until < active_from""",
    ),
    Invariant(
        "one-cancellation-policy-is-the-default",
        _("One cancellation policy is the default, and it is not retired."),
        """
        SELECT id, name, retired_at FROM orders_cancellationpolicy
        WHERE is_default AND (retired_at IS NOT NULL
            OR (SELECT count(*) FROM orders_cancellationpolicy WHERE is_default) > 1)""",
    ),
    Invariant(
        "order-has-a-line",
        _("An order has something in it."),
        """
        SELECT o.id, o.number FROM orders_order o
        WHERE NOT EXISTS (SELECT FROM orders_line l WHERE l.order_id = o.id)""",
    ),
    Invariant(
        "order-is-settled-at-a-time",
        _("An order is open, or was settled at a time."),
        """
        SELECT id, state, settled_at FROM orders_order
        WHERE (state = 'open') <> (settled_at IS NULL) OR state NOT IN ('open', 'paid', 'void')""",
    ),
    Invariant(
        "order-is-paid-by-its-buyer-in-its-currency",
        _("Only its buyer pays an order, in its currency."),
        """
        SELECT p.id, p.payer_id, p.currency, o.id AS order_id, o.buyer_id, o.currency AS ordered_in
        FROM payments_payment p LEFT JOIN orders_order o ON o.id = p.order_id
        WHERE p.order_id IS NOT NULL AND (o.id IS NULL OR p.payer_id <> o.buyer_id OR p.currency <> o.currency)""",
    ),
    Invariant(
        "unpaid-order-keeps-no-money",
        _("Money that came pays a paid order, or nothing."),
        """
        SELECT p.id, p.amount, o.id AS order_id, o.state FROM payments_payment p
        JOIN orders_order o ON o.id = p.order_id WHERE p.state = 'succeeded' AND o.state <> 'paid'""",
    ),
    Invariant(
        "credit-is-spent-by-its-owner",
        _("Only its owner's credit and wallet pay for an order, and only its buyer gets them for it."),
        """
        SELECT t.id, t.kind, a.owner_id, o.buyer_id FROM ledger_transfer t
        JOIN orders_line l ON l.id = t.subject_id JOIN orders_order o ON o.id = l.order_id
        JOIN ledger_account a ON a.id IN (t.debit_id, t.credit_id) AND a.kind IN ('credit', 'granted', 'wallet')
        WHERE a.owner_id <> o.buyer_id""",
    ),
    Invariant(
        "given-back-is-the-percentage-that-it-says",
        _("What a cancellation gave back of a line is the percentage that it says, to each who paid it."),
        # Of what was left then: where a refund went before or after, it is that percentage at most.
        f"""
        SELECT id, refunded_percent, released, unsponsored, restored, refilled, own, refunded_company, refunded FROM (
            SELECT *, (company_share * refunded_percent + 50) / 100 AS due_company,
                   (sponsor_share * refunded_percent + 50) / 100 AS due_sponsor,
                   unsponsored - refunded_sponsor AS cancelled_sponsor,
                   ((credit_spent + wallet_spent + own_share) * refunded_percent + 50) / 100 AS due,
                   released - refunded_company AS cancelled_company,
                   restored + refilled + own - refunded AS cancelled FROM ({_MOVED}) sums) m
        WHERE state = 'paid' AND (
            CASE WHEN refunded_percent IS NULL THEN (cancelled_company, cancelled_sponsor, cancelled) <> (0, 0, 0)
                 WHEN refunded_company + refunded_sponsor + refunded = 0
                     THEN (cancelled_company, cancelled_sponsor, cancelled) <> (due_company, due_sponsor, due)
                 ELSE cancelled_company > due_company OR cancelled_sponsor > due_sponsor OR cancelled > due END)""",
    ),
    Invariant(
        "only-what-was-paid-is-given-back",
        _("Only what was paid is given back, at a time."),
        """
        SELECT l.id, l.refunded_percent, l.refunded_at, o.state
        FROM orders_line l JOIN orders_order o ON o.id = l.order_id
        WHERE (l.refunded_percent IS NULL) <> (l.refunded_at IS NULL)
           OR l.refunded_percent NOT BETWEEN 0 AND 100
           OR (o.state <> 'paid' AND (l.refunded_percent IS NOT NULL
               OR l.company_back + l.credit_back + l.wallet_back + l.own_back + l.sponsor_back > 0))""",
    ),
    *SPONSOR_INVARIANTS,
)
