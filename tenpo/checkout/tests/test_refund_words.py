"""What a buyer reads of money that goes back: how much in all, and where each part of it is."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.refund_make import buyer_of, make_bought, make_granted, make_mixed_line
from tenpo.core.outbox import drain
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.tests.make import make_share_policy
from tenpo.payments.actions.refund_sending import send_refund
from tenpo.payments.models import Refund
from tenpo.people.tests.make import make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.invariants]


def said(refund: Refund, kind: str) -> tuple[str, str]:
    """Title and text of what its buyer was told."""
    drain(1_000)
    [told] = Notification.objects.filter(user=refund.user, kind=kind)
    words = say(kind, told.payload)
    return words.title, words.text


def test_of_several_ways_each_is_named_with_its_amount_and_what_is_not_the_buyers():
    refund = make_granted(make_mixed_line())
    assert (refund.company, refund.credit, refund.wallet, refund.own) == (4_000, 1_033, 1_501, 3_466)

    title, text = said(refund, "refund.granted")
    assert title == "You get €60 back"
    assert text == (
        f"For {refund.description}. €10.33 is yours as credit. €15.01 is in your wallet. "
        "€34.66 is on its way back as you paid. €100 was granted in all: €40 of it goes back to who paid with you."
    )

    send_refund(refund)
    title, text = said(refund, "refund.done")
    assert title == "€60 is back with you"
    assert "€34.66 went back the way you paid. €100 was granted in all" in text


@pytest.mark.parametrize(
    ("to", "parts"),
    [("wallet", "€10.33 is yours as credit. €49.67 is in your wallet."),
     ("credit", "€44.99 is yours as credit. €15.01 is in your wallet.")],
)  # fmt: skip
def test_what_goes_to_one_place_is_one_amount(to, parts):
    _title, text = said(make_granted(make_mixed_line(), to=to), "refund.done")

    assert parts in text
    assert "the way you paid" not in text


def test_what_goes_one_way_is_said_plainly():
    refund = make_granted(make_bought())
    assert said(refund, "refund.granted")[1] == f"For {refund.description}. It is on its way back to you."

    send_refund(refund)
    words = f"For {refund.description}. What you had paid went back the way you paid."
    assert said(refund, "refund.done") == ("€100 is back with you", words)


def test_who_paid_nothing_of_it_reads_of_no_zero_that_is_back_with_them():
    coach = make_coach()
    make_share_policy(percent=100, coach=coach)
    refund = make_granted(make_bought(coach=coach))
    assert (refund.company, refund.buyers) == (10_000, 0)

    assert said(refund, "refund.done") == (
        f"Your refund was granted: {refund.description}",
        "€100 goes back to who paid for you.",
    )


def test_what_was_told_before_each_part_was_known_stays_readable():
    old = {"what": "Yoga", "buyers": 6_000, "own": 3_466, "to": "method", "currency": "EUR", "refund_id": ""}

    assert say("refund.done", old).text == "For Yoga. What you had paid went back the way you paid."
    assert say("refund.granted", old).text == "For Yoga. It is on its way back to you."
    assert say("refund.done", {**old, "own": 0}).text == "For Yoga."


@pytest.mark.parametrize(("hours", "price", "words"), [(1, 2_000, "Nothing came back"), (30, 2_000, "50 % came back"),
                                                       (100, 0, "Nothing came back")])  # fmt: skip
def test_a_receipt_says_no_percentage_of_nothing(hours, price, words):
    member = make_member()
    booking = make_booking(make_session(price=price, starts_in=timedelta(hours=hours)), member)
    cancel_booking(booking, by=member)

    page = read(signed_in(member), reverse("checkout:receipt", args=[booking.line.order_id]))

    assert words in page
    assert "0 % came back" not in page.replace("50 %", "")
    assert ("What came back" in page) == (words == "50 % came back")


def read(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_the_page_of_a_refund_names_each_part_too():
    line = make_mixed_line()
    refund = make_granted(line)

    page = read(signed_in(buyer_of(line)), reverse("checkout:refund-detail", args=[refund.pk]))

    assert all(amount in page for amount in ("€100.00", "€40.00", "€10.33", "€15.01", "€34.66"))
