"""Moving one's booking to another session: what it keeps, what is refused, and what happens at the same moment."""

from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.queries.bookings import cancellation_effect
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.refund_make import make_earning_coach
from tenpo.checkout.tests.test_booking_api import Api
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_share_policy
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions import rescheduling
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.check_in import check_in, check_out, undo_check_in
from tenpo.schedule.actions.misses import waive_no_show
from tenpo.schedule.actions.rescheduling import move_of, reschedule_booking
from tenpo.schedule.actions.sessions import complete_session, edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.ical import booking_event
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tests.at_once import at_once, meet_after, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
_days = count(3)


def of(coach: User, *, price: int = 10_000, capacity: int = 5, hours: int = 0, **rules: int) -> Session:
    """A session of a coach, at a time of its own, whose bookings may be moved twice until a day before."""
    policy = make_cancellation_policy((48, 100), (0, 50), **({"reschedules": 2, "reschedule_hours": 24} | rules))
    starts_in = timedelta(hours=hours) if hours else timedelta(days=3 + next(_days) % 80)
    return make_session(coach, starts_in=starts_in, policy=policy, price=price, capacity=capacity)


def read(booking: Booking) -> Booking:
    return Booking.objects.select_related("session", "line__order", "booked_by").get(pk=booking.pk)


def counted(booking: Booking) -> int:
    """The SEQUENCE of its calendar event."""
    return int(str(booking_event(read(booking))["sequence"]))


def seats(*sessions: Session) -> list[int]:
    return [Session.objects.get(pk=session.pk).seats_taken for session in sessions]


def test_it_keeps_line_and_money_and_gives_the_seat_back():
    coach, member = make_coach(), make_member()
    old, new = of(coach), of(coach)
    booking = make_booking(old, member)
    transfers, sequence = Transfer.objects.count(), counted(booking)

    for _again in range(2):
        moved = reschedule_booking(booking, to=new, by=member)

    assert (moved.session_id, moved.line_id, moved.state, moved.reschedules) == (
        new.pk,
        booking.line_id,
        "confirmed",
        1,
    )
    assert (moved.starts_at, moved.ends_at) == (new.starts_at, new.ends_at)
    line = read(booking).line
    assert line is not None
    assert (line.subject_id, line.description) == (new.pk, new.title)
    assert seats(old, new) == [0, 1]
    assert Transfer.objects.count() == transfers
    assert counted(booking) > sequence
    record = AuditLog.objects.get(action="booking.rescheduled")
    assert (record.before or {})["session"] != (record.after or {})["session"]
    assert told(member).count("booking.rescheduled") == 1
    assert told(coach).count("coach.booking_rescheduled") == 1


def test_the_first_in_line_is_offered_the_seat_that_is_left():
    coach, member, waiting = make_coach(), make_member(), make_member()
    old, new = of(coach, capacity=1), of(coach)
    booking = make_booking(old, member)
    offered = join_waitlist(old, participant=waiting.participant, by=waiting)

    reschedule_booking(booking, to=new, by=member)

    assert read(offered).state == "offered"
    assert seats(old, new) == [1, 1]


def test_the_coach_earns_it_when_the_new_session_took_place():
    coach, member = make_earning_coach(), make_member()
    old, new = of(coach), of(coach)
    reschedule_booking(make_booking(old, member), to=new, by=member)

    for session, earned in ((old, 0), (new, 8_500)):
        ended = timezone.now() - timedelta(hours=1 if session is new else 3)
        set_times(Session.objects.filter(pk=session.pk), starts_at=ended - timedelta(hours=1), ends_at=ended)
        complete_session(session, by=coach)
        balances = Account.objects.filter(owner=coach, kind=Account.Kind.EARNINGS).values_list("balance", flat=True)
        assert sum(balance or 0 for balance in balances) == earned


def test_what_did_not_come_back_any_more_does_not_come_back_by_moving():
    """In the last two days half comes back; moved to next month, still no more than half does."""
    coach, member = make_coach(), make_member()
    booking = make_booking(of(coach, hours=30), member)

    moved = reschedule_booking(booking, to=of(coach), by=member)

    assert cancellation_effect(read(moved), by_host=False).percent == 50
    cancel_booking(moved, by=member)
    assert credit_left(member) == 5_000


