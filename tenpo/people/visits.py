"""Where Django keeps its sessions: the cookie's value stands nowhere, and what a session holds is encrypted.

Whoever reads the database can therefore neither take over who is signed in nor see a code that somebody waits for.
`session_key` is what the server knows a visit by, a hash; `token` is what the browser holds.
"""

import hashlib
from datetime import timedelta
from typing import Any

import structlog
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest

from tenpo.core import clock
from tenpo.core.crypto import CannotOpen
from tenpo.core.tokens import new_token
from tenpo.people.models import User, Visit

# As long as Django's and allauth's columns are: 160 bits.
KEY_LENGTH = 40
# A visit ends when nothing was heard of it for so long, and however busy it was, so long after somebody signed in.
IDLE = timedelta(days=14)
LIFETIME = timedelta(days=30)
# How exactly we remember when something was last heard: a write for each request would cost more than the request.
HEARD_EVERY = timedelta(hours=6)
# In a visit: what whoever signed in might do when it was last asked, and when they signed in.
ROLES = "roles"
SIGNED_IN_AT = "signed_in_at"
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
            found: dict[str, Any] = super().load()
        except CannotOpen as error:
            log.warning("visit_cannot_be_opened", error=str(error))
        else:
            signed_in_at = found.get(SIGNED_IN_AT)
            if signed_in_at is None or clock.now().timestamp() < signed_in_at + LIFETIME.total_seconds():
                return found
        # It has ended: whoever comes signs in again.
        self._session_key = None
        return {}

    def create_model_instance(self, data: dict[str, Any]) -> Visit:
        visit = super().create_model_instance(data)
        assert isinstance(visit, Visit)
        visit.expire_date = min(visit.expire_date, clock.now() + IDLE)
        return visit

    def _get_session_from_db(self) -> Visit | None:
        visit: Visit | None = super()._get_session_from_db()  # type: ignore[misc] # the stubs leave it out
        ends_at = clock.now() + IDLE
        if visit is not None and visit.expire_date < ends_at - HEARD_EVERY:
            Visit.objects.filter(pk=visit.pk).update(expire_date=ends_at)
        return visit

    def _get_new_session_key(self) -> str:
        self.token = new_token()
        return key_of(self.token)


def note_sign_in(request: HttpRequest, user: User) -> None:
    """Remember when somebody signed in, and what they may do."""
    request.session[SIGNED_IN_AT] = clock.now().timestamp()
    note_roles(request, user)


def note_roles(request: HttpRequest, user: User) -> None:
    """Remember what whoever is signed in may do."""
    request.session[ROLES] = sorted(user.roles)


def renew_on_other_roles(request: HttpRequest, user: User) -> None:
    """Give the browser another cookie once its user may do more, or less, than when it got the one it has."""
    known = request.session.get(ROLES)
    if known is not None and known != sorted(user.roles):
        request.session.cycle_key()
        note_roles(request, user)
        UserSession.objects.create_from_request(request)
