"""Fields of places and rooms."""

from typing import Any

from django import forms
from django.db.models import Field
from django.utils.translation import gettext_lazy as _

from tenpo.schedule.models import Location, Room

SAID = ("name", "address", "directions", "latitude", "longitude")


def _length(model: type[Location | Room], name: str) -> int | None:
    found = model._meta.get_field(name)
    return found.max_length if isinstance(found, Field) else None


class LocationForm(forms.Form):
    """A place where sessions are given."""

    name = forms.CharField(label=_("Name"), max_length=_length(Location, "name"))
    address = forms.CharField(label=_("Address"), max_length=_length(Location, "address"), required=False)
    directions = forms.CharField(
        label=_("How to find it"),
        max_length=_length(Location, "directions"),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text=_("Which door, which bell, where to park."),
    )
    latitude = forms.FloatField(label=_("Latitude"), required=False, min_value=-90, max_value=90)
    longitude = forms.FloatField(label=_("Longitude"), required=False, min_value=-180, max_value=180)

    def __init__(self, data: Any = None, *, location: Location | None = None) -> None:
        super().__init__(data, initial={name: getattr(location, name) for name in SAID} if location else None)
        for name in ("latitude", "longitude"):
            self.fields[name].widget = forms.TextInput(attrs={"inputmode": "decimal"})

    def terms(self) -> Any:
        """As the actions take them."""
        return {name: self.cleaned_data[name] for name in SAID}


class RoomForm(forms.Form):
    """A new room."""

    room = forms.CharField(label=_("Room"), max_length=_length(Room, "name"))


class RenameForm(forms.Form):
    """What a room is called; several of these stand on one page."""

    room_name = forms.CharField(label=_("Room"), max_length=_length(Room, "name"))

    def __init__(self, data: Any = None, *, room: Room) -> None:
        # The one that was sent has its errors where they are looked for.
        auto_id = f"room-{room.pk}-%s" if data is None else "id_%s"
        super().__init__(data, initial={"room_name": room.name}, auto_id=auto_id)
        self.room = room
