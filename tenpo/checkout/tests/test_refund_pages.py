"""Refunds on their pages and by API, and what people are told of them."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tenpo.books.queries.reconciling import pairs_of
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import ask_for_refund, give_refund
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import (
    buyer_of,
    make_bought,
    make_bought_by_hand,
    make_earning_coach,
    make_granted,
    make_mixed_line,
    make_refund_terms,
    make_request,
)
from tenpo.core.days import day_here
from tenpo.core.outbox import drain
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.models import Line
from tenpo.payments.actions.disputes import note_dispute
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.actions.refund_sending import send_refund, send_waiting_refunds
from tenpo.payments.actions.refunds import reject_refund
from tenpo.payments.models import Payment, Refund, RefundTerms
from tenpo.payments.provider_models import SandboxRefund
from tenpo.payments.providers import provider_of
from tenpo.payments.providers.sandbox import REFUND_FAILS, SUCCEEDS
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import (
    freshly_signed_in,
    make_admin,
    make_coach,
    make_member,
    show_password_again,
    signed_in,
)
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants, pytest.mark.usefixtures("takes_transfers")]


def told(user: User) -> list[str]:
    """What somebody was told, the newest first."""
    while drain():
        pass
    return list(Notification.objects.filter(user=user).order_by("-id").values_list("kind", flat=True))


def read(response: Any) -> str:
    text: str = response.content.decode()
    return text


def errors_of(name: str, response: Any) -> str:
    """What stands beside a field that was refused."""
    found = re.search(rf'<ul class="errors" id="id_{name}_error">(.*?)</ul>', read(response), re.DOTALL)
    return found[1] if found else ""


def test_a_buyer_asks_from_the_receipt_and_withdraws():
    line = make_bought()
    browser = signed_in(buyer_of(line))
    assert f"/me/money/lines/{line.pk}/refund/" in read(browser.get(f"/orders/{line.order_id}/"))

    page = read(browser.get(f"/me/money/lines/{line.pk}/refund/"))
    assert "€100.00" in page
    asked = browser.post(f"/me/money/lines/{line.pk}/refund/", {"amount": "40", "to": "method", "reason": "I was ill"})
    refund = Refund.objects.get()
    assert asked["Location"] == f"/me/money/refunds/{refund.pk}/"
    assert "I was ill" in read(browser.get(asked["Location"]))
    # Who comes again is shown what waits.
    assert browser.get(f"/me/money/lines/{line.pk}/refund/")["Location"] == asked["Location"]

    browser.post(f"/me/money/refunds/{refund.pk}/withdraw/")
    assert "Withdrawn" in read(browser.get("/me/money/refunds/"))


@pytest.mark.parametrize(
    ("typed", "name", "words"),
    [
        ({"amount": "100.01", "to": "method", "reason": "x"}, "amount", "can still go back"),
        ({"amount": "0", "to": "method", "reason": "x"}, "amount", "Give an amount above zero."),
        ({"amount": "10", "to": "moon", "reason": "x"}, "to", "Select a valid choice"),
        ({"amount": "10", "to": "method", "reason": ""}, "reason", "Please fill this in."),
    ],
)
def test_what_is_typed_wrong_is_said_beside_it(typed, name, words):
    line = make_bought()
    answer = signed_in(buyer_of(line)).post(f"/me/money/lines/{line.pk}/refund/", typed)

    assert answer.status_code == 422
    assert words in errors_of(name, answer)
    assert not Refund.objects.exists()


def test_an_admin_who_grants_more_than_was_asked_is_told_beside_the_amount():
    line = make_bought()
    refund = ask_for_refund(line=line, amount=4_000, to="method", reason="x", by=buyer_of(line))

    typed = {"act": "grant", "amount": "40.01", "to": "method", "word": "Half of it"}
    answer = freshly_signed_in(make_admin()).post(f"/money/refunds/{refund.pk}/", typed)

    assert answer.status_code == 422
    assert "more than was asked for" in errors_of("amount", answer)
    assert 'value="Half of it"' in read(answer)
    refund.refresh_from_db()
    assert refund.state == Refund.State.ASKED


def test_the_page_says_why_nothing_can_be_asked_for():
    member = make_member()
    make_booking(make_session(make_coach(), price=4_000), member)
    line = Line.objects.get()

    page = read(signed_in(member).get(f"/me/money/lines/{line.pk}/refund/"))

    assert "Cancel it, and see what comes back." in page


def test_an_admin_sees_what_it_does_and_grants_a_part():
    line = make_mixed_line()
    refund, admin = make_request(line), make_admin()
    browser = freshly_signed_in(admin)
    url = f"/money/refunds/{refund.pk}/"
    assert "Ill" in read(browser.get(url))
    assert str(refund.pk) in read(browser.get("/money/refunds/"))

    part = read(browser.get(f"{url}?amount=50", headers={"HX-Request": "true"}))
    assert "€20.00" in part
    assert "<html" not in part
    granted = browser.post(url, {"act": "grant", "amount": "50", "to": "wallet", "word": "Half of it"})

    refund.refresh_from_db()
    assert (granted.status_code, refund.state, refund.amount, refund.to) == (302, "done", 5_000, "wallet")
    assert "Half of it" in read(signed_in(buyer_of(line)).get(f"/me/money/refunds/{refund.pk}/"))
    assert told(buyer_of(line))[0] == "refund.done"


def test_an_admin_shows_again_who_they_are_before_money_leaves():
    refund = make_request(make_bought())

    answer = signed_in(make_admin()).post(
        f"/money/refunds/{refund.pk}/", {"act": "grant", "amount": "50", "to": "wallet"}
    )

    assert answer.status_code == 302
    assert "/account/reauthenticate" in answer["Location"]
    assert Refund.objects.get().state == "asked"


def test_what_an_admin_typed_and_what_it_does_are_there_again_once_they_showed_who_they_are():
    line, admin = make_mixed_line(), make_admin()
    urls = {f"/money/refunds/{make_request(line).pk}/": {"act": "grant"}, f"/money/lines/{line.pk}/refund/": {}}
    for url, more in urls.items():
        browser = signed_in(admin)
        assert "What €100.00 does" in read(browser.get(url))
        asked = browser.post(url, {**more, "amount": "50", "to": "wallet", "word": "Half"})
        assert "/account/reauthenticate" in asked["Location"], url
        show_password_again(browser, admin)

        again = read(browser.get(url))

        assert "What you typed is here again" in again
        assert 'value="50"' in again
        assert "What €50.00 does" in again
        assert "What €50.00 does" in read(browser.post(url, {**more, "amount": "50", "to": "nowhere"}))


def test_an_admin_rejects_with_a_word():
    refund, browser = make_request(make_bought()), signed_in(make_admin())
    url = f"/money/refunds/{refund.pk}/"

    assert browser.post(url, {"act": "reject", "word": ""}).status_code == 422
    browser.post(url, {"act": "reject", "word": "It took place."})

    assert Refund.objects.get().word == "It took place."
    assert told(refund.user)[0] == "refund.rejected"
    assert browser.post(url, {"act": "fly"}).status_code == 404


def test_what_failed_is_sent_again_or_given_another_way():
    refund, admin = send_refund(make_granted(make_bought(card=REFUND_FAILS))), make_admin()
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()
    browser, url = signed_in(admin), f"/money/refunds/{refund.pk}/"
    assert told(admin)[0] == "admin.refund_failed"
    assert "Send it again" in read(browser.get(url))

    browser.post(url, {"act": "again"})
    assert Refund.objects.get().state == "approved"
    browser.post(url, {"act": "wallet"})

    assert Refund.objects.get().state == "done"
    assert told(refund.user)[0] == "refund.done"


def test_who_decides_reads_that_a_bank_wants_the_payment_back():
    """What they give to a wallet, or as credit, would be paid twice."""
    asked, line, top_up = make_request(make_bought()), make_bought(), make_top_up(make_member(), 2_000)
    failed = send_refund(make_granted(make_bought(card=REFUND_FAILS)))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()
    browser = freshly_signed_in(make_admin())
    reviewed = [f"/money/refunds/{one.pk}/" for one in (asked, failed)]
    addresses = [*reviewed, f"/money/lines/{line.pk}/refund/", f"/money/payments/{top_up.pk}/refund/"]
    words = "it would be paid twice"
    assert not any(words in read(browser.get(address)) for address in addresses)

    for payment in Payment.objects.all():
        note_dispute(payment)

    assert all(words in read(browser.get(address)) for address in addresses)
    reject_refund(asked, word="Your bank decides.", by=make_admin())
    assert words not in read(browser.get(reviewed[0]))


def test_its_buyer_reads_that_it_did_not_arrive_beside_the_word_that_came_with_it():
    top_up, admin = make_top_up(make_member(), 2_000, card=REFUND_FAILS), make_admin()
    refund = send_refund(give_refund(payment=top_up, amount=1_500, to="method", word="You paid twice.", by=admin))
    url, browser = f"/me/money/refunds/{refund.pk}/", signed_in(refund.user)
    assert "It did not arrive" not in read(browser.get(url))
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        send_waiting_refunds()

    page = read(browser.get(url))

    assert "It did not arrive" in page
    assert "You paid twice." in page


def test_by_hand_an_admin_is_told_to_send_it_and_says_so():
    refund, admin = make_granted(make_bought_by_hand()), make_admin()

    assert "admin.refund_to_send" in told(admin)
    assert "To be sent" in read(signed_in(admin).get("/money/refunds/"))
    signed_in(admin).post(f"/money/refunds/{refund.pk}/", {"act": "sent"})

    assert Refund.objects.get().state == "done"


def test_an_admin_gives_without_being_asked():
    line = make_bought()
    payment, browser = Payment.objects.get(), freshly_signed_in(make_admin())
    url = f"/money/lines/{line.pk}/refund/"
    assert url in read(browser.get(f"/money/payments/{payment.pk}/"))
    assert browser.get(url).status_code == 200

    given = browser.post(url, {"amount": "12.50", "to": "credit", "word": "Sorry for the noise"})

    refund = Refund.objects.get()
    assert given["Location"] == f"/money/refunds/{refund.pk}/"
    assert (refund.amount, refund.origin, told(buyer_of(line))[0]) == (1_250, "admin", "refund.done")


def test_a_top_up_is_asked_for_and_given_on_its_pages():
    member, admin = make_member(), make_admin()
    paid = make_top_up(member, 5_000)
    mine, theirs = signed_in(member), freshly_signed_in(admin)
    url = f"/me/money/payments/{paid.pk}/refund/"
    assert url in read(mine.get(f"/me/money/top-ups/{paid.pk}/"))

    mine.post(url, {"amount": "20", "reason": "Too much"})
    theirs.post(f"/money/payments/{paid.pk}/refund/", {"amount": "10", "word": ""})

    assert sorted(Refund.objects.values_list("state", "asked", "to")) == [
        ("approved", 1_000, "method"), ("asked", 2_000, "method"),
    ]  # fmt: skip
    assert told(admin)[0] == "admin.refund_to_decide"


def test_the_refund_of_a_top_up_is_called_so_in_the_readers_words():
    """It is kept in the business's; what was bought keeps its name."""
    member, admin = make_member(), make_admin()
    make_request(make_bought(member=member))
    paid = make_top_up(member, 5_000)
    signed_in(member).post(f"/me/money/payments/{paid.pk}/refund/", {"amount": "20", "reason": "Too much"})
    User.objects.update(locale="de")
    refund = Refund.objects.get(line_id=None)

    pages = {
        "/me/money/refunds/": signed_in(member), f"/me/money/refunds/{refund.pk}/": signed_in(member),
        "/money/refunds/": freshly_signed_in(admin), f"/money/refunds/{refund.pk}/": freshly_signed_in(admin),
    }  # fmt: skip

    for path, client in pages.items():
        text = read(client.get(path))
        assert "Aufladung einer Geldbörse" in text, path
        assert "Top-up of a wallet" not in text, path
    assert Refund.objects.get(line_id__isnull=False).description in read(signed_in(member).get("/me/money/refunds/"))


