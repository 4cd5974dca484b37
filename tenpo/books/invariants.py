"""What always holds of the closed books."""

from django.utils.translation import gettext_lazy as _

from tenpo.books.fingerprint import DIGEST, EXPECTED
from tenpo.core.invariants import Invariant

# To which closed day each transfer belongs, found in the days' beginnings, which follow one another. None where it
# bears the time of before the first one, or is the only one of its currency.
_OF_DAYS = """
    days AS (
        SELECT currency, array_agg(starts_at ORDER BY day) AS starts, array_agg(id ORDER BY day) AS ids
        FROM books_dayclose GROUP BY currency),
    closed AS (
        SELECT d.ids[width_bucket(t.created_at, d.starts)] AS close_id, t.* FROM ledger_transfer t
        LEFT JOIN days d ON d.currency = t.currency
        WHERE t.created_at < (SELECT max(ends_at) FROM books_dayclose))
"""
_EXPECTED = EXPECTED.format(before="b.fingerprint", transfers="m.transfers", amount="m.amount", digest="m.digest")

INVARIANTS = (
    Invariant(
        "closed-day-has-not-changed",
        _("A closed day is as it was when it was closed: nothing was added to it, taken from it or changed."),
        f"""
        WITH {_OF_DAYS}, moved AS (
            SELECT t.close_id, count(*) AS transfers, sum(t.amount) AS amount, {DIGEST} AS digest
            FROM closed t GROUP BY t.close_id)
        SELECT c.id, c.day, c.currency, c.transfers, m.transfers AS found, c.amount, m.amount AS found_amount
        FROM books_dayclose c
        FULL JOIN moved m ON m.close_id = c.id
        LEFT JOIN books_dayclose b ON b.currency = c.currency AND b.day = c.day - 1
        WHERE c.transfers IS DISTINCT FROM coalesce(m.transfers, 0)
           OR c.amount IS DISTINCT FROM coalesce(m.amount, 0) OR c.fingerprint <> {_EXPECTED}""",
    ),
    Invariant(
        "closed-day-says-what-moved",
        _("Each line of a closed day is what moved on its accounts."),
        f"""
        WITH {_OF_DAYS}, moved AS (
            SELECT e.close_id, a.kind, CASE WHEN a.owner_id IS NULL THEN a.name ELSE '' END AS name,
                   sum(e.debit) AS debits, sum(e.credit) AS credits
            FROM (SELECT close_id, debit_id AS account_id, amount AS debit, 0 AS credit FROM closed
                  UNION ALL SELECT close_id, credit_id, 0, amount FROM closed) e
            JOIN ledger_account a ON a.id = e.account_id WHERE e.close_id IS NOT NULL GROUP BY 1, 2, 3)
        SELECT l.id, m.kind, m.name, l.debits, m.debits AS moved_debits, l.credits, m.credits AS moved_credits
        FROM books_daycloseline l
        FULL JOIN moved m ON m.close_id = l.day_close_id AND m.kind = l.kind AND m.name = l.name
        WHERE (coalesce(l.debits, 0), coalesce(l.credits, 0)) <> (coalesce(m.debits, 0), coalesce(m.credits, 0))
        """,
    ),
    Invariant(
        "closed-days-follow-one-another",
        _("Each closed day begins where the day before it ended, in time and in money."),
        """
        WITH days AS (
            SELECT id, day, currency, starts_at, ends_at, lag(id) OVER w AS before, lag(day) OVER w AS day_before,
                   lag(ends_at) OVER w AS ended_at
            FROM books_dayclose WINDOW w AS (PARTITION BY currency ORDER BY day))
        SELECT d.id, d.day, d.currency, d.ended_at, d.starts_at FROM days d
        WHERE d.ends_at < d.starts_at OR (d.before IS NOT NULL AND (
            d.day <> d.day_before + 1 OR d.starts_at <> d.ended_at OR EXISTS (
                SELECT FROM (SELECT * FROM books_daycloseline WHERE day_close_id = d.id) l
                FULL JOIN (SELECT * FROM books_daycloseline WHERE day_close_id = d.before) b USING (kind, name)
                WHERE coalesce(l.opening, 0) <> coalesce(b.closing, 0) OR (b.id IS NOT NULL AND l.id IS NULL))))""",
    ),
    Invariant(
        "closed-day-balances",
        _("On a closed day debits and credits are equal, line by line and together."),
        """
        SELECT c.id, c.day, c.currency, c.amount, sum(l.debits) AS debits, sum(l.credits) AS credits
        FROM books_dayclose c LEFT JOIN books_daycloseline l ON l.day_close_id = c.id
        GROUP BY c.id
        HAVING coalesce(sum(l.debits), 0) <> c.amount OR coalesce(sum(l.credits), 0) <> c.amount
            OR coalesce(sum(l.closing), 0) <> 0
            OR bool_or(l.closing <> l.opening + l.credits - l.debits
                       OR l.closing <> l.credits_to_date - l.debits_to_date)""",
    ),
    Invariant(
        "difference-differs",
        _("What is kept as a difference is known to one side alone, or differs in its amount or fee."),
        """
        SELECT id, reference, what, their_amount, our_amount FROM books_difference
        WHERE what IS DISTINCT FROM CASE
            WHEN our_amount IS NULL THEN 'only_theirs' WHEN their_amount IS NULL THEN 'only_ours'
            WHEN (their_amount, their_fee) IS DISTINCT FROM (our_amount, our_fee) THEN 'different' END""",
    ),
    Invariant(
        "difference-is-open-once",
        _("What differs is open once for each reference of a provider."),
        """
        SELECT provider, reference, count(*) AS times FROM books_difference WHERE cleared_at IS NULL
        GROUP BY provider, reference HAVING count(*) > 1""",
    ),
    Invariant(
        "difference-is-cleared-with-a-word",
        _("Whoever clears a difference says how."),
        """
        SELECT id, reference, note, cleared_at FROM books_difference
        WHERE (cleared_at IS NULL) <> (note = '') OR (cleared_at IS NULL AND cleared_by_id IS NOT NULL)""",
    ),
    Invariant(
        "reconciliation-keeps-what-it-found",
        _("A comparison has no more differences than it counted, and its days are in order."),
        """
        SELECT r.id, r.provider, r.since, r.until, count(d.id) AS kept FROM books_reconciliation r
        LEFT JOIN books_difference d ON d.reconciliation_id = r.id AND d.provider = r.provider
        GROUP BY r.id HAVING count(d.id) > r.only_theirs + r.only_ours + r.different OR r.until < r.since""",
    ),
)
