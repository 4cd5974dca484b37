"""What people are told, what they choose, and who did what: as a browser shows it."""

import re

import pytest
from playwright.sync_api import expect

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.core.outbox import drain
from tenpo.notify.models import Delivery, Notification, NotificationPreference
from tenpo.notify.queries import unsubscribe_path
from tenpo.notify.tests.make import make_notification
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.booking_notifications import CONFIRMED
from tenpo.schedule.tests.make import make_session

SIZES = ["desktop", "phone"]


@pytest.mark.parametrize("size", SIZES)
def test_a_cancelled_session_is_told_and_leads_on(open_page, assert_calm, size):
    member, coach = make_member("Maya Berg"), make_coach("Jo Lind")
    session = make_session(coach, title="Breathing at work")
    make_booking(session, member)
    cancel_session(session, reason="Jo is ill.", by=coach)
    drain()

    page = open_page("/notifications/", member, size=size)

    expect(page.get_by_role("heading", name="2 unread")).to_be_visible()
    expect(page.get_by_text("went back to you as credit")).to_be_visible()
    assert_calm(page)
    page.get_by_role("link", name="Called off: Breathing at work").click()
    expect(page).to_have_url(re.compile("/sessions/$"))
    page.go_back()
    expect(page.get_by_role("heading", name="1 unread")).to_be_visible()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("heading", name="unread")).to_have_count(0)
    assert Notification.objects.unread().filter(user=member).count() == 0


def test_news_appears_without_a_reload(open_page):
    member = make_member()
    page = open_page("/notifications/", member)
    expect(page.get_by_text("will be told here")).to_be_visible()

    make_notification(member, session="Breathing")
    # As the stream's module says it when it hears of something.
    page.evaluate("htmx.trigger(document.body, 'news', {unread: 1})")

    expect(page.get_by_role("link", name="You are booked: Breathing")).to_be_visible()


def test_without_scripts_it_works_as_well(open_page):
    member = make_member()
    make_notification(member, session="Breathing")

    page = open_page("/notifications/", member, scripts=False)
    page.get_by_role("button", name="Mark all as read").click()

    expect(page.get_by_text("Everything is marked as read.")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
def test_one_chooses_what_comes_how(open_page, assert_calm, size):
    coach = make_coach()
    page = open_page("/me/notifications/", coach, size=size)
    assert_calm(page)

    page.get_by_role("checkbox", name="By e-mail: A session is a day away").uncheck()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("We tell you what you chose.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="By e-mail: A session is a day away")).not_to_be_checked()
    choice = NotificationPreference.objects.get(user=coach)
    assert (choice.kind, choice.channel, choice.is_on) == ("booking.reminder", "email", False)


@pytest.mark.parametrize("size", SIZES)
def test_the_link_of_a_mail_switches_it_off_signed_out(open_page, assert_calm, size):
    member = make_member()
    page = open_page(unsubscribe_path(member, CONFIRMED.code), size=size)
    assert_calm(page)

    page.get_by_role("button", name="Stop these e-mails").click()

    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert not NotificationPreference.objects.get(user=member).is_on


@pytest.mark.parametrize("size", SIZES)
def test_an_admin_tries_a_dead_mail_again(open_page, assert_calm, size):
    make_notification(make_member("Maya Berg"), session="Breathing")
    Delivery.objects.filter(channel="email").update(state="dead", attempts=6, last_error="TimeoutError('no answer')")
    page = open_page("/deliveries/?state=dead", make_admin(), size=size)
    expect(page.get_by_text("after 6 tries: TimeoutError")).to_be_visible()
    assert_calm(page)

    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_text("We try it again.")).to_be_visible()
    assert Delivery.objects.get(channel="email").state == "queued"
    page.get_by_role("link", name="Events").click()
    page.wait_for_url("**/deliveries/events/**")
    assert_calm(page)


@pytest.mark.parametrize("size", SIZES)
def test_an_admin_reads_who_did_what(open_page, assert_calm, size):
    admin, coach = make_admin("Ada Admin"), make_coach("Jo Lind")
    session = make_session(coach, title="Breathing at work")
    make_booking(session, make_member("Maya Berg"))
    cancel_session(session, reason="Jo is ill.", by=coach)
    page = open_page("/audit/", admin, size=size)
    assert_calm(page)

    page.get_by_role("link", name="Session: cancelled").click()

    expect(page.get_by_text("Jo is ill.")).to_be_visible()
    assert_calm(page)
    page.get_by_role("searchbox", name="Words").fill("maya held")
    page.get_by_role("searchbox", name="Words").press("Enter")
    expect(page.get_by_role("link", name="Booking: held")).to_be_visible()
    expect(page.get_by_role("link", name="Session: cancelled")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    assert download.value.suggested_filename.startswith("audit-")
    assert AuditLog.objects.filter(action="audit.exported", after={"q": "maya held"}).exists()
