import re

import pytest
from django.test import Client

from tenpo.access.actions.api_clients import create_api_client
from tenpo.core.business import forget_business
from tenpo.core.outbox import drain
from tenpo.notify.models import Delivery, Notification
from tenpo.orders.actions.business import update_business
from tenpo.payments.actions.disputes import note_dispute
from tenpo.payments.actions.payout_sending import make_payout_batch, mark_payout_sent, read_payout_batch
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout, reject_payout
from tenpo.payments.models import Payment, Payout, PayoutAccount, PayoutBatch
from tenpo.payments.queries import payout_terms
from tenpo.payments.tests.make import (
    BANK,
    IBANS,
    earnings_left,
    make_approved,
    make_earnings,
    make_owed,
    make_payout,
    make_payout_account,
    make_terms,
    make_wallet_money,
)
from tenpo.people.models import Role
from tenpo.people.tests.make import freshly_signed_in, make_admin, make_coach, make_member, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def told(user) -> list[str]:
    """What somebody was told, the newest first."""
    while drain():
        pass
    return list(Notification.objects.filter(user=user).order_by("-id").values_list("kind", flat=True))


def test_somebody_says_where_they_are_paid_and_asks_for_it():
    make_terms()
    mia = make_coach("Mia")
    make_earnings(mia, 5_000)
    browser = freshly_signed_in(mia)

    typed = {"holder": "Mia Berg", "iban": "de89 3704 0044 0532 0130 00", "is_default": "on"}
    added = browser.post("/me/money/payouts/accounts/?method=sepa", typed)
    account = PayoutAccount.objects.get()
    asked = browser.post("/me/money/payouts/", {"source": "earnings", "amount": "20", "account": account.pk})
    page = browser.get(asked["Location"]).content.decode()

    assert (added.status_code, asked.status_code) == (302, 302)
    assert "€20.00" in page
    assert "DE89 •••• 3000" in page
    assert IBANS[0] not in page
    assert earnings_left(mia) == 3_000
    assert "payout_account.added" in told(mia)


def test_its_owner_is_written_to_in_any_case():
    make_terms()
    mia = make_coach()

    make_payout_account(mia)

    assert told(mia) == ["payout_account.added"]
    assert Delivery.objects.filter(notification__user=mia, channel="email").count() == 1


def test_a_number_waits_nowhere_while_somebody_shows_who_they_are():
    make_terms()
    mia = make_coach()
    browser = signed_in(mia)

    answer = browser.post("/me/money/payouts/accounts/?method=sepa", {"holder": "Mia", "iban": IBANS[0]})

    assert "reauthenticate" in answer["Location"]
    assert "typed_before" not in browser.session
    assert not PayoutAccount.objects.exists()


@pytest.mark.parametrize("method", ["paypal", "post", "crypto"])
def test_a_method_that_is_not_offered_is_not_there(method):
    make_terms(pays_crypto=False)

    assert freshly_signed_in(make_member()).get(f"/me/money/payouts/accounts/?method={method}").status_code == 404


def test_the_form_says_of_which_currency_its_amount_is():
    mia = make_coach()
    make_payout_account(mia)

    assert '<span class="unit">EUR</span>' in signed_in(mia).get("/me/money/payouts/").content.decode()


def test_what_is_owed_is_a_line_of_the_payout():
    make_terms(fee=50)
    mia = make_coach()
    make_earnings(mia, 5_000)
    make_owed(mia, 1_200)
    payout = ask_for_payout(make_payout_account(mia), source="earnings", amount=3_800, by=mia)

    page = signed_in(mia).get(f"/me/money/payouts/{payout.pk}/").content.decode()

    for amount in ("€50.00", "−€12.00", "€38.00", "−€0.50", "€37.50"):
        assert amount in page


def test_where_it_comes_from_is_no_day_in_german():
    """One English word for a place, a day, and what a payout is taken from."""
    payout = make_payout(make_coach())
    payout.payee.locale = "de"
    payout.payee.save(update_fields=["locale"])

    page = signed_in(payout.payee).get(f"/me/money/payouts/{payout.pk}/").content.decode()

    assert re.search(r"Von</dt>\s*<dd[^>]*>Einnahmen", page)


def test_of_what_does_not_arrive_the_page_says_no_such_thing():
    make_terms(fee=50)
    mia, admin = make_coach(), make_admin()
    make_earnings(mia, 5_000)
    payout = ask_for_payout(make_payout_account(mia), source="earnings", amount=3_800, by=mia)
    addresses = [(mia, f"/me/money/payouts/{payout.pk}/"), (admin, f"/money/payouts/{payout.pk}/")]
    reads = [(signed_in(user), address) for user, address in addresses]
    assert all("Arrives" in browser.get(address).content.decode() for browser, address in reads)

    reject_payout(payout, word="Not this month.", by=admin)

    for browser, address in reads:
        page = browser.get(address).content.decode()
        assert all(words not in page for words in ("Arrives", "€0.50", "€37.50"))
        assert "On the balance again" in page


