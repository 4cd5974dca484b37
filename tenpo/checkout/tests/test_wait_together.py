"""A party waits for several seats, is offered all of them or none, and takes or lets go all of them."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import book_places, take_offer
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.tests.make import make_booking, told
from tenpo.core.errors import RuleError
from tenpo.core.limits import PASSED_OVER_AT_MOST, PLACES_AT_ONCE, SEATS_KEPT_UNTIL_HOURS
from tenpo.notify.models import Notification
from tenpo.orders.models import Order
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.rescheduling import reschedule_booking
from tenpo.schedule.actions.sessions import complete_session, edit_session
from tenpo.schedule.actions.waitlist import join_waitlist, join_waitlist_together
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.queries import waitlist_position
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_notifications import words

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

CARD: dict[str, Any] = {"provider": "sandbox", "source": SUCCEEDS}
NEAR = timedelta(hours=SEATS_KEPT_UNTIL_HOURS)


def later(**time: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def full_session(seats: int, **how: Any) -> tuple[Session, list[Booking]]:
    """A session whose seats are all booked, each by somebody else."""
    session = make_session(capacity=seats, **({"price": 5_000} | how))
    return session, [make_booking(session, make_member()) for _ in range(seats)]


def wait(session: Session, places: int, *, host: User | None = None) -> list[Booking]:
    """Somebody and their guests stand in line together."""
    host = host or make_member()
    guests = add_guests([f"Guest {n}" for n in range(1, places)], by=host)
    return join_waitlist_together(session, participants=[host.participant, *guests], by=host)


def give_back(*bookings: Booking) -> None:
    for booking in bookings:
        cancel_booking(booking, by=booking.booked_by)


def states(bookings: list[Booking]) -> str:
    """The one state of a party."""
    found = {Booking.objects.get(pk=one.pk).state for one in bookings}
    assert len(found) == 1, found
    return found.pop()


def seats(session: Session) -> tuple[int, int]:
    """How many seats are taken, and how many of them are kept."""
    session.refresh_from_db()
    return session.seats_taken, session.seats_kept


def make_due(*parties: list[Booking]) -> None:
    """As if seats that were too few had gone to others as often as they may."""
    for party in parties:
        Booking.objects.filter(party=party[0].party).update(passed_over=PASSED_OVER_AT_MOST)


def test_three_seats_are_offered_at_once_or_none():
    session, booked = full_session(4)
    family = wait(session, 3)
    assert len({one.party for one in family}) == 1

    give_back(*booked[:2])
    assert states(family) == "waitlisted"
    give_back(booked[2])

    assert states(family) == "offered"
    assert len(set(Booking.objects.filter(party=family[0].party).values_list("held_until", flat=True))) == 1
    assert seats(session) == (4, 0)
    assert AuditLog.objects.filter(action="booking.offered").count() == 3


def test_an_offer_is_taken_as_one_order_with_one_payment():
    session, booked = full_session(3)
    family = wait(session, 3)
    host = family[0].booked_by
    give_back(*booked)

    taken = take_offer(Booking.objects.get(pk=family[1].pk), by=host, agreed=15_000, **CARD)

    assert taken.pk == family[1].pk
    assert states(family) == "confirmed"
    order = Order.objects.get(lines__booking=taken)
    assert (order.state, order.lines.count()) == ("paid", 3)
    payment = Payment.objects.get(order_id=order.pk)
    assert (payment.amount, payment.description) == (15_000, f"3 × {session.title}")
    assert seats(session) == (3, 0)


def test_what_is_taken_and_not_paid_yet_stays_together():
    session, booked = full_session(2)
    family = wait(session, 2)
    host = family[0].booked_by
    give_back(*booked)

    held = take_offer(family[0], by=host, provider="sandbox", source=DECLINED)
    assert states(family) == "held"
    pay_booking(held, by=host, **CARD)

    assert states(family) == "confirmed"


def test_what_was_shown_is_what_all_pay():
    session, booked = full_session(2)
    family = wait(session, 2)
    give_back(*booked)

    with pytest.raises(RuleError) as refused:
        take_offer(family[0], by=family[0].booked_by, agreed=5_000, **CARD)

    assert refused.value.code == "price_changed"
    assert states(family) == "offered"


def test_nobody_is_taken_in_where_one_of_them_is_elsewhere():
    session, booked = full_session(2, starts_in=timedelta(days=9))
    family = wait(session, 2)
    host = family[0].booked_by
    book_places(make_session(starts_in=timedelta(days=9)), participants=[family[1].participant], by=host, **CARD)
    give_back(*booked)

    with pytest.raises(RuleError) as refused:
        take_offer(family[0], by=host, **CARD)

    assert refused.value.code == "participant_elsewhere"
    assert states(family) == "offered"


def test_an_offer_is_its_hosts_and_over_when_it_is_over():
    session, booked = full_session(2)
    family = wait(session, 2)
    give_back(*booked)

    with pytest.raises(PermissionDenied):
        take_offer(family[0], by=make_member(), **CARD)
    with later(days=3), pytest.raises(RuleError) as refused:
        take_offer(family[0], by=family[0].booked_by, **CARD)

    assert refused.value.code == "offer_over"
    assert states(family) == "offered"


@pytest.mark.parametrize("which", [0, 1])
def test_an_offer_is_let_go_by_all_and_goes_to_the_next(which):
    session, booked = full_session(3)
    family, next_one = wait(session, 2), wait(session, 3)
    give_back(*booked)
    assert (states(family), states(next_one)) == ("offered", "waitlisted")

    cancel_booking(family[which], by=family[0].booked_by)

    assert (states(family), states(next_one)) == ("cancelled", "offered")
    assert {Booking.objects.get(pk=one.pk).ending for one in family} == {"member"}
    assert seats(session) == (3, 0)


def test_an_offer_lapses_for_all_and_goes_to_the_next():
    session, booked = full_session(3)
    family, next_one = wait(session, 2), wait(session, 3)
    give_back(*booked)

    with later(days=3):
        assert release_lapsed_everywhere() == 2

        assert (states(family), states(next_one)) == ("cancelled", "offered")
        assert {Booking.objects.get(pk=one.pk).ending for one in family} == {"offer_lapsed"}
        assert told(family[0].booked_by) == ["booking.waitlisted", "booking.offer_lapsed"]


def test_what_ran_out_first_is_let_go_first():
    held = []
    for minutes in (3, 5, 4):
        booking = make_booking(make_session(capacity=1, price=5_000), make_member(), card=DECLINED)
        Booking.objects.filter(pk=booking.pk).update(held_until=timezone.now() - timedelta(minutes=minutes))
        held.append(booking)

    for expected in (["held", "cancelled", "held"], ["held", "cancelled", "cancelled"]):
        assert release_lapsed_everywhere(limit=1) == 1
        assert [states([one]) for one in held] == expected


def test_smaller_ones_are_passed_forward_so_often_and_then_seats_are_kept():
    session, booked = full_session(6)
    family = wait(session, 3)
    alone = [wait(session, 1) for _ in range(PASSED_OVER_AT_MOST + 1)]

    for number in range(PASSED_OVER_AT_MOST):
        give_back(booked.pop())
        assert states(alone[number]) == "offered"
        assert {one.passed_over for one in Booking.objects.filter(party=family[0].party)} == {number + 1}
    give_back(booked.pop())
    assert (states(family), states(alone[-1]), seats(session)) == ("waitlisted", "waitlisted", (6, 1))
    give_back(booked.pop())
    assert seats(session) == (6, 2)
    give_back(booked.pop())

    assert (states(family), states(alone[-1]), seats(session)) == ("offered", "waitlisted", (6, 0))


def test_what_is_kept_is_nobody_elses_to_book():
    session, booked = full_session(3)
    family = wait(session, 2)
    make_due(family)
    other = make_session(session.coach, price=5_000)
    moving = make_booking(other, make_member())
    give_back(booked[0])
    assert seats(session) == (3, 1)

    for attempt in (
        partial(make_booking, session, make_member()),
        partial(reschedule_booking, moving, to=session, by=moving.booked_by),
    ):
        with pytest.raises(RuleError) as refused:
            attempt()
        assert refused.value.code == "full"
    passing_by = wait(session, 1)

    assert (states(passing_by), seats(session)) == ("waitlisted", (3, 1))


def test_what_is_too_few_for_all_in_line_is_open_until_it_was_so_often():
    session, booked = full_session(4)
    family = wait(session, 3)

    for _number in range(PASSED_OVER_AT_MOST):
        give_back(booked.pop())
        booked.insert(0, make_booking(session, make_member()))
    give_back(booked.pop())

    assert seats(session) == (4, 1)
    give_back(booked.pop(), booked.pop())
    assert (states(family), seats(session)) == ("offered", (4, 0))


def test_what_was_never_booked_passes_nobody_over_and_closes_nothing():
    session = make_session(capacity=10, price=5_000)
    make_booking(session, make_member())
    host = make_member()
    party = wait(session, 10, host=make_member())

    for _number in range(PASSED_OVER_AT_MOST + 1):
        held = book_places(session, participants=[host.participant], by=host, provider="sandbox", source=DECLINED)
        assert states(held) == "held"
        cancel_booking(held[0], by=host)
    assert {one.passed_over for one in Booking.objects.filter(party=party[0].party)} == {0}

    make_due(party)
    cancel_booking(make_booking(session, host), by=host)

    assert seats(session) == (2, 1)
    assert states([make_booking(session, make_member())]) == "confirmed"


def test_how_often_somebody_is_passed_over_is_counted_as_far_as_it_matters():
    session, booked = full_session(3, starts_in=NEAR - timedelta(hours=1))
    family = wait(session, 3)
    make_due(family)

    give_back(booked[0])

    assert seats(session) == (2, 0)
    assert {one.passed_over for one in Booking.objects.filter(party=family[0].party)} == {PASSED_OVER_AT_MOST}


def test_near_the_start_what_is_kept_goes_to_whoever_fits():
    session, booked = full_session(3, starts_in=NEAR + timedelta(hours=1))
    family, alone = wait(session, 3), wait(session, 1)
    make_due(family)
    give_back(*booked[:2])
    assert seats(session) == (3, 2)
    assert release_lapsed_everywhere() == 0

    with later(hours=1):
        assert release_lapsed_everywhere() == 2

        assert (states(family), states(alone), seats(session)) == ("waitlisted", "offered", (2, 0))
        # What is left over is open to all, and nothing is kept any more.
        late = make_booking(session, make_member())
        give_back(late)
        assert seats(session) == (2, 0)
        assert release_lapsed_everywhere() == 0


def test_whoever_finds_it_full_lets_go_what_is_kept_too_long():
    session, booked = full_session(3, starts_in=NEAR + timedelta(hours=1))
    make_due(wait(session, 3))
    give_back(booked[0])

    with later(hours=1):
        make_booking(session, make_member())

    assert seats(session) == (3, 0)


def test_one_who_leaves_makes_the_party_smaller_and_it_may_fit():
    session, booked = full_session(3)
    family = wait(session, 3)
    give_back(*booked[:2])
    assert seats(session) == (1, 0)

    cancel_booking(family[2], by=family[0].booked_by)

    assert Booking.objects.get(pk=family[2].pk).state == "cancelled"
    assert (states(family[:2]), seats(session)) == ("offered", (3, 0))


def test_a_whole_party_leaves_and_what_was_kept_goes_to_others():
    session, booked = full_session(3)
    family, alone = wait(session, 2), wait(session, 1)
    make_due(family)
    give_back(booked[0])
    assert (states(alone), seats(session)) == ("waitlisted", (3, 1))

    cancel_booking(family[1], by=family[0].booked_by, whole_party=True)

    assert (states(family), states(alone), seats(session)) == ("cancelled", "offered", (3, 0))
    cancel_booking(family[1], by=family[0].booked_by, whole_party=True)
    assert states(family) == "cancelled"


def test_more_seats_go_to_the_line_and_fewer_take_what_was_kept():
    session, booked = full_session(4)
    family = wait(session, 3)
    make_due(family)
    give_back(booked[0])
    assert seats(session) == (4, 1)

    edit_session(session, capacity=3, by=session.coach)
    assert seats(session) == (3, 0)
    with pytest.raises(RuleError) as refused:
        edit_session(session, capacity=2, by=session.coach)
    assert refused.value.code == "capacity_below_taken"
    edit_session(session, capacity=5, by=session.coach)
    assert seats(session) == (5, 2)
    edit_session(session, capacity=6, by=session.coach)

    assert (states(family), seats(session)) == ("offered", (6, 0))


def test_nothing_is_kept_for_a_party_that_the_session_cannot_hold_any_more():
    session, booked = full_session(4)
    family, alone = wait(session, 4), wait(session, 1)
    make_due(family)
    give_back(*booked[:2])
    assert (states(alone), seats(session)) == ("waitlisted", (4, 2))

    edit_session(session, capacity=3, by=session.coach)

    assert (states(family), states(alone), seats(session)) == ("waitlisted", "offered", (3, 0))


def test_a_session_that_is_called_off_ends_the_line_and_keeps_nothing():
    session, booked = full_session(3)
    family = wait(session, 2)
    make_due(family)
    give_back(booked[0])

    cancel_session(session, reason="Ill", by=session.coach)

    assert (states(family), seats(session)) == ("cancelled", (0, 0))
    assert told(family[0].booked_by) == ["booking.waitlisted", "session.cancelled"]


def test_what_is_kept_when_a_session_is_over_was_nobodys():
    session, booked = full_session(3)
    make_due(wait(session, 2))
    give_back(booked[0])

    with time_machine.travel(session.ends_at + timedelta(minutes=1), tick=False):
        complete_session(session, by=session.coach)

    assert seats(session) == (2, 0)


def test_a_session_that_moves_keeps_the_offer_of_all_within_its_start():
    session, booked = full_session(2)
    family = wait(session, 2)
    give_back(*booked)
    start = timezone.now() + timedelta(hours=2)

    edit_session(session, starts_at=start, by=session.coach)

    assert set(Booking.objects.filter(party=family[0].party).values_list("held_until", flat=True)) == {start}


@pytest.mark.parametrize(
    ("code", "places", "free"), [("not_full", 2, 2), ("not_full", 1, 1), ("party_too_large", 4, 0)]
)
def test_a_party_that_fits_books_and_one_that_never_fits_does_not_wait(code, places, free):
    session, booked = full_session(3)
    give_back(*booked[:free])

    with pytest.raises(RuleError) as refused:
        wait(session, places)

    assert refused.value.code == code
    assert not Booking.objects.filter(state="waitlisted").exists()


def test_a_party_waits_for_more_than_are_left_and_leaves_them_open():
    session, booked = full_session(3)
    give_back(*booked[:2])

    family = wait(session, 3)

    assert (states(family), seats(session)) == ("waitlisted", (1, 0))
    make_booking(session, make_member())


def test_nobody_waits_twice_or_beside_a_place_that_they_have():
    session, _booked = full_session(3)
    host = make_member()
    [mia] = add_guests(["Mia"], by=host)
    join_waitlist(session, participant=mia, by=host)

    with pytest.raises(RuleError) as refused:
        join_waitlist_together(session, participants=[host.participant, mia], by=host)

    assert refused.value.code == "already_booked"
    assert Booking.objects.filter(booked_by=host).count() == 1


@pytest.mark.parametrize("who", ["nobody", "somebody twice", "too many", "another's guest"])
def test_a_party_is_ones_own_people_each_once_and_not_too_many(who):
    session, _booked = full_session(2)
    host, other = make_member(), make_member()
    people = {
        "nobody": [],
        "somebody twice": [host.participant] * 2,
        "too many": [host.participant, *add_guests([f"Guest {n}" for n in range(PLACES_AT_ONCE)], by=host)],
        "another's guest": [host.participant, *add_guests(["Max"], by=other)],
    }[who]

    with pytest.raises((ValidationError, PermissionDenied)):
        join_waitlist_together(session, participants=people, by=host)

    assert not Booking.objects.filter(state="waitlisted").exists()


def test_a_party_has_one_place_in_line():
    session, _booked = full_session(5)
    alone, family, last = wait(session, 1), wait(session, 3), wait(session, 2)

    assert [waitlist_position(one) for one in [*alone, *family, *last]] == [1, 2, 2, 2, 3, 3]


def test_whoever_waits_together_is_told_once_of_everything():
    session, booked = full_session(2)
    family = wait(session, 2)
    host = family[0].booked_by
    give_back(*booked)
    assert told(host) == ["booking.waitlisted", "booking.offered"]
    for notice in Notification.objects.filter(user=host):
        assert (notice.payload["for"], notice.payload["places"]) == (f"{host.name}, Guest 1", 2)


def test_what_is_told_speaks_of_all_of_them():
    session, booked = full_session(2)
    family = wait(session, 2)
    host = family[0].booked_by
    give_back(*booked)
    told(host)
    with later(days=3):
        release_lapsed_everywhere()
        told(host)

    assert "2 seats are free together" in words(host, "booking.waitlisted")
    assert f"2 seats for you: {session.title}" in words(host, "booking.offered")
    assert "You take all of them or none" in words(host, "booking.offered")
    assert "You did not take the seats in time" in words(host, "booking.offer_lapsed")


def test_whoever_takes_it_together_is_told_once_and_so_is_the_coach():
    session, booked = full_session(2)
    family = wait(session, 2)
    host = family[0].booked_by
    give_back(*booked)
    take_offer(family[0], by=host, **CARD)

    # The offer was taken before it could be spoken of.
    assert told(host) == ["booking.waitlisted", "booking.confirmed"]
    assert told(session.coach).count("coach.booked") == 3


def test_when_the_host_takes_them_out_of_the_line_one_after_the_other_each_is_told():
    session, _booked = full_session(3)
    family = wait(session, 3)

    cancel_booking(family[2], by=session.coach)
    cancel_booking(family[0], by=session.coach, whole_party=True)

    assert told(family[0].booked_by) == ["booking.waitlisted", "booking.cancelled_by_host", "booking.cancelled_by_host"]


HALF = {
    "booking_party_is_offered_together": {"state": "offered", "held_until": timezone.now()},
    "booking_party_is_taken_together": {"state": "held", "held_until": timezone.now()},
}


@pytest.mark.parametrize("name", HALF)
def test_the_database_refuses_half_a_party(name):
    session, _booked = full_session(3)
    family = wait(session, 3)

    Booking.objects.filter(pk=family[0].pk).update(**HALF[name])
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        connection.check_constraints()
    Booking.objects.filter(pk=family[0].pk).update(state="waitlisted", held_until=None)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("session_seats_kept_are_taken", {"seats_kept": 3}),
        ("session_keeps_seats_while_planned", {"seats_kept": 1, "status": "completed"}),
    ],
)
def test_the_database_refuses_seats_kept_beside_those_taken(name, values):
    session, _booked = full_session(2)

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Session.objects.filter(pk=session.pk).update(**values)


def test_only_a_party_is_passed_over():
    session, _booked = full_session(2)
    [alone] = wait(session, 1)

    with pytest.raises(IntegrityError, match="booking_passed_over_is_of_a_party"), transaction.atomic():
        Booking.objects.filter(pk=alone.pk).update(passed_over=1)


def asked(act: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len([query for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]])


def test_a_seat_that_passes_to_one_who_waits_costs_what_it_did():
    """Four statements more than where the line was asked in vain: the offer, its seat, the record, the event."""
    session, booked = full_session(3)
    nobody_waits = asked(lambda: give_back(booked[0]))
    make_booking(session, make_member())
    wait(session, 1)
    one_waits = asked(lambda: give_back(booked[1]))

    assert one_waits - nobody_waits == 4


@pytest.mark.parametrize("number", [2, 5])
def test_a_party_is_offered_its_seats_by_as_many_statements_however_large(number):
    session, booked = full_session(6)
    wait(session, number)
    give_back(*booked[: number - 1])

    assert asked(lambda: give_back(booked[number - 1])) == asked_for_one()


def asked_for_one() -> int:
    session, booked = full_session(1)
    wait(session, 1)
    return asked(lambda: give_back(booked[0]))


def test_a_long_line_is_read_as_far_as_it_decides():
    session, booked = full_session(12)
    for _number in range(3):
        wait(session, 8)
    alone = wait(session, 1)

    give_back(booked[0])

    assert states(alone) == "offered"
