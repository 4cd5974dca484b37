"""Payment providers behind one shape: those that Tenpo knows, and those that this installation offers."""

from datetime import datetime, timedelta

from django.conf import settings

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.limits import TRANSFER_TAKES_HOURS
from tenpo.payments.providers.base import Provider
from tenpo.payments.providers.manual import BankTransfer, Payroll
from tenpo.payments.providers.sandbox import Sandbox
from tenpo.payments.providers.stripe import Stripe

PROVIDERS: dict[str, Provider] = {
    provider.name: provider for provider in (Sandbox(), Stripe(), Payroll(), BankTransfer())
}


def offered_providers(*, before: datetime | None = None) -> dict[str, Provider]:
    """What can be chosen here: the sandbox where the operator wants test cards, Stripe where its keys are set.

    Bank transfer where the business takes it, and for what begins then (`before`) only where its money can be there.
    """
    is_in_time = before is None or before - clock.now() >= timedelta(hours=TRANSFER_TAKES_HOURS)
    is_on = {
        Sandbox.name: settings.SANDBOX_PAYMENTS,
        Stripe.name: bool(settings.STRIPE_KEY),
        BankTransfer.name: current_business().offers_bank_transfer and is_in_time,
    }
    return {name: one for name, one in PROVIDERS.items() if is_on.get(name, True)}


def provider_of(name: str) -> Provider:
    """The provider of that name; KeyError for one that we do not have."""
    return PROVIDERS[name]
