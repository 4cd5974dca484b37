"""Moving what was booked as a slot."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, everything, lapse, starts, working_coach
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import drain
from tenpo.core.tokens import new_id
from tenpo.notify.kinds import Facts, say
from tenpo.notify.models import Notification
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Split
from tenpo.orders.tests.make import credit_left, make_cancellation_policy
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.calendar_models import CalendarConnection
from tenpo.schedule.models import Booking, CoachTime, Room, Service, Session
from tenpo.schedule.policy_queries import comes_back
from tenpo.schedule.tests.calendar_plants import make_caldav
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_location, make_service
from tests.at_once import at_once, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

HALF = timedelta(minutes=30)


@pytest.fixture
def coach() -> User:
    return working_coach()


def refusal_of(booking: Booking, by: User, at: object = NINE + HOUR, **wanted: object) -> RuleError:
    """Why it is not moved, once it is sure that nothing was."""
    before, session = everything(), Session.objects.get(pk=booking.session_id)
    with pytest.raises(RuleError) as refusal:
        move_slot(booking, starts_at=at, by=by, **wanted)  # type: ignore[arg-type]
    assert (everything(), Session.objects.get(pk=session.pk).starts_at) == (before, session.starts_at)
    return refusal.value


def test_whoever_booked_moves_it_and_its_money_stays(coach):
    service, member = make_service(coach, buffer_after=15), make_member()
    booking = book(service, member)
    line = booking.line

    # Half an hour later overlaps with nothing but itself.
    moved = move_slot(booking, starts_at=NINE + HALF, by=member)

    session = moved.session
    assert (moved.pk, moved.line, moved.state) == (booking.pk, line, "confirmed")
    assert (session.starts_at, session.ends_at, session.version) == (NINE + HALF, NINE + HALF + HOUR, 1)
    assert (session.busy_from, session.busy_until) == (NINE + HALF, NINE + HALF + HOUR + HALF / 2)
    moved.refresh_from_db()
    assert (moved.starts_at, moved.moved_at) == (NINE + HALF, None)
    assert OutboxMessage.objects.filter(name="session.changed", subject_id=session.pk).count() == 1
    assert AuditLog.objects.filter(action="session.changed", object_id=session.pk).count() == 1


def test_moving_it_twice_to_the_same_time_changes_nothing_more(coach):
    member = make_member()
    booking = book(make_service(coach), member)
    move_slot(booking, starts_at=NINE + HOUR, by=member)
    before = everything()

    again = move_slot(booking, starts_at=NINE + HOUR, by=member)

    assert (again.session.version, everything()) == (1, before)


def test_whoever_booked_moves_it_as_their_policy_says(coach):
    member = make_member()
    policy = make_cancellation_policy((24 * 60, 100), (0, 50), reschedules=1)
    booking = book(make_service(coach, cancellation_policy=policy), member)
    move_slot(booking, starts_at=NINE + HOUR, by=member)

    refusal = refusal_of(booking, member, at=NINE + 2 * HOUR)
    by_host = move_slot(booking, starts_at=NINE + 2 * HOUR, by=coach)

    assert refusal.code == "moved_too_often"
    by_host.refresh_from_db()
    # Half was all that came back when it was moved first.
    assert (by_host.reschedules, by_host.terms.most) == (1, 50)


def test_what_may_not_be_moved_is_not(coach):
    member = make_member()
    service = make_service(coach, cancellation_policy=make_cancellation_policy((24, 100), (0, 50)))

    assert refusal_of(book(service, member), member).code == "not_movable"


def test_what_its_coach_says_yes_to_is_moved_by_its_host_alone(coach):
    service, member = make_service(coach), make_member()
    booking = book(service, member)
    Service.objects.filter(pk=service.pk).update(needs_approval=True)

    assert refusal_of(booking, member).code == "asked_first"
    assert move_slot(booking, starts_at=NINE + HOUR, by=coach).session.starts_at == NINE + HOUR


def test_its_coach_is_told_who_moved_it_from_when_to_when(coach):
    service, member = make_service(coach, name="Training"), make_member("Mina Ray")
    booking = book(service, member)

    move_slot(booking, starts_at=NINE + HOUR, by=member)

    assert told(coach).count("coach.slot_moved") == 1
    news = Notification.objects.get(user=coach, kind="coach.slot_moved")
    words = say(news.kind, news.payload)
    assert (words.title, words.path) == ("Mina Ray moved Training", f"/teaching/{booking.session_id}/")
    facts = Facts(news.payload)
    assert (facts.part("before").moment("starts_at"), facts.moment("starts_at")) == (NINE, NINE + HOUR)
    assert words.text == f"From {facts.part('before').when()} to {facts.when()}."
    # What they move themselves they know.
    move_slot(booking, starts_at=NINE + 2 * HOUR, by=coach)
    assert told(coach).count("coach.slot_moved") == 1


def test_a_coach_who_moves_their_own_booking_is_not_told(coach):
    booking = book(make_service(coach, price=0), coach)

    move_slot(booking, starts_at=NINE + HOUR, by=coach)

    assert "coach.slot_moved" not in told(coach)


def test_the_coach_from_whom_it_is_moved_is_told_as_well(coach):
    other, member = working_coach(), make_member()
    booking = book(make_service(coach, other, coaches_rule="any"), member, coach=coach)

    move_slot(booking, starts_at=NINE + HOUR, coach=other, by=member)

    assert told(coach)[-1] == told(other)[-1] == "coach.slot_moved"
    news = Notification.objects.get(user=coach, kind="coach.slot_moved")
    words = say(news.kind, news.payload)
    assert (f"It is with {other} now." in words.text, words.path) == (True, reverse("schedule:week"))


@pytest.mark.parametrize("starts_at", [NINE, NINE + HOUR])
def test_a_time_that_only_goes_to_another_coach_is_told_to_both_and_to_who_comes(coach, starts_at):
    """At the same time nothing of it was published at all."""
    other, member = working_coach(), make_member("Mina Ray")
    booking = book(make_service(coach, other, coaches_rule="any", name="Training"), member, coach=coach)

    move_slot(booking, starts_at=starts_at, coach=other, by=member)

    assert told(coach).count("coach.slot_moved") == told(other).count("coach.slot_moved") == 1
    old, new = (Notification.objects.get(user=one, kind="coach.slot_moved") for one in (coach, other))
    assert f"It is with {other} now." in say(old.kind, old.payload).text
    words = say(new.kind, new.payload)
    assert f"It was with {coach} before." in words.text
    assert ("From" in words.text) == (starts_at != NINE)
    assert words.path == f"/teaching/{booking.session_id}/"
    mine = Notification.objects.get(user=member, kind="booking.rescheduled")
    words = say(mine.kind, mine.payload)
    assert ("You moved it" in words.text, f"It is with {other} now." in words.text) == (starts_at != NINE, True)


@pytest.mark.parametrize("who", ["admin", "coach"])
def test_what_the_host_hands_over_is_told_to_both_coaches_but_not_to_who_did_it(coach, who):
    other, member = working_coach(), make_member("Mina Ray")
    booking = book(make_service(coach, other, coaches_rule="any", name="Training"), member, coach=coach)
    by = make_admin() if who == "admin" else coach

    move_slot(booking, starts_at=NINE, coach=other, by=by)

    assert told(coach).count("coach.session_let_go") == (0 if who == "coach" else 1)
    assert told(other)[-1] == "coach.session_given"
    assert told(member)[-1] == "session.other_coach"
    assert "coach.slot_moved" not in [*told(coach), *told(other)]


@pytest.mark.parametrize(("who", "percent"), [("host", 100), ("member", 50)])
def test_who_booked_a_time_with_one_coach_gives_it_back_in_full_where_the_host_gave_it_to_another(coach, who, percent):
    other, member = working_coach(), make_member()
    late = make_cancellation_policy((0, 50), reschedules=1)
    booking = book(make_service(coach, other, coaches_rule="any", cancellation_policy=late), member, coach=coach)
    move_slot(booking, starts_at=NINE, coach=other, by=make_admin() if who == "host" else member)

    if who == "host":
        assert "session.other_coach" in told(member)
        news = Notification.objects.get(user=member, kind="session.other_coach")
        assert "everything comes back" in say(news.kind, news.payload).text
    assert cancel_booking(booking, by=member).line.refunded_percent == percent


def test_a_calendar_of_whoever_gave_it_is_written_anew(coach):
    other, member = working_coach(), make_member()
    booking = book(make_service(coach, other, coaches_rule="any"), member, coach=coach)
    drain(1_000)
    made = make_caldav(coach)
    CalendarConnection.objects.filter(pk=made.pk).update(wants_writing_at=None)

    move_slot(booking, starts_at=NINE, coach=other, by=member)
    drain(1_000)

    assert CalendarConnection.objects.get(pk=made.pk).wants_writing_at is not None


def test_whoever_it_was_moved_for_can_give_it_back_in_full(coach):
    member = make_member()
    booking = book(make_service(coach), member)
    move_slot(booking, starts_at=NINE + HOUR, by=coach)
    assert "session.changed" in told(member)

    with_all = cancel_booking(booking, by=member)

    assert (with_all.line.refunded_percent, credit_left(member)) == (100, 6_000)


def test_the_notice_holds_for_whoever_booked_and_not_for_the_host(coach):
    service, member = make_service(coach), make_member()
    booking = book(service, member)
    Service.objects.update(notice_minutes=int((NINE - timezone.now()).total_seconds() // 60) + 61)

    refusal = refusal_of(booking, member)

    assert refusal.code == "slot_not_offered"
    assert NINE + 2 * HOUR in refusal.facts["nearest"]
    assert move_slot(booking, starts_at=NINE + HOUR, by=make_admin()).session.starts_at == NINE + HOUR


def test_what_is_taken_or_offered_by_nobody_is_refused(coach):
    service, member = make_service(coach), make_member()
    booking = book(service, member)
    book(service, make_member(), NINE + HOUR)

    assert refusal_of(booking, member).code == "slot_taken"
    assert refusal_of(booking, member, NINE - HOUR).code == "slot_not_offered"
    assert refusal_of(booking, coach, NINE - HOUR).code == "slot_not_offered"
    elsewhere = make_session(starts_at=NINE + 2 * HOUR, price=0)
    book_session(elsewhere, participant=member.participant, by=member)
    assert refusal_of(booking, member, NINE + 2 * HOUR).code == "participant_elsewhere"


def test_a_hold_that_ran_out_stands_in_nobodys_way(coach):
    service, member = make_service(coach), make_member()
    booking = book(service, member)
    lapse(book(service, make_member(), NINE + HOUR, source=DECLINED))

    assert move_slot(booking, starts_at=NINE + HOUR, by=member).session.starts_at == NINE + HOUR


def test_nobody_else_moves_it_and_only_what_was_booked_as_a_slot(coach):
    member = make_member()
    booking = book(make_service(coach), member)
    held = book(make_service(coach), make_member(), NINE + HOUR, source=DECLINED)
    seat = make_booking(make_session(), make_member())

    for stranger in (make_member(), working_coach()):
        with pytest.raises(PermissionDenied):
            move_slot(booking, starts_at=NINE + 2 * HOUR, by=stranger)
    assert refusal_of(held, held.booked_by, NINE + 2 * HOUR).code == "not_booked"
    assert refusal_of(seat, seat.booked_by).code == "not_a_slot"
    cancel_booking(booking, by=member)
    assert refusal_of(booking, member).code == "not_planned"


@pytest.mark.invariants
def test_whoever_gives_it_now_earns_of_it(coach):
    second = working_coach()
    create_split_rule(name="Earn", business_percent=20, creator_percent=80, teacher_percent=0, by=make_admin())
    booking = book(make_service(coach, second, coaches_rule="any"), make_member(), coach=coach)
    assert earners(booking) == {coach, None}

    moved = move_slot(booking, starts_at=NINE, coach=second, by=coach)

    assert (moved.session.coach, earners(booking)) == (second, {second, None})


def earners(booking: Booking) -> set[User | None]:
    return {split.recipient for split in Split.objects.filter(line=booking.line).select_related("recipient")}


def test_another_coach_only_where_any_may(coach):
    second, third = working_coach(), working_coach()
    any_of, chosen = make_service(coach, second, coaches_rule="any"), make_service(coach, second)
    free, fixed = book(any_of, make_member(), coach=coach), book(chosen, make_member(), NINE + HOUR, coach=coach)

    assert move_slot(free, starts_at=NINE, coach=second, by=coach).session.coach == second
    assert refusal_of(fixed, coach, NINE, coach=second).code == "other_coach"
    assert refusal_of(fixed, coach, NINE, coach=third).code == "slot_not_offered"


def test_its_room_and_its_place_move_along(coach):
    service, member = make_service(coach), make_member()
    hall = Room.objects.get()
    school = make_location("School")
    service.locations.add(school)
    service.rooms.set(Room.objects.all())
    booking = book(service, member, location=hall.location)

    session = move_slot(booking, starts_at=NINE + HOUR, location=school, by=member).session

    assert (session.room.location, session.place) == (school, "School, Main street 1")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_want_the_same_time_one_has_it(coach):
    service = make_service(coach, step_minutes=15, durations=[30], price=0)
    bookings = [book(service, make_member(), NINE + n * HALF, minutes=30) for n in range(4)]
    wanted = [partial(move_slot, one, starts_at=NINE + 5 * HALF, by=one.booked_by) for one in bookings]
    another = partial(book, service, make_member(), NINE + 5 * HALF, minutes=30)

    found = outcomes(at_once([*wanted, another, *wanted]))

    # Whoever has it wished for it twice, or came new.
    assert found["confirmed"] in (1, 2)
    assert found["confirmed"] + found["slot_taken"] == 9
    assert Session.objects.filter(starts_at=NINE + 5 * HALF, status="planned").count() == 1
    assert "11:30" not in starts(service)


def test_whoever_moves_what_the_host_moved_has_chosen_its_time_themselves(coach):
    member = make_member()
    policy = make_cancellation_policy((0, 0), reschedules=1)
    booking = book(make_service(coach, cancellation_policy=policy), member)
    move_slot(booking, starts_at=NINE + HOUR, by=coach)
    assert percent_back(booking) == 100

    move_slot(booking, starts_at=NINE + 2 * HOUR, by=member)

    # Once for the host's move, and then by the policy again: not for ever, and not in full until it starts.
    assert percent_back(booking) == 0
    move_slot(booking, starts_at=NINE, by=member)
    assert refusal_of(booking, member, at=NINE + HALF).code == "moved_too_often"


def percent_back(booking: Booking) -> int:
    return comes_back(Booking.objects.select_related("session", "line").get(pk=booking.pk)).percent


def test_what_was_kept_of_both_coaches_is_old_once_it_is_moved(coach):
    other, member = working_coach(), make_member()
    booking = book(make_service(coach, other, coaches_rule="any"), member, coach=coach)
    CoachTime.objects.all().delete()

    move_slot(booking, starts_at=NINE + HOUR, coach=other, by=member)

    assert set(CoachTime.objects.values_list("coach", "version")) == {(coach.pk, 1), (other.pk, 1)}
    assert refusal_of(booking, member, coach=User(pk=new_id())).code == "slot_not_offered"


def test_whoever_moves_it_themselves_is_told_what_they_did(coach):
    member = make_member()
    booking = book(make_service(coach), member)

    move_slot(booking, starts_at=NINE + HOUR, by=member)

    assert told(member) == ["booking.confirmed", "booking.rescheduled"]
    news = Notification.objects.get(user=member, kind="booking.rescheduled")
    words = say(news.kind, news.payload)
    assert words.text.startswith("You moved it: from ")
    assert "09:00" in words.text
    assert "10:00" in words.text
