"""The pages of money and policies: accessible, at both widths, in both themes."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from tenpo.books.tests.make import make_close, make_difference
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.ledger.models import Transfer
from tenpo.orders.actions.policies import ShareTerms, create_share_policy
from tenpo.orders.tests.make import make_credit, make_share_policy
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS_LATE
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session


def story() -> list[tuple[str, User]]:
    """Each page of a member and an admin with something of everything, and who reads it."""
    make_account_to_pay_to()
    admin, member, coach = make_admin("Ada Admin"), make_member("Lena Okafor"), make_coach("Maya Berg")
    first = make_share_policy(percent=60, cap=4_000)
    create_share_policy(
        name="From spring", terms=ShareTerms(percent=75), by=admin, active_from=first.active_from + timedelta(days=90)
    )
    make_credit(member, 1_200)

    def session(day: int, **more: Any) -> Session:
        return make_session(coach, starts_in=timedelta(days=day), title=f"Breathing {day}", **more)

    booked = make_booking(session(3, price=8_000), member)
    cancel_booking(make_booking(session(4, price=8_000), member), by=member)
    declined = make_booking(session(5), member, card=DECLINED)
    at_bank = make_booking(session(6), member, card=NEEDS_CONFIRMATION)
    late = make_booking(session(7), member, card=SUCCEEDS_LATE)
    waiting = book_session(session(12), participant=member.participant, by=member, provider="transfer")
    full = session(8, capacity=1)
    make_booking(full, make_member())
    in_line = join_waitlist(full, participant=member.participant, by=member)
    offering = session(9, capacity=1)
    leaving = make_booking(offering, make_member())
    offered = join_waitlist(offering, participant=member.participant, by=member)
    cancel_booking(leaving, by=leaving.booked_by)
    make_manual(make_coach())
    bank = Payment.objects.get(order_id=at_bank.line.order_id).action_url
    paid = Payment.objects.get(order_id=booked.line.order_id)

    def page(name: str, *args: object) -> str:
        return reverse(name, args=args)

    mine = [
        page("checkout:book", session(10, price=8_000).pk),
        page("checkout:booking-result", booked.pk),
        page("checkout:booking-result", waiting.pk),
        page("checkout:booking-result", late.pk),
        page("checkout:booking-result", at_bank.pk),
        page("checkout:booking-result", in_line.pk),
        page("checkout:pay", declined.pk),
        page("checkout:pay", offered.pk),
        page("checkout:booking-cancel", booked.pk),
        bank,
        page("checkout:my-money"),
        page("checkout:my-statement"),
        page("checkout:receipt", booked.line.order_id),
    ]
    transfer = Transfer.objects.earliest("id")
    close = make_close((timezone.now() - timedelta(days=3)).date())
    difference = make_difference("unknown", by=admin)
    theirs = [
        page("checkout:payment-list"),
        page("checkout:payment-waiting"),
        page("checkout:payment-detail", paid.pk),
        page("checkout:spend"),
        page("books:trial-balance"),
        page("books:account-list"),
        page("books:account-detail", transfer.debit_id),
        page("books:transfer-list"),
        page("books:transfer-detail", transfer.pk),
        page("books:day-list"),
        page("books:day-detail", close.pk),
        f"{page('books:journal')}?since=2020-01-01&until=2031-03-04",
        page("books:numbers"),
        page("books:reconciliation-list"),
        page("books:reconciliation-detail", difference.reconciliation_id),
        page("books:difference-detail", difference.pk),
        page("orders:share-policy-list"),
        page("checkout:share-policy-create"),
        page("orders:cancellation-policy-list"),
        page("orders:cancellation-policy-create"),
    ]
    return [*((path, member) for path in mine), *((path, admin) for path in theirs)]


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_every_page_of_money(look_through, assert_calm, size, theme):
    for page in look_through(story(), size=size, theme=theme):
        assert page.locator("h1").count() == 1, page.url
        assert_calm(page)


def test_a_policy_is_previewed_and_decided(open_page, assert_calm):
    make_session(price=9_000, title="Breathing")
    page = open_page(reverse("checkout:share-policy-create"), make_admin())
    page.get_by_label("Name").fill("Company share")
    page.get_by_role("spinbutton", name="Percent").fill("80")
    page.get_by_label("At most").fill("60")

    page.get_by_role("button", name="See what it does").click()

    expect(page.locator("main")).to_contain_text("With 80%, at most €60.00")
    expect(page.locator("main")).to_contain_text("€90.00 → €30.00")
    assert_calm(page)
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("main")).to_contain_text("In force")


def test_what_has_arrived_is_marked(open_page):
    held = make_manual(make_coach())
    page = open_page(reverse("checkout:payment-waiting"), make_admin())

    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Mark as paid").click()

    expect(page.locator("main")).to_contain_text("Nothing waits")
    held.refresh_from_db()
    assert held.state == Booking.State.CONFIRMED
