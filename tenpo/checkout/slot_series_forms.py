"""How often a time is to come back, and which of its dates are booked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.limits import SLOT_SERIES_WEEKS
from tenpo.schedule.find_queries import moment_of, start_name
from tenpo.schedule.models import Service
from tenpo.schedule.slot_queries import Slot
from tenpo.schedule.slot_series import SlotDate

USUAL_TIMES = 5
DAY = timedelta(days=1)
EVERY = {1: gettext_lazy("Every week"), 2: gettext_lazy("Every second week")}


class RhythmForm(forms.Form):
    """Every how many weeks, and how many dates; what makes no sense is the usual."""

    weeks = forms.TypedChoiceField(
        label=gettext_lazy("How often"), choices=[(n, EVERY[n]) for n in range(1, SLOT_SERIES_WEEKS + 1)], coerce=int,
        required=False,
    )  # fmt: skip
    times = forms.TypedChoiceField(label=gettext_lazy("How many dates"), coerce=int, required=False)

    def __init__(self, data: Mapping[str, Any], *, service: Service) -> None:
        self.usual = {"weeks": 1, "times": min(service.most_in_series, USUAL_TIMES)}
        super().__init__({name: data.get(name) or value for name, value in self.usual.items()})
        times = self.fields["times"]
        assert isinstance(times, forms.ChoiceField)
        times.choices = [(n, str(n)) for n in range(2, service.most_in_series + 1)]
        self.full_clean()
        self.every, self.number = (self.cleaned_data.get(name) or value for name, value in self.usual.items())

    @property
    def name(self) -> str:
        """Tells whether dates were chosen of just this rhythm."""
        return f"{self.every}x{self.number}"


@dataclass(frozen=True)
class DateRow:
    """One date as the form shows it: the slot that can be had, at the time that was wished for or near it."""

    date: SlotDate
    slot: Slot | None
    is_chosen: bool

    @property
    def name(self) -> str:
        """How it stands in a form."""
        return start_name(self.slot.starts_at) if self.slot else ""

    @property
    def is_other(self) -> bool:
        """Whether it is at another time of its day."""
        return self.slot is not None and self.slot.starts_at != self.date.at


class SlotDatesForm(forms.Form):
    """The dates that are booked; whoever has not chosen yet takes all that are free at the time they wish for.

    A date that is only free at another time is taken by nobody who did not say so.
    """

    def __init__(self, data: Any, *, dates: Sequence[SlotDate], rhythm: RhythmForm) -> None:
        self.has_chosen = bool(data) and data.get("chosen") == rhythm.name
        super().__init__(data if self.has_chosen else None)
        self.wanted = data.getlist("dates") if self.has_chosen else []
        self.rows = [self._row(date) for date in dates]

    def _row(self, date: SlotDate) -> DateRow:
        ways = [*([date.slot] if date.slot else []), *date.nearest]
        if not self.has_chosen:
            return DateRow(date, next(iter(ways), None), is_chosen=date.is_free)
        said = next((slot for slot in ways if start_name(slot.starts_at) in self.wanted), None)
        return DateRow(date, said or next(iter(ways), None), is_chosen=said is not None)

    @property
    def starts(self) -> list[datetime]:
        """The dates that are chosen and free, in their order."""
        return [row.slot.starts_at for row in self.rows if row.slot and row.is_chosen]

    @property
    def lost(self) -> list[SlotDate]:
        """Those on whose day something was chosen that is not free any more."""
        gone = self._gone()
        return [row.date for row in self.rows if any(abs(row.date.at - at) < DAY for at in gone)]

    def _gone(self) -> list[datetime]:
        free = {row.name for row in self.rows if row.is_chosen}
        return [moment_of(name) for name in self.wanted if name not in free]

    def clean(self) -> dict[str, Any]:
        if len(self._gone()) > len(self.lost):
            self.add_error(None, _("These are not the dates any more. Please look at them again."))
        elif len(self.starts) < 2:
            self.add_error(None, _("Choose at least two dates; one alone is booked as usual."))
        return super().clean() or {}
