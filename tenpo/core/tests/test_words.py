from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from tenpo.core import words
from tenpo.core.money import Money

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "exact", "said"),
    [
        (1200, "EUR", False, "€12"),
        (1250, "EUR", False, "€12.50"),
        (1200, "EUR", True, "€12.00"),
        (-300, "EUR", True, "−€3.00"),
        (120400, "EUR", False, "€1,204"),
        (500, "JPY", True, "¥500"),
        (1500, "KWD", True, "KWD\xa01.500"),
        (0, "EUR", False, "€0"),
    ],
)
def test_money_is_said_in_its_own_unit(amount, currency, exact, said):
    assert words.say_money(Money(amount, currency), exact=exact) == said


def test_money_with_a_sign_for_statements():
    assert words.say_money(Money(1200, "EUR"), sign=True) == "+€12.00"
    assert words.say_money(Money(0, "EUR"), sign=True) == "€0.00"


def test_money_follows_the_readers_language():
    with translation.override("de"):
        assert words.say_money(Money(120450, "EUR")) == "1.204,50\xa0€"
        assert words.say_money(Money(120400, "EUR"), exact=False) == "1.204\xa0€"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-1, "yesterday"),
        (0, "today"),
        (1, "tomorrow"),
        (3, "Tuesday"),
        (6, "Friday"),
        (7, "Sat 28 Nov"),
        (-3, "Wed 18 Nov"),
    ],
)
def test_a_near_day_has_a_name(days, said):
    assert words.say_day(NOW + timedelta(days=days), now=NOW, zone=BERLIN) == said


def test_another_year_is_said():
    assert words.say_day(NOW + timedelta(days=60), now=NOW, zone=BERLIN) == "20 Jan 2027"


def test_today_is_the_readers_today():
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)

    assert words.say_when(late, now=NOW, zone=BERLIN) == "today 00:30"
    assert words.say_when(late, now=NOW, zone=ZoneInfo("UTC")) == "yesterday 23:30"


def test_a_span_of_time():
    start = NOW.replace(hour=17)

    assert words.say_when(start, until=start + timedelta(hours=1), now=NOW, zone=BERLIN) == "today 18:00–19:00"
    overnight = words.say_when(start, until=start + timedelta(hours=8), now=NOW, zone=BERLIN)
    assert overnight == "today 18:00 – tomorrow 02:00"


@pytest.mark.parametrize(
    ("first", "last", "said", "dated"),
    [
        (0, 1, "today, all day", "Sat 21 Nov 2026, all day"),
        (1, 3, "tomorrow – Monday", "Sun 22 Nov 2026 – Mon 23 Nov 2026"),
    ],
)
def test_whole_days_are_said_as_days(first, last, said, dated):
    midnight = datetime(2026, 11, 21, tzinfo=BERLIN)
    start, end = (midnight + timedelta(days=days) for days in (first, last))

    assert words.say_when(start, until=end, now=NOW, zone=BERLIN) == said
    assert words.say_full_when(start, until=end, zone=BERLIN) == dated
    # Elsewhere they are no whole days.
    assert "01:00" in words.say_when(start, until=end, now=NOW, zone=ZoneInfo("Europe/Helsinki"))
    assert "23:30" in words.say_when(start, until=end - timedelta(minutes=30), now=NOW, zone=BERLIN)


def test_a_day_that_begins_after_midnight_is_whole():
    """In Beirut the clocks go from midnight to one."""
    zone = ZoneInfo("Asia/Beirut")
    start, end = datetime(2027, 3, 28, 1, tzinfo=zone), datetime(2027, 3, 29, tzinfo=zone)

    assert words.say_full_when(start, until=end, zone=zone) == "Sun 28 Mar 2027, all day"


