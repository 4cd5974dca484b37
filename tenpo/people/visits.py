"""Where Django keeps its sessions: the cookie's value stands nowhere, and what a session holds is encrypted.

Whoever reads the database can therefore neither take over who is signed in nor see a code that somebody waits for.
`session_key` is what the server knows a visit by, a hash; `token` is what the browser holds.
"""

import hashlib
from typing import Any

import structlog
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from tenpo.core.crypto import CannotOpen
from tenpo.core.tokens import new_token
from tenpo.people.models import Visit

# As long as Django's and allauth's columns are: 160 bits.
KEY_LENGTH = 40
log = structlog.get_logger()


def key_of(token: str) -> str:
    """What a visit is known by here, whose browser holds this token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LENGTH]


class SessionStore(DatabaseStore):
    """Django's sessions in the database, as `Visit` rows."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.token = ""

    @classmethod
    def of_browser(cls, token: str) -> "SessionStore":
        """The session of whoever holds this token; an empty one when nobody was given it."""
        store = cls(key_of(token) if token else None)
        store.token = token
        return store

    @classmethod
    def get_model_class(cls) -> type[Visit]:
        return Visit

    def load(self) -> dict[str, Any]:
        try:
            return super().load()
        except CannotOpen as error:
            # As if it had ended: whoever comes signs in again.
            log.warning("visit_cannot_be_opened", error=str(error))
            self._session_key = None
            return {}

    def _get_new_session_key(self) -> str:
        self.token = new_token()
        return key_of(self.token)
