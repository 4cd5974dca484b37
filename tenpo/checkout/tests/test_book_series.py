"""Several sessions of a series in one order: together or none, with one payment, until it is paid; one is a series of
one.
"""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.slot_make import everything
from tenpo.core.errors import RuleError
from tenpo.core.limits import SERIES_PLACES
from tenpo.ledger.models import Account
from tenpo.orders.models import Order
from tenpo.orders.tests.make import credit_left, ledger_sum, make_credit, make_share_policy, make_sponsorship
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import Participant, User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions import seats
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.series import cancel_following
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Series, Session
from tenpo.schedule.tests.make import make_session, set_times
from tests.at_once import at_once, outcomes, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def later(**time: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def make_dates(number: int = 4, coach: User | None = None, **terms: Any) -> list[Session]:
    """The sessions of a weekly series, from next week on, at no time at which `make_session` puts another one."""
    coach = coach or make_coach()
    series = Series.objects.create(coach=coach, rule="FREQ=WEEKLY", time_zone="Europe/Berlin")
    dates = [
        make_session(coach, starts_in=timedelta(days=7 * n, hours=3), title="Yoga", **({"price": 2_000} | terms))
        for n in range(1, number + 1)
    ]
    Session.objects.filter(pk__in=[one.pk for one in dates]).update(series=series)
    return list(Session.objects.filter(series=series).order_by("starts_at"))


def party_of(host: User, *names: str) -> list[Participant]:
    return [host.participant, *add_guests(names, by=host)]


def book(dates: list[Session], host: User, *names: str, card: str = SUCCEEDS, **how: Any) -> list[Booking]:
    party = party_of(host, *names)
    return book_places(*dates, participants=party, by=host, **({"provider": "sandbox", "source": card} | how))


def taken(dates: list[Session]) -> list[int]:
    found = Session.objects.in_bulk([one.pk for one in dates])
    return [found[one.pk].seats_taken for one in dates]


def test_a_series_is_one_order_with_one_payment_and_a_line_for_each_date():
    lena, dates = make_member(), make_dates(3)
    make_share_policy(percent=40)

    booked = book(dates[::-1], lena, "Mia")

    assert [(one.session_id, one.participant.name) for one in booked] == [
        (date.pk, name) for date in dates for name in (lena.name, "Mia")
    ]
    assert {one.state for one in booked} == {"confirmed"}
    assert [one.starts_at for one in booked[::2]] == [date.starts_at for date in dates]
    [order] = Order.objects.all()
    assert sorted(order.lines.values_list("subject_id", flat=True)) == sorted([date.pk for date in dates] * 2)
    [payment] = Payment.objects.all()
    assert (payment.amount, payment.description) == (6 * 1_200, "6 × Yoga")
    assert taken(dates) == [2, 2, 2]
    assert ledger_sum(Account.Kind.COMPANY) == -6 * 800


def test_each_date_has_its_own_price_and_policy_and_one_budget_pays_in_turn():
    lena, dates = make_member(), make_dates(3)
    Session.objects.filter(pk=dates[1].pk).update(price=5_000)
    make_sponsorship(lena, percent=50, pot=3_000)
    make_credit(lena, 1_500)

    booked = book(dates, lena)

    shares = [(one.line.price, one.line.sponsor_share, one.line.credit_spent, one.line.own_share) for one in booked]
    assert shares == [(2_000, 1_000, 1_000, 0), (5_000, 2_000, 500, 2_500), (2_000, 0, 0, 2_000)]
    assert Payment.objects.get(payer=lena, description="3 × Yoga").amount == 4_500


@pytest.mark.parametrize(("number", "names"), [(2, 0), (2, 4), (10, 0), (10, 4)])
def test_a_series_is_held_with_four_statements_however_many_dates_and_people(number, names):
    lena, dates = make_member(), make_dates(number)
    make_share_policy(percent=100)
    party = party_of(lena, *(f"Guest {n}" for n in range(names)))
    make_booking(make_session(price=0), lena)

    with CaptureQueriesContext(connection) as captured:
        book_places(*dates, participants=party, by=lena)

    asked = [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) == 4, "\n".join(asked)


def test_what_cannot_be_booked_is_named_and_the_rest_can_be_taken():
    lena, other, dates = make_member(), make_member(), make_dates(6, capacity=1)
    make_booking(dates[0], other)
    make_booking(dates[1], lena)
    cancel_session(dates[2], reason="Ill", by=dates[2].coach)
    make_booking(make_session(starts_at=dates[3].starts_at), lena)

    with pytest.raises(RuleError) as refused:
        book(dates, lena)

    assert refused.value.code == "dates_taken"
    assert [(date["session_id"], date["code"]) for date in refused.value.facts["dates"]] == [
        (dates[0].pk, "full"), (dates[1].pk, "already_booked"), (dates[2].pk, "not_planned"),
        (dates[3].pk, "participant_elsewhere"),
    ]  # fmt: skip
    assert Booking.objects.filter(booked_by=lena).count() == 2
    assert taken(dates) == [1, 1, 0, 0, 0, 0]
    assert len(book(dates[4:], lena)) == 2


def test_a_date_that_has_begun_is_named():
    lena, dates = make_member(), make_dates(3)

    now = timezone.now() - timedelta(minutes=30)
    Session.objects.filter(pk=dates[0].pk).update(starts_at=now, ends_at=now + timedelta(hours=1))

    with pytest.raises(RuleError) as refused:
        book(dates, lena)

    assert [date["code"] for date in refused.value.facts["dates"]] == ["started"]
    assert taken(dates) == [0, 0, 0]


@pytest.mark.parametrize("which", ["none", "one twice", "of no series", "of two series", "too many"])
def test_what_is_booked_at_once_is_of_one_series_each_once_and_not_too_much(which):
    lena, dates = make_member(), make_dates(2, capacity=50)
    names = [f"Guest {n}" for n in range(9)]
    sessions, party = {
        "none": ([], []),
        "one twice": ([dates[0], dates[0]], []),
        "of no series": ([make_session(), make_session()], []),
        "of two series": ([dates[0], make_dates(1)[0]], []),
        "too many": (make_dates(7, capacity=50), names),
    }[which]

    with pytest.raises(ValidationError):
        book(sessions, lena, *party)

    assert not Booking.objects.exists()


def test_as_many_places_as_may_be():
    lena, dates = make_member(), make_dates(SERIES_PLACES // 10, capacity=50, price=0)

    booked = book(dates, lena, *(f"Guest {n}" for n in range(9)), provider="")

    assert len(booked) == SERIES_PLACES


def test_what_was_shown_is_what_is_paid():
    lena, dates = make_member(), make_dates(3)

    with pytest.raises(RuleError) as refused:
        book(dates, lena, agreed=2_000)

    assert refused.value.code == "price_changed"
    assert taken(dates) == [0, 0, 0]
    assert len(book(dates, lena, agreed=6_000)) == 3


def test_the_hold_ends_before_the_first_start():
    lena, dates = make_member(), make_dates(2)

    with later(days=7, hours=2, minutes=55):
        held = book(dates, lena, card=DECLINED)

    assert {one.held_until for one in held} == {dates[0].starts_at}


def test_another_card_pays_all_dates():
    lena, dates = make_member(), make_dates(3)
    held = book(dates, lena, card=DECLINED)
    assert {one.state for one in held} == {"held"}

    pay_booking(held[1], by=lena, provider="sandbox", source=SUCCEEDS)

    assert set(Booking.objects.values_list("state", flat=True)) == {"confirmed"}
    assert Payment.objects.get(state="succeeded").amount == 6_000


@pytest.mark.usefixtures("takes_transfers")
@pytest.mark.parametrize("of", [0, 1], ids=["the date that is near", "the one that is far"])
def test_what_is_refused_for_one_date_gives_up_no_payment_of_any(of):
    lena, dates = make_member(), make_dates(2)
    soon = timezone.now() + timedelta(hours=20)
    set_times(Session.objects.filter(pk=dates[0].pk), starts_at=soon, ends_at=soon + timedelta(hours=1))
    held = book(dates, lena, card=NEEDS_CONFIRMATION)
    before = everything()

    with pytest.raises(RuleError) as refused:
        pay_booking(held[of], by=lena, provider="transfer")

    assert (refused.value.code, everything()) == ("payment_needed", before)
    assert Payment.objects.get().state == Payment.State.NEEDS_ACTION
    # The card can still pay, or be left for another one.
    assert pay_booking(held[of], by=lena, provider="sandbox", source=SUCCEEDS).state == "confirmed"
    assert sorted(Payment.objects.values_list("state", flat=True)) == ["cancelled", "succeeded"]


def test_a_hold_of_several_dates_lapses_whole_and_its_seats_go_to_the_lines():
    lena, waiting, dates = make_member(), make_member(), make_dates(3, capacity=1)
    make_credit(lena, 1_000)
    held = book(dates, lena, card=DECLINED)
    place = join_waitlist(dates[2], participant=waiting.participant, by=waiting)

    with later(minutes=60):
        assert release_lapsed_everywhere() == 3

        place.refresh_from_db()
        assert place.state == Booking.State.OFFERED
        assert {Booking.objects.get(pk=one.pk).ending for one in held} == {"expired"}
        assert Order.objects.get().state == Order.State.VOID
        assert taken(dates) == [0, 0, 1]
        assert credit_left(lena) == 1_000
        assert told(lena) == ["payment.failed", "booking.hold_lapsed"]


def test_what_lapsed_stands_in_nobodys_way():
    lena, other, dates = make_member(), make_member(), make_dates(3, capacity=1)
    book(dates, lena, card=DECLINED)

    with later(minutes=60):
        booked = book(dates[1:], other)

    assert len(booked) == 2
    assert taken(dates) == [0, 1, 1]


def test_what_is_not_paid_is_given_up_on_all_dates():
    lena, dates = make_member(), make_dates(3)
    held = book(dates, lena, card=DECLINED)

    cancel_booking(held[2], by=lena)

    assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}
    assert taken(dates) == [0, 0, 0]
    assert Order.objects.get().state == Order.State.VOID


@pytest.mark.parametrize("how", ["one", "following"])
def test_a_date_that_is_called_off_before_it_is_paid_lets_all_go(how):
    coach, lena = make_coach(), make_member()
    dates = make_dates(3, coach)
    make_credit(lena, 1_000)
    book(dates, lena, card=DECLINED)

    if how == "one":
        cancel_session(dates[1], reason="Ill", by=coach)
    else:
        cancel_following(dates[1], reason="Ill", by=coach)

    assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}
    assert taken(dates) == [0, 0, 0]
    assert credit_left(lena) == 1_000
    assert sorted(set(told(lena))) == ["booking.cancelled_by_host", "payment.failed", "session.cancelled"]


