"""Fields of what coaches say of their time: the week, days that differ, times off, travels, terms."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.forms import DayField, LongSelect, ZoneField, known_zones
from tenpo.core.words import locale
from tenpo.people.models import User
from tenpo.schedule.actions.hours import MAX_SESSIONS_A_DAY
from tenpo.schedule.availability_models import MAX_HOURS_ROWS, REGION_LENGTH
from tenpo.schedule.forms import CoachField, time_field
from tenpo.schedule.free_days import holiday_countries, regions_of
from tenpo.schedule.models import Location, TimeOff, WorkingTerms
from tenpo.schedule.occurrences import local_moment
from tenpo.schedule.slots import MINUTES_OF_DAY
from tenpo.schedule.weekly_hours import Hours

ROW = re.compile(r"^(?:opens|closes|day)_(\d{1,3})$")


def minutes_at(moment: time, *, is_end: bool = False) -> int:
    """Minutes from midnight; where something ends, midnight is the end of the day."""
    minutes = moment.hour * 60 + moment.minute
    return MINUTES_OF_DAY if is_end and minutes == 0 else minutes


def time_at(minutes: int) -> time:
    """The time of day so many minutes after midnight; the day's end is midnight again."""
    return time(minutes // 60 % 24, minutes % 60)


class PlaceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Where; nowhere in particular is everywhere."""

    def __init__(self, choices: Sequence[tuple[Any, Any]] | None = None) -> None:
        super().__init__(
            queryset=Location.objects.open().order_by("name", "id"), required=False, label=gettext_lazy("Where"),
            empty_label=gettext_lazy("Everywhere"),
        )  # fmt: skip
        if choices is not None:
            # Many rows choose from the same: they are asked for once.
            self.widget.choices = choices


class HoursRow(forms.Form):
    """From and until on one weekday; nothing in both is no hours."""

    day = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=6)
    opens = time_field(gettext_lazy("From"), required=False)
    closes = time_field(gettext_lazy("Until"), required=False)
    starts_on = DayField(label=gettext_lazy("First day"), required=False)
    ends_on = DayField(label=gettext_lazy("Last day"), required=False)

    def __init__(self, *args: Any, number: int, places: Sequence[tuple[Any, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = number
        self.fields["place"] = PlaceField(places)

    def add_prefix(self, field_name: str) -> str:
        return f"{field_name}_{self.number}"

    @property
    def has_weeks(self) -> bool:
        """Whether it says some weeks only."""
        return bool(self["starts_on"].value() or self["ends_on"].value())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        opens, closes = cleaned["opens"], cleaned["closes"]
        if (opens is None) != (closes is None):
            self.add_error("closes" if closes is None else "opens", _("Fill in both, or neither."))
        elif opens is not None and minutes_at(closes, is_end=True) <= minutes_at(opens):
            self.add_error("closes", _("It ends after it begins."))
        if cleaned["starts_on"] and cleaned["ends_on"] and cleaned["ends_on"] < cleaned["starts_on"]:
            self.add_error("ends_on", _("The last day comes after the first one."))
        return cleaned

    def hours(self) -> Hours | None:
        """As the actions take them; None where nothing was filled in."""
        known = self.cleaned_data
        if known["opens"] is None:
            return None
        place = known["place"]
        return Hours(
            known["day"], minutes_at(known["opens"]), minutes_at(known["closes"], is_end=True),
            place.pk if place else None, known["starts_on"], known["ends_on"],
        )  # fmt: skip


class WeekForm:
    """The whole week as rows of from and until, as many as there are and one more for each day."""

    def __init__(self, data: Mapping[str, Any] | None, *, hours: Sequence[Hours]) -> None:
        self.is_bound = data is not None
        everywhere = [("", gettext_lazy("Everywhere"))]
        open_places = dict(Location.objects.open().order_by("name", "id").values_list("pk", "name"))
        self.places = [*everywhere, *open_places.items()]
        self.errors: list[str] = []
        if data is not None:
            numbers = sorted({int(found[1]) for key in data if (found := ROW.match(key))})
            self.rows = [HoursRow(data, number=n, places=self.places) for n in numbers[: 2 * MAX_HOURS_ROWS]]
        else:
            # Hours at a place that is closed are none, until it opens again.
            said = [_said(each) for each in hours if each.location_id is None or each.location_id in open_places]
            blank = [{"day": day} for day in range(7)]
            self.rows = [
                HoursRow(initial=initial, number=number, places=self.places)
                for number, initial in enumerate(said + blank)
            ]

    def is_valid(self) -> bool:
        """Whether every row says hours, or nothing."""
        # Each says what is wrong with it, not only the first.
        return [row for row in self.rows if not row.is_valid()] == []

    def hours(self) -> list[Hours]:
        """What the rows say, as the actions take it."""
        return [hours for row in self.rows if (hours := row.hours()) is not None]

    def days(self) -> list[tuple[int, Any, list[HoursRow]]]:
        """The rows of each weekday, Monday first, with its name."""
        of: dict[int, list[HoursRow]] = {day: [] for day in range(7)}
        for row in self.rows:
            day = str(row["day"].value())
            if day in "0123456" and len(day) == 1:
                of[int(day)].append(row)
        return [(day, WEEKDAYS[day], rows) for day, rows in of.items()]


def _said(hours: Hours) -> dict[str, Any]:
    return {
        "day": hours.weekday, "opens": time_at(hours.opens), "closes": time_at(hours.closes),
        "place": hours.location_id, "starts_on": hours.starts_on, "ends_on": hours.ends_on,
    }  # fmt: skip


class DayForm(forms.Form):
    """One day that is not as its weekday: two times at most, or none."""

    day = DayField(label=gettext_lazy("Day"))
    opens = time_field(gettext_lazy("From"), required=False)
    closes = time_field(gettext_lazy("Until"), required=False)
    opens_again = time_field(gettext_lazy("And from"), required=False)
    closes_again = time_field(gettext_lazy("Until"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"] = PlaceField()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for first, last in (("opens", "closes"), ("opens_again", "closes_again")):
            if self.errors.keys() & {first, last}:
                continue
            opens, closes = cleaned.get(first), cleaned.get(last)
            if (opens is None) != (closes is None):
                self.add_error(last if closes is None else first, _("Fill in both, or neither."))
            elif opens is not None and closes is not None and minutes_at(closes, is_end=True) <= minutes_at(opens):
                self.add_error(last, _("It ends after it begins."))
        return cleaned

    def hours(self) -> list[Hours]:
        """As the action takes them; none: not on this day."""
        known = self.cleaned_data
        place: Location | None = known["place"]
        where: UUID | None = place.pk if place else None
        return [
            Hours(known["day"].weekday(), minutes_at(known[first]), minutes_at(known[last], is_end=True), where)
            for first, last in (("opens", "closes"), ("opens_again", "closes_again"))
            if known[first] is not None
        ]


class AwayForm(forms.Form):
    """When a coach is away: whole days, unless it says at which hour."""

    first_day = DayField(label=gettext_lazy("First day"))
    from_time = time_field(gettext_lazy("From"), required=False)
    last_day = DayField(label=gettext_lazy("Last day"))
    until_time = time_field(gettext_lazy("Until"), required=False)
    stand_in = CoachField(required=False, empty_label=gettext_lazy("Nobody"))
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=cast("int", TimeOff._meta.get_field("reason").max_length),
        help_text=gettext_lazy("Nobody sees this but you and the admins."),
    )

    def __init__(self, *args: Any, coach: User, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        stand_in = cast("CoachField", self.fields["stand_in"])
        stand_in.label = gettext_lazy("Who stands in")
        stand_in.queryset = User.objects.coaches().active().exclude(pk=coach.pk).order_by("name", "id")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The last day comes after the first one."))
        return cleaned

    def times(self) -> tuple[datetime, datetime]:
        """From when until when; without an hour from midnight to midnight."""
        known = self.cleaned_data
        until, last_day = known["until_time"], known["last_day"]
        if until is None:
            until, last_day = time(0), last_day + timedelta(days=1)
        return (
            local_moment(known["first_day"], known["from_time"] or time(0), self.zone).at,
            local_moment(last_day, until, self.zone).at,
        )


class TravelForm(forms.Form):
    """Days on which a coach's hours are those of another zone."""

    starts_on = DayField(label=gettext_lazy("First day"))
    ends_on = DayField(label=gettext_lazy("Last day"))
    time_zone = ZoneField()


class TermsForm(forms.Form):
    """How a coach works, whatever their hours."""

    time_zone = ZoneField(required=False)
    country = forms.ChoiceField(label=gettext_lazy("Public holidays of"), required=False, widget=LongSelect)
    region = forms.CharField(
        label=gettext_lazy("Region"), required=False, max_length=REGION_LENGTH, widget=forms.Select
    )
    most_per_day = forms.IntegerField(
        label=gettext_lazy("Sessions a day at most"), required=False, min_value=1, max_value=MAX_SESSIONS_A_DAY
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, terms: WorkingTerms, account_zone: str) -> None:
        country = terms.holidays_of.partition("-")[0]
        initial = {
            "time_zone": terms.time_zone, "country": country, "region": terms.holidays_of,
            "most_per_day": terms.most_per_day,
        }  # fmt: skip
        super().__init__(data, initial=initial)
        zones = cast("ZoneField", self.fields["time_zone"])
        own = _("That of the account: %(zone)s") % {"zone": account_zone.replace("_", " ")}
        zones.choices = [("", own), *((name, name.replace("_", " ")) for name in known_zones())]
        names = locale().territories
        countries = sorted(((code, names.get(code, code)) for code in holiday_countries()), key=lambda one: one[1])
        cast("forms.ChoiceField", self.fields["country"]).choices = [
            ("", _("Nowhere: no day is free by itself")),
            *countries,
        ]
        chosen = str(data.get("country", "")) if data is not None else country
        regions = [("", _("All of it")), *((code, code) for code in regions_of(chosen))]
        cast("forms.Select", self.fields["region"].widget).choices = regions
        self.has_regions = len(regions) > 1

    def clean_region(self) -> str:
        """A region of another country than the chosen one is none."""
        region: str = self.cleaned_data["region"]
        country = region.partition("-")[0]
        if region not in regions_of(country) and region:
            raise ValidationError(_("We do not know the holidays of this place."))
        return region if country == self.cleaned_data.get("country") else ""

    def terms(self) -> Any:
        """As the action takes them."""
        known = self.cleaned_data
        return {
            "time_zone": known["time_zone"],
            "holidays_of": known["region"] or known["country"],
            "most_per_day": known["most_per_day"],
        }
