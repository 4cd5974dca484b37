"""What always holds of money from outside."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant
from tenpo.payments.held import held_beside
from tenpo.payments.refund_invariants import REFUND_INVARIANTS

# What moved for each payment: one transfer, or one for each line of its order that it paid.
_PAID = """
    SELECT split_part(key, ':', 2) AS payment, sum(amount) AS amount,
           count(DISTINCT debit_id) AS ways, min(debit_id::text)::uuid AS debit_id, min(currency) AS currency
    FROM ledger_transfer WHERE kind IN ('payment', 'top_up') GROUP BY 1
"""

INVARIANTS = (
    Invariant(
        "payment-moves-its-amount-once-it-succeeded",
        _("A payment moved its amount when it succeeded, and only then."),
        f"""
        SELECT p.id, p.state, p.amount, t.amount AS moved
        FROM payments_payment p LEFT JOIN ({_PAID}) t ON t.payment = p.id::text
        WHERE (p.state = 'succeeded') <> (t.amount IS NOT NULL) OR t.amount <> p.amount""",
    ),
    Invariant(
        "payment-that-bought-nothing-is-credit",
        _("A payment that bought nothing is its payer's credit, in full."),
        """
        SELECT p.id, p.amount, coalesce(sum(t.amount), 0) AS issued
        FROM payments_payment p LEFT JOIN ledger_transfer t ON t.subject_id = p.id AND t.kind = 'credit_issue'
        WHERE p.state = 'succeeded' AND p.order_id IS NULL AND p.purpose = 'order'
        GROUP BY p.id HAVING p.amount <> coalesce(sum(t.amount), 0)""",
    ),
    Invariant(
        "top-up-is-in-its-payers-wallet",
        _("A top-up that was paid is in its payer's wallet, and nothing else fills a wallet from outside."),
        """
        SELECT p.id, p.payer_id, a.owner_id, t.kind FROM payments_payment p
        JOIN ledger_transfer t ON t.key = 'payment:' || p.id JOIN ledger_account a ON a.id = t.credit_id
        WHERE (p.purpose = 'top_up') <> (t.kind = 'top_up')
           OR (p.purpose = 'top_up' AND a.owner_id IS DISTINCT FROM p.payer_id)""",
    ),
    Invariant(
        "wallet-is-filled-by-itself-once-at-a-time",
        _("Of the top-ups that begin by themselves each person has one under way."),
        """
        SELECT payer_id, count(*) AS under_way FROM payments_payment
        WHERE is_automatic AND state IN ('created', 'needs_action', 'pending', 'unknown')
        GROUP BY payer_id HAVING count(*) > 1""",
    ),
    Invariant(
        "top-up-that-begins-by-itself-was-wished-for",
        _("A top-up that begins by itself fills the wallet of somebody who wished so, by a card that they keep."),
        """
        SELECT p.id, p.payer_id, p.purpose, p.saved_method_id
        FROM payments_payment p LEFT JOIN payments_autotopup a ON a.user_id = p.payer_id
        WHERE p.is_automatic AND (a.id IS NULL OR p.purpose <> 'top_up' OR p.saved_method_id IS NULL)""",
    ),
    Invariant(
        "wallet-is-filled-by-its-owners-card",
        _("A wallet is filled by itself with a card that its owner keeps."),
        """
        SELECT a.id, a.user_id, a.is_on, m.user_id AS of_method, m.state
        FROM payments_autotopup a LEFT JOIN payments_paymentmethod m ON m.id = a.method_id
        WHERE m.user_id <> a.user_id OR (a.is_on AND m.state IS DISTINCT FROM 'ready')""",
    ),
    Invariant(
        "wallet-is-filled-by-itself-as-last-recorded",
        _("Whether a wallet is filled by itself is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, after ->> 'is_on' AS is_on FROM audit_auditlog
            WHERE action IN ('auto_top_up.changed', 'auto_top_up.switched_off') ORDER BY object_id, id DESC)
        SELECT a.id, a.is_on, said.is_on AS recorded
        FROM payments_autotopup a LEFT JOIN said ON said.object_id = a.id
        WHERE a.is_on <> coalesce(said.is_on::boolean, false)""",
    ),
    Invariant(
        "card-that-does-not-pay-is-left-alone",
        _("A card that did not fill a wallet four times in a row is not tried again by itself."),
        "SELECT id, user_id, failed_times FROM payments_autotopup WHERE is_on AND failed_times > 3",
    ),
    Invariant(
        "card-is-kept-once-it-has-paid",
        _("A card that was to be kept while it paid has paid, and its payer wished to keep it."),
        """
        SELECT l.object_id, p.id, p.state, p.keeps_method
        FROM audit_auditlog l LEFT JOIN payments_payment p ON p.id = (l.after ->> 'payment')::uuid
        WHERE l.action IN ('payment_method.added', 'payment_method.removed') AND l.after ? 'payment'
          AND (p.state IS DISTINCT FROM 'succeeded' OR NOT p.keeps_method)""",
    ),
    Invariant(
        "grant-is-in-the-books",
        _("Money that was given is in the books, and back there where it was taken back."),
        """
        SELECT g.id, g.amount, t.amount AS given, b.amount AS taken_back FROM payments_grant g
        LEFT JOIN ledger_transfer t ON t.key = 'grant:' || g.id
        LEFT JOIN ledger_account a ON a.id = t.credit_id
        LEFT JOIN ledger_transfer b ON b.key = 'grant:' || g.id || ':back'
        WHERE t.amount IS DISTINCT FROM g.amount OR a.owner_id <> g.owner_id OR a.currency <> g.currency
           OR (g.taken_back_by_id IS NULL) <> (b.id IS NULL)""",
    ),
    Invariant(
        "wallet-holds-what-was-paid-into-it",
        _("What is in a wallet was paid in, given, or came back."),
        """
        SELECT t.id, t.kind FROM ledger_transfer t
        WHERE (t.kind = 'top_up' AND NOT EXISTS (SELECT FROM payments_payment p
                WHERE t.key = 'payment:' || p.id AND p.state = 'succeeded' AND p.purpose = 'top_up'))
           OR (t.kind = 'grant' AND NOT EXISTS (SELECT FROM payments_grant g WHERE t.key = 'grant:' || g.id))""",
    ),
    Invariant(
        "fee-is-posted",
        _("What the provider keeps of a payment is in the books."),
        """
        SELECT p.id, p.fee, t.amount AS posted
        FROM payments_payment p LEFT JOIN ledger_transfer t ON t.key = 'payment:' || p.id || ':fee'
        WHERE coalesce(t.amount, 0) <> CASE WHEN p.state = 'succeeded' THEN p.fee ELSE 0 END""",
    ),
    Invariant(
        "payment-is-in-its-currency-and-at-its-provider",
        _("The money of a payment is in the books in its currency, at its provider."),
        f"""
        SELECT p.id, p.currency, p.provider, t.currency AS posted, d.name AS posted_at
        FROM payments_payment p JOIN ({_PAID}) t ON t.payment = p.id::text
        JOIN ledger_account d ON d.id = t.debit_id
        WHERE t.ways > 1 OR p.currency <> t.currency OR d.name <> p.provider""",
    ),
    Invariant(
        "payment-is-of-a-positive-amount",
        _("A payment is of a positive amount, and its fee is no more than that."),
        "SELECT id, amount, fee FROM payments_payment WHERE amount <= 0 OR fee < 0 OR fee > amount",
    ),
    Invariant(
        "payment-has-its-own-reference",
        _("A provider's reference stands for one payment."),
        """
        SELECT provider, reference, count(*) AS times FROM payments_payment
        WHERE reference IS NOT NULL GROUP BY provider, reference HAVING count(*) > 1""",
    ),
    Invariant(
        "order-has-one-live-payment",
        _("An order has one payment that is under way or came."),
        """
        SELECT order_id, count(*) AS live FROM payments_payment
        WHERE order_id IS NOT NULL AND state NOT IN ('failed', 'cancelled')
        GROUP BY order_id HAVING count(*) > 1""",
    ),
    Invariant(
        "payment-is-as-last-recorded",
        _("The state of a payment is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, after ->> 'state' AS state FROM audit_auditlog
            WHERE action = 'payment.state_changed' ORDER BY object_id, id DESC)
        SELECT p.id, p.state, said.state AS recorded
        FROM payments_payment p JOIN said ON said.object_id = p.id WHERE p.state <> said.state""",
    ),
    Invariant(
        "credit-comes-from-a-payment-of-its-owner",
        _("Credit comes from a payment that its owner made, in its currency."),
        """
        SELECT a.id, a.owner_id, a.source_id, p.payer_id, p.state
        FROM ledger_account a LEFT JOIN payments_payment p ON p.id = a.source_id
        WHERE a.kind = 'credit' AND (p.state IS DISTINCT FROM 'succeeded' OR p.payer_id <> a.owner_id
            OR p.currency <> a.currency)""",
    ),
    Invariant(
        "credit-never-exceeds-its-payment",
        _("All the credit that comes from a payment is no more than the payment."),
        """
        SELECT p.id, p.amount, sum(a.balance) AS credit
        FROM ledger_account a JOIN payments_payment p ON p.id = a.source_id WHERE a.kind = 'credit'
        GROUP BY p.id HAVING sum(a.balance) > p.amount""",
    ),
    Invariant(
        "payment-is-charged-to-a-method-of-its-payer",
        _("What is charged to a saved way to pay is charged to the payer's own, at its provider, while it is kept."),
        """
        SELECT p.id, p.payer_id, m.user_id, p.provider, m.removed_at
        FROM payments_payment p JOIN payments_paymentmethod m ON m.id = p.saved_method_id
        WHERE p.payer_id <> m.user_id OR p.provider <> m.provider OR m.removed_at < p.created_at""",
    ),
    Invariant(
        "one-payment-method-is-offered-first",
        _("Whoever keeps ways to pay has one that is offered first."),
        """
        SELECT user_id, count(*) FILTER (WHERE is_default) AS first FROM payments_paymentmethod
        WHERE state = 'ready' GROUP BY user_id HAVING count(*) FILTER (WHERE is_default) <> 1""",
    ),
    Invariant(
        "payment-method-is-as-last-recorded",
        _("Whether a way to pay is kept is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, after ->> 'state' AS state FROM audit_auditlog
            WHERE action IN ('payment_method.added', 'payment_method.failed', 'payment_method.removed')
            ORDER BY object_id, id DESC)
        SELECT m.id, m.state, said.state AS recorded
        FROM payments_paymentmethod m LEFT JOIN said ON said.object_id = m.id
        WHERE m.state <> coalesce(said.state, 'adding')""",
    ),
    Invariant(
        "payment-method-is-settled",
        _("A way to pay is added, or let go at its provider, within two days."),
        """
        SELECT id, state, created_at, removed_at FROM payments_paymentmethod
        WHERE (state = 'adding' AND created_at < now() - interval '2 days')
           OR (state = 'removed' AND forgotten_at IS NULL AND removed_at < now() - interval '2 days')""",
        is_about_time=True,
    ),
    Invariant(
        "stripe-account-pays-out-once-its-owner-is-known",
        _("Money can be sent to somebody's account at Stripe once they are known there."),
        """
        SELECT id, user_id, status, reference FROM payments_stripeaccount
        WHERE payouts_enabled AND (status <> 'active' OR reference IS NULL OR onboarded_at IS NULL)""",
    ),
    Invariant(
        "provider-event-counts-once",
        _("What a provider tells counts once."),
        """
        SELECT provider, event_id, count(*) AS times FROM payments_providerevent
        GROUP BY provider, event_id HAVING count(*) > 1""",
    ),
    Invariant(
        "provider-event-is-heard",
        _("What a provider tells of a payment is heard within an hour."),
        """
        SELECT e.id, e.provider, e.reference, p.state FROM payments_providerevent e
        JOIN payments_payment p ON p.provider = e.provider AND p.reference = e.reference
        WHERE e.applied_at IS NULL AND e.created_at < now() - interval '1 hour'
          AND p.state IN ('created', 'needs_action', 'pending', 'unknown')""",
        is_about_time=True,
    ),
    Invariant(
        "sandbox-took-what-a-payment-says",
        _("What came by the sandbox is what the sandbox took."),
        """
        SELECT p.id, p.state, p.amount, c.state AS charge_state, c.amount AS charged
        FROM payments_payment p JOIN payments_sandboxcharge c ON c.key = p.id::text
        WHERE c.amount <> p.amount OR c.currency <> p.currency
           OR (p.state = 'succeeded' AND c.state <> 'succeeded')""",
    ),
    Invariant(
        "sandbox-gives-back-what-it-took",
        _("The sandbox gives back no more of a charge than it took, and nothing of one that did not succeed."),
        """
        SELECT c.id, c.state, c.amount, sum(r.amount) AS refunded
        FROM payments_sandboxrefund r JOIN payments_sandboxcharge c ON c.id = r.charge_id WHERE r.state <> 'failed'
        GROUP BY c.id HAVING sum(r.amount) > c.amount OR c.state <> 'succeeded'""",
    ),
    Invariant(
        "money-taken-is-money-booked",
        _("What the sandbox took is in the books within a day."),
        """
        SELECT c.id, c.key, c.amount, p.state FROM payments_sandboxcharge c
        LEFT JOIN payments_payment p ON p.id::text = c.key
        WHERE c.state = 'succeeded' AND c.created_at < now() - interval '1 day'
          AND p.state IS DISTINCT FROM 'succeeded'""",
        is_about_time=True,
    ),
    Invariant(
        "payout-is-held-in-full",
        _("A payout's whole amount was set aside, from its payee's own balance."),
        """
        SELECT p.id, p.state, p.amount, p.source, t.amount AS held, d.kind AS held_from, d.owner_id
        FROM payments_payout p LEFT JOIN ledger_transfer t ON t.key = 'payout:' || p.id || ':hold'
        LEFT JOIN ledger_account d ON d.id = t.debit_id
        WHERE t.amount IS DISTINCT FROM p.amount OR d.kind IS DISTINCT FROM p.source
           OR d.owner_id IS DISTINCT FROM p.payee_id""",
    ),
    Invariant(
        "payout-that-does-not-arrive-is-given-back",
        _("What a payout held is given back when it does not arrive, and only then."),
        """
        SELECT p.id, p.state, t.id AS given_back
        FROM payments_payout p LEFT JOIN ledger_transfer t ON t.key = 'payout:' || p.id || ':release'
        WHERE (p.state IN ('failed', 'rejected', 'cancelled')) <> (t.id IS NOT NULL)""",
    ),
    Invariant(
        "payout-moves-once-it-arrived",
        _("A payout leaves the books when it arrived, with its fee and what its method took, which alone stays away."),
        """
        SELECT p.id, p.state, p.amount, p.fee, p.cost, t.amount AS sent, f.amount AS kept, c.amount AS taken
        FROM payments_payout p LEFT JOIN ledger_transfer t ON t.key = 'payout:' || p.id
        LEFT JOIN ledger_transfer f ON f.key = 'payout:' || p.id || ':fee'
        LEFT JOIN ledger_transfer c ON c.key = 'payout:' || p.id || ':cost'
        LEFT JOIN ledger_transfer tb ON tb.reverses_id = t.id LEFT JOIN ledger_transfer fb ON fb.reverses_id = f.id
        WHERE (coalesce(t.amount, 0) - coalesce(tb.amount, 0), coalesce(f.amount, 0) - coalesce(fb.amount, 0)) <>
              CASE WHEN p.state = 'done' THEN (p.amount - p.fee, p.fee) ELSE (0::bigint, 0::bigint) END
           OR coalesce(c.amount, 0) <> CASE WHEN t.id IS NOT NULL THEN p.cost ELSE 0 END
           OR (tb.id IS NOT NULL AND p.state <> 'failed')""",
    ),
    Invariant(
        "payout-gives-back-what-was-owed",
        _("What a payout says was given back of earlier earnings was."),
        """
        SELECT p.id, p.settled, t.amount AS given_back
        FROM payments_payout p LEFT JOIN ledger_transfer t ON t.key = 'payout:' || p.id || ':settle'
        WHERE p.settled <> coalesce(t.amount, 0)""",
    ),
    Invariant(
        "held-for-payouts-is-what-is-under-way",
        _("What is set aside for payouts is what is under way."),
        held_beside(
            "payouts",
            """SELECT currency, sum(amount) AS amount FROM payments_payout
               WHERE state IN ('asked', 'approved', 'sent') GROUP BY currency""",
        ),
    ),
    Invariant(
        "payout-is-approved-by-somebody-else",
        _("A payout leaves only when somebody else approved it, and a large one only when two did."),
        """
        SELECT id, state, payee_id, approved_by_id, seconded_by_id FROM payments_payout
        WHERE payee_id IN (approved_by_id, seconded_by_id) OR approved_by_id = seconded_by_id
           OR (state IN ('approved', 'sent', 'done', 'failed')
               AND (approved_by_id IS NULL OR (needs_second AND seconded_by_id IS NULL)))""",
    ),
    Invariant(
        "payout-goes-to-its-payees-account",
        _("A payout goes to an account of its payee, which was there long enough when it was asked for."),
        """
        SELECT p.id, p.payee_id, a.owner_id, p.method, a.method AS of_account, a.usable_from, p.created_at
        FROM payments_payout p JOIN payments_payoutaccount a ON a.id = p.account_id
        WHERE p.payee_id <> a.owner_id OR p.method <> a.method OR p.created_at < a.usable_from - interval '1 minute'
           OR (p.state IN ('asked', 'approved', 'sent') AND a.disabled_at IS NOT NULL)""",
    ),
    Invariant(
        "payout-batch-holds-its-payouts",
        _("A file of payouts holds what it says, each payout in one file, and those of a sent file have left."),
        """
        SELECT b.id, b.state, b.count, b.total, count(p.id) AS payouts, sum(p.amount - p.fee) AS amount
        FROM payments_payoutbatch b LEFT JOIN payments_payout p ON p.batch_id = b.id
        GROUP BY b.id
        HAVING (b.state = 'dropped' AND count(p.id) > 0)
            OR (b.state <> 'dropped' AND (b.count, b.total) <> (count(p.id), coalesce(sum(p.amount - p.fee), 0)))
            OR (b.state = 'made' AND bool_or(p.state <> 'approved'))
            OR (b.state = 'sent' AND bool_or(p.state NOT IN ('sent', 'done', 'failed')))
            OR bool_or(p.method <> b.method OR p.currency <> b.currency)""",
    ),
    Invariant(
        "payout-account-is-the-only-default",
        _("Of the ways in which somebody is paid one is the usual one, and it was not removed."),
        """
        SELECT owner_id, count(*) AS defaults FROM payments_payoutaccount WHERE is_default
        GROUP BY owner_id HAVING count(*) > 1 OR bool_or(disabled_at IS NOT NULL)""",
    ),
    Invariant(
        "payout-is-as-last-recorded",
        _("The state of a payout is what the audit last says."),
        """
        WITH said AS (
            SELECT DISTINCT ON (object_id) object_id, after ->> 'state' AS state FROM audit_auditlog
            WHERE object_type = 'payments.Payout' AND after ? 'state' ORDER BY object_id, id DESC)
        SELECT p.id, p.state, said.state AS recorded
        FROM payments_payout p LEFT JOIN said ON said.object_id = p.id WHERE p.state IS DISTINCT FROM said.state""",
    ),
    *REFUND_INVARIANTS,
)
