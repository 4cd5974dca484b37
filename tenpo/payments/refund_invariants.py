"""What always holds of money that goes back."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant
from tenpo.payments.held import held_beside

# The key under which a refund's own part was set aside; see `Refund.hold_key`.
_HOLD_KEY = """CASE WHEN r.line_id IS NULL THEN 'refund:' || r.id || ':hold'
    WHEN r.origin = 'cancellation' THEN 'line:' || r.line_id || ':own:hold'
    ELSE 'line:' || r.line_id || ':own:hold:refund:' || r.id END"""

REFUND_INVARIANTS = (
    Invariant(
        "refund-is-in-the-books",
        _("What a refund sends back is held until it has left, and has left once it arrived; nothing else is."),
        f"""
        SELECT r.id, r.state, r.to, r.own, h.amount AS held, b.amount AS released, s.amount AS sent
        FROM payments_refund r LEFT JOIN ledger_transfer h ON h.key = {_HOLD_KEY}
        LEFT JOIN ledger_transfer b ON b.key = h.key || ':released'
        LEFT JOIN (
            SELECT subject_id, sum(CASE kind WHEN 'refund' THEN amount ELSE -amount END) AS amount
            FROM ledger_transfer WHERE kind IN ('refund', 'refund_back') GROUP BY subject_id) s ON s.subject_id = r.id
        WHERE coalesce(h.amount, 0) - coalesce(b.amount, 0) <> CASE WHEN r.amount > 0 AND r.to = 'method'
                THEN r.own ELSE 0 END
           OR coalesce(s.amount, 0) <> CASE WHEN r.state = 'done' AND r.to = 'method' THEN r.own ELSE 0 END""",
    ),
    Invariant(
        "refund-gives-each-part-back",
        _("Each part of a refund went back to who had paid it, and nothing went back for a refund that is none."),
        """
        WITH moved AS (
            SELECT left(split_part(key, ':refund:', 2), 36) AS refund,
                   coalesce(sum(amount) FILTER (WHERE kind = 'company_release'), 0) AS company,
                   coalesce(sum(amount) FILTER (WHERE kind = 'sponsor_release'), 0) AS sponsor,
                   coalesce(sum(amount) FILTER (WHERE kind = 'credit_restore'), 0) AS credit,
                   coalesce(sum(amount) FILTER (WHERE kind = 'wallet_restore'), 0) AS wallet,
                   coalesce(sum(amount) FILTER (WHERE kind IN ('credit_issue', 'wallet_refund', 'refund_hold')), 0)
                     - coalesce(sum(amount) FILTER (WHERE kind = 'refund_release'), 0) AS own
            FROM ledger_transfer WHERE key LIKE '%:refund:%' GROUP BY 1
        ), granted AS (
            SELECT id::text AS refund, company, sponsor, credit, wallet, own FROM payments_refund
            WHERE amount > 0 AND line_id IS NOT NULL AND origin <> 'cancellation')
        SELECT refund, g.company, g.sponsor, g.credit, g.wallet, g.own, m.company AS released, m.credit AS restored,
               m.wallet AS refilled, m.own AS returned
        FROM granted g FULL JOIN moved m USING (refund)
        WHERE (g.company, g.sponsor, g.credit, g.wallet, g.own)
            IS DISTINCT FROM (m.company, m.sponsor, m.credit, m.wallet, m.own)""",
    ),
    Invariant(
        "held-for-refunds-is-what-waits",
        _("What is set aside for refunds is what was granted and has not arrived."),
        held_beside(
            "refunds",
            """SELECT currency, sum(own) AS amount FROM payments_refund
               WHERE state IN ('approved', 'sent', 'failed') GROUP BY currency""",
        ),
    ),
    Invariant(
        "payment-gives-back-no-more-than-it-was",
        _("What goes back by the way that a payment came is no more than the payment, and is what its refunds say."),
        """
        SELECT p.id, p.amount, p.refunded, coalesce(sum(r.own), 0) AS refunds FROM payments_payment p
        LEFT JOIN payments_refund r ON r.payment_id = p.id AND r.to = 'method' AND r.amount > 0
        GROUP BY p.id
        HAVING p.refunded NOT BETWEEN 0 AND p.amount OR p.refunded <> coalesce(sum(r.own), 0)
            OR (p.refunded > 0 AND p.state <> 'succeeded')""",
    ),
    Invariant(
        "dispute-is-in-the-books",
        _("What a bank took of a payment, returned, and keeps for good is in the books, and so is the provider’s fee."),
        """
        WITH moved AS (
            SELECT subject_id, coalesce(sum(amount) FILTER (WHERE kind = 'dispute'), 0)
                     - coalesce(sum(amount) FILTER (WHERE kind = 'dispute_back'), 0) AS taken,
                   coalesce(sum(amount) FILTER (WHERE kind = 'fee'), 0)
                     - coalesce(sum(amount) FILTER (WHERE kind = 'fee_back'), 0) AS fee,
                   coalesce(sum(amount) FILTER (WHERE kind = 'dispute_loss'), 0)
                     - coalesce(sum(amount) FILTER (WHERE kind = 'dispute_gain'), 0) AS lost
            FROM ledger_transfer WHERE key LIKE 'dispute:%' GROUP BY 1
        ), refunded AS (
            SELECT split_part(key, ':', 4) AS dispute, sum(amount) AS amount FROM ledger_transfer
            WHERE key LIKE 'refund:%:dispute:%' GROUP BY 1)
        SELECT d.id, m.subject_id, d.taken, d.fee, d.lost, m.taken AS moved, r.amount AS refunded
        FROM payments_dispute d FULL JOIN moved m ON m.subject_id = d.id
        LEFT JOIN refunded r ON r.dispute = d.id::text
        WHERE (d.taken, d.fee, d.lost) IS DISTINCT FROM
              (coalesce(m.taken, 0), coalesce(m.fee, 0), coalesce(m.lost, 0) + coalesce(r.amount, 0))""",
    ),
    Invariant(
        "dispute-that-is-lost-is-borne",
        _("What a bank took is counted as lost once that is decided, and not before; no more than it took."),
        """
        SELECT id, state, taken, lost FROM payments_dispute
        WHERE lost <> CASE WHEN state = 'lost' THEN greatest(taken, 0) ELSE 0 END""",
    ),
    Invariant(
        "taken-by-banks-is-what-is-not-decided",
        _("What is counted as taken back by banks is what is not lost for good."),
        held_beside("disputes", "SELECT currency, sum(lost - taken) AS amount FROM payments_dispute GROUP BY currency"),
    ),
    Invariant(
        "refund-goes-to-who-paid",
        _("A refund is of its buyer's own order or payment, in its currency, by the provider that took the money."),
        """
        SELECT r.id, r.user_id, p.payer_id, o.buyer_id, r.currency, r.provider FROM payments_refund r
        LEFT JOIN payments_payment p ON p.id = r.payment_id LEFT JOIN orders_line l ON l.id = r.line_id
        LEFT JOIN orders_order o ON o.id = l.order_id
        WHERE r.user_id <> coalesce(o.buyer_id, p.payer_id) OR r.currency <> coalesce(o.currency, p.currency)
           OR p.payer_id <> r.user_id OR r.provider <> coalesce(p.provider, '')
           OR (r.line_id IS NOT NULL AND (l.id IS NULL OR p.order_id IS DISTINCT FROM
               CASE WHEN p.id IS NOT NULL THEN l.order_id END))
           OR (r.line_id IS NULL AND (p.id IS NULL OR p.order_id IS NOT NULL))""",
    ),
    Invariant(
        "refund-of-late-money-comes-out-of-its-credit",
        _("What goes back of money that came late was taken out of the credit that it became, once, and nothing else."),
        """
        SELECT r.id, r.own, t.key, t.amount, a.owner_id, a.source_id FROM (
            SELECT r.* FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
            WHERE r.line_id IS NULL AND r.amount > 0 AND p.purpose = 'order') r
        FULL JOIN (SELECT * FROM ledger_transfer WHERE kind = 'credit_back') t
            ON t.subject_id = r.id AND t.key = 'refund:' || r.id || ':credit'
        LEFT JOIN ledger_account a ON a.id = t.debit_id
        WHERE t.amount IS DISTINCT FROM r.own
           OR (a.owner_id, a.source_id) IS DISTINCT FROM (r.user_id, r.payment_id)""",
    ),
    Invariant(
        "refund-is-decided-by-somebody-else",
        _("Nobody decides about their own refund, and each is decided by an admin or by the terms."),
        """
        SELECT id, state, user_id, reviewed_by_id, marked_by_id, by_policy FROM payments_refund
        WHERE user_id IN (reviewed_by_id, marked_by_id)
           OR (state IN ('approved', 'sent', 'done', 'failed') AND by_policy <> (reviewed_by_id IS NULL))
           OR (state = 'rejected' AND reviewed_by_id IS NULL)""",
    ),
    Invariant(
        "refund-is-within-what-was-asked",
        _("A refund's parts sum to its amount, which is no more than what was asked for."),
        """
        SELECT id, asked, amount, company, sponsor, credit, wallet, own FROM payments_refund
        WHERE amount <> company + sponsor + credit + wallet + own OR amount > asked
           OR least(company, sponsor, credit, wallet, own) < 0
           OR (amount > 0) <> (state IN ('approved', 'sent', 'done', 'failed'))""",
    ),
    Invariant(
        "refund-is-asked-for-once-at-a-time",
        _("There is one open request for each thing that was bought."),
        """
        SELECT coalesce(line_id, payment_id) AS of, count(*) AS open FROM payments_refund WHERE state = 'asked'
        GROUP BY 1 HAVING count(*) > 1""",
    ),
    Invariant(
        "refund-is-sent",
        _("A refund that leaves by itself is sent within an hour."),
        """
        SELECT id, provider, reviewed_at FROM payments_refund
        WHERE state = 'approved' AND attempt = 1 AND provider NOT IN ('payroll', 'transfer')
          AND reviewed_at < now() - interval '1 hour'""",
        is_about_time=True,
    ),
    Invariant(
        "sandbox-gives-back-what-a-refund-says",
        _("What the sandbox gave back is what the refund says."),
        """
        SELECT r.id, r.own, s.amount, s.state, c.key AS charge FROM payments_refund r
        JOIN payments_sandboxrefund s ON s.key = r.id::text JOIN payments_sandboxcharge c ON c.id = s.charge_id
        WHERE s.amount <> r.own OR c.key <> r.payment_id::text
           OR (r.state = 'done' AND r.to = 'method' AND r.attempt = 1 AND r.reference IS NOT NULL
               AND s.state <> 'succeeded')""",
    ),
    Invariant(
        "refund-is-as-last-recorded",
        _("The state of a refund is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, after ->> 'state' AS state FROM audit_auditlog
            WHERE object_type = 'payments.Refund' AND after ? 'state' ORDER BY object_id, id DESC)
        SELECT r.id, r.state, said.state AS recorded
        FROM payments_refund r LEFT JOIN said ON said.object_id = r.id WHERE r.state IS DISTINCT FROM said.state""",
    ),
)
