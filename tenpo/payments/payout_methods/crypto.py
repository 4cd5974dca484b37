"""Coins, sent by whoever holds the business's keys."""

from collections.abc import Mapping, Sequence
from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.csv import csv_lines
from tenpo.core.money import plain_amount
from tenpo.payments import formats
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods.base import PayoutFile, SentByHand, details_of
from tenpo.people.models import User

NETWORKS = {"bitcoin": formats.check_bitcoin, "ethereum": formats.check_ethereum}
COLUMNS = ("network", "address", "name", "amount", "currency", "reference")


class Crypto(SentByHand):
    """To an address of Bitcoin or Ethereum, by a list for whoever holds the business's keys: Tenpo has none."""

    name = PayoutAccount.Method.CRYPTO
    fields = {"network": gettext_lazy("Network"), "address": gettext_lazy("Address")}
    writes_files = True

    def is_offered(self, terms: PayoutTerms, currency: str) -> bool:
        return terms.pays_crypto

    def read(self, typed: Mapping[str, str], *, owner: User) -> dict[str, str]:
        return self._checked(typed)

    def _checked(self, typed: Mapping[str, str]) -> dict[str, str]:
        network = typed.get("network", "")
        if network not in NETWORKS:
            raise ValidationError({"network": _("We pay to addresses of Bitcoin and Ethereum.")})
        try:
            return {"network": network, "address": NETWORKS[network](typed.get("address", ""))}
        except ValidationError as error:
            raise ValidationError({"address": error}) from None

    def mask(self, details: Mapping[str, str]) -> str:
        return f"{details['network'].capitalize()} {formats.masked(details['address'], first=6)}"

    def write(self, payouts: Sequence[Payout], terms: PayoutTerms, *, on: date) -> PayoutFile:
        """Amounts are of the business's currency: what a coin is worth is known to whoever sends it, when they do."""
        lines = csv_lines(COLUMNS, (self._row(payout) for payout in payouts))
        return PayoutFile("".join(lines), f"payouts-{on.isoformat()}.csv", "text/csv; charset=utf-8")

    def _row(self, payout: Payout) -> tuple[str, ...]:
        # Addresses are checked again: this is the last moment before money goes there for good.
        details = self._checked(details_of(payout.account))
        amount = plain_amount(payout.sent_amount, payout.currency)
        return (
            details["network"], details["address"], payout.account.holder, amount, payout.currency, payout.pk.hex
        )  # fmt: skip
