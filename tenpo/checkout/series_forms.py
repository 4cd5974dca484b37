"""Which dates of a series are booked at once, and what was seen of those that are given up."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenpo.core.limits import SERIES_PLACES
from tenpo.schedule.series_queries import SeriesDate


class DatesForm(forms.Form):
    """The dates that are chosen; whoever has not chosen yet takes all that are free."""

    chosen = forms.BooleanField(required=False, initial=True, widget=forms.HiddenInput)
    dates = forms.MultipleChoiceField(
        label=_("Dates"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one date."), "invalid_choice": _("This date is over.")},
    )

    def __init__(self, data: Any, *, dates: Sequence[SeriesDate], places: int) -> None:
        self.all = dates
        free = [str(date.session.pk) for date in dates if date.is_free][: SERIES_PLACES // places]
        super().__init__(data if data and "chosen" in data else None)
        self.wanted = set(data.getlist("dates") if self.is_bound else free)
        field = self.fields["dates"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(str(date.session.pk), str(date.session)) for date in dates]

    @property
    def rows(self) -> list[tuple[SeriesDate, bool]]:
        """Each date, and whether it is chosen."""
        return [(date, str(date.session.pk) in self.wanted) for date in self.all]

    @property
    def taken(self) -> list[SeriesDate]:
        """The dates that are chosen, in their order."""
        return [date for date, is_chosen in self.rows if is_chosen]


class GiveUpForm(forms.Form):
    """What comes back of all (minor units), as it was seen."""

    agreed = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
