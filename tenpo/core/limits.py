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
    "sign-in-account": Limit(5, 300),
    "sign-in-address": Limit(30, 300),
    # Codes, password links: whatever a stranger can have mailed to an address.
    "account-mail": Limit(5, 900),
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
    with connection.cursor() as cursor:
        cursor.execute(_HIT, {"key": key, "seconds": limit.seconds})
        row = cursor.fetchone()
    assert row is not None
    count, retry_after = row
    if count > limit.count:
        raise TooManyRequests(max(1, retry_after))
