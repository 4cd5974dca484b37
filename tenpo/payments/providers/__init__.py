"""Payment providers behind one shape: those that Tenpo knows, and those that this installation offers."""

from django.conf import settings

from tenpo.payments.providers.base import Provider
from tenpo.payments.providers.manual import BankTransfer, Payroll
from tenpo.payments.providers.sandbox import Sandbox

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (Sandbox(), Payroll(), BankTransfer())}


def offered_providers() -> dict[str, Provider]:
    """What can be chosen at a checkout here; the sandbox only where the operator wants test cards."""
    return {name: one for name, one in PROVIDERS.items() if name != Sandbox.name or settings.SANDBOX_PAYMENTS}


def provider_of(name: str) -> Provider:
    """The provider of that name; KeyError for one that we do not have."""
    return PROVIDERS[name]
