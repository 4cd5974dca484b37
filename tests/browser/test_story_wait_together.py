"""A family that wants to come together waits for three seats and takes them."""

from django.urls import reverse
from playwright.sync_api import expect

from tenpo.checkout.tests.test_wait_together import full_session, give_back
from tenpo.people.actions.guests import add_guests
from tenpo.people.tests.make import make_member
from tenpo.schedule.models import Booking


def test_a_family_waits_and_takes_what_is_offered(open_page, assert_calm):
    session, booked = full_session(3, price=0)
    lena = make_member("Lena")
    add_guests(["Mia"], by=lena)

    page = open_page(reverse("schedule:session-detail", args=[session.pk]), lena, size="phone")
    page.get_by_role("link", name="Wait with others").click()
    page.get_by_label("Mia").check()
    page.get_by_label("Others, by name").fill("Ben")
    assert_calm(page)
    page.get_by_role("button", name="Join the waitlist").click()
    expect(page.locator("h1")).to_have_text("You are number 1 in line")
    expect(page.locator("main")).to_contain_text("You wait for 3 places together.")
    assert_calm(page)

    give_back(*booked)
    page.reload()
    expect(page.locator("main")).to_contain_text("3 seats are yours if you want them.")
    assert_calm(page)
    page.get_by_role("button", name="Take the seats").click()

    expect(page.locator("h1")).to_have_text("You are booked")
    assert Booking.objects.filter(booked_by=lena, state="confirmed").count() == 3
