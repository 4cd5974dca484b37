"""Story 3: a coach offers sessions, changes them, brings them in from a calendar, and marks who came."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tenpo.checkout.tests.make import make_booking
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tests.work import work

BERLIN = ZoneInfo("Europe/Berlin")
MEETING = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Somebody//Calendar//EN
BEGIN:VEVENT
UID:breath-1@example.com
SUMMARY:Breathing at work
DTSTART;TZID=Europe/Berlin:{day}T090000
DTEND;TZID=Europe/Berlin:{day}T100000
LOCATION:Room 4
END:VEVENT
BEGIN:VEVENT
UID:breath-2@example.com
SUMMARY:At a time that is taken
DTSTART;TZID=Europe/Berlin:{day}T140000
DTEND;TZID=Europe/Berlin:{day}T150000
END:VEVENT
END:VCALENDAR
"""


def next_day(days: int = 20) -> date:
    return datetime.now(BERLIN).date() + timedelta(days=days)


def fill_session(page: Page, *, title: str, day: date, at: str) -> None:
    page.get_by_label("Title").fill(title)
    page.get_by_label("Date").fill(day.isoformat())
    page.get_by_label("Start").fill(at)
    page.get_by_role("textbox", name="Place").fill("Studio, 2nd floor")
    page.get_by_label("Price").fill("80")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_session_is_offered_changed_and_found(open_page, assert_calm, size):
    coach = make_coach("Jonas Weber")
    page = open_page("/teaching/", coach, size=size)
    assert_calm(page)
    page.get_by_role("link", name="Offer a session").first.click()
    page.wait_for_url("**/new/**")
    assert_calm(page)

    fill_session(page, title="Breathing at work", day=next_day(), at="18:00")
    page.get_by_role("button", name="Publish the session").press("Enter")

    expect(page.get_by_text("Published. People can book it now.")).to_be_visible()
    session = Session.objects.get()
    assert session.starts_at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M") == f"{next_day()} 18:00"
    assert (session.price, session.coach, session.minutes) == (8_000, coach, 60)
    assert_calm(page)
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("textbox", name="Place").fill("Studio, 3rd floor")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Studio, 3rd floor")
    member = open_page(f"/sessions/{session.pk}/", make_member(), size=size)
    expect(member.locator("main")).to_contain_text("Studio, 3rd floor")


def test_nobody_teaches_twice_at_once(open_page, assert_calm):
    coach = make_coach()
    start = datetime.combine(next_day(), datetime.min.time(), BERLIN).replace(hour=18)
    make_session(coach, starts_at=start, title="Already there")
    page = open_page("/teaching/new/", coach)

    fill_session(page, title="One too many", day=next_day(), at="18:30")
    page.get_by_role("button", name="Publish the session").click()

    expect(page.locator("main")).to_contain_text(re.compile("at this time|at that time|overlap", re.IGNORECASE))
    expect(page.get_by_label("Title")).to_have_value("One too many")
    assert_calm(page)
    assert Session.objects.count() == 1


def test_a_time_that_is_over_is_said_beside_its_field(open_page):
    page = open_page("/teaching/new/", make_coach())

    fill_session(page, title="Yesterday", day=next_day(-1), at="18:00")
    page.get_by_role("button", name="Publish the session").click()

    expect(page.locator(".field", has=page.get_by_label("Date"))).to_contain_text("This time is over.")
    assert not Session.objects.exists()


