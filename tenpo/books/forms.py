from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenpo.books.models import NOTE_LENGTH, NUMBER_LENGTH
from tenpo.books.queries.numbers import USUAL
from tenpo.books.queries.reconciling import listing_providers
from tenpo.core.days import day_here
from tenpo.core.forms import DayField
from tenpo.ledger.models import Account, Transfer, title_of


class DayForm(forms.Form):
    """At the end of which day the books are read."""

    day = DayField(label=_("At the end of"), required=False)


class AccountFilter(forms.Form):
    """Which accounts an admin wants to see."""

    q = forms.CharField(
        label=_("Whose"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("Name or e-mail")}),
    )
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All")), *Account.Kind.choices])
    currency = forms.CharField(
        label=_("Currency"),
        required=False,
        max_length=3,
        widget=forms.TextInput(attrs={"size": 4, "placeholder": "EUR", "autocapitalize": "characters"}),
    )

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()


class TransferFilter(forms.Form):
    """Which transfers an admin wants to see."""

    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All")), *Transfer.Kind.choices])
    day = DayField(label=_("Day"), required=False)


class PeriodForm(forms.Form):
    """From which day to which; the last whole month's, where nobody says."""

    since = DayField(label=_("From"), required=False)
    until = DayField(label=_("Until"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data or _last_month())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, day in _last_month().items():
            if name not in self.errors:
                cleaned[name] = cleaned.get(name) or day
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", ValidationError(_("This is before the first day."), code="order"))
        return cleaned


class NumbersForm(forms.Form):
    """The number of each kind of account in the business's own chart."""

    def __init__(self, data: Any = None, *, numbers: dict[str, str] | None = None) -> None:
        super().__init__(data, initial=numbers)
        for kind in Account.Kind:
            self.fields[kind.value] = forms.CharField(
                label=kind.label,
                required=False,
                max_length=NUMBER_LENGTH,
                widget=forms.TextInput(attrs={"placeholder": USUAL[kind], "autocomplete": "off"}),
            )


def _last_month() -> dict[str, date]:
    first_of_this = day_here().replace(day=1)
    last = first_of_this - timedelta(days=1)
    return {"since": last.replace(day=1), "until": last}


class ClearanceForm(forms.Form):
    """How a difference was cleared."""

    note = forms.CharField(label=_("How was it cleared?"), max_length=NOTE_LENGTH)


class ReconciliationForm(forms.Form):
    """Which provider's list to compare, over which days."""

    provider = forms.ChoiceField(label=_("Provider"))
    since = DayField(label=_("From"))
    until = DayField(label=_("Until"))

    def __init__(self, data: Any = None) -> None:
        yesterday = day_here() - timedelta(days=1)
        super().__init__(data, initial={"since": yesterday, "until": yesterday})
        field = self.fields["provider"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, title_of(Account.Kind.PROVIDER, name)) for name in listing_providers()]
