from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenpo.payments.providers import offered_providers
from tenpo.payments.providers.sandbox import (
    DECLINED,
    KEPT_DECLINED,
    NEEDS_CONFIRMATION,
    NEVER_ANSWERS,
    REFUND_FAILS,
    REFUNDS_LATE,
    SUCCEEDS,
    SUCCEEDS_LATE,
    TAKEN_BACK,
)

CARD_DIGITS = range(12, 20)
TEST_CARD_WORDS = [
    (SUCCEEDS, _("4242 4242 4242 4242: pays at once")),
    (DECLINED, _("4000 0000 0000 0002: is declined")),
    (KEPT_DECLINED, _("4000 0000 0000 0341: can be kept, but is declined when it pays")),
    (NEEDS_CONFIRMATION, _("4000 0025 0000 3155: asks you to confirm at the bank")),
    (SUCCEEDS_LATE, _("4000 0000 0000 0077: pays after ten seconds")),
    (NEVER_ANSWERS, _("4000 0000 0000 0119: pays, but the answer gets lost")),
    (REFUNDS_LATE, _("4000 0000 0000 7726: pays, and refunds after ten seconds")),
    (REFUND_FAILS, _("4000 0000 0000 5126: pays, but cannot be refunded")),
    (TAKEN_BACK, _("4000 0000 0000 0259: pays, and its bank takes the money back")),
]


class CardForm(forms.Form):
    """A provider and, where it is the sandbox, one of its test cards."""

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

    def __init__(self, data: Any = None, *, choices: list[tuple[str, Any]], chosen: str = "") -> None:
        names = [name for name, _label in choices]
        super().__init__(data, initial={"provider": chosen or next(iter(names), ""), "test_card": SUCCEEDS})
        self.takes_cards = "sandbox" in names
        provider_field = self.fields["provider"]
        assert isinstance(provider_field, forms.ChoiceField)
        provider_field.choices = choices

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
        """What is charged: the card's number, or nothing where it is entered elsewhere or the money comes otherwise."""
        if self.cleaned_data.get("provider") != "sandbox":
            return ""
        return str(self.cleaned_data.get("card_number") or self.cleaned_data["test_card"])


class MethodForm(CardForm):
    """A card to be kept."""

    def __init__(self, data: Any = None) -> None:
        keeping = [one for one in offered_providers().values() if one.keeps_methods]
        super().__init__(data, choices=[(one.name, one.label) for one in keeping])
        self.fields["provider"].label = _("Where is it kept?")


def is_card_number(digits: str) -> bool:
    """Whether the check digit is right (Luhn)."""
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    plain = [int(d) for d in digits[-1::-2]]
    return (sum(plain) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0
