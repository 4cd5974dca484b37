"""Who comes, where several may be booked at once."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.core.limits import PLACES_AT_ONCE
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import NAME_LENGTH, Participant, User

# The choice of somebody who has to be named.
NAMED = "named"


class _OneOfThese(forms.RadioSelect):
    """One of some, read as a list of those that are chosen."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])


class PartyForm(forms.Form):
    """Whoever books, their guests, and others who become guests by being named; whoever books alone sends none of it.

    `but` are those who have a place already; at `most` so many come, which stands by the field. Where that is one, it
    asks which one it is, and speaks of nobody who comes along.
    """

    party = forms.BooleanField(required=False, initial=True, widget=forms.HiddenInput)
    who = forms.MultipleChoiceField(
        label=gettext_lazy("Who comes?"), required=False, widget=forms.CheckboxSelectMultiple
    )
    names = forms.CharField(
        label=gettext_lazy("Others, by name"),
        required=False,
        max_length=PLACES_AT_ONCE * (NAME_LENGTH + 2),
        help_text=gettext_lazy("One on each line. They stand here the next time."),
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )

    def __init__(self, data: Any, *, user: User, but: Collection[Participant] = (), most: int = PLACES_AT_ONCE) -> None:
        self.user = user
        self.most = max(1, min(most, PLACES_AT_ONCE))
        asked = [user.participant, *Participant.objects.guests_of(user)]
        self.people = {str(one.pk): one for one in asked if one not in but}
        # Whoever is there already is not meant by saying nothing.
        self.usual = [user.participant] if user.participant not in but else []
        super().__init__(
            data if data and "party" in data else None, initial={"who": [str(one.pk) for one in self.usual]}
        )
        field = self.fields["who"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.help_text = ngettext(
            "%(n)s person at most.", "At most %(n)s of you, whoever books among them.", self.most
        ) % {"n": self.most}
        names = self.fields["names"]
        assert isinstance(names, forms.CharField)
        names.max_length = self.most * (NAME_LENGTH + 2)
        names.widget.attrs["maxlength"] = str(names.max_length)
        field.choices = [(name, _("You") if one == user.participant else one.name) for name, one in self.people.items()]
        if self.is_for_one:
            field.label, field.help_text = _("Who is it for?"), ""
            field.widget = _OneOfThese(choices=[*field.choices, (NAMED, _("Another person, named below"))])
            field.choices = field.widget.choices
            names.label, names.help_text = _("Somebody else, by name"), _("They stand here the next time.")
            names.widget = forms.TextInput(attrs={"autocomplete": "off", "maxlength": str(names.max_length)})

    def clean_names(self) -> list[str]:
        if any(len(name) > NAME_LENGTH for name in self._named):
            raise ValidationError(_("A name has at most %(n)s characters.") % {"n": NAME_LENGTH})
        return self._named

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not self.chosen and not cleaned.get("names"):
            self.add_error("who", _("Choose who comes."))
        if (number := len(self.chosen) + len(cleaned.get("names", ()))) > self.most:
            self.add_error("names", self._too_many(number))
        return cleaned

    @property
    def chosen(self) -> list[Participant]:
        """Those of the known who come, whoever books first."""
        if not self.is_bound:
            return self.usual
        wanted = self.data.getlist("who") if hasattr(self.data, "getlist") else self.data.get("who", [])
        return [one for name, one in self.people.items() if name in wanted]

    @property
    def names_of_all(self) -> str:
        """Everybody who comes, as far as it was said; those who are only named as well."""
        return ", ".join([*(one.name for one in self.chosen), *self._named])

    @property
    def number(self) -> int:
        """How many come, as far as it was said; one at least, and no more than may."""
        return min(max(1, self._said), self.most)

    @property
    def too_many(self) -> str:
        """That more were named than may come, as soon as they are; empty where it is not so."""
        return self._too_many(self._said) if self._said > self.most else ""

    @property
    def _said(self) -> int:
        return len(self.chosen) + len(self._named)

    @property
    def _named(self) -> list[str]:
        """The names of those who are not known yet, or not chosen, each once however it is written."""
        names: dict[str, str] = {}
        for line in self.data.get("names", "").splitlines() if self.is_bound else []:
            name = " ".join(line.split())
            names.setdefault(name.lower(), name)
        chosen = {one.name.lower() for one in self.chosen}
        return [name for key, name in names.items() if key and key not in chosen]

    def _too_many(self, number: int) -> str:
        words = _("At most %(n)s come together; these are %(number)s.") if self.most > 1 else _("Only one can come.")
        return words % {"n": self.most, "number": number}

    @property
    def is_for_one(self) -> bool:
        """Whether one comes and no more, so that nobody can be brought along."""
        return self.most == 1

    @property
    def is_alone(self) -> bool:
        """Whether nothing was said of anybody but whoever books, so that it need not be seen."""
        return not self.is_bound and len(self.people) == 1 and bool(self.usual)

    def people_named(self) -> list[Participant]:
        """Who was chosen, with those of the named who have become guests by now."""
        typed = self.data.get("names", "").splitlines() if self.is_bound else []
        names = {" ".join(line.split()).lower() for line in typed}
        known = [one for one in Participant.objects.guests_of(self.user) if one.name.lower() in names]
        return list(dict.fromkeys([*self.chosen, *known]))

    def participants(self) -> list[Participant]:
        """Who comes; those who were named become guests. Raises RuleError too_many_guests."""
        names = self.cleaned_data["names"] if self.is_bound else []
        named = add_guests(names, by=self.user) if names else []
        return list(dict.fromkeys([*self.chosen, *named]))
