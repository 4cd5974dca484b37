from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tenpo.core.forms import ZoneField
from tenpo.people.actions.imports import MAX_BYTES
from tenpo.people.actions.invites import MAX_INVITE_DAYS
from tenpo.people.models import NAME_LENGTH, CoachProfile, Invite, User

PASSWORD_HELP = _("At least 12 characters. A few words that only you put together are good.")


class SignUpNameForm(forms.Form):
    """What public sign-up asks besides address and password."""

    name = forms.CharField(
        label=_("Your name"), max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth asks for it; the adapter has saved the name by then."""


class InviteForm(forms.Form):
    """Whom to invite, as what, until when. Without an address it makes a bare link."""

    email = forms.EmailField(
        label=_("E-mail"),
        required=False,
        help_text=_("Leave it empty for a link that you hand over yourself."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    name = forms.CharField(label=_("Name"), max_length=NAME_LENGTH, required=False)
    role = forms.ChoiceField(label=_("Role"), choices=Invite.Grant.choices, initial=Invite.Grant.MEMBER)
    days = forms.IntegerField(label=_("Days to accept"), min_value=1, max_value=MAX_INVITE_DAYS)


class AcceptForm(forms.Form):
    """What somebody who accepts an invite says of themselves."""

    name = forms.CharField(
        label=_("Your name"), max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(label=_("Your e-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label=_("A password"),
        strip=False,
        max_length=256,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, invite: Invite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invite.email:
            del self.fields["email"]


class PeopleFilter(forms.Form):
    """Words and choices above the list of people."""

    q = forms.CharField(
        label=_("Words"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("A name or an address")}),
    )
    role = forms.ChoiceField(
        label=_("Role"),
        required=False,
        choices=[("", _("Everybody")), ("admin", _("Admins")), ("coach", _("Coaches")), ("member", _("Members only"))],
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Any")), ("active", _("Active")), ("disabled", _("Disabled"))],
    )


class InviteFilter(forms.Form):
    """Words and state above the list of invites."""

    q = forms.CharField(
        label=_("Words"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("A name or an address")}),
    )
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Any")), *Invite.State.choices])


class GuestForm(forms.Form):
    """What a guest is called."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class ProfileForm(forms.Form):
    """What somebody says of themselves."""

    name = forms.CharField(
        label=_("Name"), max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    time_zone = ZoneField(help_text=_("All times are shown in it."))
    locale = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    headline = forms.CharField(
        label=_("Headline"),
        max_length=120,
        required=False,
        help_text=_("One line under your name, such as “Breathing and sleep”."),
    )
    bio = forms.CharField(label=_("About you"), max_length=2_000, required=False, widget=forms.Textarea)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        initial: dict[str, Any] = {"name": user.name, "time_zone": user.time_zone, "locale": user.locale}
        if user.is_coach:
            profile = CoachProfile.objects.filter(user=user).first()
            initial |= {"headline": profile.headline, "bio": profile.bio} if profile else {}
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        if not user.is_coach:
            del self.fields["headline"], self.fields["bio"]


class ImportForm(forms.Form):
    """A file of people to invite."""

    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("A first line with email, and if you like name and role; then one person in each line."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 1 MB."))
        return file
