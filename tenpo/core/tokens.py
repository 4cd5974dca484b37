"""Secrets that we only verify (random, shown once, stored as a hash), and ids of ours."""

import hashlib
import secrets
import threading
import time
from uuid import UUID

from tenpo.core import clock

TOKEN_BYTES = 24  # 192 bits; ASVS 6.5 asks for 128

# Nanoseconds from one id of a process to the next at least: what its time can tell apart.
_STEP = 245
_SET_BACK = 10_000_000_000
_newest = 0
_one_by_one = threading.Lock()


def new_token() -> str:
    """A fresh secret for a link or a feed address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """What is stored. A plain SHA-256 is enough for a secret that is random, not chosen by a person."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def id_of(text: str) -> UUID | None:
    """The id that a text names; None when it names none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def new_id() -> UUID:
    """A fresh UUIDv7, for a row whose id must be known before the database would give it one.

    Its time is the database's, and as fine (RFC 9562, 6.2, method 3); each of a process sorts after the ones before it,
    also where the clock is set back a little. One that was far ahead is believed again.
    """
    global _newest
    with _one_by_one:
        now = time.time_ns() + clock.ahead_ns()
        if -_STEP < _newest - now < _SET_BACK:
            now = _newest + _STEP
        _newest = now
    milliseconds, rest = divmod(now, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | secrets.randbits(62))
