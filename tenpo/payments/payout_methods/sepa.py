"""Money to a bank account."""

from collections.abc import Mapping, Sequence
from datetime import date

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.business import current_business
from tenpo.core.errors import RuleError
from tenpo.payments import formats
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods import pain001
from tenpo.payments.payout_methods.base import PayoutFile, SentByHand, details_of
from tenpo.people.models import User


class Sepa(SentByHand):
    """To a bank account within SEPA, by a file that an admin gives to the business's bank."""

    name = PayoutAccount.Method.SEPA
    fields = {"iban": gettext_lazy("IBAN"), "bic": gettext_lazy("BIC, if you know it")}
    writes_files = True

    def is_offered(self, terms: PayoutTerms, currency: str) -> bool:
        return currency == pain001.CURRENCY and bool(terms.bank_iban and terms.bank_bic)

    def read(self, typed: Mapping[str, str], *, owner: User) -> dict[str, str]:
        details, problems = {"bic": ""}, {}
        checks = {"iban": formats.check_sepa_iban} | ({"bic": formats.check_bic} if typed.get("bic") else {})
        for name, check in checks.items():
            try:
                details[name] = check(typed.get(name, ""))
            except ValidationError as error:
                problems[name] = error
        if problems:
            raise ValidationError(problems)
        return details

    def mask(self, details: Mapping[str, str]) -> str:
        return formats.masked(details["iban"])

    def write(self, payouts: Sequence[Payout], terms: PayoutTerms, *, on: date) -> PayoutFile:
        business = current_business()
        if not formats.for_banks(business.name, pain001.NAME_LENGTH):
            raise RuleError("no_name_for_banks", _("The name of the business has no letter that a bank takes."))
        debtor = pain001.Debtor(business.name, terms.bank_iban, terms.bank_bic)
        transfers = [
            pain001.CreditTransfer(
                reference=payout.pk.hex,
                name=payout.account.holder,
                text=f"{business.name} {payout.pk.hex[:12]}",
                amount=payout.sent_amount,
                **details_of(payout.account),
            )
            for payout in payouts
        ]
        text = pain001.write_file(debtor, transfers, on=on)
        return PayoutFile(text, f"payouts-{on.isoformat()}.xml", "application/xml")
