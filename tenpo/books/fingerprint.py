"""What a closed day's fingerprint is made of: the same when a day is closed and whenever it is checked."""

from collections.abc import Iterable
from hashlib import sha256

from tenpo.books.models import DayClose, DayCloseLine

# Of many transfers `t`: one digest over everything that each of them says, in the order of their ids.
DIGEST = """
    encode(sha256(string_agg(sha256(convert_to(concat_ws('|', t.id, t.debit_id, t.credit_id, t.amount, t.currency,
        t.kind, t.key, t.subject_id, coalesce(t.reverses_id::text, ''), extract(epoch FROM t.created_at)), 'UTF8')),
        ''::bytea ORDER BY t.id)), 'hex')
"""

# The fingerprint that a row `c` of books_dayclose should have, from the one `before` it, the `transfers`, their
# `amount` and `digest`.
EXPECTED = """
    encode(sha256(convert_to(concat_ws('|', coalesce({before}, ''), to_char(c.day, 'YYYY-MM-DD'), c.currency,
        coalesce({transfers}, 0), coalesce({amount}, 0), coalesce({digest}, ''),
        (SELECT string_agg(concat_ws(':', l.kind, l.name, l.opening, l.debits, l.credits, l.closing, l.debits_to_date,
            l.credits_to_date), '|' ORDER BY l.kind COLLATE "C", l.name COLLATE "C")
         FROM books_daycloseline l WHERE l.day_close_id = c.id)), 'UTF8')), 'hex')
"""


def fingerprint_of(close: DayClose, lines: Iterable[DayCloseLine], *, before: str, digest: str) -> str:
    """The fingerprint of a day that is being closed, as `EXPECTED` finds it again."""
    said = [
        ":".join(
            str(value)
            for value in (
                line.kind, line.name, line.opening, line.debits, line.credits, line.closing, line.debits_to_date,
                line.credits_to_date,
            )
        )
        for line in sorted(lines, key=lambda line: (line.kind, line.name))
    ]  # fmt: skip
    parts = [before, close.day.isoformat(), close.currency, close.transfers, close.amount, digest, *said]
    return sha256("|".join(map(str, parts)).encode()).hexdigest()
