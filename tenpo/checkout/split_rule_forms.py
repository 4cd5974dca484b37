"""Fields of a rule of who earns what: it may be for what is offered, which `orders` does not know."""

from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.days import day_here, midnight
from tenpo.core.forms import DayField
from tenpo.orders.actions.splits import MAX_PLACE
from tenpo.orders.models import Line, SplitRule
from tenpo.people.models import User
from tenpo.schedule.models import Service


class SplitRuleForm(forms.Form):
    """A rule of who earns what, of anything, of a kind of thing, or of one service."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("As admins will call it."))
    business_percent = forms.IntegerField(label=_("The business"), min_value=0, max_value=100)
    creator_percent = forms.IntegerField(label=_("Whoever made it"), min_value=0, max_value=100)
    teacher_percent = forms.IntegerField(label=_("Whoever teaches it"), min_value=0, max_value=100, initial=0)
    coach = forms.ModelChoiceField(
        label=_("For"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("Everybody’s sessions"),
        help_text=_("A coach’s own rule goes before those for everybody."),
    )
    taught_by = forms.ChoiceField(label=_("Where it is taught by"), choices=SplitRule.TaughtBy.choices, required=False)
    what = forms.ChoiceField(
        label=_("Of what"),
        required=False,
        help_text=_("A rule for one service goes before one for its kind, and that before any other."),
    )
    place = forms.IntegerField(
        label=_("Place"),
        min_value=0,
        max_value=MAX_PLACE,
        initial=100,
        help_text=_("Of several rules that fit, the one with the lowest number decides."),
    )
    starts_on = DayField(label=_("From"), required=False, help_text=_("Leave empty for now."))
    ends_on = DayField(label=_("Until"), required=False, help_text=_("The last day. Leave empty for no end."))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        coach = self.fields["coach"]
        assert isinstance(coach, forms.ModelChoiceField)
        coach.queryset = User.objects.coaches().active().order_by("name", "id")
        services = Service.objects.offered().order_by("name", "id")
        what = self.fields["what"]
        assert isinstance(what, forms.ChoiceField)
        what.choices = [("", _("Anything")), (Line.Kind.SESSION, _("Sessions"))]
        if services:
            what.choices += [(_("One service"), [(str(one.pk), one.name) for one in services])]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            percents = [cleaned[name] for name in ("business_percent", "creator_percent", "teacher_percent")]
            if sum(percents) != 100:
                self.add_error("business_percent", _("The three percentages sum to 100."))
        if (starts := cleaned.get("starts_on")) and starts < day_here():
            self.add_error("starts_on", _("A rule starts today or later."))
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """What the rule is to be, as `create_split_rule` takes it."""
        wanted: dict[str, Any] = dict(self.cleaned_data)
        starts, ends = wanted.pop("starts_on"), wanted.pop("ends_on")
        # Today means from now on: a rule never starts in the past.
        wanted["active_from"] = midnight(starts) if starts and starts > day_here() else None
        wanted["active_until"] = midnight(ends, days_later=1) if ends else None
        what = wanted.pop("what")
        is_kind = what in ("", *Line.Kind.values)
        wanted["kind"] = what if is_kind else Line.Kind.SESSION
        wanted["offered_id"] = None if is_kind else UUID(what)
        return wanted
