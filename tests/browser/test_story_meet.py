"""Story: a coach checks people in on a phone, somebody goes in by video, and both say how it was."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from playwright.sync_api import Route, expect

from tenpo.checkout.tests.make import make_booking
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.resources import add_file
from tenpo.schedule.actions.video_rooms import set_video_room
from tenpo.schedule.models import Booking
from tenpo.schedule.review_models import SessionReview
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.meeting_make import make_attended, move, review


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.mark.parametrize(("size", "theme"), [("phone", "light"), ("desktop", "dark")])
def test_one_tap_each_and_another_takes_it_back(open_page, assert_calm, size, theme):
    coach = make_coach("Jonas Weber")
    session = make_session(coach, title="Breathing at work")
    for name in ("Ada Lund", "Ben Okafor", "Cleo Marsh"):
        make_booking(session, make_member(name))
    move(session, begun_ago=timedelta(minutes=-10))
    page = open_page(f"/teaching/{session.pk}/", coach, size=size, theme=theme)
    page.get_by_role("link", name="Check in").first.click()
    page.wait_for_url("**/check-in/")
    expect(page.get_by_text("0 of 3 here")).to_be_visible()

    page.get_by_role("button", name="Ada Lund").click()
    expect(page.get_by_text("1 of 3 here")).to_be_visible()
    page.get_by_role("button", name="Ben Okafor").press("Enter")
    expect(page.get_by_text("2 of 3 here")).to_be_visible()
    assert_calm(page)
    page.get_by_role("listitem").filter(has_text="Ben Okafor").get_by_role("button", name="Undo").click()

    expect(page.get_by_text("1 of 3 here")).to_be_visible()
    expect(page.get_by_role("button", name="Ben Okafor")).to_be_visible()


def test_somebody_goes_in_by_their_own_way(open_page, assert_calm):
    coach, member = make_coach("Jonas Weber"), make_member("Ada Lund")
    session = make_session(coach, title="Breathing at work")
    booking = make_booking(session, member)
    move(session, begun_ago=timedelta(minutes=-10))
    room = set_video_room(session, "jitsi", by=coach)
    page = open_page(f"/bookings/{booking.pk}/", member, size="phone")
    page.get_by_role("link", name="Go to the video room").click()
    page.wait_for_url("**/join/")
    assert_calm(page)
    gone: list[str] = []

    def meet(route: Route) -> None:
        gone.append(route.request.url)
        route.fulfill(body="In")

    page.route("https://jitsi.example/**", meet)

    page.get_by_role("button", name="Go in").click()
    page.wait_for_url("https://jitsi.example/**")

    assert gone == [f"https://jitsi.example/{room.reference}"]


def test_both_say_how_it_was(open_page, assert_calm):
    coach, member = make_coach("Jonas Weber"), make_member("Ada Lund")
    booking = make_attended(coach=coach, member=member)
    file = SimpleUploadedFile("exercises.pdf", b"%PDF-1.7")
    add_file(booking.session, file, kind="document", name="Exercises for at home", by=coach)
    page = open_page(f"/bookings/{booking.pk}/", member, size="phone")
    expect(page.get_by_role("link", name="Exercises for at home")).to_be_visible()
    page.get_by_role("link", name="Say how it was").click()
    page.wait_for_url("**/review/")
    assert_calm(page)
    page.get_by_role("radio", name="4 stars").check()
    page.get_by_label("Your words").fill("Calm and clear")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nobody else can read it yet.")).to_be_visible()

    review(booking, by=coach, rating=5, comment="Brought good questions")
    page.reload()
    expect(page.get_by_text("Brought good questions")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)
    page.goto(re.sub(r"/bookings/.*", f"/sessions/{booking.session_id}/", page.url))
    page.get_by_role("link", name=re.compile("1 review")).click()
    page.wait_for_url("**/reviews/")
    assert_calm(page)

    assert SessionReview.objects.count() == 2
    assert Booking.objects.get(pk=booking.pk).state == "attended"


def test_a_note_is_kept_where_it_is_written(open_page, assert_calm):
    coach = make_coach("Jonas Weber")
    session = make_session(coach, title="Breathing at work")
    for number in range(9):
        make_booking(session, make_member(f"Ada Lund {number}"))
    page = open_page(f"/teaching/{session.pk}/notes/", coach, size="phone")
    page.get_by_role("link", name="Ada Lund 3").click()
    note = page.get_by_label("Your note")
    note.fill("x" * 10_001)
    expect(page.get_by_role("status").filter(has_text="Too long by 1: at most 10000 characters")).to_be_visible()
    note.fill("Knee: no jumps")
    save = page.get_by_role("button", name="Save")
    before = page.evaluate("scrollY")
    assert before > 0

    save.press("Enter")

    # Said where those who hear the page hear of it, and nobody is taken elsewhere.
    expect(page.locator("#toasts[aria-live] [data-toast]")).to_have_text(re.compile("Kept. Only you can read it."))
    expect(save).to_be_focused()
    expect(page.get_by_role("heading", name="About Ada Lund 3")).to_be_visible()
    assert page.evaluate("scrollY") == pytest.approx(before, abs=40)
    assert_calm(page)