def test_in_time_it_stays_as_free_as_it_was():
    coach, member = make_coach(), make_member()
    moved = reschedule_booking(make_booking(of(coach), member), to=of(coach), by=member)

    cancel_booking(moved, by=member)

    assert credit_left(member) == 10_000


@pytest.mark.parametrize(
    ("rules", "hours", "code"),
    [
        ({"reschedules": 0, "reschedule_hours": 0}, 0, "not_movable"),
        ({}, 23, "too_late"),
        ({"reschedule_hours": 0}, 1, ""),
        ({}, 25, ""),
    ],
)
def test_as_late_as_the_policy_says(rules, hours, code):
    coach, member = make_coach(), make_member()
    old, new = of(coach, hours=hours, **rules), of(coach)
    booking = make_booking(old, member)

    assert move_of(read(booking)).refusal == code
    if not code:
        assert reschedule_booking(booking, to=new, by=member).session_id == new.pk
        return
    with pytest.raises(RuleError) as refusal:
        reschedule_booking(booking, to=new, by=member)
    assert refusal.value.code == code
    assert (read(booking).session_id, seats(old, new)) == (old.pk, [1, 0])


def test_as_often_as_the_policy_says_but_uncounted_after_the_host_moved_it():
    coach, member = make_coach(), make_member()
    booking = make_booking(of(coach), member)
    for _time in range(2):
        booking = reschedule_booking(booking, to=of(coach), by=member)
    last = of(coach)

    with pytest.raises(RuleError) as refusal:
        reschedule_booking(booking, to=last, by=member)
    edit_session(read(booking).session, by=coach, starts_at=timezone.now() + timedelta(hours=2))
    assert move_of(read(booking)).is_allowed
    moved = reschedule_booking(booking, to=last, by=member)

    assert refusal.value.code == "moved_too_often"
    assert (moved.reschedules, moved.was_moved, moved.session_id) == (2, False, last.pk)


def test_the_database_counts_too():
    booking = make_booking(of(make_coach(), reschedules=1), make_member())

    with pytest.raises(IntegrityError, match="booking_is_moved_as_often_as_allowed"), transaction.atomic():
        Booking.objects.filter(pk=booking.pk).update(reschedules=2)


def refused(make: Any) -> tuple[str, list[int], list[int]]:
    """The code with which it is refused, and the seats before and after."""
    coach, member = make_coach(), make_member()
    old = of(coach)
    booking = make_booking(old, member)
    to, by = make(coach, member, booking)
    before = seats(old, to)
    with pytest.raises(RuleError) as refusal:
        reschedule_booking(booking, to=to, by=by)
    return refusal.value.code, before, seats(old, to)


def _full(coach: User, member: User, booking: Booking) -> tuple[Session, User]:
    to = of(coach, capacity=1)
    make_booking(to, make_member())
    return to, member


def _called_off(coach: User, member: User, booking: Booking) -> tuple[Session, User]:
    return cancel_session(of(coach), reason="", by=coach), member


def _begun(coach: User, member: User, booking: Booking) -> tuple[Session, User]:
    begun = timezone.now() - timedelta(minutes=1)
    to = of(coach)
    set_times(Session.objects.filter(pk=to.pk), starts_at=begun, ends_at=begun + timedelta(hours=1))
    return to, member


def _given_up(coach: User, member: User, booking: Booking) -> tuple[Session, User]:
    cancel_booking(booking, by=member)
    return of(coach), member


def _mine_already(coach: User, member: User, booking: Booking) -> tuple[Session, User]:
    to = of(coach)
    make_booking(to, member)
    return to, member


def _elsewhere(coach: User, member: User, booking: Booking) -> tuple[Session, User]:
    to = of(coach)
    make_booking(make_session(make_coach(), starts_at=to.starts_at + timedelta(minutes=30)), member)
    return to, member


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda coach, member, booking: (of(make_coach()), member), "other_coach"),
        (lambda coach, member, booking: (of(coach, price=10_001), member), "other_price"),
        (_full, "full"),
        (_called_off, "not_planned"),
        (_begun, "started"),
        (_given_up, "not_confirmed"),
        (_mine_already, "already_booked"),
        (_elsewhere, "participant_elsewhere"),
    ],
)
def test_what_is_refused_moves_nothing(make, code):
    found, before, after = refused(make)

    assert (found, after) == (code, before)


