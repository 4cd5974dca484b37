"""Ways in which people can be paid: added, chosen, given up."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.core.limits import PAYOUT_ACCOUNT_WAITS_HOURS, PAYOUT_ACCOUNTS_KEPT
from tenpo.core.models import check_fields
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.payments import formats
from tenpo.payments.actions.terms import keep_terms, lock_terms, set_terms
from tenpo.payments.models import PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods import METHODS, offered_methods
from tenpo.payments.payout_methods.pain001 import NAME_LENGTH
from tenpo.payments.permissions import can_remove_payout_account
from tenpo.payments.queries import payout_terms
from tenpo.people.actions.visits import lock_signed_in, lock_user
from tenpo.people.models import User

TERMS = (
    "minimum", "fee", "second_amount", "schedule", "pays_wallets", "pays_crypto", "bank_iban", "bank_bic",
)  # fmt: skip


@transaction.atomic
def add_payout_account(
    owner: User,
    *,
    method: str,
    holder: str,
    details: Mapping[str, str],
    is_default: bool = False,
    by: User,
    visit: str | None = None,
) -> PayoutAccount:
    """Add a way to be paid, as asked in `visit`. The first one can be paid to at once, a further one after two days.

    Its owner is told in any case. Raises ValidationError by field, and RuleError "method_not_offered" or
    "too_many_payout_accounts".
    """
    if by.pk != owner.pk:
        raise PermissionDenied
    lock_signed_in(owner, visit=visit)
    if method not in offered_methods(payout_terms(), current_business().currency):
        raise RuleError("method_not_offered", _("Nobody is paid this way here."))
    known = list(PayoutAccount.objects.filter(owner=owner))
    if sum(one.disabled_at is None for one in known) >= PAYOUT_ACCOUNTS_KEPT:
        words = _("You have %(n)s ways to be paid. Remove one first.") % {"n": PAYOUT_ACCOUNTS_KEPT}
        raise RuleError("too_many_payout_accounts", words)
    account = _new_account(owner, method, " ".join(holder.split()), details)
    if known:
        account.usable_from += timedelta(hours=PAYOUT_ACCOUNT_WAITS_HOURS)
    if is_default or not known:
        PayoutAccount.objects.filter(owner=owner, is_default=True).update(is_default=False)
        account.is_default = True
    account.save(force_insert=True)
    record("payout_account.added", by=by, on=account, after=_said(account))
    publish("payout_account.added", subject=account)
    return account


@transaction.atomic
def choose_payout_account(account: PayoutAccount, *, by: User, visit: str | None = None) -> PayoutAccount:
    """Have earnings that are paid out by themselves go to this one of one's accounts, as asked in `visit`.

    Its owner is told. Raises RuleError "account_disabled".
    """
    if by.pk != account.owner_id:
        raise PermissionDenied
    lock_signed_in(account.owner, visit=visit)
    account = _locked(account)
    if account.disabled_at is not None:
        raise account_disabled()
    if not account.is_default:
        PayoutAccount.objects.filter(owner=by, is_default=True).update(is_default=False)
        account.is_default = True
        account.save(update_fields=["is_default"])
        record("payout_account.chosen", by=by, on=account, after={"is_default": True})
        publish("payout_account.chosen", subject=account)
    return account


@transaction.atomic
def remove_payout_account(account: PayoutAccount, *, by: User | None) -> PayoutAccount:
    """Never pay to this account again. Removing it twice changes nothing.

    Raises RuleError "payout_under_way" while one goes there: cancel or reject it first, or wait for it.
    """
    # Whoever asks for a payout to it has the owner's row first.
    lock_user(account.owner)
    account = _locked(account)
    if not can_remove_payout_account(by, account):
        raise PermissionDenied
    if account.disabled_at is not None:
        return account
    if account.payouts.under_way().exists():
        raise RuleError("payout_under_way", _("A payout to this account is under way. Cancel it or wait for it."))
    account.disabled_at, account.is_default = clock.now(), False
    account.save(update_fields=["disabled_at", "is_default"])
    record("payout_account.removed", by=by, on=account, before={"is_disabled": False}, after={"is_disabled": True})
    publish("payout_account.removed", subject=account)
    return account


@transaction.atomic
def update_payout_terms(*, by: User | None, visit: str | None = None, **changes: Any) -> PayoutTerms:
    """Change some of `TERMS`, as asked in `visit`. What was asked for before keeps its own.

    Raises ValidationError by field.
    """
    terms = lock_terms(PayoutTerms, by=by, visit=visit)
    before = set_terms(terms, TERMS, changes)
    _check_terms(terms)
    keep_terms(terms, before, "payout_terms.changed", by=by)
    return terms


def account_disabled() -> RuleError:
    """Nobody is paid to an account that was removed."""
    return RuleError("account_disabled", _("This account was removed. Choose another one."))


def _new_account(owner: User, method: str, holder: str, typed: Mapping[str, str]) -> PayoutAccount:
    problems: dict[str, Any] = {}
    details: dict[str, str] = {}
    if not formats.for_banks(holder, NAME_LENGTH):
        problems["holder"] = _("Write the name as the account has it.")
    try:
        details = METHODS[method].read(typed, owner=owner)
    except ValidationError as error:
        problems |= error.error_dict
    if problems:
        raise ValidationError(problems)
    account = PayoutAccount(
        id=new_id(), owner=owner, method=method, holder=holder, details=json.dumps(details),
        masked=METHODS[method].mask(details), usable_from=clock.now(),
    )  # fmt: skip
    check_fields(account, "holder", "masked")
    return account


def _locked(account: PayoutAccount) -> PayoutAccount:
    return PayoutAccount.objects.select_for_update(no_key=True).get(pk=account.pk)


def _said(account: PayoutAccount) -> dict[str, Any]:
    """What the audit says of an account: nothing that could be paid to."""
    return {
        "method": account.method,
        "holder": account.holder,
        "masked": account.masked,
        "is_default": account.is_default,
        "usable_from": account.usable_from,
    }


def _check_terms(terms: PayoutTerms) -> None:
    problems: dict[str, Any] = {}
    if not 0 <= terms.fee < terms.minimum:
        problems["minimum"] = _("The smallest payout must be more than the fee.")
    if terms.second_amount is not None and terms.second_amount <= 0:
        problems["second_amount"] = _("An amount above zero, or nothing.")
    for name, check in {"bank_iban": formats.check_sepa_iban, "bank_bic": formats.check_bic}.items():
        try:
            setattr(terms, name, check(getattr(terms, name)) if getattr(terms, name) else "")
        except ValidationError as error:
            problems[name] = error
    if terms.bank_iban and not formats.for_banks(current_business().name, NAME_LENGTH):
        problems["bank_iban"] = _("The name of your business has no letter that a bank takes. Change it first.")
    if bool(terms.bank_iban) != bool(terms.bank_bic):
        problems.setdefault("bank_bic", _("A bank needs both, the IBAN and the BIC of your account."))
    if problems:
        raise ValidationError(problems)
    check_fields(terms, *TERMS)
