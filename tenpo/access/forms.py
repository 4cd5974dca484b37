from datetime import datetime, time, timedelta

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenpo.access.models import Scope


class KeyForm(forms.Form):
    """What a new API key is for, what it may do, and how long."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("What it is for, such as “Payroll” or “My calendar”.")
    )
    scope = forms.ChoiceField(
        label=_("May"),
        choices=[(Scope.READ, _("only read what I may read")), (Scope.WRITE, _("read and change what I may"))],
        initial=Scope.READ,
        widget=forms.RadioSelect,
    )
    days = forms.TypedChoiceField(
        label=_("Ends"),
        coerce=int,
        choices=[(30, _("in 30 days")), (90, _("in 90 days")), (365, _("in a year")), (0, _("never"))],
        initial=90,
    )

    def scopes(self) -> list[str]:
        """What the key may do, as the action takes it: whoever may change may read."""
        return [Scope.READ, Scope.WRITE] if self.cleaned_data["scope"] == Scope.WRITE else [Scope.READ]

    def expires_at(self) -> datetime | None:
        """The end of the last day, in the reader's zone; None for a key without an end."""
        days = self.cleaned_data["days"]
        if not days:
            return None
        last = timezone.localdate() + timedelta(days=days)
        return timezone.make_aware(datetime.combine(last, time(23, 59, 59)))