@pytest.mark.parametrize(
    ("amount", "words"), [("60", "not that much"), ("0.50", "smallest payout"), ("-1", "below zero"), ("x", "amount")]
)
def test_a_refusal_stands_beside_what_was_typed(amount, words):
    make_terms()
    mia = make_coach()
    make_earnings(mia, 5_000)
    account = make_payout_account(mia)

    answer = signed_in(mia).post("/me/money/payouts/", {"source": "earnings", "amount": amount, "account": account.pk})

    assert answer.status_code == 422
    (said,) = re.findall(r'id="id_amount_error"[^>]*>(.*?)</(?:p|ul|div)>', answer.content.decode(), re.DOTALL)
    assert words in said
    assert f'value="{amount}"' in answer.content.decode()
    assert not Payout.objects.exists()


def test_all_that_is_there_and_the_usual_account_stand_in_the_form():
    make_terms()
    mia = make_coach()
    make_earnings(mia, 5_050)
    make_payout_account(mia, "manual")
    usual = make_payout_account(mia, "sepa", is_default=True)

    page = signed_in(mia).get("/me/money/payouts/").content.decode()

    assert re.search(r'name="amount"[^>]*value="50.50"', page)
    assert re.findall(r'name="account" value="([^"]+)"[^>]* checked', page) == [str(usual.pk)]


def test_a_new_account_is_refused_beside_it():
    make_terms()
    mia = make_coach()
    make_earnings(mia, 5_000)
    make_payout_account(mia)
    account = make_payout_account(mia, "sepa", is_usable=False)

    answer = signed_in(mia).post("/me/money/payouts/", {"source": "earnings", "amount": "20", "account": account.pk})

    assert answer.status_code == 422
    assert re.search(r'id="id_account_error"[^>]*>.*?This account is new', answer.content.decode(), re.DOTALL)


def test_an_account_of_somebody_else_is_no_choice():
    mia = make_coach()
    make_payout(mia)
    account = make_payout_account(make_coach())

    answer = signed_in(mia).post("/me/money/payouts/", {"source": "earnings", "amount": "5", "account": account.pk})

    assert answer.status_code == 422


def test_an_admin_approves_sends_and_finishes():
    payout, admin = make_payout(make_coach()), make_admin()
    browser = freshly_signed_in(admin)

    for act in ("approve", "sent", "done"):
        assert browser.post(f"/money/payouts/{payout.pk}/", {"act": act}).status_code == 302
        assert browser.get(f"/money/payouts/{payout.pk}/").status_code == 200

    payout.refresh_from_db()
    assert payout.state == Payout.State.DONE
    assert told(payout.payee)[:2] == ["payout.done", "payout.sent"]


def test_who_decides_reads_that_a_bank_wants_a_payment_of_the_payee_back():
    """What it filled a wallet with could be paid out meanwhile."""
    mia, words = make_coach(), "Their bank wants a payment of theirs back"
    payout, admin = make_payout(mia), make_admin()
    make_wallet_money(mia, 3_300)
    address = f"/money/payouts/{payout.pk}/"
    assert words not in signed_in(admin).get(address).content.decode()

    note_dispute(Payment.objects.get(payer=mia))

    shown = signed_in(admin).get(address).content.decode()
    assert words in shown
    assert "€33.00" in shown
    assert words not in signed_in(mia).get(f"/me/money/payouts/{payout.pk}/").content.decode()
    reject_payout(payout, word="", by=admin)
    assert words not in signed_in(admin).get(address).content.decode()


def test_an_admin_who_has_not_just_shown_who_they_are_approves_nothing():
    payout = make_payout(make_coach())

    answer = signed_in(make_admin()).post(f"/money/payouts/{payout.pk}/", {"act": "approve"})

    payout.refresh_from_db()
    assert "reauthenticate" in answer["Location"]
    assert payout.state == Payout.State.ASKED


def test_an_admin_does_not_see_how_to_approve_their_own():
    boss = make_user(roles=(Role.ADMIN, Role.COACH))
    payout = make_payout(boss)

    page = freshly_signed_in(boss).get(f"/money/payouts/{payout.pk}/").content.decode()

    assert 'value="approve"' not in page
    assert "another admin decides" in page


