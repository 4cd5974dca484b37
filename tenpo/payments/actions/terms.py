"""What the business decided of all payouts, or of all refunds: one row of each, which admins change."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied

from tenpo.audit.actions import record
from tenpo.payments.models import PayoutTerms, RefundTerms
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin


def lock_terms[Terms: (PayoutTerms, RefundTerms)](model: type[Terms], *, by: User | None, visit: str | None) -> Terms:
    """The only row, locked for an admin who changes it in `visit`; it is made the first time."""
    if not is_active_admin(by):
        raise PermissionDenied
    if by is not None:
        lock_signed_in(by, visit=visit)
    model._default_manager.get_or_create(only=True)
    return model._default_manager.select_for_update(no_key=True).get()


def set_terms(terms: PayoutTerms | RefundTerms, names: Iterable[str], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Set those of `names` that change, not written yet; returns what was there before."""
    before = {name: getattr(terms, name) for name in names if name in changes}
    for name in before:
        setattr(terms, name, changes[name])
    return before


def keep_terms(terms: PayoutTerms | RefundTerms, before: Mapping[str, Any], action: str, *, by: User | None) -> bool:
    """Write what is another one than before, and record it; whether anything is."""
    after = {name: getattr(terms, name) for name in before if getattr(terms, name) != before[name]}
    if after:
        terms.save(update_fields=list(after))
        record(action, by=by, on=terms, before={name: before[name] for name in after}, after=after)
    return bool(after)
