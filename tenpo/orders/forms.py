from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.days import day_here, midnight
from tenpo.core.forms import AmountField, DayField
from tenpo.orders.actions.policies import ShareTerms, check_cancellation_terms, check_terms
from tenpo.orders.cancelling import (
    MAX_GRACE,
    MAX_GRACE_DAYS,
    MAX_HOURS_BEFORE,
    MAX_RESCHEDULES,
    MAX_WINDOWS,
    Policy,
    Window,
)
from tenpo.orders.models import POLICY_COLUMNS, SharePolicy
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User

# What a new policy starts with: hours before, percent back.
FIRST_ROWS = ((48, 100), (24, 50), (0, 0))
PLACE_CHOICES = [("", _("As usual")), *RefundTo.choices]


class MoneyField(AmountField):
    """An amount above zero."""

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        if amount == 0:
            raise ValidationError(_("Give an amount above zero."))
        return amount


class SharePolicyForm(forms.Form):
    """A new version of what the company pays."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("As admins and receipts will call it."))
    kind = forms.ChoiceField(
        label=_("The company pays"),
        choices=[("percent", _("A percentage of the price")), ("amount", _("A fixed amount"))],
        widget=forms.RadioSelect,
        initial="percent",
    )
    percent = forms.IntegerField(label=_("Percent"), required=False, min_value=1, max_value=100)
    cap = MoneyField(label=_("At most"), required=False, help_text=_("Leave empty for no cap."))
    amount = MoneyField(label=_("Fixed amount"), required=False, help_text=_("Never more than the price."))
    coach = forms.ModelChoiceField(
        label=_("For"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Everybody’s sessions"),
        help_text=_("A coach’s own policy goes before the one for everybody."),
    )
    starts_on = DayField(label=_("From"), required=False, help_text=_("Leave empty for now."))
    ends_on = DayField(label=_("Until"), required=False, help_text=_("The last day. Leave empty for no end."))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        coach = self.fields["coach"]
        assert isinstance(coach, forms.ModelChoiceField)
        coach.queryset = User.objects.coaches().active().order_by("name", "id")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        chosen = cleaned["kind"]
        if not cleaned.get(chosen):
            self.add_error(chosen, _("Say how much."))
            return cleaned
        terms = (
            ShareTerms(percent=cleaned["percent"], cap=cleaned["cap"])
            if chosen == "percent"
            else ShareTerms(amount=cleaned["amount"])
        )
        try:
            check_terms(terms)
        except ValidationError as error:
            self.add_error(None, error)
        starts = midnight(cleaned["starts_on"]) if cleaned["starts_on"] else None
        # Today means from now on: a policy never starts in the past.
        cleaned["active_from"] = None if starts and starts.date() == day_here() else starts
        cleaned["active_until"] = midnight(cleaned["ends_on"], days_later=1) if cleaned["ends_on"] else None
        cleaned["terms"] = terms
        if starts and starts.date() < day_here():
            self.add_error("starts_on", _("A policy starts today or later."))
        if cleaned["active_until"] and cleaned["active_until"] <= (starts or clock.now()):
            self.add_error("ends_on", _("The end must come after the start."))
        return cleaned

    def proposed(self) -> SharePolicy:
        """The policy as it would be, not saved."""
        terms: ShareTerms = self.cleaned_data["terms"]
        return SharePolicy(
            name=self.cleaned_data["name"],
            coach=self.cleaned_data["coach"],
            percent=terms.percent,
            amount=terms.amount,
            cap=terms.cap,
            currency=current_business().currency,
            active_from=self.cleaned_data["active_from"] or clock.now(),
            active_until=self.cleaned_data["active_until"],
        )


class CancellationPolicyForm(forms.Form):
    """A new cancellation policy: rows of notice and what comes back, and the rules beside them."""

    name = forms.CharField(label=_("Name"), max_length=80)
    no_show_percent = forms.IntegerField(
        label=_("Comes back to whoever does not come"), required=False, min_value=0, max_value=100, initial=0
    )
    grace_count = forms.IntegerField(
        label=_("Cost nothing"),
        required=False,
        min_value=0,
        max_value=MAX_GRACE,
        help_text=_("So many late cancellations and no-shows of a person; leave empty for none."),
    )
    grace_days = forms.IntegerField(
        label=_("Within"), required=False, min_value=1, max_value=MAX_GRACE_DAYS, help_text=_("So many days.")
    )
    reschedules = forms.IntegerField(
        label=_("May be moved"),
        required=False,
        min_value=0,
        max_value=MAX_RESCHEDULES,
        help_text=_("To another session of the same coach that costs the same; leave empty for never."),
    )
    reschedule_hours = forms.IntegerField(
        label=_("Until"),
        required=False,
        min_value=0,
        max_value=MAX_HOURS_BEFORE,
        help_text=_("So many hours before it starts."),
    )
    is_default = forms.BooleanField(label=_("New sessions start with it"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        for number in range(MAX_WINDOWS):
            self.fields[f"hours_{number}"] = forms.IntegerField(
                label=_("Hours before the start"), required=False, min_value=0, max_value=MAX_HOURS_BEFORE
            )
            self.fields[f"percent_{number}"] = forms.IntegerField(
                label=_("Percent back"), required=False, min_value=0, max_value=100
            )
            self.fields[f"to_{number}"] = forms.ChoiceField(label=_("Goes to"), required=False, choices=PLACE_CHOICES)
        if data is None:
            for number, (hours, percent) in enumerate(FIRST_ROWS):
                self.initial.update({f"hours_{number}": hours, f"percent_{number}": percent})

    def rows(self) -> list[list[forms.BoundField]]:
        """The fields of each window, side by side."""
        return [[self[f"{name}_{number}"] for name in ("hours", "percent", "to")] for number in range(MAX_WINDOWS)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        windows = []
        for number in range(MAX_WINDOWS):
            hours, percent = cleaned.get(f"hours_{number}"), cleaned.get(f"percent_{number}")
            if hours is None and percent is None:
                continue
            if hours is None or percent is None:
                self.add_error(f"hours_{number}", _("Fill in both, or neither."))
                continue
            windows.append(Window(hours, percent, cleaned.get(f"to_{number}", "")))
        if not self.errors:
            rules = {name: cleaned.get(name) or 0 for name in POLICY_COLUMNS}
            cleaned["policy"] = Policy(tuple(windows), **rules)
            try:
                check_cancellation_terms(cleaned["policy"])
            except ValidationError as error:
                for field, texts in error.message_dict.items():
                    self.add_error(field if field in self.fields else None, texts)
        return cleaned
