"""What people say of calendars that they keep elsewhere."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.outgoing import MAX_URL
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.calendars import kind_of
from tenpo.schedule.calendars.caldav import FoundCalendar

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


class CalDavForm(forms.Form):
    """An account at a CalDAV server."""

    address = forms.CharField(
        label=_("Server"),
        max_length=MAX_URL,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Such as https://caldav.icloud.com or https://cloud.example.com."),
    )
    username = forms.CharField(
        label=_("User name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        label=_("App password"),
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Make one for us where you keep the calendar, so that you can end it there. We keep it encrypted."),
    )

    def ask_again(self) -> None:
        """Say that the password has to be typed once more: no page shows what was sent."""
        self["password"].help_text = _("Type it once more: for your safety no page shows what was typed here.")


class ChosenCalendarForm(forms.Form):
    """Which of the calendars of an account."""

    calendar = forms.ChoiceField(label=_("Calendar"), widget=forms.RadioSelect)
    blocks_time = forms.BooleanField(label=_("When I am busy there, nobody can book me here"), required=False)

    def __init__(self, *args: Any, calendars: Sequence[FoundCalendar], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(number), one.name) for number, one in enumerate(calendars)]
        self.fields["calendar"].choices = choices  # type: ignore[attr-defined]
        self.calendars = calendars

    def chosen(self) -> FoundCalendar:
        """The calendar that was chosen."""
        return self.calendars[int(self.cleaned_data["calendar"])]


class CalendarForm(forms.Form):
    """What one may change of a connected calendar."""

    label = forms.CharField(label=_("Name"), max_length=_LABEL)
    blocks_time = forms.BooleanField(label=_("When I am busy there, nobody can book me here"), required=False)
    writes_sessions = forms.BooleanField(
        label=_("Write my sessions to it"),
        required=False,
        help_text=_("What you teach and what you booked. Whoever sees that calendar sees them."),
    )

    def __init__(self, *args: Any, connection: CalendarConnection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not kind_of(connection).writes:
            del self.fields["writes_sessions"]
