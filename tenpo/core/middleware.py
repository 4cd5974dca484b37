from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from tenpo.core import headers
from tenpo.core.api import problem
from tenpo.core.errors import TooManyRequests
from tenpo.core.networks import client_address
from tenpo.core.request_context import Origin, coming_from, is_request_id, new_request_id
from tenpo.core.tally import Tally, tallied
from tenpo.runtime import metrics, watch

MAX_AGENT_LENGTH = 200

log = structlog.get_logger("tenpo.requests")


def request_id_of(request: HttpRequest) -> str:
    """The request's name: the one that a proxy of ours gave it, or a new one; a stranger's would be anything."""
    given = request.headers.get("X-Request-Id", "") if settings.ALLAUTH_TRUSTED_PROXY_COUNT else ""
    return given if is_request_id(given) else new_request_id()


def route_of(request: HttpRequest) -> str:
    """What was asked for, without what stands in its address: ids, and some addresses are secrets."""
    match = request.resolver_match
    return (match.view_name or match.route) if match else ""


def note(request: HttpRequest, response: HttpResponseBase, tally: Tally, span: watch.Span) -> None:
    """Count a request, describe its span, write one line for it; who is signed in, and its id, are bound to the log."""
    route = route_of(request)
    metrics.count_request(
        route, request.method or "", response.status_code, seconds=tally.seconds, statements=tally.statements
    )
    span.describe(
        f"{request.method} {route or 'unknown'}",
        failed=response.status_code >= 500,
        http__request__method=request.method,
        http__route=route,
        http__response__status_code=response.status_code,
        tenpo__statements=tally.statements,
    )
    log.info(
        "request",
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round(tally.seconds * 1000, 1),
        statements=tally.statements,
        database_ms=round(tally.database_seconds * 1000, 1),
    )


class HeadersMiddleware:
    """Gives every answer the headers that all have, refusals and static files too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers.complete(response)
        return response


class RequestContextMiddleware:
    """Names each request, says where it came from and what it took; turns a reached limit into 429."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_of(request)
        via = "api" if request.path.startswith("/api/") else "page"
        agent = request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH]
        structlog.contextvars.clear_contextvars()
        origin = Origin(via=via, address=client_address(request) or None, agent=agent, request_id=request_id)
        with coming_from(origin), tallied() as tally, watch.request(request_id) as span:
            response = self.get_response(request)
            note(request, response, tally, span)
        response["X-Request-Id"] = request_id
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, TooManyRequests):
            return None
        return too_many(request, exception)


def too_many(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    """The answer to a try beyond a limit, as whoever tried reads it."""
    if request.path.startswith(("/api/", "/_allauth/")):
        response: HttpResponse = problem(429, "too_many_requests")
    else:
        response = render(request, "429.html", {"retry_after": error.retry_after}, status=429)
    response["Retry-After"] = str(error.retry_after)
    return response
