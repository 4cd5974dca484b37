"""Files that people bring, in the data folder: under names of ours, outside of what is served, and taken by backups.

A row names its file; a file that no row names is let go by a job, so what is written before its row, or left behind by
it, needs no transaction with it. Nobody's name or ending of a file becomes part of a path.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from tenpo.core.errors import RuleError
from tenpo.core.limits import FILE_BYTES_MAX

# What a file without a row may be on its way to; after that nobody comes for it.
UNNAMED_SECONDS = 24 * 3600
# How much of a file says what it is.
HEAD_BYTES = 16
OCTETS = "application/octet-stream"
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True)
class KeptFile:
    """A file as it lies there: its name of ours, its bytes, and what it is by its content."""

    key: str
    size: int
    mime_type: str


def keep_file(folder: str, pieces: Iterable[bytes], *, limit: int = FILE_BYTES_MAX) -> KeptFile:
    """Write a file whole, or nothing of it. Raises RuleError too_large, empty."""
    name = secrets.token_hex(16)
    target = path_of(f"{folder}/{name[:2]}/{name}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=".", dir=target.parent)
    size, head = 0, b""
    try:
        with os.fdopen(handle, "wb") as opened:
            for piece in pieces:
                size += len(piece)
                if size > limit:
                    raise RuleError("too_large", _too_large(limit))
                head = (head + piece)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
                opened.write(piece)
            opened.flush()
            os.fsync(opened.fileno())
        if not size:
            raise RuleError("empty", _("There is nothing in this file."))
        Path(unfinished).rename(target)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return KeptFile(f"{folder}/{name[:2]}/{name}", size, kind_of(head))


def kind_of(head: bytes) -> str:
    """What a file is by how it begins: a picture or a PDF, or bytes."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), OCTETS)


def is_named_like_a_picture(name: str) -> bool:
    """Whether whoever is given a file of this name expects to see one."""
    return name.lower().endswith(PICTURE_ENDINGS)


def path_of(key: str) -> Path:
    """Where a file of ours lies."""
    assert ".." not in key, "a name of ours"
    return Path(settings.DATA_DIR) / "files" / key


def drop_file(key: str) -> None:
    """Let a file go whose row was not written."""
    path_of(key).unlink(missing_ok=True)


def drop_unnamed(folder: str, named: set[str]) -> int:
    """Let go the files of a folder that no row names, once they are a day old; returns how many."""
    count = 0
    for path in path_of(folder).glob("*/*"):
        key = f"{folder}/{path.parent.name}/{path.name}"
        if key not in named and path.stat().st_mtime < time.time() - UNNAMED_SECONDS:
            path.unlink(missing_ok=True)
            count += 1
    return count


def _too_large(limit: int) -> str:
    return _("This file is larger than %(n)s MB.") % {"n": limit // 1_000_000}
