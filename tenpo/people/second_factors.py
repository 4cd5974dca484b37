"""The secrets of second factors: sealed inside the rows that allauth keeps, bound to the user whom they belong to."""

import base64
from collections import Counter
from typing import Any

from allauth.account.internal.stagekit import unstash_login
from allauth.core import context as allauth_context
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from tenpo.core.crypto import PREFIX_BYTES, CannotOpen, newest_prefix, seal, unseal

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

    def count(self) -> Counter[str]:
        rows = Authenticator.objects.values_list("data", flat=True).iterator()
        return Counter(_raw(data[name])[1:PREFIX_BYTES].hex() for data in rows for name in SEALED_NAMES if name in data)

    def rotate(self, limit: int) -> tuple[int, int]:
        old = [row for row in Authenticator.objects.order_by("pk").iterator() if self._is_old(row.data)][:limit]
        changed = 0
        for row in old:
            fresh = {
                name: seal_for(row.user_id, open_for(row.user_id, row.data[name]))
                for name in SEALED_NAMES
                if name in row.data
            }
            # Only over what was read: a recovery code that is used meanwhile must stay used.
            rows = Authenticator.objects.filter(pk=row.pk, data=row.data)
            changed += rows.update(data={**row.data, **fresh})
        return len(old), changed

    def _is_old(self, data: dict[str, Any]) -> bool:
        newest = newest_prefix()
        return any(name in data and not _raw(data[name]).startswith(newest) for name in SEALED_NAMES)


def _raw(sealed: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(sealed)
    except ValueError:
        raise CannotOpen("not something that we sealed") from None
