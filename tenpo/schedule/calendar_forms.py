"""What people say of calendars that they keep elsewhere."""

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.outgoing import MAX_URL
from tenpo.schedule.calendar_models import CalendarConnection

_LABEL = CalendarConnection._meta.get_field("label").max_length


class FeedForm(forms.Form):
    """A calendar by its address."""

    address = forms.CharField(
        label=_("Address"),
        max_length=MAX_URL,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("It begins with https:// or webcal:// and mostly ends in .ics."),
    )
    label = forms.CharField(
        label=_("Name"), max_length=_LABEL, required=False, help_text=_("Such as “Home”. Only you see it.")
    )
    blocks_time = forms.BooleanField(label=_("When I am busy there, nobody can book me here"), required=False)


class CalendarForm(forms.Form):
    """What one may change of a connected calendar."""

    label = forms.CharField(label=_("Name"), max_length=_LABEL)
    blocks_time = forms.BooleanField(label=_("When I am busy there, nobody can book me here"), required=False)