def test_a_date_that_is_called_off_once_it_is_paid_gives_back_its_own_part():
    coach, lena = make_coach(), make_member()
    dates = make_dates(3, coach)
    book(dates, lena)

    cancel_session(dates[1], reason="Ill", by=coach)

    assert credit_left(lena) == 2_000
    assert sorted(Booking.objects.values_list("state", flat=True)) == ["cancelled", "confirmed", "confirmed"]


def test_a_start_that_is_moved_before_the_hold_ends_ends_it_for_all_dates():
    coach, lena = make_coach(), make_member()
    dates = make_dates(2, coach)
    held = book(dates, lena, card=DECLINED)
    start = timezone.now() + timedelta(minutes=5)

    edit_session(dates[0], by=coach, starts_at=start)

    assert {Booking.objects.get(pk=one.pk).held_until for one in held} == {start}


def test_whoever_books_a_series_is_told_once_and_so_is_its_coach():
    coach, lena = make_coach(), make_member()
    dates = make_dates(4, coach)

    book(dates, lena, "Mia")

    assert told(lena) == ["booking.confirmed"]
    assert told(coach) == ["coach.booked"]


PEOPLE, DATES, SEATS = 20, 4, 5


def race() -> tuple[list[Session], list[Any]]:
    """Twenty people for five seats in each of four sessions, at once; every other names them backwards."""
    dates = make_dates(DATES, capacity=SEATS, price=1_000)
    people = [make_member() for _ in range(PEOPLE)]
    works = [
        partial(
            book_places, *(dates if n % 2 else dates[::-1]), participants=[who.participant], by=who,
            provider="sandbox", source=SUCCEEDS,
        )
        for n, who in enumerate(people)
    ]  # fmt: skip
    return dates, at_once(works)


@pytest.mark.django_db(transaction=True)
def test_many_series_at_once_never_more_than_the_seats_and_never_half_a_series():
    dates, found = race()

    said = outcomes([len(one) if isinstance(one, list) else one for one in found])
    assert said == {str(DATES): SEATS, "dates_taken": PEOPLE - SEATS}
    assert taken(dates) == [SEATS] * DATES
    assert [order.lines.count() for order in Order.objects.all()] == [DATES] * SEATS
    assert Payment.objects.filter(state="succeeded", amount=4_000).count() == SEATS


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_many_series_control(monkeypatch):
    """Without the condition and the constraint, all of them sit on five chairs."""
    monkeypatch.setattr(seats, "_TAKE_SEATS", seats._TAKE_SEATS.replace("s.seats_taken + %s <= s.capacity", "%s > 0"))

    with without_constraint("schedule_session", "session_seats_within_capacity"):
        dates, _found = race()
        assert taken(dates) == [PEOPLE] * DATES
