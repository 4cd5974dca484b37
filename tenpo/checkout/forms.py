from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.forms import DayField
from tenpo.payments.forms import CardForm
from tenpo.payments.models import Payment
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import PROVIDERS, offered_providers

# Before the id of a saved method, where a provider's name would stand.
SAVED = "saved:"


class PaymentForm(CardForm):
    """How somebody pays, and the own share (minor units) that they saw when they chose.

    Of what they have saved, what they chose for it is offered first.
    """

    agreed = forms.IntegerField(min_value=0)

    def __init__(
        self, data: Any = None, *, needs_payment: bool, has_agreed: bool = True, saved: Sequence[PaymentMethod] = ()
    ) -> None:
        self.saved = {f"{SAVED}{method.pk}": method for method in saved}
        choices = [(name, _("%(method)s, saved") % {"method": method}) for name, method in self.saved.items()]
        super().__init__(
            data, choices=[*choices, *((provider.name, provider.label) for provider in offered_providers().values())]
        )
        self.fields["provider"].required = needs_payment
        self.fields["agreed"].required = has_agreed

    @property
    def provider_name(self) -> str:
        """The name of the provider that is asked."""
        chosen = str(self.cleaned_data.get("provider", ""))
        return self.saved[chosen].provider if chosen in self.saved else chosen

    @property
    def source(self) -> str:
        chosen = self.cleaned_data.get("provider")
        return str(self.saved[chosen].pk) if chosen in self.saved else super().source


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
