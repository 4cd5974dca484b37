"""What somebody looks for who wants to come at a time of their own."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from tenpo.core.forms import DayField, ZoneField
from tenpo.core.zones import current_zone
from tenpo.people.models import User
from tenpo.schedule.find_queries import ServiceFilter, Wish, coaches_of
from tenpo.schedule.models import Location, Service, ServiceCoach
from tenpo.schedule.service_models import Format


class OfferFilter(forms.Form):
    """What kind of service, with whom, and where; a question with one answer is not asked."""

    format = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    coach = forms.ModelChoiceField(
        label=gettext_lazy("Coach"), queryset=User.objects.none(), required=False, empty_label=gettext_lazy("Everybody")
    )
    location = forms.ModelChoiceField(
        label=gettext_lazy("Where"),
        queryset=Location.objects.none(),
        required=False,
        empty_label=gettext_lazy("Everywhere"),
    )

    def __init__(self, data: Any, *, offered: QuerySet[Service]) -> None:
        super().__init__(data)
        services = offered.order_by().values("pk")
        kinds = set(offered.order_by().values_list("format", flat=True).distinct())
        coaches = ServiceCoach.objects.filter(service__in=services).values("coach")
        places = Service.locations.through.objects.filter(service__in=services).values("location")
        self._offer("format", [("", gettext_lazy("All kinds")), *(one for one in Format.choices if one[0] in kinds)])
        for name, rows in (
            ("coach", User.objects.coaches().active().filter(pk__in=coaches)),
            ("location", Location.objects.open().filter(pk__in=places)),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows.order_by("name", "id")
            self._offer(name, list(field.choices))  # type: ignore[arg-type] # never a callable

    def _offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        # All, and one of them.
        if len(choices) <= 2:
            del self.fields[name]

    @property
    def is_narrow(self) -> bool:
        """Whether anything was asked for."""
        return any(self.data.get(name) for name in self.fields)

    def wanted(self) -> ServiceFilter:
        """What can be understood of what was asked; the rest is no filter."""
        self.full_clean()
        known = self.cleaned_data
        coach, location = known.get("coach"), known.get("location")
        return ServiceFilter(
            format=known.get("format", ""),
            coach_id=coach.pk if coach else None,
            location_id=location.pk if location else None,
        )


class WishForm(forms.Form):
    """How long, with whom, where, on which day, and on whose clock; what makes no sense is left out."""

    minutes = forms.TypedChoiceField(required=False, coerce=int)
    coach = forms.ChoiceField(required=False)
    location = forms.ChoiceField(required=False)
    day = DayField(required=False)
    since = DayField(required=False)
    zone = ZoneField(required=False)

    def __init__(self, data: Any, *, service: Service) -> None:
        data = data.copy()
        # The name under which the device knows it may be none of those that people choose from.
        data["zone"] = data.get("zone") or current_zone().key
        super().__init__(data)
        self.service = service
        for name, values in (
            ("minutes", service.durations),
            ("coach", [coach.pk for coach in coaches_of(service)]),
            ("location", [location.pk for location in service.locations.all()]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(str(value), str(value)) for value in values]

    def wish(self) -> Wish:
        """What was asked for; the usual length, anybody and anywhere where nothing was."""
        self.full_clean()
        known = self.cleaned_data
        zone = known.get("zone")
        return Wish(
            minutes=known.get("minutes") or self.service.durations[0],
            zone=ZoneInfo(zone) if zone else current_zone(),
            coach=_id(known.get("coach")),
            location=_id(known.get("location")),
            day=known.get("day"),
            since=known.get("since"),
        )


def _id(value: str | None) -> UUID | None:
    return UUID(value) if value else None
