"""The secrets of second factors: sealed inside the rows that allauth keeps, bound to the user whom they belong to."""

import base64
from collections import Counter
from itertools import islice
from typing import Any

from allauth.account.internal.stagekit import unstash_login
from allauth.core import context as allauth_context
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from tenpo.core.crypto import CannotOpen, key_id_of, newest_prefix, seal, unseal
from tenpo.core.sealed import Row

# Which of an authenticator's values are sealed: a TOTP app's seed, and the one that recovery codes are made from.
SEALED_NAMES = ("secret", "seed")


def seal_for(user_id: object, text: str) -> str:
    """A second factor's secret as text that opens for this user alone."""
    return base64.urlsafe_b64encode(seal(text, "mfa", str(user_id))).decode()


def open_for(user_id: object, sealed: str) -> str:
    """What `seal_for` closed for this user; raises CannotOpen otherwise."""
    return unseal(_raw(sealed), "mfa", str(user_id))


def whose() -> object:
    """Whose second factor the request under way is about: allauth does not say."""
    user_id = find_whose(allauth_context.request)
    if user_id is None:
        raise CannotOpen("nobody is signing in")
    return user_id


def find_whose(request: HttpRequest) -> object | None:
    """Somebody signed in, or signing in."""
    if request.user.is_authenticated:
        return request.user.pk
    login = unstash_login(request, peek=True)
    return login.user.pk if login else None


class SecondFactors:
    """Where those secrets are, for `tenpo keys` (`core.sealed.Place`)."""

    name = "mfa.Authenticator.data"
    table, column, key = Authenticator._meta.db_table, "data", "id"

    def count(self) -> Counter[str]:
        rows = Authenticator.objects.values_list("data", flat=True).iterator()
        return Counter(key_id_of(_raw(text)) for data in rows for text in _sealed_in(data).values())

    def find_old(self, after: Any, limit: int) -> list[Row]:
        rows = Authenticator.objects.order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        old = (Row(row.pk, row.user_id, row.data) for row in rows.iterator() if self._is_old(row.data))
        return list(islice(old, limit))

    def reseal(self, row: Row) -> bool:
        fresh = {
            name: seal_for(row.identity, open_for(row.identity, text)) for name, text in _sealed_in(row.value).items()
        }
        # Only over what was read: a recovery code that is used meanwhile must stay used.
        rows = Authenticator.objects.filter(pk=row.key, data=row.value)
        return bool(rows.update(data={**row.value, **fresh}))

    def _is_old(self, data: dict[str, Any]) -> bool:
        newest = newest_prefix()
        return any(not _raw(text).startswith(newest) for text in _sealed_in(data).values())


def _sealed_in(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in SEALED_NAMES if name in data}


def _raw(text: str) -> bytes:
    """The bytes of a sealed text; none when it cannot be one."""
    try:
        return base64.urlsafe_b64decode(text)
    except (ValueError, TypeError):
        return b""
