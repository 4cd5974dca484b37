"""Giving up places of a series in one act: this one, this and the following, or all that are to come."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tenpo.access.actions.idempotency import Call
from tenpo.checkout.actions import giving_up
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.jobs import tell_given_up
from tenpo.checkout.queries.series import Scope, effects_in_turn, places_in_series
from tenpo.checkout.tests.make import told
from tenpo.checkout.tests.test_book_series import book, make_dates, taken
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.notify.kinds import Words, say
from tenpo.notify.models import Notification
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import set_times
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def states(booked: list[Booking]) -> list[str]:
    found = Booking.objects.in_bulk([one.pk for one in booked])
    return [found[one.pk].state for one in booked]


@pytest.mark.parametrize(
    ("scope", "gone"), [("this", [1]), ("following", [1, 2, 3]), ("all", [0, 1, 2, 3])], ids=lambda one: str(one)
)
def test_so_much_of_a_series_is_given_up_and_gives_back(scope, gone):
    lena, dates = make_member(), make_dates(4)
    booked = book(dates, lena)
    shown = effects_in_turn(places_in_series(booked[1], Scope(scope)))

    given_up = cancel_in_series(booked[1], scope=Scope(scope), by=lena, agreed=sum(one.back for one in shown))

    assert [one.pk for one in given_up] == [booked[n].pk for n in gone] == [one.booking.pk for one in shown]
    assert states(booked) == ["cancelled" if n in gone else "confirmed" for n in range(4)]
    assert credit_left(lena) == 2_000 * len(gone)
    assert taken(dates) == [0 if n in gone else 1 for n in range(4)]


def test_each_goes_by_its_own_policy_and_one_that_is_late_counts_for_the_next():
    lena = make_member()
    policy = make_cancellation_policy((48, 100), (0, 50), grace_count=1, grace_days=90)
    dates = make_dates(3, policy=policy)
    booked = book(dates, lena)
    for hours, date in ((5, dates[0]), (20, dates[1])):
        start = timezone.now() + timedelta(hours=hours)
        set_times(Session.objects.filter(pk=date.pk), starts_at=start, ends_at=start + timedelta(hours=1))
    shown = effects_in_turn(places_in_series(booked[0], Scope.ALL))

    cancel_in_series(booked[0], scope=Scope.ALL, by=lena, agreed=sum(one.back for one in shown))

    assert [(one.back, one.effect.by_grace) for one in shown] == [(2_000, True), (1_000, False), (2_000, False)]
    assert credit_left(lena) == 5_000


def test_again_changes_nothing():
    lena, dates = make_member(), make_dates(3)
    booked = book(dates, lena)
    cancel_in_series(booked[0], scope=Scope.ALL, by=lena)

    assert cancel_in_series(booked[0], scope=Scope.ALL, by=lena, agreed=6_000) == []

    assert credit_left(lena) == 6_000


def test_what_comes_back_is_what_was_seen():
    lena, dates = make_member(), make_dates(3)
    booked = book(dates, lena)

    with pytest.raises(RuleError) as refused:
        cancel_in_series(booked[0], scope=Scope.ALL, by=lena, agreed=4_000)

    assert refused.value.code == "effect_changed"
    assert states(booked) == ["confirmed"] * 3


def test_a_call_that_died_in_between_goes_on():
    lena, dates = make_member(), make_dates(3)
    booked = book(dates, lena)
    cancel_in_series(booked[0], scope=Scope.THIS, by=lena)

    cancel_in_series(booked[0], scope=Scope.ALL, by=lena, agreed=6_000, call=Call(new_id(), is_again=True))

    assert states(booked) == ["cancelled"] * 3
    assert credit_left(lena) == 6_000


def test_what_has_begun_stays():
    lena, dates = make_member(), make_dates(3)
    booked = book(dates, lena)
    now = timezone.now() - timedelta(minutes=30)
    set_times(Session.objects.filter(pk=dates[0].pk), starts_at=now, ends_at=now + timedelta(hours=1))

    cancel_in_series(booked[1], scope=Scope.ALL, by=lena)

    assert states(booked) == ["confirmed", "cancelled", "cancelled"]


def test_only_the_same_participant_and_only_by_who_booked():
    lena, other, dates = make_member(), make_member(), make_dates(2)
    booked = book(dates, lena, "Mia")
    theirs = book(dates, other)

    with pytest.raises(PermissionDenied):
        cancel_in_series(booked[0], scope=Scope.ALL, by=other)
    cancel_in_series(booked[1], scope=Scope.ALL, by=lena)

    assert states(booked) == ["confirmed", "cancelled", "confirmed", "cancelled"]
    assert states(theirs) == ["confirmed"] * 2


def test_places_in_line_and_what_is_not_paid_are_given_up_too():
    lena, other, dates = make_member(), make_member(), make_dates(3, capacity=1)
    book(dates[2:], other)
    held = book(dates[:2], lena, card=DECLINED)
    waiting = join_waitlist(dates[2], participant=lena.participant, by=lena)

    cancel_in_series(held[1], scope=Scope.FOLLOWING, by=lena)

    assert states([*held, waiting]) == ["cancelled"] * 3
    assert Order.objects.get(buyer=lena).state == Order.State.VOID
    assert taken(dates) == [0, 0, 1]


@pytest.mark.django_db(transaction=True)
def test_many_times_at_once_gives_back_once():
    lena, dates = make_member(), make_dates(4)
    booked = book(dates, lena)

    found = at_once([partial(cancel_in_series, one, scope=Scope.ALL, by=lena) for one in booked * 2])

    assert set(outcomes([len(one) if isinstance(one, list) else one for one in found])) <= {"0", "1", "2", "3", "4"}
    assert credit_left(lena) == 8_000
    assert taken(dates) == [0] * 4


def test_the_coach_is_told_once_with_all_dates():
    lena, dates = make_member(), make_dates(4)
    booked, coach = book(dates, lena), dates[0].coach
    told(coach)

    cancel_in_series(booked[1], scope=Scope.FOLLOWING, by=lena)

    assert told(coach) == ["coach.booked", "coach.booking_cancelled"]
    words = said_last_to(coach)
    assert words.title == f"{lena.name} cancelled 3 dates of Yoga"
    assert words.text.count(";") == 2
    # The job that looks after it finds that it was told.
    tell_given_up(**deferred())
    assert told(coach) == ["coach.booked", "coach.booking_cancelled"]


def test_one_place_alone_is_told_as_ever():
    lena, dates = make_member(), make_dates(2)
    booked, coach = book(dates, lena), dates[0].coach

    cancel_in_series(booked[1], scope=Scope.FOLLOWING, by=lena)

    assert told(coach) == ["coach.booked", "coach.booking_cancelled"]
    assert said_last_to(coach).title == f"{lena.name} cancelled Yoga"
    assert not ProcrastinateJob.objects.filter(task_name="checkout.tell_given_up").exists()


def test_what_was_given_up_by_an_act_that_died_is_told_by_a_job(monkeypatch):
    lena, dates = make_member(), make_dates(4)
    booked, coach = book(dates, lena), dates[0].coach
    told(coach)

    def die(*_args: object, **_how: object) -> None:
        raise SystemExit

    monkeypatch.setattr(
        giving_up,
        "cancel_booking",
        lambda place, **how: die() if place.pk == booked[2].pk else cancel_booking(place, **how),
    )
    with pytest.raises(SystemExit):
        cancel_in_series(booked[0], scope=Scope.ALL, by=lena)
    assert told(coach) == ["coach.booked"]

    for _again in range(2):
        tell_given_up(**deferred())

    assert told(coach) == ["coach.booked", "coach.booking_cancelled"]
    assert said_last_to(coach).title == f"{lena.name} cancelled 2 dates of Yoga"


def deferred() -> dict[str, Any]:
    """What the job is to do that tells of it in the end."""
    [job] = ProcrastinateJob.objects.filter(task_name="checkout.tell_given_up")
    return {name: job.args[name] for name in ("act", "booking_ids")}


def said_last_to(user: User) -> Words:
    last = Notification.objects.filter(user=user).latest("id")
    return say(last.kind, last.payload)
