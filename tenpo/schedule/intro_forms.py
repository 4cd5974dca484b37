"""What is asked of a visitor."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from tenpo.core.zones import is_zone
from tenpo.people.models import NAME_LENGTH
from tenpo.schedule.actions.intros import Visitor


class VisitorForm(forms.Form):
    """Who comes, and where they are written to."""

    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=gettext_lazy("The link that confirms it goes there."),
    )  # fmt: skip

    def visitor(self, *, time_zone: str, locale: str) -> Visitor:
        """Whoever filled it in, on the clock and in the language in which they saw the page."""
        known: dict[str, Any] = self.cleaned_data
        zone = time_zone if is_zone(time_zone) else "UTC"
        return Visitor(known["name"], known["email"], zone, locale)
