"""The reference of the API: every operation with its parameters, an example and a call to copy."""

import json
import re
from functools import cache
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from tenpo.web.views.openapi import Operation, Reader

CODE = re.compile(r"`([^`]+)`")


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the operations that match `q`, by tag. Open to everybody, as the schema itself is."""
    query = request.GET.get("q", "").strip()[:100]
    words = query.lower().split()
    operations = _operations(request.build_absolute_uri("/"))
    found = [one for one in operations if one.says(words)]
    groups = [(tag, list(ones)) for tag, ones in groupby(sorted(found, key=lambda one: one.tag), lambda one: one.tag)]
    context = {
        "about": _text(_schema()["info"]["description"]),
        "groups": [(tag, [(one, _text(one.description)) for one in ones]) for tag, ones in groups],
        "query": query,
        "found": len(found),
        "total": len(operations),
        "is_narrow": bool(words) and len(found) <= 3,
        "schema_url": reverse("api:openapi-json"),
    }
    return render(request, "web/api_docs.html", context)


@cache
def _schema() -> dict[str, Any]:
    """The schema that `/api/v1/openapi.json` answers with; it changes only with the code."""
    view, args, kwargs = resolve(reverse("api:openapi-json"))
    schema: dict[str, Any] = json.loads(view(HttpRequest(), *args, **kwargs).content)
    return schema


def _operations(root: str) -> list[Operation]:
    return list(Reader(_schema(), root).operations())


def _text(words: str) -> SafeString:
    """Paragraphs, with `code` in backticks; nothing else of Markdown."""
    paragraphs = [" ".join(part.split()) for part in words.split("\n\n") if part.strip()]
    html = "".join(f"<p>{escape(part)}</p>" for part in paragraphs)
    return mark_safe(CODE.sub(r"<code>\1</code>", html))  # noqa: S308 - escaped above
