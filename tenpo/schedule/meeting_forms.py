"""What is typed about a session that took place."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenpo.schedule.actions.notes import NOTE_LENGTH
from tenpo.schedule.models import Booking
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

    def __init__(self, *args: Any, bookings: list[Booking], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = [(str(one.pk), one.participant.name) for one in bookings]
        self.fields["about"].choices = [("", _("The session")), *people]  # type: ignore[attr-defined]
