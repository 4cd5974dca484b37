from collections.abc import Mapping
from typing import Any

from babel.numbers import get_currency_name
from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Field
from django.utils.translation import gettext_lazy as _

from tenpo.core.forms import AmountField, DayField, ZoneField
from tenpo.core.models import Business
from tenpo.core.words import locale
from tenpo.orders.actions.business import CURRENCIES, FIELDS
from tenpo.payments.formats import LONGEST, in_fours


def _currency_choices() -> list[tuple[str, str]]:
    return [(code, f"{code} · {get_currency_name(code, locale=locale())}") for code in CURRENCIES]


def _number(field: str, label: Any, help_text: Any) -> forms.IntegerField:
    """A whole number within the limits that the model sets."""
    column = Business._meta.get_field(field)
    assert isinstance(column, Field)
    limits = {type(one): getattr(one, "limit_value", None) for one in column.validators}
    lowest, highest = limits[MinValueValidator], limits[MaxValueValidator]
    return forms.IntegerField(label=label, help_text=help_text, min_value=lowest, max_value=highest)


class BusinessForm(forms.Form):
    """What the owner decides."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("On every page and mail."))
    currency = forms.ChoiceField(label=_("Currency"), choices=_currency_choices)
    time_zone = ZoneField(help_text=_("For whoever has not chosen one."))
    locale = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    accent_hue = forms.IntegerField(
        label=_("Colour"),
        min_value=0,
        max_value=359,
        help_text=_("One hue; everything else follows from it and stays readable."),
        widget=forms.NumberInput(attrs={"type": "range", "class": "hue", "data-hue-preview": ""}),
    )
    allows_sign_up = forms.BooleanField(
        label=_("Anybody may sign up"), required=False, help_text=_("Otherwise only by invite.")
    )
    invite_days = _number("invite_days", _("An invite lasts"), _("Until its link ends."))
    second_factor_for = forms.ChoiceField(
        label=_("Only with a second step"),
        choices=Business.SecondFactorFor,
        help_text=_("They set up an app or a passkey, or see nothing else."),
    )
    second_factor_starts_on = DayField(label=_("From"), help_text=_("Until then they are only reminded."))
    hold_minutes = _number("hold_minutes", _("A seat waits for its payment"), _("Then it is free again."))
    offer_hours = _number("offer_hours", _("An offered seat waits"), _("Then it goes to the next in line."))
    manual_hold_days = _number(
        "manual_hold_days", _("A seat waits for a bank transfer"), _("Or for the payroll to be confirmed.")
    )
    credit_months = _number("credit_months", _("Credit lasts"), _("What was given before keeps its day."))

    top_up_least = AmountField(label=_("A top-up is at least"))
    top_up_most = AmountField(label=_("And at most"))
    wallet_most = AmountField(label=_("A wallet holds at most"), help_text=_("What comes back may go beyond."))

    offers_bank_transfer = forms.BooleanField(label=_("People can pay by bank transfer"), required=False)
    bank_holder = forms.CharField(
        label=_("Whose account"), max_length=70, required=False, help_text=_("As the bank has it.")
    )
    bank_iban = forms.CharField(label=_("IBAN"), max_length=LONGEST, required=False)
    bank_bic = forms.CharField(label=_("BIC"), max_length=LONGEST, required=False)
    bank_name = forms.CharField(label=_("Bank"), max_length=80, required=False)

    def __init__(
        self, *args: Any, business: Business, is_currency_fixed: bool, typed: Mapping[str, Any], **kwargs: Any
    ) -> None:
        """`typed` is what somebody meant to change before they were asked who they are."""
        kwargs["initial"] = {name: getattr(business, name) for name in FIELDS} | dict(typed)
        kwargs["initial"]["bank_iban"] = in_fours(kwargs["initial"]["bank_iban"])
        super().__init__(*args, **kwargs)
        if is_currency_fixed:
            self.fields["currency"].disabled = True
            self.fields["currency"].help_text = _("It stays, because something was sold or paid already.")
