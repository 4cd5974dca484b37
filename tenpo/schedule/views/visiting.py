"""Visitors: whoever looks at what is offered to everybody without signing in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from tenpo.core.business import current_business
from tenpo.core.networks import hit_from
from tenpo.core.zones import current_zone, is_zone

YEAR = 365 * 24 * 60 * 60


def open_to_visitors[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """A page that is seen without signing in as far as what it shows is open to visitors.

    Their looks are counted by address, and times are on the clock of their browser, or on the one that they chose,
    which it keeps. What is not open to them, and what is not there, is asked to sign in alike.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = cast("HttpRequest", args[0])
        if request.user.is_authenticated:
            return view(*args, **kwargs)
        hit_from(request, "visitor-look")
        with timezone.override(asked_zone(request) or zone_of_visitor(request)):
            try:
                response = view(*args, **kwargs)
            except Http404:
                return redirect_to_login(request.get_full_path())
        return _remember_zone(request, response)

    return guarded


def zone_of_visitor(request: HttpRequest) -> ZoneInfo:
    """The clock that this browser chose before, otherwise the business's."""
    chosen = request.COOKIES.get(settings.ZONE_COOKIE_NAME, "")
    return ZoneInfo(chosen if is_zone(chosen) else current_business().time_zone)


def asked_zone(request: HttpRequest) -> ZoneInfo | None:
    """The clock that an address names, if it names one."""
    zone = request.GET.get("zone", "")
    return ZoneInfo(zone) if is_zone(zone) else None


def zone_to_guess(request: HttpRequest) -> str:
    """The clock of a visitor's page that nobody chose: their browser may name its own instead (`zone.js`).

    Empty where somebody did, or where the address says something else that we do not understand: it is asked once.
    """
    is_open = request.method == "GET" and "zone" not in request.GET and not request.user.is_authenticated
    is_known = is_zone(request.COOKIES.get(settings.ZONE_COOKIE_NAME, ""))
    return current_zone().key if is_open and not is_known else ""


def own_zone(request: HttpRequest) -> ZoneInfo:
    """The clock by which a page shows times when its address says nothing else."""
    user: Any = request.user
    return ZoneInfo(user.time_zone) if user.is_authenticated else zone_of_visitor(request)


def _remember_zone(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if zone := asked_zone(request):
        response.set_cookie(
            settings.ZONE_COOKIE_NAME, zone.key, max_age=YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True,
            samesite="Lax",
        )  # fmt: skip
    return response
