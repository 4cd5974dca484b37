"""Template context that every page has."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from tenpo.core.business import current_business


def business(request: HttpRequest) -> dict[str, Any]:
    """`business`: name, currency, time zone and colour of whom this installation serves."""
    return {"business": current_business()}


def theme(request: HttpRequest) -> dict[str, Any]:
    """`theme`: light or dark, when this browser chose one; `theme_cookie`: where it keeps that."""
    chosen = request.COOKIES.get(settings.THEME_COOKIE_NAME)
    return {"theme": chosen if chosen in ("light", "dark") else "", "theme_cookie": settings.THEME_COOKIE_NAME}
