from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation


class PersonMiddleware:
    """Shows pages in the signed-in person's zone and language, and names them in the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/static/") or not request.user.is_authenticated:
            return self.get_response(request)
        structlog.contextvars.bind_contextvars(user_id=str(request.user.pk))
        try:
            zone = ZoneInfo(request.user.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return self.get_response(request)
        with timezone.override(zone), translation.override(request.user.locale):
            return self.get_response(request)