def test_the_terms_are_changed_by_who_has_just_shown_who_they_are():
    typed = {"ask_days": "30", "automatic_amount": "15", "cancellation_to": "wallet"}

    freshly_signed_in(make_admin()).post("/money/refunds/terms/", typed)

    terms = RefundTerms.objects.get()
    assert (terms.ask_days, terms.automatic_amount, terms.cancellation_to) == (30, 1_500, "wallet")


@pytest.mark.parametrize(
    ("to", "words"),
    [("credit", "comes back as credit"), ("wallet", "comes back to your wallet"), ("method", "back the way you paid")],
)
def test_before_people_pay_they_read_where_it_would_go(to, words):
    make_refund_terms(cancellation_to=to)
    session, member = make_session(make_coach(), price=4_000), make_member()
    browser = signed_in(member)

    assert words in read(browser.get(f"/sessions/{session.pk}/book/"))
    assert words in json.loads(browser.get(f"/api/v1/sessions/{session.pk}/quote").content)["cancellation"]
    booking = make_booking(session, member)
    make_refund_terms(cancellation_to="credit")
    assert words in read(browser.get(f"/bookings/{booking.pk}/"))


def test_a_coach_reads_what_was_taken_back_and_the_next_payout_says_it():
    coach = make_earning_coach()
    line = make_bought(coach=coach)
    make_terms()
    account = make_payout_account(coach)
    ask_for_payout(account, source="earnings", amount=8_500, by=coach)
    make_granted(line, 4_000)
    browser = signed_in(coach)

    page = read(browser.get("/me/money/earnings/"))
    assert "\N{MINUS SIGN}€34.00" in page
    assert "the next payout gives it back" in page
    assert told(coach)[0] == "earnings.taken_back"
    words = say("earnings.taken_back", Notification.objects.filter(user=coach).latest("id").payload)
    assert "€34" in words.text
    make_bought(coach=coach, ago=3)
    payout = ask_for_payout(account, source="earnings", amount=2_000, by=coach)
    assert "\N{MINUS SIGN}€34.00" in read(browser.get(f"/me/money/payouts/{payout.pk}/"))


