"""How Tenpo says money, times, lengths and names, in the reader's language and zone.

Pages (through `templatetags.tenpo`), mails and notifications use the same functions, so that one thing reads alike
everywhere.
"""

import functools
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_timedelta
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from tenpo.core.money import Money, minor_digits

MINUS = "\N{MINUS SIGN}"
EN_DASH = "\N{EN DASH}"


def locale() -> Locale:
    """The reader's locale for numbers."""
    return _locale(get_language() or "en")


def date_locale() -> Locale:
    """The reader's locale for dates: English means day before month, as in "3 Dec"."""
    found = locale()
    return ENGLISH_DATES if found.language == "en" and found.territory is None else found


@functools.cache
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


ENGLISH_DATES = Locale("en", "GB")


def say_money(money: Money, *, exact: bool = True, sign: bool = False) -> str:
    """An amount with its currency: "€12.50", "−€3.00".

    `exact=False` leaves out ".00", as in running text and on buttons. `sign=True` writes a plus too.
    """
    precision = minor_digits(money.currency)
    value = Decimal(abs(money.amount)).scaleb(-precision)
    digits = precision if exact or value != value.to_integral_value() else 0
    pattern = Locale.parse(str(locale())).currency_formats["standard"].pattern.split(";")[0]
    if digits != 2:
        pattern = pattern.replace(".00", "." + "0" * digits if digits else "")
    text = format_currency(value, money.currency, format=pattern, locale=locale(), currency_digits=False)
    # A code, unlike a sign, does not touch the figures.
    text = re.sub(r"^([A-Z]{3})(?=\d)", "\\1\N{NO-BREAK SPACE}", text)
    if money.amount < 0:
        return MINUS + text
    return f"+{text}" if sign and money.amount > 0 else text


def say_from_to(least: Money, most: Money) -> str:
    """What lies between two amounts, or is just the one: "€0–€12"."""
    said = say_money(most, exact=False)
    return said if least == most else f"{say_money(least, exact=False)}{EN_DASH}{said}"


def say_own_part(own: Money, price: Money, *, least: Money | None = None) -> str:
    """What somebody pays of a price, of which others may pay a part: "€16", "€4 of €16", "Nothing to pay of €16".

    With a `least` that is less it is not known yet which of them: "€0–€12 of €40".
    """
    if not price.amount:
        return _("Free")
    whole = say_money(price, exact=False)
    if least is not None and least != own:
        between = say_from_to(least, own)
        return between if own == price else _("%(own)s of %(price)s") % {"own": between, "price": whole}
    if own == price:
        return whole
    mine = say_money(own, exact=False) if own.amount else _("Nothing to pay")
    return _("%(own)s of %(price)s") % {"own": mine, "price": whole}


def say_places_free(free: int, *, of: int) -> str:
    """How many places can still be taken: "10 places free", "Last place", "Full"; of one alone "1 place free"."""
    if free <= 0:
        return _("Full")
    if free == 1 and of > 1:
        return _("Last place")
    return ngettext("%(n)s place free", "%(n)s places free", free) % {"n": say_number(free)}


def say_number(value: Decimal | float, *, digits: int = 0) -> str:
    """A number with the reader's separators and at most `digits` decimals."""
    pattern = "#,##0" + ("." + "#" * digits if digits else "")
    return format_decimal(value, format=pattern, locale=locale()).replace("-", MINUS)


def say_percent(share: float) -> str:
    """A share from 0 to 1 as a whole percentage."""
    return format_percent(share, locale=locale()).replace("-", MINUS)


def say_time(moment: datetime, *, zone: tzinfo | None = None) -> str:
    """The time of day, "18:00", in the reader's zone or in `zone`."""
    return timezone.localtime(moment, zone).strftime("%H:%M")