def test_the_hosts_time_is_said_only_when_it_differs():
    start = NOW.replace(hour=17)

    assert words.say_host_time(start, "America/New_York", reader=BERLIN) == "12:00 in New York"
    assert words.say_host_time(start, "Europe/Paris", reader=BERLIN) == ""
    assert words.say_host_time(start, "Asia/Tokyo", reader=BERLIN) == "Sun 02:00 in Tokyo"


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(seconds=20), "now"),
        (timedelta(minutes=20), "in 20 minutes"),
        (timedelta(days=3), "in 3 days"),
        (timedelta(hours=-2), "2 hours ago"),
    ],
)
def test_distance_in_time(away, said):
    assert words.say_relative(NOW + away, now=NOW) == said


def test_what_a_mail_says_has_its_date():
    start = datetime(2026, 12, 1, 17, 0, tzinfo=UTC)

    assert words.say_full_when(start, zone=BERLIN) == "Tue 1 Dec 2026, 18:00"
    assert words.say_full_when(start, until=start + timedelta(hours=1), zone=BERLIN) == "Tue 1 Dec 2026, 18:00–19:00"
    overnight = words.say_full_when(start, until=start + timedelta(hours=8), zone=BERLIN)
    assert overnight == "Tue 1 Dec 2026, 18:00 – Wed 2 Dec 2026, 02:00"
    with translation.override("de"):
        assert words.say_full_when(start, zone=BERLIN) == "Di. 1. Dez. 2026, 18:00"


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (45, "45 min"),
        (60, "1 h"),
        (90, "1 h 30 min"),
        (0, "0 min"),
        (timedelta(days=2), "2 days"),
        (timedelta(days=1, hours=3), "1 day 3 h"),
    ],
)
def test_length_of_time(length, said):
    assert words.say_duration(length) == said


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(minutes=-5), "0 min"),
    ],
)
def test_time_left(away, said):
    assert words.say_left(NOW + away, now=NOW) == said


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Maya Berg", "MB"), ("Cher", "C"), ("Ana de la Cruz", "AC"), ("maya@example.com", "ME"), ("", "?"), ("— —", "?")],
)
def test_initials(name, letters):
    assert words.initials(name) == letters


def test_an_unknown_language_falls_back_to_english():
    with translation.override("xx"):
        assert words.say_number(1204) == "1,204"


def test_days_as_headings_and_charts_write_them():
    assert words.say_full_day(NOW) == "Saturday 21 November"
    assert words.say_short_date(NOW.date()) == "21 Nov"
    with translation.override("de"):
        assert words.say_short_date(NOW.date()) == "21. Nov."


@pytest.mark.parametrize(
    ("free", "of", "english", "german"),
    [
        (1_200, 1_500, "1,200 places free", "1.200 Plätze frei"),
        (10, 10, "10 places free", "10 Plätze frei"),
        (3, 10, "3 places free", "3 Plätze frei"),
        (1, 10, "Last place", "Letzter Platz"),
        (1, 1, "1 place free", "1 Platz frei"),
        (0, 10, "Full", "Voll"),
        (-2, 10, "Full", "Voll"),
    ],
)
def test_places_are_said_by_how_many_are_free(free, of, english, german):
    for language, said in (("en", english), ("de", german)):
        with translation.override(language):
            assert words.say_places_free(free, of=of) == said


def test_places_of_zones_and_rows_of_names_are_said_in_the_readers_words():
    names = ["Maya Berg", "Elena Rossi"]

    assert (words.say_zone("Asia/Tokyo"), words.say_zone("America/New_York")) == ("Tokyo", "New York")
    assert words.say_names(names) == "Maya Berg and Elena Rossi"
    with translation.override("de"):
        assert (words.say_zone("Asia/Tokyo"), words.say_zone("Europe/Berlin")) == ("Tokio", "Berlin")
        assert words.say_names(names) == "Maya Berg und Elena Rossi"


@pytest.mark.parametrize(
    ("zone", "language", "said"),
    [
        ("Asia/Tokyo", "en", "18:00 in Tokyo"),
        ("Asia/Tokyo", "de", "18:00 in Tokio"),
        ("UTC", "en", "18:00 UTC"),
        ("UTC", "de", "18:00 UTC"),
    ],
)
def test_a_time_names_the_place_of_its_clock(zone, language, said):
    with timezone.override(ZoneInfo(zone)), translation.override(language):
        assert words.say_with_zone("18:00") == said
