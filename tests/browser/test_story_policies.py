"""What a policy says is read before it costs something; what can be moved is moved; who is let off reads why."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.models import CancellationPolicy
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times


def kind_policy() -> CancellationPolicy:
    return make_cancellation_policy(
        (48, 100, "method"), (24, 50, "credit"), grace_count=1, grace_days=90, reschedules=2, reschedule_hours=24
    )


@pytest.mark.parametrize(("size", "theme"), [("phone", "light"), ("desktop", "dark")])
def test_a_booking_is_moved_to_another_session(open_page, assert_calm, size, theme):
    coach, member = make_coach("Jonas Weber"), make_member("Maya Berg")
    booking = make_booking(
        make_session(coach, title="Breathing at work", policy=kind_policy(), starts_in=timedelta(hours=30)), member
    )
    make_session(coach, title="Breathing at work", starts_in=timedelta(days=5))
    page = open_page(f"/bookings/{booking.pk}/", member, size=size, theme=theme)
    assert_calm(page)

    page.get_by_role("link", name="Move it").click()
    expect(page.locator("main")).to_contain_text("If you cancel it later, at most 50 % comes back, as now.")
    assert_calm(page)
    page.get_by_role("button", name="Move here").click()

    expect(page.locator("body")).to_contain_text("Moved. We see you")
    expect(page.locator("main")).to_contain_text("You can move it once")


@pytest.mark.parametrize(("size", "theme"), [("phone", "dark"), ("desktop", "light")])
def test_a_host_lets_somebody_off(open_page, assert_calm, size, theme):
    coach, member = make_coach("Jonas Weber"), make_member("Maya Berg")
    session = make_session(coach, title="Breathing at work", starts_in=timedelta(hours=5))
    late = make_booking(session, member)
    page = open_page(f"/bookings/{late.pk}/cancel/", coach, size=size, theme=theme)
    expect(page.locator("main")).to_contain_text("By the policy 0 % would come back to Maya Berg now.")
    assert_calm(page)

    page.get_by_label("They asked me to, and I let them off").check()
    page.get_by_role("button", name="Cancel the booking").click()
    expect(page.locator("main")).to_contain_text("Say in a few words why.")
    assert_calm(page)
    page.get_by_label("Why you let them off").fill("Her child is ill")
    page.get_by_role("button", name="Cancel the booking").click()

    expect(page).to_have_url(f"{page.url.split('/teaching')[0]}/teaching/{session.pk}/")
    page = open_page(f"/bookings/{late.pk}/", member, size=size, theme=theme)
    expect(page.locator("main")).to_contain_text("You were let off: everything came back.")
    expect(page.locator("main")).to_contain_text("Her child is ill")
    assert_calm(page)


@pytest.mark.parametrize(("size", "theme"), [("phone", "light"), ("desktop", "light")])
def test_who_did_not_come_is_let_off(open_page, assert_calm, size, theme):
    coach, member = make_coach("Jonas Weber"), make_member("Maya Berg")
    booking = make_booking(make_session(coach, title="Breathing at work"), member)
    start = timezone.now() - timedelta(hours=3)
    set_times(Session.objects.filter(pk=booking.session_id), starts_at=start, ends_at=start + timedelta(hours=1))
    mark_attendance(booking, state=Booking.State.NO_SHOW, by=coach)
    page = open_page(f"/teaching/{booking.session_id}/", coach, size=size, theme=theme)
    assert_calm(page)

    page.get_by_role("link", name="Let off").click()
    expect(page.locator("main")).to_contain_text("€100 goes back to who paid it")
    assert_calm(page)
    page.get_by_label("Why").fill("The train did not go")
    page.get_by_role("button", name="Let them off").click()

    expect(page.locator("main")).to_contain_text("Let off: The train did not go")
    assert_calm(page)


@pytest.mark.parametrize(("size", "theme"), [("phone", "light"), ("desktop", "dark")])
def test_an_admin_says_a_policy_in_words_before_it_is_there(open_page, assert_calm, size, theme):
    page = open_page("/policies/cancellation/new/", make_admin(), size=size, theme=theme)
    page.get_by_label("Name").fill("Kind")
    page.get_by_label("Cost nothing").fill("1")
    page.get_by_label("Within").fill("90")
    page.get_by_label("May be moved").fill("2")
    assert_calm(page)

    page.get_by_role("button", name="Say it in words").click()

    expect(page.locator("main")).to_contain_text("Your first late cancellation or no-show in 90 days costs nothing.")
    expect(page.locator("main")).to_contain_text("You can move it 2 times until it starts.")
    assert_calm(page)