def say_day(moment: date, *, now: datetime | None = None, zone: tzinfo | None = None) -> str:
    """The day: "today", "tomorrow", "Tuesday" within a week, then "Tue 3 Dec", with the year when it is another."""
    today = timezone.localtime(now, zone).date()
    day = timezone.localtime(moment, zone).date() if isinstance(moment, datetime) else moment
    return _said_day(day, today, get_language(), date_locale())


# A list says the same few days again and again, and looking up how a language writes one takes long.
@functools.lru_cache(maxsize=4_096)
def _said_day(day: date, today: date, _language: str | None, locale: Locale) -> str:
    away = (day - today).days
    if away in NEAR:
        return str(NEAR[away]())
    if 1 < away < 7:
        return format_date(day, "EEEE", locale=locale)
    if day.year == today.year:
        return format_skeleton("MMMEd", _as_datetime(day), locale=locale).replace(",", "")
    return format_date(day, "medium", locale=locale)


NEAR = {-1: lambda: _("yesterday"), 0: lambda: _("today"), 1: lambda: _("tomorrow")}


def _as_datetime(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("UTC"))


def say_date(moment: date, *, zone: tzinfo | None = None) -> str:
    """The date in full, "3 Dec 2026", as statements and receipts write it."""
    day = timezone.localtime(moment, zone).date() if isinstance(moment, datetime) else moment
    return format_date(day, "medium", locale=date_locale())


def say_month(day: date) -> str:
    """The month in short, "Dec", as charts write it."""
    return format_date(day, "LLL", locale=date_locale())


def say_short_date(day: date) -> str:
    """Day and month in short, "3 Dec", as charts by day or week write it."""
    return format_skeleton("MMMd", _as_datetime(day), locale=date_locale())


def say_full_day(moment: datetime) -> str:
    """The day as a heading writes it: "Thursday 3 December", in the reader's zone."""
    day = timezone.localtime(moment)
    parts = {
        "weekday": format_date(day, "EEEE", locale=date_locale()),
        "day": format_skeleton("MMMMd", day, locale=date_locale()),
    }
    return _("%(weekday)s %(day)s") % parts


def say_when(
    moment: datetime, *, until: datetime | None = None, now: datetime | None = None, zone: tzinfo | None = None
) -> str:
    """Day and time in the reader's zone: "today 18:00", "Tuesday 18:00–19:00", "Tue 3 Dec 18:00", "today, all day"."""
    if until is not None and (last := last_whole_day(moment, until, zone=zone)) is not None:
        first = say_day(moment, now=now, zone=zone)
        is_one = last == timezone.localtime(moment, zone).date()
        return _all_day(first) if is_one else f"{first} {EN_DASH} {say_day(last, now=now, zone=zone)}"
    text = f"{say_day(moment, now=now, zone=zone)} {say_time(moment, zone=zone)}"
    if until is None:
        return text
    same_day = timezone.localtime(until, zone).date() == timezone.localtime(moment, zone).date()
    end = say_time(until, zone=zone) if same_day else say_when(until, now=now, zone=zone)
    return f"{text}{EN_DASH}{end}" if same_day else f"{text} {EN_DASH} {end}"


def say_full_when(moment: datetime, *, until: datetime | None = None, zone: tzinfo | None = None) -> str:
    """The same as mails write it, which are read on another day: "Tue 3 Dec 2026, 18:00–19:00"."""
    day = timezone.localtime(moment, zone).date()
    if until is not None and (last := last_whole_day(moment, until, zone=zone)) is not None:
        first = _dated(day, date_locale())
        return _all_day(first) if last == day else f"{first} {EN_DASH} {_dated(last, date_locale())}"
    text = f"{_dated(day, date_locale())}, {say_time(moment, zone=zone)}"
    if until is None:
        return text
    if timezone.localtime(until, zone).date() == day:
        return f"{text}{EN_DASH}{say_time(until, zone=zone)}"
    return f"{text} {EN_DASH} {say_full_when(until, zone=zone)}"