# By API.


def test_the_same_by_api():
    line, admin = make_bought(), make_admin()
    mine, theirs = signed_in(buyer_of(line)), freshly_signed_in(admin)

    def post(browser: Any, path: str, body: dict[str, Any], key: str) -> Any:
        return browser.post(f"/api/v1/{path}", body, content_type="application/json", headers={"Idempotency-Key": key})

    can = mine.get(f"/api/v1/refundable?line_id={line.pk}").json()
    assert (can["left"], can["parts"]["own"], can["to"], can["refusal"]) == (
        10_000, 10_000, ["method", "wallet", "credit"], None,
    )  # fmt: skip
    body = {"line_id": str(line.pk), "amount": 4_000, "reason": "Ill"}
    asked = [post(mine, "refunds", body, "one") for _again in range(2)]
    assert [answer.status_code for answer in asked] == [201, 201]
    refund_id = asked[0].json()["id"]
    assert post(mine, "refunds", body, "two").json()["code"] == "refund_asked_already"
    assert post(mine, f"refunds/{refund_id}/approval", {}, "three").status_code == 403
    granted = post(theirs, f"refunds/{refund_id}/approval", {"amount": 3_000, "to": "credit"}, "four").json()
    assert (granted["state"], granted["amount"], granted["own"]) == ("done", 3_000, 3_000)
    for key in ("five", "five", "six"):
        given = post(theirs, "given-refunds", {"line_id": str(line.pk), "amount": 3_500, "to": "wallet"}, key)
        assert (given.status_code, given.json()["state"]) == (201, "done")
    assert mine.get(f"/api/v1/refundable?line_id={line.pk}").json()["refusal"] == "nothing_left"
    assert len(mine.get("/api/v1/refunds").json()["items"]) == 3
    [shown] = mine.get("/api/v1/orders").json()["items"]
    assert shown["lines"][0]["own_back"] == 10_000


