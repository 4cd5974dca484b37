"""What whoever booked reads when a place is given up: what comes back and where to, or nothing and why."""

from datetime import timedelta

import pytest
from django.utils import translation

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.queries.series import Scope
from tenpo.checkout.tests.make import make_booking, make_top_up, told
from tenpo.checkout.tests.refund_make import make_refund_terms
from tenpo.checkout.tests.test_book_series import book, make_dates
from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Facts, Words
from tenpo.notify.models import Delivery, Notification
from tenpo.orders.models import Line
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.booking_notifications import CANCELLED_BY_HOST
from tenpo.schedule.given_up_notifications import BACK, GIVEN_UP
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
WINDOWS = ((48, 100), (24, 50), (0, 0))


def said_to(user: User, kind: str = GIVEN_UP.code) -> Words:
    told(user)
    found = Notification.objects.get(user=user, kind=kind)
    say = GIVEN_UP.say if kind == GIVEN_UP.code else CANCELLED_BY_HOST.say
    return say(Facts(found.payload))


def make_yoga(*, days: float, price: int = 4_000) -> Session:
    policy = make_cancellation_policy(*WINDOWS)
    return make_session(title="Yoga", starts_in=timedelta(days=days), price=price, policy=policy)


@pytest.mark.parametrize(
    ("days", "price", "words"),
    [
        (9, 4_000, ". €40 went back to you as credit; your next booking uses it first."),
        (1.5, 4_000, "€20 went back to you as credit; your next booking uses it first. That is €20 of the €40"),
        (0.5, 4_000, ". Nothing of the €40 that you paid comes back."),
        (0.5, 0, ". You paid nothing, so nothing comes back."),
    ],
    ids=["all", "half", "nothing", "free"],
)
def test_who_cancels_has_a_mail_with_what_comes_back(days, price, words):
    member = make_member("Maya")
    booking = make_booking(make_yoga(days=days, price=price), member)

    cancel_booking(booking, by=member)

    said = said_to(member)
    assert said.title == "Your place is given up: Yoga"
    assert words in said.text
    assert Delivery.objects.filter(notification__user=member, notification__kind=GIVEN_UP.code, channel="email")
    policy = dict(said.facts).get("The policy", "")
    is_less = days < 2 and price > 0
    assert policy.startswith("Free until ") == ("; after that half comes back as credit; from " in policy) == is_less


def test_it_is_said_in_the_readers_language():
    member = make_member()
    cancel_booking(make_booking(make_yoga(days=0.5), member), by=member)
    told(member)
    found = Notification.objects.get(user=member, kind=GIVEN_UP.code)

    with translation.override("de"):
        said = GIVEN_UP.say(Facts(found.payload))

    assert said.title.startswith("Dein Platz ")
    assert "Von den 40\N{NO-BREAK SPACE}€, die du bezahlt hast, kommt nichts zurück." in said.text


def test_who_takes_part_and_did_not_pay_is_told_of_no_money():
    admin, maya = make_admin(), make_member("Maya")
    session = make_yoga(days=9)
    booking = book_session(session, participant=maya.participant, by=admin, provider="sandbox", source=SUCCEEDS)

    cancel_booking(booking, by=session.coach)

    kind = CANCELLED_BY_HOST.code
    assert "€" not in said_to(maya, kind).text
    assert not {"paid", "credit", "windows"} & set(Notification.objects.get(user=maya, kind=kind).payload)
    assert "€40 went back to you" in said_to(admin, kind).text


def test_who_is_cancelled_by_the_policy_for_them_reads_that_nothing_comes_back_and_why():
    member, session = make_member(), make_yoga(days=0.5)
    booking = make_booking(session, member)

    cancel_booking(booking, by=session.coach, for_member=True)

    said = said_to(member, CANCELLED_BY_HOST.code)
    assert "Nothing of the €40 that you paid comes back." in said.text
    assert "from " in dict(said.facts)["The policy"]
    assert GIVEN_UP.code not in told(member)


def test_several_dates_are_told_once_with_what_comes_back_of_all():
    lena, dates = make_member(), make_dates(4)
    booked = book(dates, lena)

    cancel_in_series(booked[1], scope=Scope.FOLLOWING, by=lena)

    said = said_to(lena)
    assert said.title == "Your places are given up: Yoga, 3 dates"
    assert "€60 went back to you as credit" in said.text
    assert told(lena).count(GIVEN_UP.code) == 1


@pytest.mark.parametrize("to", ["credit", "wallet", "method"])
def test_what_was_refunded_before_is_not_told_as_what_comes_back(to):
    lena, dates = make_member(), make_dates(4)
    booked = book(dates, lena)
    assert booked[1].line is not None
    give_refund(line=booked[1].line, amount=500, to=to, by=make_admin())

    cancel_in_series(booked[1], scope=Scope.FOLLOWING, by=lena)

    said = said_to(lena)
    assert "€55 went back to you as credit" in said.text
    assert "that you paid" not in said.text
    assert Notification.objects.get(user=lena, kind=GIVEN_UP.code).payload["paid"] == 5_500


def test_what_is_refunded_after_it_changes_nothing_of_what_is_told():
    admin, lena, dates = make_admin(), make_member(), make_dates(3, policy=make_cancellation_policy((0, 50)))
    booked = book(dates, lena)

    cancel_in_series(booked[1], scope=Scope.FOLLOWING, by=lena)
    assert booked[1].line is not None
    give_refund(line=Line.objects.get(pk=booked[1].line.pk), amount=500, to="credit", by=admin)

    assert (
        "€20 went back to you as credit; your next booking uses it first. That is €20 of the €40" in said_to(lena).text
    )


@pytest.mark.parametrize("to", RefundTo)
def test_what_is_told_of_several_is_what_is_told_of_each(to):
    lena, dates = make_member(), make_dates(3)
    make_refund_terms(cancellation_to=to)
    make_top_up(lena, 500)
    booked = book(dates, lena, agreed=5_500)
    assert booked[0].line is not None
    give_refund(line=booked[0].line, amount=700, to="method", by=make_admin())

    cancel_in_series(booked[0], scope=Scope.ALL, by=lena)

    each = [one.payload for one in OutboxMessage.objects.filter(name="booking.cancelled")]
    [of_all] = [one.payload for one in OutboxMessage.objects.filter(name="booking.given_up_together")]
    names = ("credit", "wallet", "method", "paid")
    assert {name: of_all[name] for name in names} == {name: sum(one[name] for one in each) for name in names}
    assert sum(of_all[name] for name in BACK) == of_all["paid"] == 5_300
    assert of_all["wallet"] > 0
    assert of_all[to] > 0
