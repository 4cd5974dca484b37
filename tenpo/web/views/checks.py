from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenpo.core.invariants import statement_of
from tenpo.core.models import CheckRun
from tenpo.people.http import PageRequest, admins_only

NIGHTS = 14


@dataclass(frozen=True)
class Broken:
    """A sentence that does not hold, for how many, and the first of them in words."""

    statement: str
    count: int
    rows: list[str]
    more: int


@admins_only
@require_safe
def checks(request: PageRequest) -> HttpResponse:
    """Whether everything adds up, as the last nights found it."""
    runs = list(CheckRun.objects.visible_to(request.user).order_by("-created_at")[:NIGHTS])
    last = runs[0] if runs else None
    broken = [_in_words(fault) for fault in last.faults] if last else []
    return render(request, "web/checks.html", {"last": last, "broken": broken, "earlier": runs[1:]})


def _in_words(fault: dict[str, Any]) -> Broken:
    rows = [", ".join(f"{name} {value}" for name, value in row.items()) for row in fault["rows"]]
    return Broken(statement_of(fault["name"]), fault["count"], rows, fault["count"] - len(rows))
