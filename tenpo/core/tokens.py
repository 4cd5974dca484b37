"""Secrets that we only verify (random, shown once, stored as a hash), and ids of ours."""

import hashlib
import secrets
import time
from uuid import UUID

TOKEN_BYTES = 24  # 192 bits; ASVS 6.5 asks for 128


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
    """A fresh UUIDv7, for a row whose id must be known before the database would give it one."""
    bits = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
