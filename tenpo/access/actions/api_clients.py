"""API keys: made, shown once, revoked, and recognised."""

import secrets
import zlib
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from tenpo.access.models import ApiClient, Scope
from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.compiled import Compiled, Param
from tenpo.core.errors import RuleError
from tenpo.core.tokens import hash_token
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User, granted_roles

KEY_START = "tenpo"
SECRET_BYTES = 32
MAX_KEYS_PER_USER = 20
# `last_used_at` is for people to see; a write for every call would cost more than the call.
LAST_USED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_client(
    owner: User, *, name: str, scopes: list[str], expires_at: datetime | None, by: User, visit: str | None = None
) -> tuple[ApiClient, str]:
    """Make a key for `owner`, who asks for it in `visit`; returns it with the secret, which is never shown again.

    The form is `tenpo_<prefix>_<secret>_<checksum>`, so that scanners for lost secrets can recognise it.
    """
    if by.pk != owner.pk:
        raise PermissionDenied
    lock_signed_in(owner, visit=visit)
    if owner.api_clients.filter(revoked_at=None).count() >= MAX_KEYS_PER_USER:
        raise RuleError("too_many_keys", _("You have %(n)s keys. Revoke one first.") % {"n": MAX_KEYS_PER_USER})
    if expires_at is not None and expires_at <= clock.now():
        raise RuleError("expires_in_past", _("A key must expire in the future."))
    prefix = secrets.token_hex(4)
    body = f"{KEY_START}_{prefix}_{secrets.token_hex(SECRET_BYTES)}"
    key = f"{body}_{_checksum(body)}"
    client = ApiClient.objects.create(
        owner=owner,
        name=name,
        prefix=prefix,
        secret_hash=hash_token(key),
        scopes=[scope for scope in Scope.values if scope in scopes],
        expires_at=expires_at,
    )
    record("api_key.created", by=by, on=client, after={"name": name, "scopes": client.scopes, "expires_at": expires_at})
    return client, key


@transaction.atomic
def revoke_api_client(client: ApiClient, *, by: User | None) -> ApiClient:
    """Make a key worthless from this moment on. Revoking twice changes nothing."""
    client = ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
    if by is not None and by.pk != client.owner_id and not by.is_admin:
        raise PermissionDenied
    if client.revoked_at is None:
        client.revoked_at = clock.now()
        client.save(update_fields=["revoked_at"])
        record("api_key.revoked", by=by, on=client)
    return client


@transaction.atomic
def revoke_api_clients(owner: User, *, by: User | None) -> None:
    """Make every key of somebody's worthless."""
    for client in owner.api_clients.filter(revoked_at=None).order_by("id"):
        revoke_api_client(client, by=by)


_WITH_OWNER = Compiled(
    lambda: (
        ApiClient.objects.select_related("owner__participant")
        .annotate(owners_roles=granted_roles("owner"))
        .filter(prefix=Param("prefix"))[:1]
    )
)


def authenticate_key(key: str) -> tuple[User, ApiClient] | None:
    """The owner and the client of a key that is good now; None otherwise. One statement, seldom two."""
    parts = key.split("_")
    if len(parts) != 4 or parts[0] != KEY_START or parts[3] != _checksum("_".join(parts[:3])):
        return None
    client = _WITH_OWNER.first(prefix=parts[1])
    if client is None or not constant_time_compare(client.secret_hash, hash_token(key)):
        return None
    now = clock.now()
    if client.revoked_at is not None or (client.expires_at is not None and client.expires_at <= now):
        return None
    owner: User = client.owner
    if owner.disabled_at is not None:
        return None
    # As `with_roles` would have loaded them.
    owner.__dict__["granted_roles"] = client.__dict__["owners_roles"]
    if client.last_used_at is None or now - client.last_used_at > LAST_USED_EVERY:
        ApiClient.objects.filter(pk=client.pk).update(last_used_at=Now())
    return owner, client


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8', 'surrogatepass')):08x}"
