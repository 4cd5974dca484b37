"""The pages of payouts, as their people see them: accessible, and no wider than a phone."""

import pytest

from tenpo.payments.actions.payout_sending import make_payout_batch, send_payout_batch
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.tests.make import (
    make_approved,
    make_earnings,
    make_owed,
    make_payout,
    make_payout_account,
    make_terms,
    make_wallet_money,
)
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach

pytestmark = pytest.mark.invariants


@pytest.fixture
def pages() -> list[tuple[str, User]]:
    """Each page, and who reads it."""
    make_terms(fee=100, minimum=1_000, second_amount=100_000)
    mia, admin = make_coach("Mia Berg"), make_admin("Ada Winter")
    make_earnings(mia, 60_000)
    make_wallet_money(mia, 2_500)
    make_owed(mia, 1_250)
    account = make_payout_account(mia, "sepa")
    make_payout_account(mia, "crypto", is_usable=False)
    payout = ask_for_payout(account, source="earnings", amount=12_000, by=mia)
    for name in ("Otto Sommer", "Jana Weiß"):
        make_approved(make_coach(name), method="sepa", amount=4_200)
    batch = send_payout_batch(make_payout_batch("sepa", by=admin), by=admin)
    make_approved(make_coach("Lena Falk"), method="sepa", amount=8_800)
    make_payout(make_coach("Paul Stein"), amount=150_000)
    mine = ("", "accounts/", f"{payout.pk}/")
    theirs = ("", f"{payout.pk}/", "terms/", "files/", f"files/{batch.pk}/")
    return [
        *((f"/me/money/payouts/{path}", mia) for path in mine),
        *((f"/money/payouts/{path}", admin) for path in theirs),
    ]


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_every_page_of_payouts_is_calm(look_through, assert_calm, pages, size):
    for page in look_through(pages, size=size):
        assert_calm(page)


def test_an_admin_rejects_a_payout_with_a_word(open_page):
    make_terms()
    payout = make_payout(make_coach("Mia Berg"))
    page = open_page(f"/money/payouts/{payout.pk}/", make_admin(), size="phone")

    page.get_by_label("A word to its payee").fill("Please add your BIC.")
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()

    page.get_by_text("Rejected. The money is its payee").wait_for()
    payout.refresh_from_db()
    assert (payout.state, payout.word) == ("rejected", "Please add your BIC.")
