from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenpo.core.forms import DayField
from tenpo.ledger.models import Transfer
from tenpo.payments.models import Payment
from tenpo.payments.providers import PROVIDERS, offered_providers
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, NEVER_ANSWERS, SUCCEEDS, SUCCEEDS_LATE

CARD_DIGITS = range(12, 20)
TEST_CARD_WORDS = [
    (SUCCEEDS, _("4242 4242 4242 4242: pays at once")),
    (DECLINED, _("4000 0000 0000 0002: is declined")),
    (NEEDS_CONFIRMATION, _("4000 0025 0000 3155: asks you to confirm at the bank")),
    (SUCCEEDS_LATE, _("4000 0000 0000 0077: pays after ten seconds")),
    (NEVER_ANSWERS, _("4000 0000 0000 0119: pays, but the answer gets lost")),
]


class PaymentForm(forms.Form):
    """How somebody pays, and the own share (minor units) that they saw when they chose."""

    provider = forms.ChoiceField(label=_("How do you want to pay?"), widget=forms.RadioSelect)
    test_card = forms.ChoiceField(
        label=_("Test card"), choices=TEST_CARD_WORDS, widget=forms.RadioSelect, required=False
    )
    card_number = forms.CharField(
        label=_("Card number"),
        required=False,
        max_length=23,
        help_text=_("Only if you want another one than those above. Never use a real card here."),
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "0000 0000 0000 0000"}
        ),
    )
    agreed = forms.IntegerField(min_value=0)

    def __init__(self, data: Any = None, *, needs_payment: bool, has_agreed: bool = True) -> None:
        offered = offered_providers()
        super().__init__(data, initial={"provider": next(iter(offered)), "test_card": SUCCEEDS})
        self.takes_cards = "sandbox" in offered
        choices = [(provider.name, provider.label) for provider in offered.values()]
        provider_field = self.fields["provider"]
        assert isinstance(provider_field, forms.ChoiceField)
        provider_field.choices = choices
        provider_field.required = needs_payment
        self.fields["agreed"].required = has_agreed

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("provider") != "sandbox":
            return cleaned
        typed = cleaned.get("card_number", "")
        digits = "".join(c for c in typed if c.isdigit())
        if typed and (len(digits) not in CARD_DIGITS or not is_card_number(digits)):
            self.add_error("card_number", ValidationError(_("This is not the number of a card."), code="card_number"))
        elif not typed and not cleaned.get("test_card"):
            self.add_error("test_card", ValidationError(_("Choose a card."), code="required"))
        return cleaned

    @property
    def source(self) -> str:
        """What is charged: the card's number, or nothing where the money comes by another way."""
        if self.cleaned_data.get("provider") != "sandbox":
            return ""
        return str(self.cleaned_data.get("card_number") or self.cleaned_data["test_card"])


def is_card_number(digits: str) -> bool:
    """Whether the check digit is right (Luhn)."""
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    plain = [int(d) for d in digits[-1::-2]]
    return (sum(plain) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


class TransferFilter(forms.Form):
    """Which transfers of the ledger an admin wants to see."""

    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All")), *Transfer.Kind.choices])


class PaymentFilter(forms.Form):
    """Which payments an admin wants to see."""

    q = forms.CharField(
        label=_("Who"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or e-mail")}),
    )
    state = forms.ChoiceField(label=_("State"), required=False)
    provider = forms.ChoiceField(label=_("How"), required=False)
    since = DayField(label=_("From"), required=False)
    until = DayField(label=_("Until"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        for name, choices in (
            ("state", Payment.State.choices),
            ("provider", [(provider.name, provider.label) for provider in PROVIDERS.values()]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("All")), *choices]