def test_choosing_where_earnings_go_asks_again_who_it_is_and_is_told():
    mia = make_member()
    first, second = make_payout_account(mia), make_payout_account(mia)
    path = f"/me/money/payouts/accounts/{second.pk}/default/"

    answer = signed_in(mia).post(path)

    assert "reauthenticate" in answer["Location"]
    assert PayoutAccount.objects.get(is_default=True) == first
    assert "payout_account.chosen" not in told(mia)
    api = f"/api/v1/payout-accounts/{second.pk}/default"
    assert signed_in(mia).post(api, content_type="application/json").status_code == 403
    assert PayoutAccount.objects.get(is_default=True) == first

    assert freshly_signed_in(mia).post(path)["Location"] == "/me/money/payouts/accounts/"

    assert PayoutAccount.objects.get(is_default=True) == second
    assert told(mia).count("payout_account.chosen") == 1


def test_who_may_approve_is_told_and_whoever_it_goes_to_is_not():
    boss, ada = make_user(roles=(Role.ADMIN, Role.COACH)), make_admin()
    make_terms(second_amount=1_000)
    payout = make_payout(boss)

    assert "admin.payout_to_approve" in told(ada)
    assert "admin.payout_to_approve" not in told(boss)
    bea = make_admin()
    approve_payout(payout, by=ada)
    assert told(ada).count("admin.payout_to_approve") == 1
    assert told(bea) == ["admin.payout_to_approve"]


def test_the_page_says_what_they_got_lately_and_that_two_approve():
    mia, ada = make_coach(), make_admin()
    make_terms(second_amount=3_000)
    approve_payout(make_payout(mia), by=ada)
    payout = make_payout(mia)

    page = signed_in(ada).get(f"/money/payouts/{payout.pk}/").content.decode()

    assert ("In the last 7 days" in page, "two admins approve it" in page) == (True, True)
    assert approve_payout(payout, by=ada).state == "asked"
    assert "second admin has to" in signed_in(ada).get(f"/money/payouts/{payout.pk}/").content.decode()


def test_a_rejected_one_is_told_with_its_word():
    payout = make_payout(make_coach())
    reject_payout(payout, word="Please add your BIC.", by=make_admin())

    assert told(payout.payee)[0] == "payout.not_paid"
    page = signed_in(payout.payee).get("/notifications/").content.decode()
    assert "Please add your BIC." in page


def test_files_are_made_handed_on_and_finished():
    payout = make_approved(make_coach(), method="sepa")
    browser = freshly_signed_in(make_admin())

    made = browser.post("/money/payouts/files/", {"method": "sepa"})
    batch = PayoutBatch.objects.get()
    file = browser.post(f"{made['Location']}file/")
    for act in ("sent", "finish"):
        browser.post(made["Location"], {"act": act})

    assert made["Location"] == f"/money/payouts/files/{batch.pk}/"
    assert file["Content-Type"] == "application/xml"
    assert IBANS[0] in file.content.decode()
    assert Payout.objects.get(pk=payout.pk).state == Payout.State.DONE


def test_a_file_is_taken_by_who_has_just_shown_who_they_are():
    make_approved(make_coach(), method="sepa")
    admin = make_admin()
    batch = make_payout_batch("sepa", by=admin)

    answer = signed_in(admin).post(f"/money/payouts/files/{batch.pk}/file/")

    assert "reauthenticate" in answer["Location"]
    assert (
        f"next=%2Fmoney%2Fpayouts%2Ffiles%2F{batch.pk}%2F" in answer["Location"] or str(batch.pk) in answer["Location"]
    )
    assert PayoutBatch.objects.get().read_at is None


def test_a_file_that_was_taken_is_dropped_by_who_confirms_it_and_has_just_shown_who_they_are():
    make_approved(make_coach(), method="sepa")
    ada, other = make_admin("Ada Ford"), make_admin()
    batch = make_payout_batch("sepa", by=ada)
    page = f"/money/payouts/files/{batch.pk}/"
    freshly_signed_in(ada).post(f"{page}file/")
    browser = freshly_signed_in(other)

    shown = browser.get(page).content.decode()
    taken_at = re.search(r'name="taken_at" value="([^"]+)"', shown)
    stale = signed_in(other).post(page, {"act": "drop", "taken_at": taken_at and taken_at[1]})
    unsaid = browser.post(page, {"act": "drop"}, follow=True).content.decode()
    odd = browser.post(page, {"act": "drop", "taken_at": "2026-13-99T99:99"}, follow=True).content.decode()

    assert "Ada Ford took it" in shown
    assert taken_at
    assert "reauthenticate" in stale["Location"]
    assert "Ada Ford took this file" in unsaid
    assert "Ada Ford took this file" in odd
    assert PayoutBatch.objects.get().state == "made"
    browser.post(page, {"act": "drop", "taken_at": taken_at[1]})
    assert PayoutBatch.objects.get().state == "dropped"


