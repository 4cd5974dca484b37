"""What is asked of staff who books for somebody."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.checkout.actions.placing import KEPT_HOURS, Terms
from tenpo.payments.providers import offered_providers
from tenpo.payments.queries import manual_providers

OFFER, BOOK = "offer", "book"
KEPT_WORDS = {24: gettext_lazy("A day"), 72: gettext_lazy("Three days"), 168: gettext_lazy("A week")}


class PersonFilter(forms.Form):
    """Whom staff looks for."""

    q = forms.CharField(
        label=gettext_lazy("Who"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("A name"), "autofocus": True}),
    )

    def words(self) -> str:
        """What was typed, when it makes sense."""
        self.full_clean()
        typed: str = self.cleaned_data.get("q", "")
        return typed


class PlacingForm(forms.Form):
    """How somebody gets the place: kept for them, or, by an admin, booked in their name."""

    way = forms.ChoiceField(label=gettext_lazy("How they get it"), widget=forms.RadioSelect, initial=OFFER)
    hours = forms.TypedChoiceField(
        label=gettext_lazy("Keep it for them"), required=False, coerce=int, empty_value=None,
        choices=[("", gettext_lazy("As long as an offer holds")), *((h, KEPT_WORDS[h]) for h in KEPT_HOURS)],
    )  # fmt: skip
    use_wallet = forms.BooleanField(
        label=gettext_lazy("Their wallet pays"), required=False,
        help_text=gettext_lazy("Only where they asked for it; credit goes first."),
    )  # fmt: skip
    provider = forms.ChoiceField(label=gettext_lazy("What is left to pay comes by"), required=False)
    is_paid = forms.BooleanField(label=gettext_lazy("It has come: mark it as paid"), required=False)

    def __init__(self, data: Any = None, *, may_book: bool) -> None:
        super().__init__(data)
        self.may_book = may_book
        ways = [(OFFER, _("They decide, and pay it themselves"))]
        if may_book:
            ways.append((BOOK, _("Book it now, in their name")))
            by_hand = [one for name, one in offered_providers().items() if name in manual_providers()]
            self._field("provider").choices = [("", _("Please choose")), *((one.name, one.label) for one in by_hand)]
        else:
            for name in ("use_wallet", "provider", "is_paid"):
                del self.fields[name]
        self._field("way").choices = ways
        self.fields["way"].required = may_book

    def _field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field

    def terms(self) -> Terms:
        """What was chosen, as the action takes it."""
        typed = self.cleaned_data
        if typed.get("way") != BOOK:
            return Terms(hours=typed["hours"])
        return Terms(
            is_offer=False,
            provider=typed["provider"],
            use_wallet=typed["use_wallet"],
            is_paid=typed["is_paid"],
        )
