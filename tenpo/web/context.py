"""The frame around every page: the places that a person may go, and what waits for them."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from tenpo.notify.models import Notification
from tenpo.people.models import User
from tenpo.people.required_factors import WANTED, is_kept_out
from tenpo.schedule.find_queries import offered_services


@dataclass(frozen=True)
class Place:
    """One entry of the rail: where it leads, what it is called, its icon, and which paths belong to it."""

    route: str
    label: Any
    icon: str
    paths: tuple[str, ...]


MEMBER_PLACES = [
    Place("web:home", _("Today"), "sun", ("/",)),
    Place("schedule:session-list", _("Find"), "compass", ("/sessions/", "/book/", "/places/")),
    Place("schedule:calendar", _("Calendar"), "calendar-days", ("/calendar/", "/bookings/")),
    Place("people:profile", _("Me"), "circle-user", ("/me/", "/account/", "/orders/", "/sponsorships/")),
]
COACH_PLACES = [
    Place("schedule:teaching-list", _("Teaching"), "users", ("/teaching/",)),
]
ADMIN_PLACES: list[Place] = [
    Place("people:user-list", _("People"), "user", ("/people/", "/invites/", "/imports/")),
    Place("checkout:payment-list", _("Money"), "coins", ("/money/", "/policies/", "/sponsorships/")),
    Place("audit:log", _("Audit"), "history", ("/audit/", "/deliveries/", "/mail/")),
    Place("web:settings", _("Settings"), "settings", ("/settings/", "/places/")),
]


def places_of(user: User) -> list[Place]:
    """Where this person may go, by their roles."""
    return [
        *MEMBER_PLACES,
        *(COACH_PLACES if user.is_coach or user.is_admin else ()),
        *(ADMIN_PLACES if user.is_admin else ()),
    ]


def frame(request: HttpRequest) -> dict[str, Any]:
    """`nav` (the places of this person), `unread` (a number, counted when shown) and `person`, if they are let in.

    And `wanted`, the page that they were kept from until they showed a second factor; to nobody of ours
    `has_open_offers`, whether something can be booked without an account.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or is_kept_out(request):
        has_open_offers = SimpleLazyObject(lambda: offered_services(AnonymousUser()).exists())
        return {"nav": [], "unread": 0, "person": None, "has_open_offers": has_open_offers}
    unread = SimpleLazyObject(lambda: Notification.objects.visible_to(user).unread().count())
    wanted = request.session.get(WANTED, "")
    nav = [_entry(place, request.path) for place in places_of(user)]
    # What belongs to two places is an admin's work, and a member's own.
    for entry in [entry for entry in nav if entry["active"]][:-1]:
        entry["active"] = False
    return {
        "nav": nav,
        "unread": unread,
        "person": user,
        "wanted": wanted,
    }


def _entry(place: Place, path: str) -> dict[str, Any]:
    is_active = any(path == start if start == "/" else path.startswith(start) for start in place.paths)
    return {"url": reverse(place.route), "label": place.label, "icon": place.icon, "active": is_active}