def last_whole_day(moment: datetime, until: datetime, *, zone: tzinfo | None = None) -> date | None:
    """The last of the days that a time fills from midnight to midnight; None where it does not."""
    first, end = timezone.localtime(moment, zone), timezone.localtime(until, zone)
    is_whole = first < end and all(at == _midnight(at) for at in (first, end))
    return end.date() - timedelta(days=1) if is_whole else None


def _midnight(at: datetime) -> datetime:
    """When its day begins: where clocks skip midnight, the moment after it."""
    begins = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return begins.astimezone(UTC).astimezone(at.tzinfo)


def _all_day(day: str) -> str:
    return _("%(day)s, all day") % {"day": day}


@functools.lru_cache(maxsize=4_096)
def _dated(day: date, locale: Locale) -> str:
    return format_skeleton("yMMMEd", _as_datetime(day), locale=locale).replace(",", "")


def say_relative(moment: datetime, *, now: datetime | None = None) -> str:
    """How far away: "in 3 days", "2 hours ago", "now"."""
    distance = moment - (now or timezone.now())
    if abs(distance) < timedelta(seconds=45):
        return _("now")
    return format_timedelta(distance, add_direction=True, threshold=1.2, locale=date_locale())


def say_zone(name: str) -> str:
    """The place of a time zone, as people say it: "Europe/Berlin" is "Berlin", "Asia/Tokyo" in German "Tokio"."""
    said = locale().time_zones.get(name)
    return (said.get("city") if said else None) or name.rsplit("/", 1)[-1].replace("_", " ")


def say_host_time(moment: datetime, zone_name: str, *, reader: tzinfo | None = None) -> str:
    """The time at the host's place, "19:00 in Berlin"; empty when the reader's clock shows the same."""
    host = ZoneInfo(zone_name)
    here, there = timezone.localtime(moment, reader), timezone.localtime(moment, host)
    if here.utcoffset() == there.utcoffset():
        return ""
    values = {"time": there.strftime("%H:%M"), "place": say_zone(zone_name)}
    if here.date() != there.date():
        return _("%(day)s %(time)s in %(place)s") % {"day": format_date(there, "EEE", locale=date_locale()), **values}
    return _("%(time)s in %(place)s") % values


def say_with_zone(said: str) -> str:
    """A time on the reader's clock with its place, for whoever never chose one: "18:00 in Berlin", "18:00 UTC"."""
    name = timezone.get_current_timezone_name()
    return _("%(time)s in %(place)s") % {"time": said, "place": say_zone(name)} if "/" in name else f"{said} {name}"


def say_duration(length: timedelta | int) -> str:
    """A length of time, whole minutes given as a number: "45 min", "1 h", "1 h 30 min", "2 days"."""
    minutes = length if isinstance(length, int) else round(length.total_seconds() / 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = []
    if days:
        parts.append(format_timedelta(timedelta(days=days), granularity="day", threshold=999, locale=date_locale()))
    if hours:
        parts.append(_("%(hours)s h") % {"hours": hours})
    if minutes or not parts:
        parts.append(_("%(minutes)s min") % {"minutes": minutes})
    return " ".join(parts)


def say_left(until: datetime, *, now: datetime | None = None) -> str:
    """How long it still is until a moment: whole days, or hours and minutes; nothing left is "0 min"."""
    distance = max(until - (now or timezone.now()), timedelta())
    return say_duration(timedelta(days=distance.days) if distance.days else distance)


def say_names(names: Iterable[str]) -> str:
    """Several people in a row: "Lena Ott and Jonas Feld"."""
    return format_list(list(names), locale=locale())


def initials(name: str) -> str:
    """Up to two letters for a person without a photograph."""
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [word[0] for word in words]
    return "".join(letters).upper() or "?"


BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def say_device(agent: str) -> str:
    """What a User-Agent claims to be: "Firefox on Windows"; its own words when we know neither."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or agent[:60] or _("An unknown device")
