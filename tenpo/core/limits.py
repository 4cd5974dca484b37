"""How often something may be tried. Every limit of Tenpo is a number here."""

import hashlib
from dataclasses import dataclass

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

_HIT = """
    INSERT INTO core_ratecount (key, window_starts_at, count)
    VALUES (%(key)s, to_timestamp(floor(extract(epoch FROM now()) / %(seconds)s) * %(seconds)s), 1)
    ON CONFLICT (key, window_starts_at) DO UPDATE SET count = core_ratecount.count + 1
    RETURNING count, ceil(extract(epoch FROM window_starts_at) + %(seconds)s - extract(epoch FROM now()))::int
"""


def hit(name: str, *parts: object) -> None:
    """Count one try of `name` by whoever `parts` say; raise TooManyRequests beyond the limit.

    One statement, so it holds when a hundred come at once. Call it outside the action's transaction: a try that
    failed must stay counted.
    """
    limit = LIMITS[name]
    # Hashed: an address or an e-mail has no business in a counter.
    key = hashlib.sha256("\0".join([name, *map(str, parts)]).encode("utf-8", "surrogatepass")).hexdigest()
    count, retry_after = _count(limit, key)
    if count > limit.count:
        raise TooManyRequests(max(1, retry_after))


def _count(limit: Limit, key: str) -> tuple[int, int]:
    """The number of this try in the present window, and the seconds until the next one."""
    with connection.cursor() as cursor:
        cursor.execute(_HIT, {"key": key, "seconds": limit.seconds})
        row = cursor.fetchone()
    assert row is not None
    count, retry_after = row
    return count, retry_after
