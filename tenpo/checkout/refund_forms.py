"""What is typed about refunds: how much, where to, why, and the business's terms."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.forms import AmountField
from tenpo.core.once import OnceForm
from tenpo.payments.actions.refunds import MAX_ASK_DAYS
from tenpo.payments.models import Refund
from tenpo.payments.refund_models import RefundTo


class RefundForm(OnceForm):
    """How much goes back, and where what was paid from outside goes; nothing is chosen where there is one way."""

    amount = AmountField(label=_("Amount"))
    to = forms.ChoiceField(label=_("What was paid goes back to"), widget=forms.RadioSelect, choices=RefundTo)

    def __init__(self, *args: Any, places: list[RefundTo], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places
        if len(places) > 1:
            to = self.fields["to"]
            assert isinstance(to, forms.ChoiceField)
            to.choices = [(place.value, place.label) for place in places]
        else:
            del self.fields["to"]

    @property
    def chosen(self) -> str:
        """Where it goes."""
        place: str = self.cleaned_data.get("to") or (self.places[0] if self.places else RefundTo.CREDIT)
        return place


class RefundRequestForm(RefundForm):
    """What its buyer asks for."""

    reason = forms.CharField(label=_("Why?"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class RefundGrantForm(RefundForm):
    """What an admin gives back."""

    word = forms.CharField(label=_("A word to the buyer"), max_length=300, required=False)


class RefundWordForm(forms.Form):
    """Why a refund is rejected."""

    word = forms.CharField(label=_("A word to the buyer"), max_length=300)


class RefundFilter(forms.Form):
    """Which refunds an admin looks at."""

    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("Waiting")), *Refund.State.choices, ("all", _("All"))]
    )


class RefundTermsForm(forms.Form):
    """What the business decides about refunds."""

    ask_days = forms.IntegerField(
        label=_("People may ask for"), min_value=0, max_value=MAX_ASK_DAYS,
        help_text=_("So long after it took place or was paid."),
    )  # fmt: skip
    automatic_amount = AmountField(
        label=_("Granted by itself up to"),
        required=False,
        help_text=_("In all for each thing that was bought. Empty: one of you always looks."),
    )
    cancellation_to = forms.ChoiceField(
        label=_("What a cancellation gives back goes to"), choices=RefundTo, widget=forms.RadioSelect,
        help_text=_("It holds for what is sold from now on, and is said before people pay."),
    )  # fmt: skip
