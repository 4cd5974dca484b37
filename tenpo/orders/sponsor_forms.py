"""What is typed about sponsorships: terms, people, budgets, payments."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenpo.core.days import day_here, midnight
from tenpo.core.forms import DayField
from tenpo.core.once import OnceForm
from tenpo.orders.actions.policies import MAX_NAME, ShareTerms, check_terms
from tenpo.orders.actions.sponsorships import MAX_REFERENCE, Budget
from tenpo.orders.forms import MoneyField
from tenpo.orders.models import Line
from tenpo.people.models import User


class SponsorshipForm(forms.Form):
    """Who pays how much of what named people buy."""

    sponsor = forms.EmailField(
        label=_("E-mail of the sponsor"),
        help_text=_(
            "Somebody with an account here, such as the employer’s contact: they see the budget and pay for it."
        ),
    )
    name = forms.CharField(
        label=_("Name"), max_length=MAX_NAME, help_text=_("Who pays, as people and receipts have it: “Bakery Huber”.")
    )
    kind = forms.ChoiceField(
        label=_("The sponsor pays"),
        choices=[("percent", _("A percentage of each price")), ("amount", _("A fixed amount of each price"))],
        widget=forms.RadioSelect,
        initial="percent",
    )
    percent = forms.IntegerField(label=_("Percent"), required=False, min_value=1, max_value=100)
    cap = MoneyField(label=_("At most"), required=False, help_text=_("Of each price. Leave empty for no cap."))
    amount = MoneyField(label=_("Fixed amount"), required=False, help_text=_("Never more than the price."))
    pot = MoneyField(label=_("Budget"), required=False, help_text=_("In all. Leave empty for as much as it comes to."))
    per_person = MoneyField(
        label=_("For each person"), required=False, help_text=_("Leave empty for as much as the budget has.")
    )
    kinds = forms.MultipleChoiceField(
        label=_("For what"),
        choices=Line.Kind.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Choose none for everything."),
    )
    starts_on = DayField(label=_("From"), required=False, help_text=_("Leave empty for now."))
    ends_on = DayField(label=_("Until"), required=False, help_text=_("The last day. Leave empty for no end."))

    def clean_sponsor(self) -> User:
        """The active account with that address."""
        sponsor: User | None = User.objects.active().filter(email__iexact=self.cleaned_data["sponsor"]).first()
        if sponsor is None:
            raise ValidationError(_("Nobody here has this address."))
        return sponsor

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        chosen = cleaned["kind"]
        if not cleaned.get(chosen):
            self.add_error(chosen, _("Say how much."))
            return cleaned
        is_percent = chosen == "percent"
        cleaned["terms"] = (
            ShareTerms(percent=cleaned["percent"], cap=cleaned["cap"])
            if is_percent
            else ShareTerms(amount=cleaned["amount"])
        )
        try:
            check_terms(cleaned["terms"])
        except ValidationError as error:
            self.add_error(None, error)
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """What the sponsorship is to be, as `create_sponsorship` takes it."""
        cleaned = self.cleaned_data
        starts, ends = cleaned["starts_on"], cleaned["ends_on"]
        return {
            "sponsor": cleaned["sponsor"],
            "name": cleaned["name"],
            "terms": cleaned["terms"],
            "budget": Budget(cleaned["pot"], cleaned["per_person"]),
            "kinds": cleaned["kinds"],
            # Today means from now on.
            "active_from": midnight(starts) if starts and starts != day_here() else None,
            "active_until": midnight(ends, days_later=1) if ends else None,
        }


class NameForm(forms.Form):
    """People to be named, by their addresses."""

    emails = forms.CharField(
        label=_("E-mail addresses"),
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=_("Of people who have an account here; one in each line, or with commas between."),
    )

    def clean_emails(self) -> list[str]:
        """The addresses one by one."""
        return [found for found in re.split(r"[\s,;]+", self.cleaned_data["emails"]) if found]


class PotForm(forms.Form):
    """How much there is in all from now on."""

    pot = MoneyField(label=_("Budget"), help_text=_("In all, with what is spent already."))


class SponsorPaymentForm(OnceForm):
    """A bank transfer that came from a sponsor."""

    amount = MoneyField(label=_("Amount"))
    received_on = DayField(label=_("Received"))
    reference = forms.CharField(
        label=_("Reference"), max_length=MAX_REFERENCE, required=False, help_text=_("As the bank’s statement has it.")
    )

    def __init__(self, data: Any = None, *, shown_to: User) -> None:
        super().__init__(data, shown_to=shown_to, initial={"received_on": day_here()})