@pytest.mark.parametrize("scopes", [["read"], ["read", "write", "admin"]])
def test_no_key_takes_a_file_nor_drops_one_that_was_taken(scopes):
    make_approved(make_coach(), method="sepa")
    admin = make_admin()
    batch = make_payout_batch("sepa", by=admin)
    _client, key = create_api_client(admin, name="BI", scopes=scopes, expires_at=None, by=admin)
    bearer = {"authorization": f"Bearer {key}"}

    file = Client().get(f"/api/v1/payout-batches/{batch.pk}/file", headers=bearer)
    read_payout_batch(batch, by=admin)
    dropped = Client().delete(f"/api/v1/payout-batches/{batch.pk}", headers=bearer)

    assert (file.status_code, dropped.status_code) == (403, 403)
    assert IBANS[0] not in file.content.decode()
    assert PayoutBatch.objects.get().state == "made"


def test_a_note_is_read_on_the_payouts_own_pages_and_nowhere_else():
    make_terms()
    mia, admin = make_coach("Mia"), make_admin()
    account = make_payout_account(mia, details={"note": f"To {IBANS[0]} please"})
    make_earnings(mia, 5_000)
    payout = ask_for_payout(account, source="earnings", amount=2_000, by=mia)
    hers, theirs = signed_in(mia), signed_in(admin)

    assert (account.masked, str(account)) == ("By hand", "By hand")
    assert IBANS[0] in hers.get(f"/me/money/payouts/{payout.pk}/").content.decode()
    assert IBANS[0] in theirs.get(f"/money/payouts/{payout.pk}/").content.decode()
    told(mia)
    for browser, path in [
        (hers, "/me/money/payouts/"), (hers, "/me/money/payouts/accounts/"), (hers, "/notifications/"),
        (theirs, "/money/payouts/"), (theirs, "/audit/"),
    ]:  # fmt: skip
        assert IBANS[0] not in browser.get(path, follow=True).content.decode()


def test_a_business_that_no_bank_can_name_has_no_file_for_it():
    update_business(by=None, name="★")
    forget_business()
    typed = {"minimum": "25", "fee": "0", "schedule": "never", **BANK}

    answer = freshly_signed_in(make_admin()).post("/money/payouts/terms/", typed)

    assert answer.status_code == 422
    assert "no letter that a bank takes" in answer.content.decode()
    assert payout_terms().bank_iban == ""


def test_a_business_that_changed_its_name_to_such_a_one_makes_no_file():
    make_approved(make_coach(), method="sepa")
    update_business(by=None, name="★")
    forget_business()

    answer = freshly_signed_in(make_admin()).post("/money/payouts/files/", {"method": "sepa"}, follow=True)

    assert "no letter that a bank takes" in answer.content.decode()
    assert not PayoutBatch.objects.exists()


def test_a_new_business_keeps_wallets_here():
    assert not payout_terms().pays_wallets


def test_terms_are_changed_by_who_has_just_shown_who_they_are():
    typed = {"minimum": "25", "fee": "0.50", "second_amount": "1000", "schedule": "weekly", "pays_wallets": "on"}

    freshly_signed_in(make_admin()).post("/money/payouts/terms/", typed)

    terms = payout_terms()
    assert (terms.minimum, terms.fee, terms.second_amount, terms.schedule) == (2_500, 50, 100_000, "weekly")
    assert terms.pays_wallets
    assert not terms.pays_crypto


def test_a_wrong_number_of_the_business_stands_beside_its_field():
    typed = {"minimum": "25", "fee": "0", "schedule": "never", "bank_iban": "DE00", "bank_bic": "BYLADEM1001"}

    answer = freshly_signed_in(make_admin()).post("/money/payouts/terms/", typed)

    assert answer.status_code == 422
    assert "not an IBAN" in answer.content.decode()


def test_the_queue_shows_what_is_under_way_and_by_state_the_rest():
    mia, otto = make_coach("Mia Minnow"), make_coach("Otto Otter")
    admin = make_admin()
    reject_payout(make_payout(mia), word="", by=admin)
    mark_payout_sent(make_approved(otto), by=admin)
    browser = signed_in(admin)

    under_way, rejected = (browser.get(f"/money/payouts/{query}").content.decode() for query in ("", "?state=rejected"))

    assert "Otto Otter" in under_way
    assert "Mia Minnow" not in under_way
    assert "Mia Minnow" in rejected
