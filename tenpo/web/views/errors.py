import sys

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from tenpo.core.api import problem
from tenpo.core.errors import is_database_away
from tenpo.core.middleware import route_of
from tenpo.core.request_context import current_origin

SECONDS_TO_WAIT = 60
# A database that was killed is back in less.
AWAY_SECONDS = 5
_PROGRAMS = ("/api/", "/_allauth/")

log = structlog.get_logger()


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse | JsonResponse:
    """One calm answer for what is not there and for what is not yours."""
    if request.path.startswith("/api/"):
        return problem(404, "not_found")
    return render(request, "404.html", status=404)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse | JsonResponse:
    """What no browser sends: too large, not readable, for a host that we are not."""
    status = 413 if isinstance(exception, RequestDataTooBig) else 400
    if request.path.startswith(_PROGRAMS):
        return problem(status, "too_large" if status == 413 else "bad_request")
    # The frame of a page asks for the request's host, which may be what is wrong.
    return HttpResponse(render_to_string("400.html"), status=status)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A limit of the sign-in pages; allauth asks for it by this name."""
    response = render(request, "429.html", {"retry_after": SECONDS_TO_WAIT}, status=429)
    response["Retry-After"] = str(SECONDS_TO_WAIT)
    return response


def broken(request: HttpRequest) -> HttpResponse:
    """Our fault; says so without needing the database. While that one is away, asks to come again."""
    is_away = is_database_away(sys.exception())
    status = 503 if is_away else 500
    request_id = current_origin().request_id
    response: HttpResponse
    if request.path.startswith(_PROGRAMS):
        response = problem(status, "not_available" if is_away else "server_error", instance=request_id)
    else:
        # Without the request no context processor runs: they ask the database, which may be what is broken.
        response = HttpResponse(render_to_string(f"{status}.html", {"request_id": request_id}), status=status)
    if is_away:
        response["Retry-After"] = str(AWAY_SECONDS)
        # One line instead of Django's, which holds the whole stack: everybody who asks meanwhile gets here.
        log.warning("database_away", route=route_of(request))
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was open too long, or did not come from here."""
    return render(request, "403_csrf.html", status=403)
