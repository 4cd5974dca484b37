from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

from tenpo.people.visits import SessionStore


class VisitMiddleware(SessionMiddleware):
    """Django's sessions, whose cookie holds what stands in no table (`people.visits`)."""

    def process_request(self, request: HttpRequest) -> None:
        request.session = SessionStore.of_browser(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            # Django has written the key by which we know it.
            assert isinstance(request.session, SessionStore)
            response.cookies[settings.SESSION_COOKIE_NAME] = request.session.token
        return response


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
