"""Secrets that we must present again: encrypted at rest, bound to what they are for."""

import base64
import os
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

VERSION = "v1"
NONCE_BYTES = 12


def _keys() -> Iterator[AESGCM]:
    # Old secret keys still open what they closed; the present one closes.
    for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tenpo.core.crypto")
        yield AESGCM(derived.derive(force_bytes(secret)))


def encrypt(text: str, *, purpose: str) -> str:
    """The text as something that only this installation can read, and only for `purpose`."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = next(_keys()).encrypt(nonce, text.encode(), purpose.encode())
    return f"{VERSION}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def decrypt(sealed: str, *, purpose: str) -> str:
    """What `encrypt` closed; raises ValueError for anything else, another purpose included."""
    version, _, body = sealed.partition(":")
    if version != VERSION:
        raise ValueError("not something that we encrypted")
    raw = base64.urlsafe_b64decode(body)
    for key in _keys():
        try:
            return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode()).decode()
        except InvalidTag:
            continue
    raise ValueError("closed by another secret key, or for another purpose")
