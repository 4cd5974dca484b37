"""Bad values take turns: of many that a field may be sent, each field is sent some, and the next field others.

So every value meets many fields, and every field some values, in a third of the time. `TENPO_EVERY_VALUE=1 make test`
sends each of them to every field.
"""

import os
from collections.abc import Iterable
from zlib import crc32

TURNS = 1 if os.environ.get("TENPO_EVERY_VALUE") else 3


def in_turn[T](values: Iterable[T], whose: str) -> list[T]:
    """Those whose turn it is; for the same `whose` always the same ones."""
    return list(values)[crc32(whose.encode()) % TURNS :: TURNS]
