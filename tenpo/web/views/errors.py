from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from tenpo.core.api import problem

SECONDS_TO_WAIT = 60


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse | JsonResponse:
    """One calm answer for what is not there and for what is not yours."""
    if request.path.startswith("/api/"):
        return problem(404, "not_found")
    return render(request, "404.html", status=404)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A limit of the sign-in pages; allauth asks for it by this name."""
    response = render(request, "429.html", {"retry_after": SECONDS_TO_WAIT}, status=429)
    response["Retry-After"] = str(SECONDS_TO_WAIT)
    return response


def broken(request: HttpRequest) -> HttpResponse:
    """Our fault; says so without needing the database."""
    if request.path.startswith("/api/"):
        return problem(500, "server_error")
    # Without the request no context processor runs: they ask the database, which may be what is broken.
    return HttpResponse(render_to_string("500.html"), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was open too long, or did not come from here."""
    return render(request, "403_csrf.html", status=403)
