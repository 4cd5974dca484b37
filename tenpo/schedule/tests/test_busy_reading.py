from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenpo.schedule.calendars import busy_reading
from tenpo.schedule.calendars.busy_reading import MAX_BYTES, MAX_TIMES, BusyTimes, TooMuch, read_busy
from tenpo.schedule.ical_reading import UnreadableFile
from tenpo.schedule.tests.feed_server import calendar, event

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
MONDAY = datetime(2027, 3, 8, 9, tzinfo=UTC)


def read(content: bytes, **more: Any) -> BusyTimes:
    return read_busy(content, **{"time_zone": "Europe/Berlin", "now": NOW, "until": NOW + timedelta(days=30), **more})


def test_a_time_is_read_without_its_title():
    found = read(calendar(event("a", MONDAY, 90)))

    (time,) = found.times
    assert (time.uid, time.recurrence_id, time.is_busy) == ("a", "", True)
    assert (time.starts_at, time.ends_at) == (MONDAY, MONDAY + timedelta(minutes=90))
    assert "Dentist" not in repr(found)


def test_what_repeats_is_written_out_without_its_exceptions_and_with_what_was_moved():
    weekly = event("a", MONDAY, 60, "RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20270315T090000Z")
    moved = event("a", MONDAY + timedelta(days=15), 30, "RECURRENCE-ID:20270322T090000Z")

    times = read(calendar(weekly, moved)).times

    assert [(one.recurrence_id, one.starts_at) for one in times] == [
        ("20270308T090000Z", MONDAY),
        ("20270322T090000Z", MONDAY + timedelta(days=15)),
    ]


def test_a_rule_in_a_zone_stays_at_its_hour_when_clocks_change():
    lines = "DTSTART;TZID=Europe/Berlin:20270325T180000\nDTEND;TZID=Europe/Berlin:20270325T190000"
    text = f"BEGIN:VEVENT\nUID:a\n{lines}\nRRULE:FREQ=DAILY;COUNT=6\nEND:VEVENT\n"

    hours = [(one.starts_at.day, one.starts_at.hour) for one in read(calendar(text.encode())).times]

    assert hours == [(25, 17), (26, 17), (27, 17), (28, 16), (29, 16), (30, 16)]


@pytest.mark.parametrize(
    ("lines", "starts", "ends"),
    [
        # A day of the reader's zone, which has 23 hours when clocks go forward.
        ("DTSTART;VALUE=DATE:20270328", datetime(2027, 3, 27, 23, tzinfo=UTC), datetime(2027, 3, 28, 22, tzinfo=UTC)),
        ("DTSTART:20270310T090000", datetime(2027, 3, 10, 8, tzinfo=UTC), None),
        ("DTSTART:20270308T090000Z\nDURATION:PT2H", MONDAY, MONDAY + timedelta(hours=2)),
    ],
)  # fmt: skip
def test_days_lengths_and_moments(lines, starts, ends):
    times = read(calendar(f"BEGIN:VEVENT\nUID:a\n{lines}\nEND:VEVENT\n".encode())).times

    assert [(one.starts_at, one.ends_at) for one in times] == ([(starts, ends)] if ends else [])


@pytest.mark.parametrize(
    ("line", "busy"),
    [
        ("TRANSP:OPAQUE", True),
        ("TRANSP:TRANSPARENT", False),
        ("STATUS:CANCELLED", False),
        ("STATUS:TENTATIVE", True),
        ("X-MICROSOFT-CDO-BUSYSTATUS:FREE", False),
    ],
)
def test_what_is_free_takes_no_time(line, busy):
    assert [one.is_busy for one in read(calendar(event("a", MONDAY, 60, line))).times] == [busy]


def test_what_is_over_and_what_is_far_is_left_out():
    over, now = event("over", NOW - timedelta(hours=1)), event("now", NOW - timedelta(hours=1), 61)
    last, far = event("last", NOW + timedelta(days=29, hours=23)), event("far", NOW + timedelta(days=30))

    assert [one.uid for one in read(calendar(over, now, last, far)).times] == ["now", "last"]


def test_years_of_the_past_cost_little():
    """Ten thousand events that are over are not parsed; one of them would be too many parts."""
    past = [event(f"old-{n}", datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=n)) for n in range(25_000)]
    long = b"BEGIN:VEVENT\nUID:long\nDTSTART:20200101T000000Z\nDTEND:20280101T000000Z\nEND:VEVENT\n"

    times = read(calendar(*past, long, event("a", MONDAY))).times

    assert [one.uid for one in times] == ["long", "a"]


def test_what_cannot_be_told_is_counted():
    hourly = event("a", MONDAY, 10, "RRULE:FREQ=HOURLY")
    broken = b"BEGIN:VEVENT\nUID:b\nDTSTART:next week\nEND:VEVENT\n"

    found = read(calendar(hourly, broken, event("c", MONDAY)))

    assert [one.uid for one in found.times] == ["c"]
    assert found.unread == 2


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", b"\x00\xff", b"BEGIN:VEVENT\nEND:VEVENT\n"])
def test_what_is_no_calendar_is_refused(content):
    with pytest.raises(UnreadableFile):
        read(content)


def test_more_than_can_be_read_is_refused():
    daily = [event(f"d{n}", MONDAY, 5, "RRULE:FREQ=DAILY") for n in range(MAX_TIMES // 20)]

    for content in (b"x" * (MAX_BYTES + 1), calendar(*daily)):
        with pytest.raises(TooMuch):
            read(content)


def test_times_without_an_id_have_one_of_their_own():
    text = b"BEGIN:VEVENT\nDTSTART:2027030%dT090000Z\nDTEND:2027030%dT100000Z\nEND:VEVENT\n"

    times = read(calendar(text % (8, 8), text % (9, 9))).times

    assert len({one.uid for one in times}) == 2


@pytest.mark.parametrize("year", ["0001", "9999"])
@pytest.mark.parametrize("rule", ["", "RRULE:FREQ=DAILY\n"], ids=["once", "each day"])
def test_the_ends_of_time_are_times_like_any(year, rule):
    lines = f"DTSTART;TZID=Asia/Tokyo:{year}0101T000000\nDTEND;TZID=America/New_York:{year}1231T235900\n{rule}"

    found = read(calendar(f"BEGIN:VEVENT\nUID:a\n{lines}END:VEVENT\n".encode(), event("b", MONDAY, 60)))

    assert [one.uid for one in found.times] == ["b"]


def test_a_file_that_takes_too_long_to_parse_is_too_much(monkeypatch):
    monkeypatch.setattr(busy_reading, "MAX_SECONDS", -1.0)

    with pytest.raises(TooMuch):
        read(calendar())
