"""What somebody needs to pay by bank transfer: the business's account, the amount, and the reference to write on it."""

from dataclasses import dataclass

from babel.numbers import get_decimal_symbol
from django.utils.translation import gettext as _

from tenpo.core.business import current_business
from tenpo.core.money import plain_amount
from tenpo.core.qr import Code, code_of
from tenpo.core.words import locale
from tenpo.payments.formats import SEPA_COUNTRIES, in_fours

# The European Economic Area: within it a code needs no BIC (EPC069-12, version 002).
EEA = frozenset([
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
])  # fmt: skip
CODE_CURRENCY = "EUR"
# What the standard allows: the largest amount in cents, and all of it in bytes.
CODE_MOST, CODE_BYTES = 99_999_999_999, 331


@dataclass(frozen=True)
class Slip:
    """One transfer to be made. `amount` is in minor units; the account is empty while the business has not said it."""

    holder: str
    iban: str
    bic: str
    bank: str
    reference: str
    amount: int
    currency: str

    @property
    def iban_in_fours(self) -> str:
        return in_fours(self.iban)

    @property
    def account(self) -> list[tuple[str, str]]:
        """The account in words, each part with its name; nothing while the business has not said it."""
        parts = [
            (_("To"), self.holder),
            (_("IBAN"), self.iban_in_fours),
            (_("BIC"), self.bic),
            (_("Bank"), self.bank),
        ]
        return [(name, value) for name, value in parts if value]

    @property
    def amount_to_type(self) -> str:
        """The amount as a form of the reader's bank takes it: "12.50", "12,50"."""
        return plain_amount(self.amount, self.currency).replace(".", get_decimal_symbol(locale()))

    @property
    def epc(self) -> str:
        """The transfer as a banking app scans it (EPC069-12, "GiroCode"); empty where the standard has no way to."""
        country = self.iban[:2]
        is_reached = country in EEA or (country in SEPA_COUNTRIES and self.bic)
        if not is_reached or self.currency != CODE_CURRENCY or not 0 < self.amount <= CODE_MOST:
            return ""
        amount = f"{self.currency}{plain_amount(self.amount, self.currency)}"
        lines = ["BCD", "002", "1", "SCT", self.bic, self.holder, self.iban, amount]
        # No purpose, and no structured reference: banks take only those that bear check digits.
        text = "\n".join([*lines, "", "", self.reference])
        return text if len(text.encode()) <= CODE_BYTES else ""

    @property
    def code(self) -> Code | None:
        """The same as a picture."""
        return code_of(self.epc) if self.epc else None


def slip_for(reference: str, *, amount: int, currency: str) -> Slip:
    """How to pay an amount (minor units) to the business by bank transfer."""
    to = current_business()
    return Slip(to.bank_holder, to.bank_iban, to.bank_bic, to.bank_name, reference, amount, currency)
