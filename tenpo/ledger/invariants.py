"""What always holds in the books."""

from django.utils.translation import gettext_lazy as _

from tenpo.core.invariants import Invariant

INVARIANTS = (
    Invariant(
        "balance-is-the-sum-of-its-transfers",
        _("What somebody owns is the sum of what moved to and from it."),
        """
        WITH moved AS (
            SELECT account_id, sum(change) AS change FROM (
                SELECT credit_id AS account_id, amount AS change FROM ledger_transfer
                UNION ALL SELECT debit_id, -amount FROM ledger_transfer) ends
            GROUP BY account_id)
        SELECT a.id, a.balance, coalesce(m.change, 0) AS moved
        FROM ledger_account a LEFT JOIN moved m ON m.account_id = a.id
        WHERE a.balance <> coalesce(m.change, 0)""",
    ),
    Invariant(
        "balance-is-never-below-zero",
        _("Nobody owns less than nothing."),
        "SELECT id, balance FROM ledger_account WHERE balance < 0",
    ),
    Invariant(
        "transfer-is-of-its-accounts-currency",
        _("Both ends of a transfer are of its currency."),
        """
        SELECT t.id, t.currency, d.currency AS debit, c.currency AS credit
        FROM ledger_transfer t LEFT JOIN ledger_account d ON d.id = t.debit_id
        LEFT JOIN ledger_account c ON c.id = t.credit_id
        WHERE t.currency IS DISTINCT FROM d.currency OR t.currency IS DISTINCT FROM c.currency""",
    ),
    Invariant(
        "reversal-mirrors-what-it-undoes",
        _("A reversal moves the whole amount back between the same two accounts."),
        """
        SELECT t.id, t.reverses_id FROM ledger_transfer t LEFT JOIN ledger_transfer o ON o.id = t.reverses_id
        WHERE t.reverses_id IS NOT NULL
          AND (t.amount, t.debit_id, t.credit_id) IS DISTINCT FROM (o.amount, o.credit_id, o.debit_id)""",
    ),
    Invariant(
        "transfer-is-reversed-once",
        _("A transfer is undone once, and what undoes it is final."),
        """
        SELECT t.id, t.reverses_id FROM ledger_transfer t
        WHERE t.reverses_id IN (
                SELECT reverses_id FROM ledger_transfer WHERE reverses_id IS NOT NULL
                GROUP BY reverses_id HAVING count(*) > 1)
           OR t.reverses_id IN (SELECT id FROM ledger_transfer WHERE reverses_id IS NOT NULL)""",
    ),
    Invariant(
        "transfer-moves-something-between-two",
        _("A transfer moves a positive amount from one account to another."),
        """
        SELECT id, amount, debit_id, credit_id FROM ledger_transfer
        WHERE amount <= 0 OR debit_id IS NOT DISTINCT FROM credit_id""",
    ),
    Invariant(
        "transfer-is-posted-once",
        _("A key of the ledger stands for one transfer."),
        "SELECT key, count(*) AS times FROM ledger_transfer GROUP BY key HAVING count(*) > 1",
    ),
    Invariant(
        "transfer-joins-the-accounts-of-its-kind",
        _("Each kind of transfer moves between the kinds of accounts that it is for."),
        """
        SELECT t.id, t.kind, d.kind AS debit, c.kind AS credit FROM ledger_transfer t
        JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
        WHERE (t.kind, d.kind, c.kind) NOT IN (
            ('company_share', 'company', 'sales'), ('company_release', 'sales', 'company'),
            ('payment', 'provider', 'sales'), ('fee', 'fees', 'provider'), ('fee_back', 'provider', 'fees'),
            ('credit_reserve', 'credit', 'reserved'), ('credit_unreserve', 'reserved', 'credit'),
            ('credit_spend', 'credit', 'sales'), ('credit_spend', 'reserved', 'sales'),
            ('credit_issue', 'sales', 'credit'), ('credit_restore', 'sales', 'credit'),
            ('credit_back', 'credit', 'sales'),
            ('top_up', 'provider', 'wallet'), ('grant', 'grants', 'granted'), ('grant_back', 'granted', 'grants'),
            ('wallet_reserve', 'wallet', 'reserved'), ('wallet_reserve', 'granted', 'reserved'),
            ('wallet_unreserve', 'reserved', 'wallet'), ('wallet_unreserve', 'reserved', 'granted'),
            ('wallet_spend', 'wallet', 'sales'), ('wallet_spend', 'granted', 'sales'),
            ('wallet_spend', 'reserved', 'sales'),
            ('wallet_restore', 'sales', 'wallet'), ('wallet_restore', 'sales', 'granted'),
            ('wallet_refund', 'sales', 'wallet'),
            ('refund_hold', 'sales', 'refunds'), ('refund_release', 'refunds', 'sales'),
            ('refund_hold', 'wallet', 'refunds'), ('refund_release', 'refunds', 'wallet'),
            ('refund', 'refunds', 'provider'), ('refund_back', 'provider', 'refunds'),
            ('dispute', 'disputes', 'provider'), ('dispute_back', 'provider', 'disputes'),
            ('refund', 'refunds', 'disputes'), ('dispute_loss', 'wallet', 'disputes'),
            ('dispute_loss', 'credit', 'disputes'), ('dispute_loss', 'sales', 'disputes'),
            ('dispute_gain', 'disputes', 'sales'),
            ('earning', 'sales', 'earnings'), ('earning_back', 'earnings', 'sales'),
            ('clawback', 'owed', 'sales'), ('clawback_settle', 'earnings', 'owed'),
            ('payout_hold', 'earnings', 'payouts'), ('payout_hold', 'wallet', 'payouts'),
            ('payout_release', 'payouts', 'earnings'), ('payout_release', 'payouts', 'wallet'),
            ('payout', 'payouts', 'provider'), ('payout_fee', 'payouts', 'fees'),
            ('payout_back', 'provider', 'payouts'), ('payout_back', 'fees', 'payouts'),
            ('sponsor_share', 'sponsor', 'sales'), ('sponsor_release', 'sales', 'sponsor'),
            ('sponsor_paid', 'provider', 'sponsor'))""",
    ),
    Invariant(
        "account-is-opened-once",
        _("An account is opened once."),
        "SELECT code, count(*) AS times FROM ledger_account GROUP BY code HAVING count(*) > 1",
    ),
    Invariant(
        "account-is-called-by-what-it-is",
        _("The code of an account says its kind, its currency, its owner, its source and its name."),
        """
        SELECT id, code FROM ledger_account
        WHERE code <> concat(kind, ':', currency, ':', owner_id, ':', source_id, ':', name)""",
    ),
    Invariant(
        "account-of-a-person-has-an-owner",
        _("What somebody owns or owes is theirs, credit knows its source, and the business's own is nobody's."),
        """
        SELECT id, kind, owner_id, source_id, balance FROM ledger_account
        WHERE (kind IN ('credit', 'granted', 'wallet', 'earnings', 'owed', 'sponsor')) <> (owner_id IS NOT NULL)
           OR (kind IN ('credit', 'granted', 'wallet', 'earnings')) <> (balance IS NOT NULL)
           OR (kind = 'credit' AND source_id IS NULL)""",
    ),
    Invariant(
        "nobody-gives-back-more-than-they-earned",
        _("Whoever must give back earnings has not given back more than that."),
        """
        SELECT a.id, a.owner_id, sum(CASE WHEN t.credit_id = a.id THEN t.amount ELSE -t.amount END) AS balance
        FROM ledger_account a JOIN ledger_transfer t ON a.id IN (t.debit_id, t.credit_id)
        WHERE a.kind = 'owed' GROUP BY a.id
        HAVING sum(CASE WHEN t.credit_id = a.id THEN t.amount ELSE -t.amount END) > 0""",
    ),
    Invariant(
        "credit-is-spent-before-it-expires",
        _("Credit that has expired is not spent."),
        """
        SELECT t.id, t.kind, t.created_at, a.expires_at
        FROM ledger_transfer t JOIN ledger_account a ON a.id = t.debit_id
        WHERE a.kind = 'credit' AND t.created_at > a.expires_at + interval '5 minutes'""",
    ),
)
