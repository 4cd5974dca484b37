"""The pages and the API of a wallet: topping up, what moved, what an admin gives."""

import re
from uuid import uuid4

import pytest
from django.test import Client

from tenpo.checkout.tests.make import make_top_up
from tenpo.checkout.views import wallet
from tenpo.core import pdf
from tenpo.core.business import current_business, forget_business
from tenpo.core.limits import LIMITS
from tenpo.core.models import Business
from tenpo.core.pdf import Document
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.orders.models import Line
from tenpo.orders.tests.make import make_credit
from tenpo.payments.actions.payout_sending import mark_payout_done, mark_payout_failed, mark_payout_sent
from tenpo.payments.actions.payouts import approve_payout
from tenpo.payments.actions.wallets import give_money
from tenpo.payments.models import Grant, Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS
from tenpo.payments.tests.make import make_payout, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PAGE = "/me/money/top-up/"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def left(user: User) -> int:
    return sum(balance_of(user, "EUR", WALLET).values())


def test_usual_amounts_are_chosen_by_a_link_and_others_are_typed():
    client = client_of(make_member())
    shown = client.get(PAGE).content.decode()

    assert [f'href="?amount={amount}"' in shown for amount in (2_000, 5_000, 10_000)] == [True] * 3
    assert client.get(f"{PAGE}?amount=5000").context["form"]["amount"].value() == "50"
    for other in ("700", "-1", "x", "", "5000.0"):
        assert not client.get(f"{PAGE}?amount={other}").context["form"]["amount"].value()
    typed = client.post(f"{PAGE}?amount=5000", {"amount": "1", "provider": "sandbox", "test_card": SUCCEEDS})
    assert typed.context["form"]["amount"].value() == "1"


def test_usual_amounts_are_those_that_the_business_allows():
    current_business()
    Business.objects.update(top_up_least=10_000, top_up_most=30_000, currency="JPY")
    forget_business()

    shown = client_of(make_member()).get(PAGE).content.decode()

    assert "¥10,000" in shown
    assert "¥20,000" in shown
    assert 'href="?amount=50000"' not in shown


@pytest.mark.parametrize(
    ("who", "offered"), [(make_member, False), (make_coach, True)], ids=["who never earned", "a coach"]
)
def test_payouts_are_offered_to_whom_something_may_be_paid_out(who, offered):
    assert ("/me/money/payouts/" in client_of(who()).get("/me/money/").content.decode()) is offered


def test_payouts_are_offered_to_members_where_wallets_are_paid_out_and_to_whom_one_was():
    member, paid = make_member(), make_member()
    make_payout(paid, source="wallet")

    for pays_wallets, offered in ((True, [True, True]), (False, [False, True])):
        make_terms(pays_wallets=pays_wallets)
        shown = [client_of(who).get("/me/money/").content.decode() for who in (member, paid)]
        assert ["/me/money/payouts/" in page for page in shown] == offered


def test_of_a_payout_that_had_left_and_came_back_the_statement_says_no_other_thing():
    member, admin = make_member(), make_admin()
    payout = approve_payout(make_payout(member, source="wallet"), by=admin)
    mark_payout_sent(payout, by=admin)
    mark_payout_done(payout, by=admin)
    mark_payout_failed(payout, word="", by=admin)

    page = client_of(member).get("/me/money/wallet/").content.decode()

    assert "Payout, on the balance again" in page
    assert "Payout not sent" not in page


def test_a_card_tops_up_and_the_statement_says_so():
    member = make_member()
    client = client_of(member)

    answer = client.post(PAGE, {"amount": "25,50", "provider": "sandbox", "test_card": SUCCEEDS}, follow=True)

    assert "€25.50 is in your wallet" in answer.content.decode()
    page = client.get("/me/money/wallet/").content.decode()
    assert "Top-up" in page
    assert "€25.50" in page
    assert "€25.50" in client.get("/me/money/").content.decode()


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ({"amount": "1"}, 409, "Top up by at least €5.00."),
        ({"amount": "5000"}, 409, "Top up by at most €500.00 at once."),
        ({"amount": "a lot"}, 422, "This is not an amount"),
        ({}, 422, "Please fill this in."),
    ],
)
def test_what_is_no_amount_says_why_and_keeps_what_was_typed(sent, status, words):
    answer = client_of(make_member()).post(PAGE, {"provider": "sandbox", "test_card": SUCCEEDS, **sent})

    assert answer.status_code == status
    page = answer.content.decode()
    assert words in page
    assert 'id="id_amount_error"' in page
    assert f'value="{sent["amount"]}"' in page if sent else True
    assert not Payment.objects.exists()


def test_a_declined_card_says_so_and_a_bank_that_asks_is_gone_to():
    client = client_of(make_member())
    card = {"amount": "20", "provider": "sandbox"}

    declined = client.post(PAGE, {**card, "test_card": DECLINED}, follow=True).content.decode()
    asked = client.post(PAGE, {**card, "test_card": NEEDS_CONFIRMATION})

    assert "Your top-up did not work" in declined
    assert asked.headers["Location"].startswith("/sandbox/")
    approved = client.post(asked.headers["Location"], {"answer": "approve"}, follow=True).content.decode()
    assert "€20 is in your wallet" in approved


