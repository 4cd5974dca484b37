"""Somebody books the same time for some weeks: one date is taken and had at another time of its day, one left out."""

from playwright.sync_api import expect

from tenpo.checkout.tests.slot_make import BERLIN, NINE, book, working_coach
from tenpo.checkout.tests.test_slot_series import make_weekly, weekly
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.find_queries import start_name
from tenpo.schedule.models import Booking


def test_the_same_time_is_booked_for_some_weeks(open_page, assert_calm):
    lena, service, starts = make_member("Lena Okafor"), make_weekly(working_coach(), name="Running"), weekly(4)
    User.objects.filter(pk=lena.pk).update(time_zone="Europe/Berlin")
    book(service, make_member(), starts[1])
    page = open_page(f"/book/{service.pk}/{start_name(NINE)}/", lena, size="phone")

    page.get_by_role("link", name="The same time every week?").click()

    assert_calm(page)
    button, boxes = page.locator("#acts button"), page.locator("#list input[type=checkbox]")
    expect(button).to_have_text("Book and pay €240")
    page.get_by_label("How many dates").select_option("4")
    expect(boxes).to_have_count(4)
    expect(button).to_have_text("Book and pay €180")
    boxes.nth(1).check()
    expect(button).to_have_text("Book and pay €240")
    boxes.nth(3).uncheck()
    expect(button).to_have_text("Book and pay €180")
    button.press("Enter")
    expect(page.locator("h1")).to_have_text("You are booked")
    assert_calm(page)
    mine = Booking.objects.filter(booked_by=lena).order_by("starts_at").values_list("starts_at", flat=True)
    assert [f"{at.astimezone(BERLIN):%H:%M}" for at in mine if at] == ["09:00", "10:00", "09:00"]
