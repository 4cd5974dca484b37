"""How often something may be tried. Every limit of Tenpo is a number here."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tenpo.core.errors import TooManyRequests


@dataclass(frozen=True)
class Limit:
    """At most `count` tries in each window of `seconds`."""

    count: int
    seconds: int


LIMITS = {
    # Whatever is sent to the addresses of signing in: from one network, or by one person who is signed in.
    "account-network": Limit(100, 300),
    "account-user": Limit(30, 300),
    # Tries of a password: from one network; of one account from one network, so that nobody keeps its owner out; and of
    # one account from everywhere. Who has many networks can reach the last one: a mailed code still lets its owner in.
    "sign-in-network": Limit(30, 300),
    "sign-in-account": Limit(5, 300),
    "sign-in-everywhere": Limit(100, 3600),
    # Tries of an app's code or a recovery code, by somebody who knows the password.
    "second-factor": Limit(5, 300),
    # Codes, password links: whatever a stranger can have mailed to an address. One network cannot use up what all may.
    "account-mail": Limit(5, 900),
    "account-mail-everywhere": Limit(20, 3600),
    # Tries of one mailed code. The window is longer than any code lives, so it bounds the code's whole life.
    "mailed-code": Limit(5, 86_400),
    "invite-open": Limit(30, 300),
    "invite-accept": Limit(20, 300),
    "invite-send": Limit(600, 3600),
    "pay-user": Limit(20, 300),
    "book-user": Limit(60, 300),
    "feed-address": Limit(120, 300),
}

# Counts one try for each row of `{source}`.
_HIT = """
    INSERT INTO core_ratecount (key, window_starts_at, count)
    SELECT %(limit_key)s, to_timestamp(floor(extract(epoch FROM now()) / %(seconds)s) * %(seconds)s), 1 {source}
    ON CONFLICT (key, window_starts_at) DO UPDATE SET count = core_ratecount.count + 1
    RETURNING count, ceil(extract(epoch FROM window_starts_at) + %(seconds)s - extract(epoch FROM now()))::int
        AS retry_after
"""


def hit(name: str, *parts: object) -> None:
    """Count one try of `name` by whoever `parts` say; raise TooManyRequests beyond the limit.

    One statement, so it holds when a hundred come at once. Call it outside the action's transaction: a try that
    failed must stay counted.
    """
    sql, parameters = counting(name, *parts)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    assert row is not None
    check_count(name, *row)


def counting(name: str, *parts: object, of: str = "") -> tuple[str, dict[str, Any]]:
    """The statement behind `hit`, to stand in a larger one: it counts one try for each row of the table `of`.

    Returns the number of tries and the seconds to wait, for `check_count`.
    """
    # Hashed: an address or an e-mail has no business in a counter.
    key = hashlib.sha256("\0".join([name, *map(str, parts)]).encode("utf-8", "surrogatepass")).hexdigest()
    source = f"FROM {of}" if of else ""
    return _HIT.format(source=source), {"limit_key": key, "seconds": LIMITS[name].seconds}


def check_count(name: str, count: int, retry_after: int) -> None:
    """Raise TooManyRequests when there were more tries than the limit has."""
    if count > LIMITS[name].count:
        raise TooManyRequests(max(1, retry_after))


def forget_old_counts() -> int:
    """Drop what was counted in windows that are over, of every limit; returns how many."""
    longest = max(limit.seconds for limit in LIMITS.values())
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM core_ratecount WHERE window_starts_at < now() - make_interval(secs => %s)", [longest]
        )
        return int(cursor.rowcount)
