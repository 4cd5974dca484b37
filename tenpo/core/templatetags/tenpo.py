"""Filters and tags that every template has without loading them (settings, `builtins`)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from tenpo.core import charts, words
from tenpo.core.money import Money

register = template.Library()
ICONS = Path(__file__).resolve().parents[1] / "static" / "vendor" / "lucide"


def _money(value: object, currency: str) -> Money | None:
    if isinstance(value, int):
        return Money(value, currency)
    return value if isinstance(value, Money) else None


@register.filter
def money(value: object, currency: str = "EUR") -> str:
    """`{{ price|money }}`: "€12" or "€12.50", for running text and buttons. A bare number needs its currency."""
    amount = _money(value, currency)
    return words.say_money(amount, exact=False) if amount else ""


@register.simple_tag
def own_price(price: int, shares: object, currency: str) -> str:
    """`{% own_price price shares currency %}`: "€16", or "€4 of €16" where `shares.own` is less; "€0–€4 of €16"."""
    own = getattr(shares, "own", price)
    least = Money(getattr(shares, "least", own), currency)
    return words.say_own_part(Money(own, currency), Money(price, currency), least=least)


@register.simple_tag
def places_free(taken: int, capacity: int) -> str:
    """`{% places_free session.seats_taken session.capacity %}`: "3 places free", "Last place", "Full"."""
    return words.say_places_free(capacity - taken, of=capacity)


@register.filter
def money_exact(value: object, currency: str = "EUR") -> str:
    """`{{ price|money_exact }}`: "€12.00", for columns."""
    amount = _money(value, currency)
    return words.say_money(amount) if amount else ""


@register.filter
def money_signed(value: object, currency: str = "EUR") -> str:
    """`{{ change|money_signed }}`: "+€12.00" or "−€12.00", for statements."""
    amount = _money(value, currency)
    return words.say_money(amount, sign=True) if amount else ""


@register.filter
def number(value: float | None) -> str:
    """`{{ n|number }}`: "1,204"."""
    return "" if value is None else words.say_number(value)


@register.filter
def share(value: float | None) -> str:
    """`{{ 0.5|share }}`: "50%"."""
    return "" if value is None else words.say_percent(value)


@register.filter
def when(value: datetime | None, until: datetime | None = None) -> str:
    """`{{ starts_at|when }}` or `{{ starts_at|when:ends_at }}`: "today 18:00–19:00", in the reader's zone."""
    return words.say_when(value, until=until) if value else ""


@register.filter
def day(value: date | None) -> str:
    """`{{ starts_at|day }}`: "today", "Tuesday", "Tue 3 Dec"."""
    return words.say_day(value) if value else ""


@register.filter
def clock(value: datetime | None) -> str:
    """`{{ starts_at|clock }}`: "18:00"."""
    return words.say_time(value) if value else ""


@register.filter
def full_date(value: date | None) -> str:
    """`{{ paid_at|full_date }}`: "3 Dec 2026"."""
    return words.say_date(value) if value else ""


@register.filter
def relative(value: datetime | None) -> str:
    """`{{ at|relative }}`: "in 3 days". `<c-ago :at="at" />` also keeps it fresh."""
    return words.say_relative(value) if value else ""


@register.filter
def left(value: datetime | None) -> str:
    """`{{ held_until|left }}`: how long it still is, "3 days", "2 h 10 min"."""
    return words.say_left(value) if value else ""


@register.filter
def host_time(value: datetime | None, zone: str) -> str:
    """`{{ starts_at|host_time:session.time_zone }}`: "19:00 in Berlin", or nothing when the clocks agree."""
    return words.say_host_time(value, zone) if value and zone else ""


@register.filter
def web_address(value: str) -> str:
    """`{{ session.join_link|web_address }}`: the address when it leads to a page of the web, otherwise nothing."""
    return value if value.lower().startswith(("https://", "http://")) else ""


@register.filter
def zone(value: str) -> str:
    """`{{ "Europe/Berlin"|zone }}`: "Berlin"."""
    return words.say_zone(value)


@register.filter
def duration(value: timedelta | int | None) -> str:
    """`{{ 90|duration }}`: "1 h 30 min"."""
    return "" if value is None else words.say_duration(value)


@register.filter
def initials(value: object) -> str:
    """`{{ person|initials }}`: "MB"."""
    return words.initials(str(value or ""))


@register.filter
def device(agent: str) -> str:
    """`{{ session.user_agent|device }}`: "Firefox on Windows"."""
    return words.say_device(agent)


@register.filter
def iso(value: date | None) -> str:
    """`<time datetime="{{ at|iso }}">`: for machines only, never as words."""
    return value.isoformat() if value else ""


@register.filter
def lookup(value: Mapping[str, object], key: str) -> object:
    """`{{ counts|lookup:kind }}`: the entry under a key that is itself a variable."""
    return value.get(key, "")


@cache
def _icon_body(name: str) -> str:
    path = ICONS / f"{name}.svg"
    if not path.exists():
        raise template.TemplateSyntaxError(f"There is no icon {name!r}; /design shows those that are vendored.")
    text = path.read_text()
    return text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")].strip()


@register.simple_tag
def icon(name: str, kind: str = "") -> SafeString:
    """`{% icon "bell" %}`: a line drawing that says nothing to a screen reader; put a word beside it."""
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
        ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        kind,
        mark_safe(_icon_body(name)),  # noqa: S308  # a file of our own
    )


@register.simple_tag
def spark(values: Sequence[float]) -> charts.Sparkline:
    """`{% spark values as line %}`: geometry for `<c-spark>`."""
    return charts.sparkline(values)


@register.simple_tag
def parts(**amounts: object) -> list[charts.Part]:
    """`{% parts company=a credit=b you=c as shares %}`: geometry of the price bar; Money or minor units."""
    return charts.parts_of([(name, _minor(value)) for name, value in amounts.items()])


def _minor(value: object) -> int:
    if isinstance(value, Money):
        return value.amount
    return value if isinstance(value, int) else 0


@register.filter
def is_negative(value: object) -> bool:
    """`{% if change|is_negative %}`: for Money and numbers alike."""
    return _minor(value) < 0


@register.simple_tag(takes_context=True)
def here(context: template.Context, **changes: object) -> str:
    """`<a href="{% here page=2 %}">`: this address with some query parameters changed; None or "" takes one away."""
    request = context["request"]
    query = request.GET.copy()
    for key, value in changes.items():
        if value is None or value == "":
            query.pop(key, None)
        else:
            query[key] = str(value)
    return f"?{query.urlencode()}" if query else request.path


@register.filter
def split(value: str) -> list[str]:
    """`{% for name in "a b"|split %}`."""
    return value.split()


@register.simple_tag
def js(name: str) -> str:
    """`{% js "dialog" %}`: the address of one behaviour's module."""
    return static(f"js/{name}.js")


@register.simple_tag
def address(name: str, otherwise: str) -> str:
    """`{% address "web:search" "/search" as url %}`: a page's address, where its app is installed."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return otherwise
