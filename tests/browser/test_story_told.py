"""Story 7: people are told what concerns them, in the app and by e-mail, as they choose."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import expect

from tenpo.checkout.tests.make import make_booking
from tenpo.notify.models import Delivery
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.reminders import remind_people
from tenpo.schedule.models import Booking
from tenpo.schedule.tests.make import make_session
from tests.work import work


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_member_reads_what_happened(open_page, assert_calm, size):
    coach, member = make_coach("Jonas Weber"), make_member("Maya Berg")
    booking = make_booking(make_session(coach, title="Breathing at work"), member)
    work()

    page = open_page("/notifications/", member, size=size)

    expect(page.locator("[data-unread]:visible")).to_have_text("1")
    row = page.get_by_role("link", name="You are booked: Breathing at work")
    expect(row).to_be_visible()
    assert_calm(page)
    row.press("Enter")
    expect(page).to_have_url(re.compile(str(booking.pk)))
    page.goto("/notifications/")
    expect(page.locator("[data-unread]:visible")).to_have_count(0)


def test_the_mail_says_the_same_with_one_act():
    member = make_member("Maya Berg")
    booking = make_booking(make_session(make_coach("Jonas Weber"), title="Breathing at work"), member)

    work()

    [message] = [one for one in mail.outbox if member.email in one.to[0]]
    assert "Breathing at work" in message.subject
    assert "Jonas Weber" in message.body
    assert message.body.count(f"/bookings/{booking.pk}/") == 1
    assert isinstance(message, mail.EmailMultiAlternatives)
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert f"/bookings/{booking.pk}/" in str(html)
    assert Delivery.objects.get(notification__user=member, channel="email").state == Delivery.State.SENT


def test_a_member_chooses_how_they_are_told(open_page, assert_calm):
    member = make_member("Maya Berg")
    page = open_page("/me/notifications/", member)
    assert_calm(page)
    box = page.locator("input[name='email:booking.confirmed']")
    expect(box).to_be_checked()

    box.press("Space")
    page.get_by_role("button", name="Save").press("Enter")

    expect(page.locator(".toast").first).to_be_visible()
    expect(page.locator("input[name='email:booking.confirmed']")).not_to_be_checked()
    make_booking(make_session(make_coach(), starts_in=timedelta(days=3)), member)
    work()
    assert [one for one in mail.outbox if member.email in one.to[0]] == []
    page.goto("/notifications/")
    expect(page.get_by_role("link", name=re.compile("You are booked"))).to_be_visible()


def test_a_reminder_comes_a_day_before_and_once(open_page):
    member = make_member("Maya Berg")
    make_booking(make_session(make_coach(), title="Breathing at work", starts_in=timedelta(hours=23)), member)
    work()
    mail.outbox.clear()
    Booking.objects.update(confirmed_at=timezone.now() - timedelta(days=3))

    for _ in range(2):
        remind_people()
        work()

    assert [one.subject for one in mail.outbox] == ["Soon: Breathing at work"]
    page = open_page("/notifications/", member)
    expect(page.get_by_role("link", name="Soon: Breathing at work")).to_be_visible()
