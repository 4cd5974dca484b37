"""What the owner decides about the business. Here and not in core, because the currency hangs on what was sold."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.business import current_business, forget_business
from tenpo.core.errors import RuleError
from tenpo.core.models import Business, check_fields
from tenpo.core.outbox import publish
from tenpo.core.zones import is_zone
from tenpo.ledger.models import Transfer
from tenpo.orders.models import Order
from tenpo.orders.sponsor_models import Sponsorship
from tenpo.payments import formats
from tenpo.payments.models import Payment, Payout
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User
from tenpo.people.permissions import is_active_admin

# What the world pays with; the form and the API offer these.
CURRENCIES = (
    "AED", "ARS", "AUD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP",
    "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD", "MAD", "MXN", "MYR", "NGN",
    "NOK", "NZD", "PEN", "PHP", "PLN", "QAR", "RON", "SAR", "SEK", "SGD", "THB", "TND", "TRY", "TWD",
    "UAH", "USD", "VND", "ZAR",
)  # fmt: skip
FIELDS = (
    "name",
    "currency",
    "time_zone",
    "locale",
    "accent_hue",
    "allows_sign_up",
    "hold_minutes",
    "offer_hours",
    "manual_hold_days",
    "credit_months",
    "top_up_least",
    "top_up_most",
    "wallet_most",
    "invite_days",
    "offers_bank_transfer",
    "bank_holder",
    "bank_iban",
    "bank_bic",
    "bank_name",
    "second_factor_for",
    "second_factor_starts_on",
)

# Who lowers it lets a password alone in, whatever ended since.
SECOND_FACTOR_FIELDS = {"second_factor_for", "second_factor_starts_on"}
# Who changes it has everybody's money sent elsewhere.
ACCOUNT_FIELDS = {"bank_holder", "bank_iban", "bank_bic", "bank_name"}
# Changed only by who has just shown who they are.
GUARDED_FIELDS = SECOND_FACTOR_FIELDS | ACCOUNT_FIELDS


def find_changes(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of this differs from what the business has; the rest is not written back over somebody else's change."""
    forget_business()
    business = current_business()
    return {name: value for name, value in wanted.items() if _short(name, value) != getattr(business, name)}


def is_currency_fixed() -> bool:
    """Whether something was sold, money moved or is on its way, or was agreed on, so that the currency stays."""
    moved = (Order.objects, Transfer.objects, Payment.objects, Payout.objects)
    return any(rows.exists() for rows in (*moved, Sponsorship.objects, AutoTopUp.objects))


@transaction.atomic
def update_business(*, by: User | None, visit: str | None = None, **changes: Any) -> Business:
    """Change some of `FIELDS`, as asked in `visit`. What was sold or promised before keeps its own terms.

    Another account that bank transfers go to is told to every admin. Raises RuleError "currency_fixed" once something
    was sold, money moved or was agreed on, ValidationError by field.
    """
    if not is_active_admin(by):
        raise PermissionDenied
    if by is not None and GUARDED_FIELDS & changes.keys():
        lock_signed_in(by, visit=visit)
    changes = {name: _short(name, value) for name, value in changes.items()}
    business = Business.objects.select_for_update(no_key=True).get(pk=current_business().pk)
    before = {name: getattr(business, name) for name in FIELDS if name in changes}
    before = {name: value for name, value in before.items() if value != changes[name]}
    for name in before:
        setattr(business, name, changes[name])
    _check(business, set(before))
    if "currency" in before and is_currency_fixed():
        raise RuleError("currency_fixed", _("There is money in %(old)s already.") % {"old": before["currency"]})
    if before:
        business.save(update_fields=list(before))
        record("business.changed", by=by, on=business, before=before, after={name: changes[name] for name in before})
        if ACCOUNT_FIELDS & before.keys():
            publish(
                "business.account_changed", subject=business, holder=business.bank_holder, iban=business.bank_iban,
                iban_before=before.get("bank_iban", business.bank_iban), changed_by=str(by or ""),
            )  # fmt: skip
        transaction.on_commit(forget_business)
    return business


def _short(name: str, value: Any) -> Any:
    """A value of `FIELDS` as it is stored: what is said of the account without spaces that mean nothing."""
    if name not in ACCOUNT_FIELDS:
        return value
    return "".join(value.split()).upper() if name in ("bank_iban", "bank_bic") else " ".join(value.split())


def _check(business: Business, names: set[str]) -> None:
    check_fields(business, *names)
    problems = {}
    if "currency" in names and business.currency not in CURRENCIES:
        problems["currency"] = _("We do not know this currency.")
    if "time_zone" in names and not is_zone(business.time_zone):
        problems["time_zone"] = _("This is not a time zone that we know.")
    if business.top_up_least > business.top_up_most:
        problems["top_up_most"] = _("This is less than the least.")
    if "locale" in names and business.locale not in dict(settings.LANGUAGES):
        problems["locale"] = _("We do not speak this language yet.")
    if names & {"offers_bank_transfer", *ACCOUNT_FIELDS}:
        problems |= _account_problems(business)
    if problems:
        raise ValidationError(problems)


def _account_problems(business: Business) -> dict[str, Any]:
    """What is wrong with the account to pay to, by field. Its numbers are written as they are stored."""
    problems: dict[str, Any] = {}
    for name, check in {"bank_iban": formats.check_iban, "bank_bic": formats.check_bic}.items():
        try:
            setattr(business, name, check(getattr(business, name)) if getattr(business, name) else "")
        except ValidationError as error:
            problems[name] = error
    if business.bank_iban and not business.bank_holder:
        problems["bank_holder"] = _("Say whose account it is, as its bank has it.")
    if not business.bank_iban and any(getattr(business, name) for name in ACCOUNT_FIELDS):
        problems.setdefault("bank_iban", _("Add the IBAN, or leave the others empty too."))
    if business.offers_bank_transfer and not business.bank_iban:
        problems.setdefault("bank_iban", _("Say first which account the money goes to."))
    return problems
