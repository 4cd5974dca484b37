"""What is typed about payouts: where to, how much, and the business's terms."""

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenpo.core.forms import AmountField
from tenpo.core.limits import PAYOUTS_TOGETHER_DAYS
from tenpo.core.once import OnceForm
from tenpo.payments.formats import LONGEST
from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods import METHODS
from tenpo.payments.payout_methods.crypto import NETWORKS
from tenpo.payments.payout_methods.manual import LONGEST as LONGEST_NOTE
from tenpo.payments.payout_methods.pain001 import NAME_LENGTH

NOT_REQUIRED = {"bic"}


class PayoutAccountForm(forms.Form):
    """A new way to be paid by one method: its fields are the method's own."""

    holder = forms.CharField(
        label=_("Name of its owner"), max_length=NAME_LENGTH, help_text=_("As the account has it.")
    )

    def __init__(self, *args: Any, method: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method = method
        for name, label in METHODS[method].fields.items():
            self.fields[name] = self._field(name, label)
        self.fields["is_default"] = forms.BooleanField(label=_("Pay out my earnings here"), required=False)

    def details(self) -> dict[str, str]:
        """What the method reads."""
        return {name: self.cleaned_data[name] for name in METHODS[self.method].fields}

    def _field(self, name: str, label: Any) -> forms.Field:
        if name == "network":
            return forms.ChoiceField(label=label, choices=[(one, one.capitalize()) for one in NETWORKS])
        longest = LONGEST_NOTE if name == "note" else LONGEST
        widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
        return forms.CharField(label=label, max_length=longest, required=name not in NOT_REQUIRED, widget=widget)


class PayoutForm(OnceForm):
    """How much of what goes where."""

    source = forms.ChoiceField(label=pgettext_lazy("place", "From"), choices=Payout.Source, widget=forms.RadioSelect)
    amount = AmountField(label=_("Amount"))
    # As a list, an account is never cut off where there is little room.
    account = forms.ModelChoiceField(
        label=_("To"), queryset=PayoutAccount.objects.none(), empty_label=None, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, accounts: Any, sources: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        source, account = self.fields["source"], self.fields["account"]
        assert isinstance(source, forms.ChoiceField)
        assert isinstance(account, forms.ModelChoiceField)
        source.choices, account.queryset = sources, accounts


class WordForm(forms.Form):
    """Why a payout is rejected, or came back."""

    word = forms.CharField(label=_("A word to its payee"), max_length=300, required=False)


class PayoutFilter(forms.Form):
    """Which payouts an admin looks at."""

    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("Under way")), *Payout.State.choices, ("all", _("All"))]
    )


class PayoutTermsForm(forms.Form):
    """What the business decides about payouts."""

    minimum = AmountField(label=_("Smallest payout"))
    fee = AmountField(label=_("Fee"), help_text=_("Kept back of each payout."))
    second_amount = AmountField(
        label=_("Two approve from"),
        required=False,
        help_text=format_lazy(
            _("What somebody gets within {n} days counts together. Empty: one admin is always enough."),
            n=PAYOUTS_TOGETHER_DAYS,
        ),
    )
    schedule = forms.ChoiceField(label=_("Earnings are paid out"), choices=PayoutTerms.Schedule)
    pays_wallets = forms.BooleanField(
        label=_("Money in wallets can be paid out"),
        required=False,
        help_text=_("What came in by card and goes out to a bank costs you the fees of both."),
    )
    pays_crypto = forms.BooleanField(label=_("People can be paid in cryptocurrency"), required=False)
    bank_iban = forms.CharField(
        label=_("IBAN of your account"),
        max_length=LONGEST,
        required=False,
        help_text=_("With it, people can be paid to their bank accounts."),
    )
    bank_bic = forms.CharField(label=_("BIC of your bank"), max_length=LONGEST, required=False)
