"""Where Django keeps its sessions: the cookie's value stands nowhere, and what a session holds is encrypted.

Whoever reads the database can therefore neither take over who is signed in nor see a code that somebody waits for.
`session_key` is what the server knows a visit by, a hash; `token` is what the browser holds.
"""

import hashlib
from typing import Any

import structlog
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest

from tenpo.core.crypto import CannotOpen
from tenpo.core.tokens import new_token
from tenpo.people.models import User, Visit

# As long as Django's and allauth's columns are: 160 bits.
KEY_LENGTH = 40
# In a visit: what whoever signed in might do when it was last asked.
ROLES = "roles"
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


def note_roles(request: HttpRequest, user: User) -> None:
    """Remember what whoever signs in may do."""
    request.session[ROLES] = sorted(user.roles)


def renew_on_other_roles(request: HttpRequest, user: User) -> None:
    """Give the browser another cookie once its user may do more, or less, than when it got the one it has."""
    known = request.session.get(ROLES)
    if known is not None and known != sorted(user.roles):
        request.session.cycle_key()
        note_roles(request, user)
        UserSession.objects.create_from_request(request)