def test_what_others_lead_is_another_coachs_though_the_same_give_it():
    """A company that pays of the one coach's sessions would pay of the other's."""
    one, two, member = make_coach(), make_coach(), make_member()
    policy = make_cancellation_policy((48, 100), reschedules=2, reschedule_hours=24)
    make_share_policy(percent=80, coach=one)
    old, led_by_other, other_order = (
        make_session(lead, beside=beside, starts_in=timedelta(days=5 + days), policy=policy)
        for days, (lead, *beside) in enumerate([(one, two), (two, one), (one, two)])
    )
    booking = make_booking(old, member)

    with pytest.raises(RuleError) as refusal:
        reschedule_booking(booking, to=led_by_other, by=member)

    assert (refusal.value.code, read(booking).session, seats(old, led_by_other)) == ("other_coach", old, [1, 0])
    assert reschedule_booking(booking, to=other_order, by=member).line.company_share == 8_000


def test_only_whoever_booked_moves_it():
    coach, member = make_coach(), make_member()
    booking, new = make_booking(of(coach), member), of(coach)

    for by in (make_member(), coach, make_admin()):
        with pytest.raises(PermissionDenied):
            reschedule_booking(booking, to=new, by=by)
    with pytest.raises(Http404):
        reschedule_booking(booking, to=Session(pk=booking.pk), by=member)

    assert (read(booking).session_id, seats(new)) == (booking.session_id, [0])


def test_what_ran_out_stands_in_nobodys_way():
    coach, member, slow = make_coach(), make_member(), make_member()
    booking, new = make_booking(of(coach), member), of(coach, capacity=1)
    held = book_session(new, participant=slow.participant, by=slow, provider="sandbox", source=DECLINED)
    Booking.objects.filter(pk=held.pk).update(held_until=timezone.now() - timedelta(seconds=1))

    moved = reschedule_booking(booking, to=new, by=member)

    assert (moved.session_id, read(held).ending) == (new.pk, "expired")


def test_who_read_it_before_it_was_moved_looks_again():
    """The lock is of the session in which it was; what is done there would be done to the wrong one."""
    coach, member = make_coach(), make_member()
    old, new = of(coach), of(coach)
    stale = read(make_booking(old, member))
    booking = reschedule_booking(read(stale), to=new, by=member)

    acts: list[partial[Any]] = [
        partial(cancel_booking, stale, by=member),
        partial(mark_attendance, stale, state=Booking.State.NO_SHOW, by=coach),
        partial(waive_no_show, stale, reason="Ill", by=coach),
        partial(check_in, stale, by=coach),
        partial(check_out, stale, by=coach),
        partial(undo_check_in, stale, by=coach),
        partial(reschedule_booking, stale, to=of(coach), by=member),
    ]
    for act in acts:
        with pytest.raises(RuleError) as refusal:
            act()
        assert refusal.value.code == "moved_meanwhile"
    assert (read(booking).state, seats(old, new)) == ("confirmed", [0, 1])


# At once


@pytest.mark.django_db(transaction=True)
def test_two_moves_of_one_booking_count_once_each_and_hold_one_seat():
    coach, member = make_coach(), make_member()
    old, *others = [of(coach, reschedules=1) for _ in range(4)]
    booking = make_booking(old, member)

    done = at_once([partial(reschedule_booking, booking, to=to, by=member) for to in others])

    assert sorted(outcomes(done).values()) == [1, 2]
    assert outcomes(done)["confirmed"] == 1
    assert read(booking).reschedules == 1
    assert sorted(seats(old, *others)) == [0, 0, 0, 1]


