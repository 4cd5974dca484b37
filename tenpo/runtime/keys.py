"""The key ring: keys for what is encrypted at rest, apart from the secret key, several at a time.

Each key has an id made from itself, so a slip of the pen in a key is noticed. The last one encrypts; all of them open.
The ring is TENPO_KEYS, or the file `keys` in the data folder, which is read anew whenever it changes: a running
service takes up a new key by itself.
"""

import base64
import hashlib
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from tenpo.runtime import env, system
from tenpo.runtime.errors import OperatorError
from tenpo.runtime.secrets import make_once

KEY_BYTES = 32
ID_BYTES = 4


@dataclass(frozen=True)
class Key:
    """One AES-256 key. What is shown of it is its id."""

    value: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"

    @property
    def id(self) -> str:
        return hashlib.sha256(b"tenpo key " + self.value).hexdigest()[: ID_BYTES * 2]

    @property
    def entry(self) -> str:
        """How the key is written in TENPO_KEYS and in the file."""
        return f"{self.id}:{base64.b64encode(self.value).decode()}"


type Ring = dict[str, Key]

_read: tuple[object, Ring] = (None, {})
_reading = threading.Lock()


def ring_file(data_dir: Path) -> Path:
    """Where the keys are kept when the environment gives none."""
    return data_dir / "keys"


def new_key() -> Key:
    return Key(secrets.token_bytes(KEY_BYTES))


def parse(text: str, source: str) -> Ring:
    """The keys of a ring, oldest first; a clear error, which quotes no key, when one is not whole."""
    ring: Ring = {}
    for number, entry in enumerate(text.replace(",", " ").split(), 1):
        name, _, encoded = entry.partition(":")
        try:
            key = Key(base64.b64decode(encoded, validate=True))
        except ValueError:
            key = Key(b"")
        if len(key.value) != KEY_BYTES or key.id != name:
            raise OperatorError(f"Key {number} of {source} is damaged: it must be ID:KEY as `tenpo keys add` makes it.")
        ring[name] = key
    if not ring:
        raise OperatorError(f"{source} holds no key. Put back the one that belongs to this database.")
    return ring


def load(data_dir: Path) -> Ring:
    """The keys of this installation, oldest first: from the environment, or made once and kept with mode 0600."""
    global _read
    if given := env.text("TENPO_KEYS"):
        return parse(given, "TENPO_KEYS")
    file = ring_file(data_dir)
    with _reading:
        if not file.exists():
            make_once(file, f"{new_key().entry}\n")
        try:
            found = file.stat()
            state = (file, found.st_ino, found.st_mtime_ns, found.st_size)
            if state != _read[0]:
                _read = (state, parse(file.read_text(), str(file)))
        except PermissionError:
            raise OperatorError(f"{file} belongs to another user; Tenpo must run as its owner.") from None
        return _read[1]


def newest(ring: Ring) -> Key:
    """The key that encrypts."""
    return list(ring.values())[-1]


def save(data_dir: Path, ring: Ring) -> None:
    """Write the ring's file, whole or not at all."""
    if env.text("TENPO_KEYS"):
        raise OperatorError("The keys come from TENPO_KEYS; change them there, and restart Tenpo.")
    system.write_whole(ring_file(data_dir), "".join(f"{key.entry}\n" for key in ring.values()).encode())
