from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.audit.queries import AuditFilter, known_actions
from tenpo.audit.words import VIA, say_action
from tenpo.core.forms import DayField


class AuditForm(forms.Form):
    """Which records to show."""

    q = forms.CharField(
        label=_("Words"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("A name, an act, a thing")}),
    )
    action = forms.ChoiceField(label=_("Act"), required=False)
    via = forms.ChoiceField(label=_("By way of"), required=False, choices=[("", _("Any")), *VIA.items()])
    since = DayField(label=_("From"), required=False)
    until = DayField(label=_("Until"), required=False)
    # Set by links in the list, and kept while other filters change.
    actor = forms.UUIDField(required=False, widget=forms.HiddenInput)
    object = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        action = self.fields["action"]
        assert isinstance(action, forms.ChoiceField)
        action.choices = [("", _("Any")), *((code, say_action(code)) for code in known_actions())]

    def wanted(self) -> AuditFilter:
        """What the valid fields say; an invalid one filters nothing and shows why."""
        self.is_valid()
        found = self.cleaned_data
        return AuditFilter(
            words=found.get("q") or "",
            actor_id=found.get("actor"),
            object_id=found.get("object"),
            action=found.get("action") or "",
            via=found.get("via") or "",
            since=found.get("since"),
            until=found.get("until"),
        )
