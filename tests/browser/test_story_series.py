"""Somebody books all dates of a series but the full one, with a guest's price shown at once, and gives up the rest."""

from playwright.sync_api import expect

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.test_book_series import make_dates, taken
from tenpo.people.actions.guests import add_guests
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.models import Booking


def test_a_series_is_booked_and_the_rest_given_up(open_page, assert_calm):
    lena, dates = make_member("Lena Okafor"), make_dates(5, make_coach("Jonas Weber"), capacity=2)
    add_guests(["Mia"], by=lena)
    for other in (make_member(), make_member()):
        make_booking(dates[2], other)
    page = open_page(f"/sessions/{dates[0].pk}/", lena, size="phone")

    page.get_by_role("link", name="Book all 4 dates").click()

    assert_calm(page)
    button = page.locator("#acts button")
    expect(button).to_have_text("Book and pay €80")
    expect(page.locator("#dates input[type=checkbox]:disabled")).to_have_count(1)
    page.locator("#dates input[type=checkbox]").last.uncheck()
    expect(button).to_have_text("Book and pay €60")
    page.get_by_label("Mia").check()
    expect(button).to_have_text("Book and pay €120")
    expect(page.locator("#dates input[type=checkbox]:checked")).to_have_count(3)
    page.get_by_label("Mia").uncheck()
    expect(button).to_have_text("Book and pay €60")
    button.press("Enter")
    expect(page.locator("h1")).to_have_text("You are booked")
    assert_calm(page)
    assert taken(dates) == [1, 1, 2, 1, 0]

    page.goto(f"/bookings/{Booking.objects.get(session=dates[1], booked_by=lena).pk}/")
    page.get_by_role("link", name="Give up this and the following").click()

    expect(page.locator("main")).to_contain_text("You get €40.00 back as credit.")
    assert_calm(page)
    page.get_by_role("button", name="Give up 2 places").press("Enter")
    expect(page.locator("body")).to_contain_text("2 places are given up.")
    assert taken(dates) == [1, 0, 2, 0, 0]
