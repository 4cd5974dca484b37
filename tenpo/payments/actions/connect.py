"""People's own accounts at Stripe: opened, completed there, and kept as Stripe says they are."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.payments.actions.asking import ask_in_turn
from tenpo.payments.provider_models import StripeAccount
from tenpo.payments.providers import offered_providers
from tenpo.payments.providers.base import ProviderTimeout
from tenpo.payments.providers.stripe_connect import (
    AccountOutcome,
    AccountRefused,
    onboarding_link,
    open_account,
    retrieve_account,
)
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User


def open_stripe_account(user: User, *, by: User, visit: str | None = None) -> str:
    """Open somebody's account at Stripe, or go on with it; returns where they complete it.

    As asked in `visit`. Raises RuleError not_offered, not_answered, refused_there.
    """
    account = _begin(user, by=by, visit=visit)
    try:
        if account.reference is None:
            account = apply_account_outcome(account, open_account(account))
        return onboarding_link(account)
    except ProviderTimeout:
        raise RuleError("not_answered", _("Stripe does not answer. Please try again in a moment.")) from None
    except AccountRefused:
        raise RuleError("refused_there", _("Stripe does not open this account. Please tell an admin.")) from None


@transaction.atomic
def _begin(user: User, *, by: User, visit: str | None) -> StripeAccount:
    if by.pk != user.pk:
        raise PermissionDenied
    user = lock_signed_in(user, visit=visit)
    if "stripe" not in offered_providers():
        raise RuleError("not_offered", _("Payouts by Stripe are not offered here."))
    account, is_new = StripeAccount.objects.get_or_create(user=user)
    if is_new:
        record("stripe_account.opened", by=by, on=account)
    return account


@transaction.atomic
def apply_account_outcome(account: StripeAccount, outcome: AccountOutcome) -> StripeAccount:
    """Bring an account to what Stripe says of it. Saying it twice changes nothing."""
    account = StripeAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
    before = account.status
    account.reference = account.reference or outcome.reference
    account.status, account.payouts_enabled = outcome.status, outcome.payouts_enabled
    account.requirements = outcome.requirements
    if outcome.has_onboarded and account.onboarded_at is None:
        account.onboarded_at = clock.now()
    account.save(update_fields=["reference", "status", "payouts_enabled", "requirements", "onboarded_at"])
    if account.status != before:
        record(
            "stripe_account.changed", by=None, on=account, before={"status": before}, after={"status": account.status}
        )
    return account


def settle_stripe_account(account: StripeAccount) -> bool:
    """Ask Stripe how an account stands, and apply it; False when it does not answer, or will not say."""
    if account.reference is None:
        return False
    try:
        outcome = retrieve_account(account)
    except (ProviderTimeout, AccountRefused):
        return False
    apply_account_outcome(account, outcome)
    return True


def settle_stripe_accounts(limit: int = 200) -> int:
    """Ask about accounts whose owners are still to complete something; returns how many Stripe answered for."""
    if "stripe" not in offered_providers():
        return 0
    unsettled = StripeAccount.objects.exclude(status=StripeAccount.Status.ACTIVE).exclude(reference=None)
    return ask_in_turn(unsettled, settle_stripe_account, limit=limit)