@pytest.mark.django_db(transaction=True)
def test_the_last_seat_goes_to_one():
    coach = make_coach()
    new = of(coach, capacity=1)
    bookings = [make_booking(of(coach), make_member()) for _ in range(4)]

    done = at_once([partial(reschedule_booking, one, to=new, by=one.booked_by) for one in bookings])

    assert outcomes(done) == {"confirmed": 1, "full": 3}
    assert seats(new) == [1]


@pytest.mark.django_db(transaction=True)
def test_two_who_change_places_do_not_wait_for_each_other():
    coach = make_coach()
    first, second = of(coach), of(coach)
    one, two = make_booking(first, make_member()), make_booking(second, make_member())

    done = at_once(
        [
            partial(reschedule_booking, one, to=second, by=one.booked_by),
            partial(reschedule_booking, two, to=first, by=two.booked_by),
        ]
    )

    assert outcomes(done) == {"confirmed": 2}
    assert seats(first, second) == [1, 1]


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
@pytest.mark.invariants(but={"session-counts-its-seats", "session-has-no-more-people-than-seats"})
def test_control_without_the_lock_of_the_sessions_a_seat_goes_twice(monkeypatch):
    monkeypatch.setattr(rescheduling, "_locked_sessions", lambda *ids: [Session.objects.get(pk=id_) for id_ in ids])
    meet_after(monkeypatch, rescheduling, "_locked_sessions", 4)
    coach = make_coach()
    new = of(coach, capacity=1)
    bookings = [make_booking(of(coach), make_member()) for _ in range(4)]

    at_once([partial(reschedule_booking, one, to=new, by=one.booked_by) for one in bookings])

    assert Booking.objects.filter(session=new).count() == 4


# Pages and API


def test_the_page_says_what_it_does_and_where_it_can_go():
    coach, member = make_coach(), make_member()
    old, new, dearer, full = of(coach, hours=30), of(coach), of(coach, price=99), of(coach, capacity=1)
    make_booking(full, make_member())
    booking = make_booking(old, member)
    client, address = signed_in(member), reverse("schedule:booking-reschedule", args=[booking.pk])

    assert address in client.get(reverse("schedule:booking-detail", args=[booking.pk])).content.decode()
    page = client.get(address).content.decode()
    answer = client.post(address, {"session": new.pk}, follow=True).content.decode()

    assert "Nothing is charged, and nothing comes back" in page
    assert "You can move it 1 more time after that." in page
    assert "If you cancel it later, at most 50 % comes back, as now." in page
    assert str(new.pk) in page
    assert "After the move: until " in page
    assert not [one for one in (dearer, full, old) if f'value="{one.pk}"' in page]
    assert "Moved. We see you" in answer
    assert new.title in answer
    refused = client.post(address, {"session": dearer.pk})
    assert (refused.status_code, "costs something else" in refused.content.decode()) == (409, True)
    assert client.post(address, {"session": "x"}).status_code == 404
    assert signed_in(make_member()).get(address).status_code == 404


def test_the_page_of_what_cannot_be_moved_says_why():
    booking = make_booking(of(make_coach(), reschedules=0, reschedule_hours=0), make_member())
    client = signed_in(booking.booked_by)

    page = client.get(reverse("schedule:booking-reschedule", args=[booking.pk])).content.decode()

    assert "This booking cannot be moved." in page
    assert "Move it" not in client.get(reverse("schedule:booking-detail", args=[booking.pk])).content.decode()


def test_the_same_by_api():
    coach, member = make_coach(), make_member()
    booking, new = make_booking(of(coach), member), of(coach)
    api = Api(member)
    address = f"/api/v1/bookings/{booking.pk}/session"

    told_before = api.client.get(address).json()
    moved = api.client.put(address, {"session_id": str(new.pk)}, content_type="application/json").json()
    dearer = of(coach, price=1)
    wrong = api.client.put(address, {"session_id": str(dearer.pk)}, content_type="application/json").json()

    assert (told_before["is_allowed"], told_before["left"], told_before["most"]) == (True, 2, 100)
    assert str(new.pk) in told_before["session_ids"]
    assert moved["session"]["id"] == str(new.pk)
    assert "You can move it once until" in moved["cancellation_terms"]
    assert wrong["code"] == "other_price"
    assert Api(make_member()).client.get(address).status_code == 404
