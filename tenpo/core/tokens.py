"""Secrets that we only verify: random, shown once, stored as a hash."""

import hashlib
import secrets

TOKEN_BYTES = 24  # 192 bits; ASVS 6.5 asks for 128


def new_token() -> str:
    """A fresh secret for a link or a feed address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """What is stored. A plain SHA-256 is enough for a secret that is random, not chosen by a person."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