def test_a_statement_on_paper_and_for_a_spreadsheet():
    member = make_member()
    make_top_up(member, 5_000)
    client = client_of(member)

    paper = client.get("/me/money/wallet.pdf")
    table = b"".join(client.get("/me/money/wallet.csv").streaming_content).decode()  # type: ignore[attr-defined]

    assert (paper.headers["Content-Type"], paper.content[:5]) == ("application/pdf", b"%PDF-")
    assert "Top-up,50.00,50.00,EUR" in table


def test_a_paper_holds_what_the_filters_leave_and_no_more_rows_than_it_can(monkeypatch):
    member = make_member()
    for amount in (1_000, 2_000, 3_000):
        make_top_up(member, amount)
    give_money(member, amount=700, reason="Welcome", by=make_admin())
    papers: list[Document] = []

    def set_(document: Document) -> bytes:
        papers.append(document)
        return b"%PDF-"

    monkeypatch.setattr(pdf, "pdf_of", set_)
    monkeypatch.setattr(wallet, "ROWS_ON_PAPER", 3)
    client = client_of(member)

    few = client.get("/me/money/wallet.pdf?what=top_up")
    all_ = client.get("/me/money/wallet.pdf", follow=True)
    none = client.get("/me/money/wallet.pdf?until=2001-01-01")
    link = client.get("/me/money/wallet/?what=top_up").content.decode()

    assert (few.status_code, none.status_code, len(papers)) == (200, 200, 2)
    assert [row[2:] for row in papers[0].rows] == [
        ["+€10.00", "€10.00"], ["+€20.00", "€30.00"], ["+€30.00", "€60.00"],
    ]  # fmt: skip
    assert papers[1].rows == []
    assert all_.redirect_chain[0][0] == "/me/money/wallet/?"
    assert "A paper holds 3 rows" in all_.content.decode()
    assert "/me/money/wallet.pdf?what=top_up" in link


def test_nobody_has_paper_set_for_them_all_day(monkeypatch):
    monkeypatch.setattr(pdf, "pdf_of", lambda _document: b"%PDF-")
    client = client_of(make_member())

    answers = [client.get("/me/money/wallet.pdf").status_code for _ in range(LIMITS["paper-user"].count + 1)]

    assert answers == [200] * LIMITS["paper-user"].count + [429]


def test_the_checkout_offers_the_wallet_and_lets_it_be_kept():
    member = make_member()
    make_top_up(member, 1_000)
    address = f"/sessions/{make_session(make_coach(), price=3_000).pk}/book/"
    client = client_of(member)

    with_it, without = (client.get(address + query).content.decode() for query in ("", "?wallet=no"))
    assert ("€10 from your wallet" in with_it, "Book and pay €20" in with_it) == (True, True)
    assert ("€10 is in your wallet" in without, "Book and pay €30" in without) == (True, True)

    card = {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": "3000", "keep_wallet": "on"}
    client.post(f"{address}?wallet=no", card)
    assert (Line.objects.get().wallet_spent, left(member)) == (0, 1_000)


def test_an_admin_gives_and_takes_back_and_nobody_else_does():
    member, admin = make_member(), make_admin()
    address = f"/money/wallets/{member.pk}/"

    page = client_of(admin).post(address, {"amount": "20", "reason": "Welcome"}, follow=True).content.decode()
    assert "It is in the wallet" in page
    assert left(member) == 2_000
    assert client_of(member).post(address, {"amount": "20", "reason": "Mine"}).status_code == 404
    grant = Grant.objects.get()
    assert client_of(member).post(f"/money/grants/{grant.pk}/take-back/").status_code == 404
    client_of(admin).post(f"/money/grants/{grant.pk}/take-back/")
    assert left(member) == 0


def test_by_api():
    member, admin = make_member(), make_admin()
    client, boss = client_of(member), client_of(admin)
    once = {"Idempotency-Key": str(uuid4())}
    wanted = {"amount": 2_000, "provider": "sandbox", "source": SUCCEEDS}
    for _again in range(3):
        made = client.post("/api/v1/wallet/top-ups", wanted, content_type="application/json", headers=once)
        assert (made.status_code, made.json()["state"], made.json()["purpose"]) == (201, "succeeded", "top_up")
    give_money(member, amount=300, reason="Welcome", by=admin)

    assert client.get("/api/v1/wallet").json() | {"owner_id": ""} == {
        "owner_id": "", "currency": "EUR", "bought": 2_000, "granted": 300,
    }  # fmt: skip
    rows = client.get("/api/v1/wallet/movements").json()["items"]
    assert [(row["kind"], row["change"], row["balance"]) for row in rows] == [
        ("grant", 300, 2_300), ("top_up", 2_000, 2_000),
    ]  # fmt: skip
    assert boss.get(f"/api/v1/wallet?owner_id={member.pk}").json()["bought"] == 2_000
    assert client_of(make_member()).get(f"/api/v1/wallet?owner_id={member.pk}").status_code == 404


def test_the_wallet_says_what_pays_first_and_what_each_is():
    owner = make_member()
    make_top_up(owner, 2_500)
    make_credit(owner, 700)

    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", signed_in(owner).get("/me/money/wallet/").content.decode()))

    assert "1. Credit €7.00 what came back to you when you cancelled" in page
    assert "2. Wallet €25.00 what you paid in ahead, or were given" in page
    assert page.index("3. Your card") > page.index("2. Wallet")
    assert "a card of yours fills it by itself" in page