# What the provider's list says.


def test_the_providers_list_and_the_books_say_the_same_of_a_refund():
    send_refund(make_granted(make_bought(), 4_000))
    today = day_here()
    since = timezone.now() - timedelta(days=1)
    theirs = provider_of("sandbox").movements(since, timezone.now() + timedelta(days=1))

    pairs = {pair.reference: pair for pair in pairs_of("sandbox", today, today, theirs)}

    assert [pair.what for pair in pairs.values()] == [None, None]
    mine = pairs[str(SandboxRefund.objects.get().pk)]
    assert mine.ours is not None
    assert mine.ours.amount == -4_000


def test_what_is_told_of_money_that_goes_back_leads_where_its_reader_may_look():
    admin, coach, member = make_admin(), make_coach(), make_member()
    other = make_admin()
    refund = make_request(make_bought())
    drain(1_000)
    browser = freshly_signed_in(admin)
    browser.post(f"/money/refunds/{refund.pk}/", {"act": "grant", "amount": "50", "to": "wallet"})
    rejected = make_request(make_bought())
    browser.post(f"/money/refunds/{rejected.pk}/", {"act": "reject", "word": "It took place."})
    for given_up_by in (member, coach):
        booked = book_session(
            make_session(coach, price=4_000), participant=member.participant, by=other, provider="sandbox",
            source=SUCCEEDS,
        )  # fmt: skip
        cancel_booking(booked, by=other if given_up_by == member else coach)
    drain(1_000)

    found = Notification.objects.exclude(kind__in=["booking.confirmed", "coach.booked"]).select_related("user")
    paths = {(one.user, say(one.kind, one.payload).path) for one in found}

    dead = {path for who, path in paths if signed_in(who).get(path).status_code != 200}
    assert dead == set()
    assert {"refund.done", "refund.rejected", "admin.refund_to_decide", "booking.given_up"} <= {
        one.kind for one in found
    }
