from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from tenpo.core.api import problem
from tenpo.core.errors import TooManyRequests
from tenpo.core.request_context import Origin, new_request_id, set_origin

MAX_AGENT_LENGTH = 200


def client_address(request: HttpRequest) -> str:
    """The caller's address: the one that the outermost of our own proxies saw.

    With no trusted proxy the header is somebody's claim, and the connection's address counts.
    """
    count = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    if count and len(hops) >= count:
        return hops[-count]
    return request.META.get("REMOTE_ADDR") or ""


class RequestContextMiddleware:
    """Names each request and says where it came from; turns a reached limit into 429."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = new_request_id()
        via = "api" if request.path.startswith("/api/") else "page"
        agent = request.headers.get("User-Agent", "")[:MAX_AGENT_LENGTH]
        set_origin(Origin(via=via, address=client_address(request) or None, agent=agent, request_id=request_id))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
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
