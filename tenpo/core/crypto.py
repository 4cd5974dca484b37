"""Secrets that we must present or read again: encrypted at rest, each bound to the place where it belongs.

AES-256-GCM under a key of the key ring (`tenpo.runtime.keys`). A sealed value is a version byte, the key's id, a nonce
that is random each time, and the text with its tag. What it is bound to is no part of it but must be said to open it,
so a value that was copied to another row or column does not open there.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from tenpo.runtime import keys

VERSION = b"\x01"
NONCE_BYTES = 12
# The version and the key's id: which key closed a value can be seen without opening it.
PREFIX_BYTES = len(VERSION) + keys.ID_BYTES
# Instead of a key's id: no key has sealed this.
NO_KEY = ""


class CannotOpen(ValueError):
    """This is nothing that we sealed, or it was sealed for another place."""


class MissingKey(CannotOpen):
    """It was sealed by a key that the ring does not hold."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key {key_id} is in neither TENPO_KEYS nor the file `keys` of the data folder")
        self.key_id = key_id


def prefix_of(key_id: str) -> bytes:
    """How every value begins that this key sealed."""
    return VERSION + bytes.fromhex(key_id)


def newest_prefix() -> bytes:
    """How every value begins that is sealed now."""
    return prefix_of(keys.newest(keys.load(settings.DATA_DIR)).id)


def key_id_of(sealed: bytes) -> str:
    """The id of the key that sealed this, or NO_KEY when it is nothing that we sealed."""
    if len(sealed) < PREFIX_BYTES + NONCE_BYTES or sealed[:1] != VERSION:
        return NO_KEY
    return sealed[1:PREFIX_BYTES].hex()


def seal(text: str, *bound_to: str) -> bytes:
    """The text as something that only this installation can read, and only in the place that `bound_to` names."""
    key = keys.newest(keys.load(settings.DATA_DIR))
    nonce = os.urandom(NONCE_BYTES)
    return prefix_of(key.id) + nonce + AESGCM(key.value).encrypt(nonce, text.encode(), _place(bound_to))


def unseal(sealed: bytes, *bound_to: str) -> str:
    """What `seal` closed for this very place; raises CannotOpen for anything else."""
    key_id = key_id_of(sealed)
    if key_id == NO_KEY:
        raise CannotOpen("not something that we sealed")
    key = keys.load(settings.DATA_DIR).get(key_id)
    if key is None:
        raise MissingKey(key_id)
    nonce, body = sealed[PREFIX_BYTES : PREFIX_BYTES + NONCE_BYTES], sealed[PREFIX_BYTES + NONCE_BYTES :]
    try:
        return AESGCM(key.value).decrypt(nonce, body, _place(bound_to)).decode()
    except InvalidTag:
        raise CannotOpen("sealed for another place, or changed since") from None


def _place(parts: tuple[str, ...]) -> bytes:
    assert all(part and "\0" not in part for part in parts), "what a secret is bound to has a name"
    return "\0".join(parts).encode()
