"""The pages of sponsors' budgets: the admins', the sponsor's, and what whoever is paid for sees."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.days import day_here
from tenpo.core.limits import LIMITS
from tenpo.core.pdf import Document, pdf_answer
from tenpo.core.tests.make import ACCOUNT
from tenpo.orders import sponsor_views
from tenpo.orders.actions.sponsorships import end_sponsorship, record_sponsor_payment
from tenpo.orders.models import Line
from tenpo.orders.sponsor_models import SponsorPayment, Sponsorship
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

NEW = {"name": "Bakery Huber", "kind": "percent", "percent": "50", "pot": "500", "per_person": "50,00"}


def address(name: str, sponsorship: Sponsorship, *more: Any) -> str:
    return reverse(f"orders:{name}", args=[sponsorship.pk, *more])


def page(client: Client, url: str) -> str:
    answer: Any = client.get(url)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()


def make_used(sponsor: User | None = None) -> tuple[Sponsorship, User]:
    """Half of two bookings, one of them given up, and of a seat that is held."""
    member = make_member("Vera Visible")
    sponsorship = make_sponsorship(member, sponsor=sponsor, percent=50, pot=50_000, name="Bakery Huber")
    make_booking(make_session(price=8_000, title="A very private matter"), member)
    cancel_booking(make_booking(make_session(price=2_000), member), by=member)
    make_booking(make_session(price=6_000), member, card=DECLINED)
    return sponsorship, member


# Agreeing one


def test_an_admin_agrees_a_sponsorship_and_names_people():
    admin, sponsor, member = make_admin(), make_member(), make_member()
    client = signed_in(admin)

    answer = client.post(reverse("orders:sponsorship-create"), NEW | {"sponsor": sponsor.email, "kinds": ["session"]})

    made = Sponsorship.objects.get()
    assert answer.headers["Location"] == address("sponsored-people", made)
    assert (made.sponsor, made.percent, made.pot, made.per_person, made.kinds) == (
        sponsor, 50, 50_000, 5_000, ["session"],
    )  # fmt: skip
    client.post(address("sponsored-people", made), {"emails": f"{member.email}, {sponsor.email}\n"})
    assert set(made.people.values_list("user", flat=True)) == {member.pk, sponsor.pk}
    assert member.name in page(client, address("sponsored-people", made))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sponsor": "nobody@example.com"}, "Nobody here has this address."),
        ({"percent": ""}, "Say how much."),
        ({"kind": "amount"}, "Say how much."),
        ({"pot": "nothing"}, "This is not an amount"),
        ({"starts_on": "2020-01-01"}, "now or later"),
        ({"ends_on": "2020-01-01"}, "The end must come after the start."),
    ],
)
def test_what_cannot_be_agreed_stands_in_the_form(changed, said):
    answer = signed_in(make_admin()).post(
        reverse("orders:sponsorship-create"), NEW | {"sponsor": make_member().email} | changed
    )

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Sponsorship.objects.exists()


def test_today_means_from_now_on():
    data = NEW | {"sponsor": make_member().email, "starts_on": f"{day_here():%Y-%m-%d}"}

    signed_in(make_admin()).post(reverse("orders:sponsorship-create"), data)

    assert abs(Sponsorship.objects.get().active_from - timezone.now()) < timedelta(minutes=1)


def test_strangers_are_said_in_the_form():
    sponsorship = make_sponsorship()

    answer = signed_in(make_admin()).post(address("sponsored-people", sponsorship), {"emails": "nobody@example.com"})

    assert answer.status_code == 422
    assert "nobody@example.com" in answer.content.decode()


# What each sees


def test_a_sponsor_sees_who_when_and_how_much_and_nothing_of_what_it_was():
    sponsor = make_member()
    sponsorship, member = make_used(sponsor)
    make_sponsorship(make_member("Somebody Else"), name="Another one")
    client = signed_in(sponsor)

    mine, detail = (
        page(client, reverse("orders:my-sponsoring")),
        page(client, address("sponsorship-detail", sponsorship)),
    )
    people, csv = (page(client, address(name, sponsorship)) for name in ("sponsored-people", "sponsorship-csv"))

    assert "Bakery Huber" in mine
    assert "Another one" not in mine
    for text in (detail, people, csv):
        assert "Vera Visible" in text
        assert "A very private matter" not in text
        assert member.email not in text
    assert "€430" in detail  # left of 500
    assert "came back" in detail
    assert "Record a payment" not in detail
    lines = csv.splitlines()
    assert len(lines) == 4
    assert [line.split(",")[3:5] for line in lines[1:]] == [["40.00", "0.00"], ["10.00", "10.00"], ["30.00", "0.00"]]


def test_a_sponsors_page_is_not_there_for_who_sponsors_nobody():
    assert signed_in(make_member()).get(reverse("orders:my-sponsoring")).status_code == 404


def test_whoever_is_paid_for_sees_by_whom_what_was_spent_and_how_much_is_left():
    sponsorship, member = make_used()
    client = signed_in(member)

    text = page(client, reverse("checkout:my-money"))
    assert "Bakery Huber" in text
    assert "€430" in text
    assert "left for you, €70.00 paid so far" in text

    end_sponsorship(sponsorship, by=None)
    pays_still, _fold, paid_once = page(client, reverse("checkout:my-money")).partition("Paid for you in the past")
    assert "Bakery Huber" not in pays_still
    assert "Bakery Huber" in paid_once
    assert "left for you" not in paid_once


def test_a_sponsor_finds_their_budgets_from_their_money():
    sponsor = make_member()
    make_sponsorship(sponsor=sponsor)

    assert reverse("orders:my-sponsoring") in page(signed_in(sponsor), reverse("checkout:my-money"))


def test_price_bar_and_receipt_name_the_sponsor():
    sponsorship, member = make_used()
    client = signed_in(member)
    session = make_session(price=4_000)

    for url in (reverse("schedule:session-detail", args=[session.pk]), reverse("checkout:book", args=[session.pk])):
        assert "Bakery Huber" in page(client, url)
    for line in Line.objects.filter(order__state="paid"):
        text = page(client, reverse("checkout:receipt", args=[line.order_id]))
        assert "Bakery Huber" in text
        assert ("Cancelled on" in text) == bool(line.sponsor_back)
    assert sponsorship.lines.count() == 3


def test_cancelling_says_what_the_sponsor_is_not_charged():
    member = make_member()
    make_sponsorship(member, name="Bakery Huber")
    booked = make_booking(make_session(price=8_000), member)

    text = page(signed_in(member), reverse("checkout:booking-cancel", args=[booked.pk]))

    assert "Bakery Huber is not charged €80" in text


# What is paid


def test_a_payment_is_recorded_once_though_its_form_is_sent_twice():
    sponsorship, _member = make_used()
    client = signed_in(make_admin())
    sent = {"amount": "15", "received_on": f"{timezone.localdate():%Y-%m-%d}", "reference": "R 7"}
    form = page(client, address("sponsor-payment-create", sponsorship))
    [sent["once"]] = re.findall(r'name="once" value="([^"]+)"', form)

    for _ in range(2):
        client.post(address("sponsor-payment-create", sponsorship), sent)

    assert SponsorPayment.objects.get().amount == 1_500
    assert "€25" in page(client, address("sponsorship-detail", sponsorship))
    answer = client.post(address("sponsor-payment-create", sponsorship), sent | {"amount": "26", "once": ""})
    assert answer.status_code == 422
    assert "more than what is owed" in answer.content.decode()


def test_the_budget_is_raised_and_ended_by_an_admin():
    sponsorship, member = make_used()
    client = signed_in(make_admin())

    assert client.post(address("sponsorship-pot", sponsorship), {"pot": "400"}).status_code == 422
    client.post(address("sponsorship-pot", sponsorship), {"pot": "800"})
    client.post(address("sponsored-person-remove", sponsorship, sponsorship.people.get().pk))
    client.post(address("sponsorship-end", sponsorship))

    sponsorship.refresh_from_db()
    assert sponsorship.pot == 80_000
    assert sponsorship.people.get().removed_at is not None
    assert sponsorship.is_over(timezone.now())
    text = page(client, address("sponsorship-detail", sponsorship))
    assert "Raise the budget" not in text
    assert str(member) in text


# The statement


def test_a_statement_says_what_is_to_be_paid_and_by_which_reference(monkeypatch):
    sponsor = make_member()
    sponsorship, _member = make_used(sponsor)
    record_sponsor_payment(sponsorship, amount=1_500, received_on=timezone.localdate(), by=make_admin())
    seen: list[Document] = []

    def answer_of(name: str, document: Document) -> HttpResponse:
        seen.append(document)
        return pdf_answer(name, document)

    monkeypatch.setattr(sponsor_views, "pdf_answer", answer_of)
    client = signed_in(sponsor)

    answer: Any = client.get(address("sponsorship-pdf", sponsorship))

    assert answer.content.startswith(b"%PDF")
    [document] = seen
    facts = dict(document.facts)
    assert (facts["Owed before"], facts["To be paid"]) == ("€0.00", "€25.00")
    assert facts["Reference"] == sponsorship.transfer_reference
    assert [row[3] for row in document.rows] == ["+€40.00", "+€10.00", "−€10.00", "−€15.00"]
    assert [row[1] for row in document.rows] == ["Vera Visible"] * 3 + [""]

    client.get(f"{address('sponsorship-pdf', sponsorship)}?month=2020-01")
    assert seen[1].rows == []
    assert dict(seen[1].facts)["To be paid"] == "€0.00"


@pytest.mark.usefixtures("takes_transfers")
def test_a_sponsor_reads_where_to_pay_what_they_owe_on_the_page_and_on_paper(monkeypatch):
    sponsor = make_member()
    sponsorship, _member = make_used(sponsor)
    seen: list[Document] = []

    def answer_of(name: str, document: Document) -> HttpResponse:
        seen.append(document)
        return pdf_answer(name, document)

    monkeypatch.setattr(sponsor_views, "pdf_answer", answer_of)
    client, url = signed_in(sponsor), address("sponsorship-detail", sponsorship)

    shown = client.get(url).content.decode()
    client.get(address("sponsorship-pdf", sponsorship))

    copied = re.findall(r'data-copy="([^"]*)"', shown)
    assert copied == [*(ACCOUNT[name] for name in ACCOUNT if name != "bank_name"), sponsorship.transfer_reference, "40"]
    assert 'class="qr"' in shown
    account = {"To": "Nordlicht GmbH", "IBAN": "DE02 1203 0000 0000 2020 51", "BIC": "BYLADEM1001", "Bank": "DKB"}
    assert account.items() <= dict(seen[0].facts).items()
    # An admin who does not pay it, and a sponsor who owes nothing, have nothing to transfer.
    assert "data-copy" not in signed_in(make_admin()).get(url).content.decode()
    record_sponsor_payment(sponsorship, amount=4_000, received_on=timezone.localdate(), by=make_admin())
    client.get(address("sponsorship-pdf", sponsorship))
    assert "data-copy" not in client.get(url).content.decode()
    assert "IBAN" not in dict(seen[1].facts)


def test_a_month_that_no_paper_holds_is_left_to_the_csv(monkeypatch):
    sponsorship, _member = make_used(make_member())
    url, client = address("sponsorship-pdf", sponsorship), signed_in(sponsorship.sponsor)
    monkeypatch.setattr(sponsor_views, "ROWS_ON_PAPER", 3)
    assert client.get(url).status_code == 200

    monkeypatch.setattr(sponsor_views, "ROWS_ON_PAPER", 2)
    assert "A paper holds 2 rows" in page(client, client.get(url)["Location"])


def test_paper_is_limited_for_each_person(monkeypatch):
    sponsorship = make_sponsorship()
    monkeypatch.setattr(sponsor_views, "pdf_answer", lambda _name, _document: HttpResponse())
    client, url = signed_in(sponsorship.sponsor), address("sponsorship-pdf", sponsorship)

    answers = [client.get(url).status_code for _ in range(LIMITS["paper-user"].count + 1)]

    assert answers == [200] * LIMITS["paper-user"].count + [429]


@pytest.mark.parametrize("month", ["2026", "2026-13", "never", "0001-01", "9999-12", ""])
def test_what_is_no_month_has_no_statement(month):
    sponsorship = make_sponsorship()

    answer = signed_in(sponsorship.sponsor).get(f"{address('sponsorship-pdf', sponsorship)}?month={month}")

    assert answer.status_code == 404


def test_an_admins_list_says_what_each_owes():
    sponsorship, _member = make_used()
    make_sponsorship(name="Nothing yet")

    text = page(signed_in(make_admin()), reverse("orders:sponsorship-list"))

    assert "€40.00" in text
    assert "Nothing yet" in text
    assert address("sponsorship-detail", sponsorship) in text


def test_what_sponsors_paid_stands_in_what_each_month_cost():
    make_used()

    text = page(signed_in(make_admin()), reverse("checkout:spend"))

    assert "Sponsors" in text
    assert "€40" in text


def test_a_budget_is_an_admins_money_and_a_sponsors_own():
    sponsor = make_member()
    url = address("sponsorship-detail", make_sponsorship(make_member(), sponsor=sponsor))

    place = re.compile(r'href="([^"]+)" aria-current="page"')

    assert set(place.findall(page(signed_in(make_admin()), url))) == {reverse("checkout:payment-list")}
    assert set(place.findall(page(signed_in(sponsor), url))) == {reverse("people:profile")}


def test_a_budget_that_is_not_raised_is_refused_beside_its_amount():
    sponsorship = make_sponsorship(pot=60_000)

    answer = signed_in(make_admin()).post(f"/sponsorships/{sponsorship.pk}/budget/", {"pot": "600"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'id="id_pot_error">.*?can only be raised', page, re.DOTALL)
    assert 'value="600"' in page
    sponsorship.refresh_from_db()
    assert sponsorship.pot == 60_000