def test_a_calendar_file_becomes_sessions_after_a_look(open_page, assert_calm):
    coach = make_coach("Jonas Weber")
    taken = datetime.combine(next_day(), datetime.min.time(), BERLIN).replace(hour=14, minute=30)
    make_session(coach, starts_at=taken)
    page = open_page("/teaching/import/", coach)
    assert_calm(page)

    file = MEETING.format(day=f"{next_day():%Y%m%d}")
    page.locator("input[type=file]").set_input_files(
        {"name": "calendar.ics", "mimeType": "text/calendar", "buffer": file.encode()}
    )
    page.get_by_role("button", name="Look at the file").click()

    expect(page.locator("#progress")).to_contain_text("1 event becomes a session, 1 is left out")
    expect(page.get_by_role("row", name=re.compile("At a time that is taken"))).to_contain_text("Left out")
    assert_calm(page)
    assert Session.objects.count() == 1
    page.get_by_role("button", name="Make 1 session").click()
    work()

    expect(page.locator("#progress")).to_contain_text("1 event is a session now")
    session = Session.objects.get(title="Breathing at work")
    assert (session.place, session.coach) == ("Room 4", coach)
    assert session.starts_at.astimezone(BERLIN).strftime("%H:%M") == "09:00"


def test_a_weekly_series_shows_its_dates_first(open_page, assert_calm):
    coach = make_coach("Jonas Weber")
    first = next_day(14)
    start = datetime.combine(first + timedelta(days=7), datetime.min.time(), BERLIN).replace(hour=18)
    make_session(coach, starts_at=start, title="In the way")
    page = open_page("/teaching/series/new/", coach)
    page.get_by_label("Title").fill("Breathing at work")
    page.get_by_label(first.strftime("%A")).check()
    page.get_by_label("Start").fill("18:00")
    page.get_by_label("From").fill(first.isoformat())
    page.get_by_label("For how many weeks").fill("4")
    page.get_by_role("textbox", name="Place").fill("Studio")

    page.get_by_role("button", name="Show the dates").press("Enter")

    expect(page.get_by_text("Dates with another session at that time are left out.")).to_be_visible()
    assert_calm(page)
    assert Session.objects.count() == 1
    page.get_by_role("button", name="Publish 3 sessions").press("Enter")
    expect(page.get_by_text("3 sessions are published.")).to_be_visible()
    made = Session.objects.filter(title="Breathing at work").order_by("starts_at")
    assert {one.starts_at.astimezone(BERLIN).strftime("%H:%M") for one in made} == {"18:00"}
    assert len({one.series_id for one in made}) == 1


def test_who_came_is_marked_by_key_and_taken_back(open_page, assert_calm):
    coach = make_coach()
    session = make_session(coach, title="Breathing at work")
    for name in ("Ada Brook", "Bo Lund"):
        make_booking(session, make_member(name))
    start = timezone.now() - timedelta(minutes=30)
    set_times(Session.objects.filter(pk=session.pk), starts_at=start, ends_at=start + timedelta(hours=1))
    page = open_page(f"/teaching/{session.pk}/", coach)
    row = page.locator(".row", has_text="Ada Brook")

    row.get_by_role("button", name="Came", exact=True).press("Enter")

    expect(row).to_contain_text("Attended")
    assert_calm(page)
    row.get_by_role("button", name="Undo").click()
    expect(row).to_contain_text("Booked")
    page.get_by_role("button", name="All came").click()
    expect(page.get_by_text("2 people marked as attended.")).to_be_visible()
    assert set(Booking.objects.values_list("state", flat=True)) == {"attended"}


def test_who_waits_stands_under_who_comes(open_page, assert_calm):
    coach = make_coach()
    session = make_session(coach, capacity=1)
    make_booking(session, make_member("Ada Brook"))
    waiting = open_page(f"/sessions/{session.pk}/", make_member("Bo Lund"))
    waiting.get_by_role("button", name="Join the waitlist").click()
    expect(waiting.get_by_role("heading", level=1)).to_contain_text("in line")

    page = open_page(f"/teaching/{session.pk}/", coach, size="phone")

    expect(page.get_by_role("list", name="Who comes")).to_contain_text("Ada Brook")
    expect(page.get_by_role("list", name="Waitlist")).to_contain_text("1. Bo Lund")
    assert_calm(page)


def test_another_coach_and_a_member_have_no_business_there(open_page):
    session = make_session(make_coach())

    for stranger in (make_coach(), make_member()):
        page = open_page(f"/teaching/{session.pk}/", stranger)
        expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here for you")
