"""The books' pages: from the trial balance to accounts, their transfers, and all that belongs to one of them."""

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from tenpo.books.models import AccountNumber
from tenpo.books.queries.balances import balances_of, moved_between
from tenpo.books.queries.days import end_of, start_of
from tenpo.books.queries.explorer import family_of, movements_of
from tenpo.books.queries.journal import number_sums
from tenpo.books.queries.numbers import USUAL, account_numbers
from tenpo.books.tests.make import FIRST, at, noon, post, post_fee, today
from tenpo.checkout.tests.make import make_booking
from tenpo.core.business import current_business
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import trial_balance
from tenpo.orders.tests.make import make_credit, make_share_policy
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def shown(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(f"books:{name}", args=args), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def make_movements() -> None:
    """Company share, payment, fee, credit: a booking that was given up, and one that is paid by what came back."""
    member = make_member("Lena Okafor")
    make_share_policy(percent=60)
    cancel_booking(make_booking(make_session(title="Breathing"), member), by=member)
    make_booking(make_session(), member)


def test_the_trial_balance_balances_and_leads_to_the_accounts():
    make_movements()
    client = signed_in(make_admin())

    page = shown(client, "trial-balance")
    accounts = shown(client, "account-list", kind="credit", currency="eur", q="okafor")

    sums = trial_balance()
    assert sum(row.debits for row in sums) == sum(row.credits for row in sums) > 0
    assert "The books balance" in page
    assert f"{reverse('books:account-list')}?kind=credit&amp;currency=EUR" in page
    credit = Account.objects.get(kind=Account.Kind.CREDIT)
    assert reverse("books:account-detail", args=[credit.pk]) in accounts
    assert "Sales" not in accounts.partition('id="accounts"')[2]
    assert "No account is like that" in shown(client, "account-list", q="nobody")


def test_every_movement_of_an_account_says_the_balance_after_it():
    make_movements()

    for account in Account.objects.all():
        movements, _next = movements_of(account)
        balance = balances_of([account])[account.pk]
        for one in movements:
            assert one.balance == balance
            assert one.other.pk != account.pk
            balance -= one.change
        assert balance == 0


def test_balances_go_on_over_the_pages_of_an_account():
    member = make_member()
    credit = make_credit(member, 500)
    sales = Account.objects.get(kind=Account.Kind.SALES)
    for _ in range(4):
        post(100)
    whole, _end = movements_of(sales, limit=100)

    paged, cursor = movements_of(sales, limit=2)
    while cursor:
        more, cursor = movements_of(sales, limit=2, cursor=cursor)
        paged += more

    assert [one.balance for one in paged] == [one.balance for one in whole]
    assert whole[0].balance == balances_of([sales])[sales.pk]
    # Where others are left out the balance would not go from row to row.
    assert {one.balance for one in movements_of(sales, kind="payment")[0]} == {None}
    assert movements_of(credit, day=today() - timedelta(days=9))[0] == []


def test_an_accounts_page_shows_what_moved():
    make_movements()
    client = signed_in(make_admin())
    credit = Account.objects.get(kind=Account.Kind.CREDIT)

    page = shown(client, "account-detail", credit.pk)
    none = shown(client, "account-detail", credit.pk, day="2001-01-01")

    assert "Lena Okafor" in page
    assert all(reverse("books:transfer-detail", args=[row.pk]) in page for row in Transfer.objects.touching(credit.pk))
    assert "No transfer is like that" in none


def test_a_transfer_shows_its_ends_its_cause_and_its_family():
    make_movements()
    client = signed_in(make_admin())
    share = Transfer.objects.filter(kind=Transfer.Kind.COMPANY_SHARE).earliest("id")

    page = shown(client, "transfer-detail", share.pk)

    family = family_of(share)
    assert {row.subject_id for row in family.siblings} == {share.subject_id}
    assert all(reverse("books:transfer-detail", args=[row.pk]) in page for row in family.siblings)
    assert reverse("books:account-detail", args=[share.debit_id]) in page
    assert reverse("books:account-detail", args=[share.credit_id]) in page
    assert "/orders/" in page
    assert share.key in page


def test_a_transfer_that_was_undone_and_the_one_that_undid_it_lead_to_each_other():
    member = make_member()
    make_credit(member, 9_000)
    booking = make_booking(make_session(price=10_000), member, card="4000002500003155")
    cancel_booking(booking, by=member)
    undone = Transfer.objects.get(kind=Transfer.Kind.CREDIT_RESERVE)
    client = signed_in(make_admin())

    reversal = undone.reversals.get()

    assert "This was undone" in shown(client, "transfer-detail", undone.pk)
    assert reverse("books:transfer-detail", args=[undone.pk]) in shown(client, "transfer-detail", reversal.pk)
    assert family_of(undone).undone_by == reversal
    assert family_of(reversal).undoes == undone


def test_transfers_are_found_by_kind_and_day():
    make_movements()
    client = signed_in(make_admin())

    fees = shown(client, "transfer-list", kind="fee").partition('id="transfers"')[2]
    found = shown(client, "transfer-list", day=today().isoformat())
    before = shown(client, "transfer-list", day="2001-01-01")

    assert fees.count("<tr>") == 1 + Transfer.objects.filter(kind=Transfer.Kind.FEE).count()
    assert "Breathing" in found
    assert "No transfer is like that" in before


@pytest.mark.usefixtures("clock_moves")
def test_days_are_closed_on_their_page_and_drawn():
    admin = make_admin()
    current_business()
    with at(noon()) as clock:
        client = signed_in(admin)
        post(1_000)
        post_fee(40)
        clock.move(timedelta(days=2))

        before = shown(client, "day-list")
        after = client.post(reverse("books:day-list"), follow=True).content.decode()
        page = client.get(reverse("books:day-list")).content.decode()
        close = client.get(page.split('<th scope="row"><a href="')[-1].split('"')[0]).content.decode()

    assert "2 days are over and not closed" in before
    assert "2 days are closed." in after
    assert "Moved on each day" in page
    assert "over and not closed" not in page
    assert all(words in close for words in ("€10.40", "Sales", "Fingerprint", admin.name))


@pytest.mark.usefixtures("clock_moves")
def test_the_journal_sums_to_the_trial_balance():
    current_business()
    admin = make_admin()
    with at(noon()) as clock:
        post(10_050)
        post_fee(150)
        post(1_234, currency="JPY")
        clock.move(timedelta(days=1))
        post_fee(7)
        client = signed_in(admin)
        query = {"since": FIRST.isoformat(), "until": (FIRST + timedelta(days=1)).isoformat()}
        text = b"".join(client.get(reverse("books:journal-csv"), query)).decode()
        page = shown(client, "journal", **query)
        until = FIRST + timedelta(days=1)
        sums, moved = number_sums(FIRST, until), moved_between(start_of(FIRST), end_of(until))

    rows = list(csv.DictReader(text.lstrip("\ufeff").splitlines()))
    assert [row["Transfer"] for row in rows] == [
        str(pk) for pk in Transfer.objects.order_by("created_at", "id").values_list("pk", flat=True)
    ]
    assert {row["Date"] for row in rows} == {"2026-09-01", "2026-09-02"}
    found: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows:
        for place, side in enumerate(("Debit account", "Credit account")):
            found.setdefault((row["Currency"], row[side]), [Decimal(0), Decimal(0)])[place] += Decimal(row["Amount"])
    cents = {"EUR": 100, "JPY": 1}
    assert {(one.currency, one.number): [one.debits, one.credits] for one in sums} == {
        place: [int(value * cents[place[0]]) for value in both] for place, both in found.items()
    }
    numbers = account_numbers()
    assert sorted((row.currency, numbers[row.kind], row.debits, row.credits) for row in moved) == sorted(
        (one.currency, one.number, one.debits, one.credits) for one in sums
    )
    assert "1234" in {row["Amount"] for row in rows}
    assert all(one.number in page for one in sums)


def test_what_a_journal_line_is_for():
    member = make_member("=Lena")
    booking = make_booking(make_session(title="=1+1", price=5_000), member)
    day = today().isoformat()

    text = b"".join(signed_in(make_admin()).get(reverse("books:journal-csv"), {"since": day, "until": day})).decode()

    payment = next(row for row in csv.DictReader(text.lstrip("\ufeff").splitlines()) if row["Kind"] == "Payment")
    assert payment["Reference"] == booking.line.order.number
    assert (payment["Debit account"], payment["Credit account"]) == ("1460", "4400")
    assert (payment["Amount"], payment["Currency"]) == ("50.00", "EUR")
    assert payment["What for"] == "Payment for =1+1"


@pytest.mark.parametrize(
    "query",
    [{"since": "2026-09-02", "until": "2026-09-01"}, {"since": "x", "until": "2026-09-01"}],
    ids=["order", "words"],
)
def test_a_period_that_is_none_is_refused(query):
    client = signed_in(make_admin())

    assert client.get(reverse("books:journal-csv"), query).status_code == 404
    assert "<table" not in shown(client, "journal", **query)


def test_account_numbers_are_set_and_back_as_usual():
    client = signed_in(make_admin())
    address = reverse("books:numbers")

    saved = client.post(address, {"sales": "8400", "fees": USUAL[Account.Kind.FEES]}, follow=True)
    wrong = client.post(address, {"sales": "=1+1"})

    assert "The account numbers are saved." in saved.content.decode()
    assert account_numbers()["sales"] == "8400"
    assert list(AccountNumber.objects.values_list("kind", flat=True)) == ["sales"]
    assert wrong.status_code == 422
    assert "letters and digits" in wrong.content.decode()
    client.post(address, {"sales": ""})
    assert account_numbers()["sales"] == USUAL[Account.Kind.SALES]
    assert not AccountNumber.objects.exists()


def test_every_kind_of_account_has_its_usual_number():
    assert set(USUAL) == set(Account.Kind)


def test_the_credit_side_of_the_books_is_no_store_credit_in_german():
    make_movements()
    admin = make_admin()
    admin.locale = "de"
    admin.save(update_fields=["locale"])

    page = shown(signed_in(admin), "trial-balance")

    assert 'data-label="Soll"' in page
    assert 'data-label="Haben"' in page
    assert 'data-label="Guthaben"' not in page
