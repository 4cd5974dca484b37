"""The design page: every component in every state, with its markup. For those who build pages."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from tenpo.core import charts
from tenpo.core.money import Money
from tenpo.core.templatetags.tenpo import ICONS
from tenpo.core.words import say_money

SPECIMENS = Path(__file__).resolve().parents[1] / "templates" / "web" / "design"
TITLE = re.compile(r"^\{# (?P<title>[^:]+): (?P<note>.+?) #\}\n")


@dataclass(frozen=True)
class Specimen:
    """One component: its name, when to use it, its markup and what it looks like."""

    name: str
    title: str
    note: str
    source: str
    html: SafeString


class SampleForm(forms.Form):
    """One field of every kind, for the design page only."""

    name = forms.CharField(label="Title", max_length=80, help_text="As people will see it in the calendar.")
    email = forms.EmailField(label="E-mail")
    note = forms.CharField(label="Description", max_length=4_000, widget=forms.Textarea, required=False)
    starts = forms.DateTimeField(label="Starts", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    price = forms.DecimalField(label="Price", min_value=0)
    room = forms.ChoiceField(label="Place", choices=[("studio", "Studio"), ("online", "Online")])
    format = forms.ChoiceField(
        label="Format", choices=[("one", "One to one"), ("group", "A group")], widget=forms.RadioSelect
    )
    remind = forms.BooleanField(label="Remind people a day before", required=False, help_text="By e-mail.")


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    """Show the design system. Only while developing, and to administrators."""
    if not _may_see(request):
        raise Http404
    context = _sample()
    return render(
        request,
        "web/design.html",
        {
            "specimens": [_specimen(path, context, request) for path in sorted(SPECIMENS.glob("*.html"))],
            "icons": sorted(path.stem for path in ICONS.glob("*.svg")),
            "colours": ["paper", "raised", "sunken", "line", "edge", "ink", "muted", "accent", "good", "warn", "bad"],
        },
    )


@require_safe
def design_events(request: HttpRequest) -> JsonResponse:
    """A week of made-up sessions for the calendar of the design page."""
    if not _may_see(request):
        raise Http404
    monday = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    week = [(0, 9, 60, "Breathing at work"), (1, 18, 90, "First steps in leading"), (1, 18, 60, "Quiet hour")]
    week += [(3, 12, 45, "Lunch walk"), (4, 16, 60, "Breathing at work")]
    found = []
    for number, (day, hour, minutes, title) in enumerate(week):
        start = monday + timedelta(days=day, hours=hour - 9)
        end = start + timedelta(minutes=minutes)
        kinds = ["booked"] if number == 1 else ["full"] if number == 2 else []
        found.append(
            {
                "id": str(number),
                "title": title,
                "start": start.isoformat(),
                "end": end.isoformat(),
                "classNames": kinds,
                "extendedProps": {"url": "#calendar"},
            }
        )
    return JsonResponse(found, safe=False)


def _may_see(request: HttpRequest) -> bool:
    return settings.DEBUG or getattr(request.user, "is_admin", False)


def _specimen(path: Path, context: dict[str, object], request: HttpRequest) -> Specimen:
    source = path.read_text()
    found = TITLE.match(source)
    if found is None:
        raise ValueError(f"{path.name} must start with a comment: name, colon, when to use it.")
    html = render_to_string(f"web/design/{path.name}", context, request)
    return Specimen(path.stem[3:], found["title"], found["note"], source[found.end() :].strip(), html)


def _sample() -> dict[str, object]:
    now = timezone.now()
    start = timezone.localtime(now).replace(hour=18, minute=0, second=0, microsecond=0)
    months = ["Jun", "Jul", "Aug", "Sep", "Oct", "Nov"]
    company = charts.Series("Company", [1240, 1380, 900, 1610, 1790, 2040])
    people = charts.Series("People", [420, 390, 300, 520, 610, 580])
    wrong = SampleForm({"name": "", "email": "maya@", "price": "-4", "room": "studio"})
    wrong.is_valid()
    return {
        "now": now,
        "start": start,
        "end": start + timedelta(hours=1),
        "soon": now + timedelta(minutes=14, seconds=30),
        "days": [start + timedelta(days=n) for n in range(10)],
        "past": now - timedelta(days=3),
        "form": SampleForm(),
        "wrong": wrong,
        "eighty": Money(8000, "EUR"),
        "sixty": Money(6000, "EUR"),
        "eight": Money(800, "EUR"),
        "twelve": Money(1200, "EUR"),
        "minus": Money(-1200, "EUR"),
        "nothing": Money(0, "EUR"),
        "bars": charts.bar_chart(months, [company, people], say=_euros),
        "stacked": charts.bar_chart(months, [company, people], stacked=True, say=_euros),
        "lines": charts.line_chart(months, [company, people], say=_euros),
        "single": charts.bar_chart(
            [str(n) for n in range(1, 15)], [charts.Series("Sessions", [3, 4, 2, 5, 6, 1, 0] * 2)]
        ),
        "trend": [3, 4, 4, 6, 5, 7, 9, 8, 11],
    }


def _euros(value: float) -> str:
    return say_money(Money(round(value * 100), "EUR"), exact=False)
