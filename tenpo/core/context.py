"""Template context that every page has."""

from typing import Any

from django.http import HttpRequest

from tenpo.core.business import current_business


def business(request: HttpRequest) -> dict[str, Any]:
    """`business`: name, currency, time zone and colour of whom this installation serves."""
    return {"business": current_business()}
