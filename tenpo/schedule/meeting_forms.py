"""What is typed about a session that took place."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.core.forms import one_of_these
from tenpo.core.once import OnceForm
from tenpo.people.models import Participant
from tenpo.schedule.actions.notes import NOTE_LENGTH
from tenpo.schedule.resource_models import SessionResource
from tenpo.schedule.review_models import COMMENT_LENGTH, MAX_RATING


def star_choices() -> list[tuple[int, str]]:
    """Five to one, the best one first."""
    return [(n, ngettext("%(n)s star", "%(n)s stars", n) % {"n": n}) for n in range(MAX_RATING, 0, -1)]


class ReviewForm(forms.Form):
    """One to five, and a word about it."""

    rating = forms.TypedChoiceField(
        label=gettext_lazy("How was it?"), choices=star_choices, coerce=int, widget=forms.RadioSelect
    )
    comment = forms.CharField(
        label=gettext_lazy("Your words"),
        required=False,
        max_length=COMMENT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class NoteForm(forms.Form):
    """What a coach notes, and of whom."""

    about = forms.ChoiceField(required=False, widget=forms.HiddenInput)
    text = forms.CharField(
        label=gettext_lazy("Your note"),
        required=False,
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy("Leave it empty to take the note away."),
    )

    def __init__(self, *args: Any, people: list[Participant], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(one.pk), one.name) for one in people]
        self.fields["about"].choices = [("", _("The session")), *named]  # type: ignore[attr-defined]


class ResourceForm(OnceForm):
    """A file, or a link, that belongs to a session."""

    kind = forms.ChoiceField(label=gettext_lazy("What it is"), choices=SessionResource.Kind.choices)
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Empty: as the file is called."),
    )
    file = one_of_these(
        forms.FileField(
            label=gettext_lazy("File"),
            required=False,
            max_length=200,
            help_text=gettext_lazy("Up to 24 MB; a longer recording is a link."),
        )
    )
    link = one_of_these(
        forms.URLField(
            label=gettext_lazy("Or a link"),
            required=False,
            max_length=500,
            assume_scheme="https",
            help_text=gettext_lazy("A file, or a link: one of them is needed."),
        )
    )
    is_public = forms.BooleanField(
        label=gettext_lazy("Everybody who sees the session may have it, and not just who has a place"), required=False
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, link = cleaned.get("file"), cleaned.get("link")
        if not self.errors and bool(file) == bool(link):
            self.add_error("file", _("Choose a file, or give a link."))
        elif link and not cleaned.get("name") and not self.errors:
            self.add_error("name", _("Say what the link is called."))
        return cleaned
