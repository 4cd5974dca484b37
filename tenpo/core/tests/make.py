"""The business as tests want it."""

from typing import Any

from tenpo.core.business import current_business, forget_business
from tenpo.core.models import Business

ACCOUNT = {
    "bank_holder": "Nordlicht GmbH", "bank_iban": "DE02120300000000202051", "bank_bic": "BYLADEM1001",
    "bank_name": "DKB",
}  # fmt: skip


def make_account_to_pay_to(**changes: Any) -> Business:
    """The business takes bank transfers, to this account."""
    Business.objects.update_or_create(only=True, defaults={"offers_bank_transfer": True, **ACCOUNT, **changes})
    forget_business()
    return current_business()
