from collections.abc import Iterable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.people.http import PageRequest, admins_only
from tenpo.people.models import User
from tenpo.schedule.actions import places as actions
from tenpo.schedule.models import Location, Room, Session
from tenpo.schedule.permissions import can_manage_places
from tenpo.schedule.place_forms import LocationForm, RenameForm, RoomForm
from tenpo.schedule.queries import cancellation_effect
from tenpo.schedule.service_queries import find_locations, place_of, sessions_naming, sessions_to_come_at, within

# Sessions that are named where a place cannot be closed.
COMING_SHOWN = 10


@login_required
@require_safe
def location_list(request: HttpRequest) -> HttpResponse:
    """Where the business works, with its rooms and the way there; for admins also where it did."""
    user = request.user
    assert isinstance(user, User)
    found = list(find_locations(user).order_by("name", "id"))
    context = {
        "open": [place for place in found if place.closed_at is None],
        "closed": [place for place in found if place.closed_at is not None],
        "may_manage": can_manage_places(user) and user.is_admin,
    }
    return render(request, "schedule/location_list.html", context)


@admins_only
@require_http_methods(["GET", "POST"])
def location_create(request: PageRequest) -> HttpResponse:
    """Add a place."""
    form = LocationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            location = actions.open_location(by=request.user, **form.terms())
        except (RuleError, ValidationError) as error:
            _add(form, error)
        else:
            messages.success(request, _("The place is there. Add its rooms, if it has any."))
            return redirect("schedule:location-edit", location.pk)
    context = {"form": form, "location": None}
    return render(request, "schedule/location_form.html", context, status=422 if form.errors else 200)


@admins_only
@require_http_methods(["GET", "POST"])
def location_edit(request: PageRequest, location_id: UUID) -> HttpResponse:
    """Change what is said of a place, and its rooms."""
    location = get_object_or_404(find_locations(request.user), pk=location_id)
    form = LocationForm(request.POST or None, location=location)
    if request.method == "POST" and form.is_valid():
        was, naming = place_of(location), list(sessions_naming(location))
        try:
            location = actions.edit_location(location, by=request.user, **form.terms())
        except (RuleError, ValidationError) as error:
            _add(form, error)
        else:
            messages.success(request, _saved(naming if place_of(location) != was else []))
            return redirect("schedule:location-list")
    return _location_page(request, location, form=form)


@admins_only
@require_POST
def location_close(request: PageRequest, location_id: UUID) -> HttpResponse:
    """Offer nothing at a place any more, or again."""
    location = get_object_or_404(Location, pk=location_id)
    closes = request.POST.get("act") != "reopen"
    try:
        if closes:
            actions.close_location(location, by=request.user)
        else:
            actions.reopen_location(location, by=request.user)
    except RuleError as refusal:
        if refusal.code == "in_use":
            return _still_used(request, location, refusal, there=within(location))
        messages.error(request, str(refusal))
    else:
        words = _("“%(name)s” is closed.") if closes else _("“%(name)s” is open again.")
        messages.success(request, words % {"name": location.name})
    return redirect("schedule:location-list")


@admins_only
@require_POST
def room_create(request: PageRequest, location_id: UUID) -> HttpResponse:
    """Add a room to a place."""
    location = get_object_or_404(find_locations(request.user), pk=location_id)
    room_form = RoomForm(request.POST)
    if room_form.is_valid():
        try:
            actions.open_room(location, name=room_form.cleaned_data["room"], by=request.user)
        except (RuleError, ValidationError) as error:
            _add(room_form, error)
        else:
            return redirect("schedule:location-edit", location.pk)
    return _location_page(request, location, form=LocationForm(location=location), room_form=room_form)


@admins_only
@require_POST
def room_change(request: PageRequest, room_id: UUID) -> HttpResponse:
    """Rename a room, close it, or open it again."""
    room = get_object_or_404(Room.objects.select_related("location"), pk=room_id)
    act = request.POST.get("act", "")
    if act == "rename":
        return _rename(request, room)
    try:
        if act == "close":
            actions.close_room(room, by=request.user)
        elif act == "reopen":
            actions.reopen_room(room, by=request.user)
        else:
            raise Http404
    except RuleError as refusal:
        if refusal.code == "in_use":
            return _still_used(request, room.location, refusal, there=Q(room=room))
        messages.error(request, str(refusal))
    return redirect("schedule:location-edit", room.location_id)


def _saved(changed: list[Session]) -> str:
    """What an admin reads after a place was changed: how many are told that their sessions name it otherwise now."""
    people = cancellation_effect(changed).people if changed else 0
    if not people:
        return _("Saved.")
    return ngettext("Saved. %(n)s person is told.", "Saved. %(n)s people are told.", people) % {"n": people}


def _rename(request: PageRequest, room: Room) -> HttpResponse:
    form = RenameForm(request.POST, room=room)
    if form.is_valid():
        try:
            actions.rename_room(room, name=form.cleaned_data["room_name"], by=request.user)
        except (RuleError, ValidationError) as error:
            _add(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("schedule:location-edit", room.location_id)
    location = get_object_or_404(find_locations(request.user), pk=room.location_id)
    return _location_page(request, location, form=LocationForm(location=location), renamed=form)


def _add(form: LocationForm | RoomForm | RenameForm, error: RuleError | ValidationError) -> None:
    """A name that is taken or wrong stands beside the field in which it was typed."""
    named = next(name for name in ("room", "room_name", "name") if name in form.fields)
    if isinstance(error, RuleError):
        form.add_error(named if error.code == "name_taken" else None, str(error))
        return
    for name, texts in error.message_dict.items():
        for text in texts:
            form.add_error(named if name == "name" else name, text)


def _still_used(request: PageRequest, location: Location, refusal: RuleError, *, there: Q) -> HttpResponse:
    """The page of a place that stays open, with the first sessions to come that keep it."""
    location = get_object_or_404(find_locations(request.user), pk=location.pk)
    coming = sessions_to_come_at(there).order_by("starts_at", "id")[:COMING_SHOWN]
    form = LocationForm(location=location)
    return _location_page(request, location, form=form, refusal=refusal, coming=coming)


def _location_page(
    request: PageRequest,
    location: Location,
    *,
    form: LocationForm,
    room_form: RoomForm | None = None,
    renamed: RenameForm | None = None,
    refusal: RuleError | None = None,
    coming: Iterable[Session] = (),
) -> HttpResponse:
    rooms: list[Room] = list(location.rooms.all())
    context = {
        "form": form,
        "location": location,
        "rooms": [
            renamed if renamed and renamed.room == room else RenameForm(room=room)
            for room in rooms
            if room.closed_at is None
        ],
        "closed_rooms": [room for room in rooms if room.closed_at is not None],
        "room_form": room_form or RoomForm(),
        "naming": sessions_naming(location).count(),
        "refusal": refusal,
        "coming": coming,
    }
    is_wrong = form.errors or (room_form and room_form.errors) or (renamed and renamed.errors)
    status = 422 if is_wrong else 409 if refusal else 200
    return render(request, "schedule/location_form.html", context, status=status)
