"""The secret key, and how mail leaves."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tenpo.runtime import env, system
from tenpo.runtime.errors import OperatorError

MAIL_SECONDS = 20
SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def secret_key_file(data_dir: Path) -> Path:
    """Where the key is kept when the environment gives none."""
    return data_dir / "secret_key"


def secret_key(data_dir: Path) -> str:
    """The key that signs cookies and links: from the environment, or made once and kept with mode 0600."""
    if given := env.text("TENPO_SECRET_KEY"):
        return given
    file = secret_key_file(data_dir)
    if not file.exists():
        make_once(file, secrets.token_urlsafe(64))
    try:
        return file.read_text().strip()
    except PermissionError:
        raise OperatorError(f"{file} belongs to another user; Tenpo must run as its owner.") from None


def make_once(file: Path, content: str) -> None:
    """Write a secret into a file of ours alone. Of two processes that start at once, one is first, and both use its."""
    system.private_dir(file.parent)
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
    unfinished = Path(name)
    with os.fdopen(handle, "w") as opened:
        opened.write(content)
    try:
        # `link` refuses when the other was first.
        os.link(unfinished, file)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()


def mailer(url: str, mail_dir: Path) -> dict[str, Any]:
    """Django's mailer for an SMTP address; without one, each mail becomes a file in `mail_dir`."""
    if not url:
        return {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": str(mail_dir)},
        }
    parts = urlsplit(url)
    if parts.scheme not in SMTP_PORTS or not parts.hostname:
        raise OperatorError(
            "TENPO_EMAIL_URL must look like smtp+tls://user:password@mail.example.com:587 "
            "(smtp:// without encryption, smtps:// for encryption from the first byte)."
        )
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": parts.hostname,
            "port": parts.port or SMTP_PORTS[parts.scheme],
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_tls": parts.scheme == "smtp+tls",
            "use_ssl": parts.scheme == "smtps",
            "timeout": MAIL_SECONDS,
        },
    }
