"""Late cancellations and no-shows: what the policy says, what is free, and what the host lets somebody off."""

from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.disputing import apply_dispute
from tenpo.checkout.queries.bookings import cancellation_effect
from tenpo.checkout.tests.dispute_make import OPEN, lose, said
from tenpo.checkout.tests.make import left_in_wallet, make_booking, told
from tenpo.checkout.tests.refund_make import make_earning_coach, make_refund_terms
from tenpo.core.errors import RuleError
from tenpo.ledger.models import Account
from tenpo.orders.models import CancellationPolicy, Line
from tenpo.orders.tests.make import credit_left, make_cancellation_policy, make_share_policy
from tenpo.payments.models import Payment, Refund
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import cancellations, misses, sessions
from tenpo.schedule.actions.attendance import mark_attendance
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.misses import waive_no_show
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Booking, Miss, Session
from tenpo.schedule.queries import cancellation_effect as session_effect
from tenpo.schedule.tests.make import make_session, set_times
from tests.at_once import at_once, meet_after, outcomes

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
NO_SHOW, CONFIRMED, ATTENDED = Booking.State.NO_SHOW, Booking.State.CONFIRMED, Booking.State.ATTENDED


def graceful(**rules: int) -> CancellationPolicy:
    """All until two days before, then half; the first within 90 days costs nothing."""
    return make_cancellation_policy((48, 100), (0, 50), **({"grace_count": 1, "grace_days": 90} | rules))


_hours = count(2)


def late(member: User, policy: CancellationPolicy, *, coach: User | None = None) -> Booking:
    """Booked, and late to cancel; each at another time, as nobody is in two places."""
    hours = 2 + next(_hours) % 40
    session = make_session(coach, starts_in=timedelta(hours=hours), policy=policy, price=10_000)
    return make_booking(session, member)


def over(booking: Booking, *, ago: timedelta = timedelta()) -> Booking:
    """Of a session that ended so long ago."""
    ended = timezone.now() - ago
    set_times(Session.objects.filter(pk=booking.session_id), starts_at=ended - timedelta(hours=1), ends_at=ended)
    return Booking.objects.select_related("session__coach", "booked_by").get(pk=booking.pk)


def absent(booking: Booking, *, ago: timedelta = timedelta()) -> Booking:
    """Whose participant did not come."""
    booking = over(booking, ago=ago)
    return mark_attendance(booking, state=NO_SHOW, by=booking.session.coach)


def completed(booking: Booking) -> Booking:
    complete_session(booking.session, by=make_admin())
    return Booking.objects.select_related("session__coach", "booked_by", "line").get(pk=booking.pk)


def outcome(booking: Booking) -> tuple[str, str, int]:
    miss = Miss.objects.get(booking=booking)
    return miss.kind, miss.outcome, miss.percent


# Where it goes


def test_each_window_has_its_own_place():
    """All of it back the way it was paid; later half of it, as credit."""
    policy = make_cancellation_policy((48, 100, "method"), (0, 50, "credit"))
    early, member = make_booking(make_session(policy=policy), make_member()), make_member()

    assert cancellation_effect(early, by_host=False).method == 10_000
    cancel_booking(early, by=early.booked_by)
    cancel_booking(late(member, policy), by=member)

    assert credit_left(early.booked_by) == 0
    assert Refund.objects.get(user=early.booked_by).amount == 10_000
    assert credit_left(member) == 5_000
    assert set(Line.objects.values_list("back_to", flat=True)) == {"method", "credit"}


def test_what_the_windows_do_not_say_the_terms_said_at_the_sale():
    make_refund_terms(cancellation_to="wallet")
    member = make_member()
    booking = late(member, make_cancellation_policy((48, 100, "method"), (0, 50)))
    make_refund_terms(cancellation_to="credit")

    cancel_booking(booking, by=member)

    assert (left_in_wallet(member), credit_left(member)) == (5_000, 0)


def test_the_host_gives_it_back_as_with_the_longest_notice():
    member, policy = make_member(), make_cancellation_policy((48, 100, "wallet"), (0, 50, "credit"))
    booking = late(member, policy)

    effect = session_effect([booking.session])
    cancel_session(booking.session, reason="Ill", by=booking.session.coach)

    assert (effect.wallet, effect.credit) == (10_000, 0)
    assert (left_in_wallet(member), credit_left(member)) == (10_000, 0)


@pytest.mark.parametrize("is_waived", [True, False])
def test_what_a_bank_wants_back_goes_by_the_way_it_came_or_nowhere(is_waived):
    member, policy = make_member(), graceful(**({"grace_count": 0, "grace_days": 0} if is_waived else {}))
    booking = late(member, policy)
    apply_dispute(Payment.objects.get(), said(OPEN))

    booking = completed(absent(booking))
    if is_waived:
        waive_no_show(booking, reason="Ill", by=booking.session.coach)

    refund = Refund.objects.get()
    assert (refund.state, refund.to, refund.own, credit_left(member)) == ("approved", "method", 10_000, 0)
    what = "booking.waived" if is_waived else "booking.no_show_settled"
    after = AuditLog.objects.get(action=what).after
    assert after is not None
    assert (after["method"], after["credit"]) == (10_000, 0)
    # Its provider refuses it, and the bank gives it back: once.
    lose(Payment.objects.get())
    assert (Refund.objects.get().state, credit_left(member), left_in_wallet(member)) == ("done", 0, 0)


# What is free


def test_the_first_late_cancellation_costs_nothing_and_the_next_one_does():
    member, policy = make_member(), graceful()
    first, second = late(member, policy), late(member, policy)
    seen = [cancellation_effect(booking, by_host=False) for booking in (first, second)]

    cancel_booking(first, by=member)
    then = cancellation_effect(second, by_host=False)
    cancel_booking(second, by=member)

    assert [(effect.percent, effect.is_late, effect.by_grace) for effect in seen] == [(100, True, True)] * 2
    assert (then.percent, then.is_late, then.by_grace) == (50, True, False)
    assert credit_left(member) == 15_000
    assert [outcome(one) for one in (first, second)] == [("late", "grace", 100), ("late", "charged", 50)]


def test_after_the_days_it_is_free_again():
    member, policy = make_member(), graceful()
    cancel_booking(late(member, policy), by=member)
    Miss.objects.update(at=timezone.now() - timedelta(days=90))

    again = late(member, policy)
    cancel_booking(again, by=member)

    assert outcome(again) == ("late", "grace", 100)


def test_what_is_in_time_or_free_of_charge_is_not_counted():
    member, policy = make_member(), graceful()
    in_time = make_booking(make_session(policy=policy), member)
    session = make_session(policy=policy, price=0, starts_in=timedelta(hours=1))
    nothing_paid = book_session(session, participant=member.participant, by=member)

    for booking in (in_time, nothing_paid):
        cancel_booking(booking, by=member)

    assert not Miss.objects.exists()


def test_others_have_their_own():
    policy = graceful()
    bookings = [late(make_member(), policy) for _ in range(2)]

    for booking in bookings:
        cancel_booking(booking, by=booking.booked_by)

    assert [outcome(booking)[1] for booking in bookings] == ["grace", "grace"]


def test_it_holds_as_it_was_when_it_was_booked():
    member, policy = make_member(), graceful()
    booking = late(member, policy)
    session = booking.session
    Session.objects.filter(pk=session.pk).update(cancellation_policy=make_cancellation_policy((0, 0)))

    cancel_booking(booking, by=member)

    assert outcome(booking) == ("late", "grace", 100)


def test_the_database_gives_no_more_than_was_promised():
    member = make_member()
    booking = late(member, graceful())
    wrong: list[dict[str, Any]] = [
        {"outcome": "grace", "earlier": 1, "grace": 1},
        {"outcome": "charged", "earlier": 0, "grace": 1},
        {"outcome": "grace", "grace": 1, "percent": 50},
        {"outcome": "waived"},
        {"outcome": "waived", "reason": "Ill", "waived_by": member},
        {"outcome": "charged", "reason": "Ill"},
    ]

    for values in wrong:
        with pytest.raises(IntegrityError, match="miss_"), transaction.atomic():
            Miss.objects.create(
                **{"booking": booking, "user": member, "kind": "late", "at": timezone.now(), "percent": 100} | values
            )


@pytest.mark.django_db(transaction=True)
def test_of_many_late_ones_at_once_one_is_free():
    member, policy = make_member(), graceful()
    bookings = [late(member, policy) for _ in range(4)]

    done = at_once([partial(cancel_booking, booking, by=member) for booking in bookings])

    assert outcomes(done) == {"cancelled": 4}
    assert sorted(Miss.objects.values_list("outcome", flat=True)) == ["charged"] * 3 + ["grace"]
    assert credit_left(member) == 25_000


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
@pytest.mark.invariants(but={"grace-is-given-as-often-as-promised"})
def test_control_without_the_lock_of_whoever_cancels_more_are_free(monkeypatch):
    monkeypatch.setattr(cancellations, "lock_users", lambda *_users: None)
    meet_after(monkeypatch, cancellations, "comes_back", 4)
    member, policy = make_member(), graceful()
    bookings = [late(member, policy) for _ in range(4)]

    at_once([partial(cancel_booking, booking, by=member) for booking in bookings])

    assert Miss.objects.filter(outcome="grace").count() == 4


# Not coming


@pytest.mark.parametrize(("percent", "back"), [(0, 0), (30, 3_000)])
def test_who_did_not_come_gets_what_the_policy_says_once_it_is_completed(percent, back):
    member = make_member()
    booking = absent(late(member, make_cancellation_policy((0, 50), no_show_percent=percent)))
    assert credit_left(member) == 0

    for _again in range(2):
        booking = completed(booking)

    assert credit_left(member) == back
    assert outcome(booking) == ("no_show", "charged", percent)
    assert "booking.missed" in told(member)


def test_the_first_one_missed_costs_nothing_and_counts_for_the_next():
    member, policy = make_member(), graceful()
    first, second = late(member, policy), late(member, policy)

    first = completed(absent(first))
    cancel_booking(second, by=member)

    assert outcome(first) == ("no_show", "grace", 100)
    assert outcome(second) == ("late", "charged", 50)
    assert credit_left(member) == 15_000


def test_the_coach_does_not_earn_what_went_back_and_company_gets_its_part():
    make_share_policy(percent=60)
    coach, member = make_earning_coach(), make_member()
    booking = late(member, make_cancellation_policy((0, 50), no_show_percent=50), coach=coach)

    booking = completed(absent(booking))

    line = Line.objects.get(booking=booking)
    assert (line.company_back, line.own_back) == (3_000, 2_000)
    assert Account.objects.get(owner=coach, kind=Account.Kind.EARNINGS).balance == 4_250


def test_who_is_marked_after_it_was_completed_is_settled_at_once():
    member = make_member()
    booking = completed(over(late(member, make_cancellation_policy((0, 50), no_show_percent=20))))

    mark_attendance(booking, state=NO_SHOW, by=booking.session.coach)

    assert credit_left(member) == 2_000


def test_a_mark_that_cost_all_can_be_taken_back_and_does_not_count():
    member = make_member()
    booking = completed(absent(late(member, make_cancellation_policy((0, 50)))))

    mark_attendance(booking, state=ATTENDED, by=booking.session.coach)

    assert not Miss.objects.exists()


def test_a_mark_for_which_something_went_back_stays():
    member = make_member()
    booking = completed(absent(late(member, graceful())))

    with pytest.raises(RuleError) as refusal:
        mark_attendance(booking, state=ATTENDED, by=booking.session.coach)

    assert refusal.value.code == "settled"
    assert Booking.objects.get(pk=booking.pk).state == NO_SHOW


@pytest.mark.django_db(transaction=True)
def test_who_is_marked_while_it_is_completed_is_settled_too(monkeypatch):
    """The mark comes between the lock of those who did not come and that of the session."""
    member = make_member()
    booking = over(late(member, make_cancellation_policy((0, 50), no_show_percent=20)))
    lock, tries = misses.lock_absent, []

    def lock_and_let_mark(session_id: UUID) -> set[UUID]:
        tries.append(lock(session_id))
        if len(tries) == 1:
            at_once([partial(mark_attendance, booking, state=NO_SHOW, by=booking.session.coach)])
        return tries[-1]

    monkeypatch.setattr(sessions, "lock_absent", lock_and_let_mark)
    completed(booking)

    assert tries == [set(), {member.pk}]
    assert credit_left(member) == 2_000


# Let off


def test_a_host_who_cancels_for_somebody_does_so_by_their_policy():
    coach, member = make_coach(), make_member()
    booking = late(member, make_cancellation_policy((48, 100), (0, 50)), coach=coach)

    cancelled = cancel_booking(booking, by=coach, for_member=True)

    assert (cancelled.ending, credit_left(member)) == ("member", 5_000)
    assert outcome(booking) == ("late", "charged", 50)
    assert "booking.cancelled_by_host" in told(member)


def test_a_host_lets_somebody_off_with_a_reason():
    coach, member, policy = make_coach(), make_member(), graceful(grace_count=0, grace_days=0)
    booking, next_one = late(member, policy, coach=coach), late(member, graceful())

    cancelled = cancel_booking(booking, by=coach, waiver="  Her child\nis ill ")
    cancel_booking(next_one, by=member)

    assert (cancelled.ending, credit_left(member)) == ("member", 20_000)
    miss = Miss.objects.get(booking=booking)
    assert (miss.outcome, miss.reason, miss.waived_by) == ("waived", "Her child is ill", coach)
    assert outcome(next_one)[1] == "grace", "what one is let off does not count"
    record = AuditLog.objects.get(action="booking.cancelled", object_id=booking.pk)
    assert record.after is not None
    assert record.after["waiver"] == "Her child is ill"


def test_nobody_lets_themselves_off():
    policy = graceful()
    coach, admin, member = make_coach(), make_admin(), make_member()
    own = late(admin, policy, coach=coach)
    theirs = late(member, policy, coach=coach)

    for booking, by in ((own, admin), (theirs, member), (theirs, make_coach())):
        with pytest.raises(PermissionDenied):
            cancel_booking(booking, by=by, waiver="Ill")
    for wrong in ("x" * 301, " \n", "a\0b"):
        with pytest.raises(ValidationError):
            cancel_booking(theirs, by=coach, waiver=wrong)

    assert not Miss.objects.exists()
    assert Booking.objects.filter(state="cancelled").count() == 0


@pytest.mark.parametrize("first_completed", [True, False])
def test_who_did_not_come_is_let_off_all_of_it(first_completed):
    member = make_member()
    booking = absent(late(member, make_cancellation_policy((0, 50), no_show_percent=20)))
    booking = completed(booking) if first_completed else booking

    for _again in range(2):
        waive_no_show(booking, reason="The train did not go", by=booking.session.coach)
    booking = completed(booking)

    assert credit_left(member) == 10_000
    assert outcome(booking) == ("no_show", "waived", 100)
    assert "booking.waived" in told(member)
    record = AuditLog.objects.get(action="booking.waived")
    assert record.after is not None
    assert record.after["reason"] == "The train did not go"
    with pytest.raises(RuleError, match="stays"):
        mark_attendance(booking, state=ATTENDED, by=booking.session.coach)


@pytest.mark.parametrize(
    ("ago", "code"), [(timedelta(hours=23, minutes=59), ""), (timedelta(hours=24, minutes=1), "too_late")]
)
def test_until_a_day_after_the_session(ago, code):
    booking = absent(late(make_member(), graceful()), ago=ago)

    if code:
        with pytest.raises(RuleError) as refusal:
            waive_no_show(booking, reason="Ill", by=booking.session.coach)
        assert refusal.value.code == code
        assert not Miss.objects.exists()
    else:
        waive_no_show(booking, reason="Ill", by=booking.session.coach)
        assert outcome(booking)[1] == "waived"


def test_only_its_host_lets_off_and_only_who_did_not_come():
    coach, admin = make_coach(), make_admin()
    booking, own = absent(late(make_member(), graceful(), coach=coach)), late(admin, graceful(), coach=coach)
    came = mark_attendance(over(own, ago=timedelta(hours=4)), state=ATTENDED, by=coach)

    for one, by in ((booking, make_coach()), (booking, booking.booked_by), (own, admin)):
        with pytest.raises(PermissionDenied):
            waive_no_show(one, reason="Ill", by=by)
    with pytest.raises(RuleError) as refusal:
        waive_no_show(came, reason="Ill", by=coach)
    with pytest.raises(ValidationError):
        waive_no_show(booking, reason=" ", by=coach)

    assert refusal.value.code == "no_show_only"
    assert not Miss.objects.exists()
    assert not Refund.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_let_off_and_completed_at_once_give_it_back_once():
    member = make_member()
    booking = absent(late(member, make_cancellation_policy((0, 50), no_show_percent=20)))
    coach, admin = booking.session.coach, make_admin()

    done = at_once(
        [
            lambda: waive_no_show(booking, reason="Ill", by=coach),
            lambda: waive_no_show(booking, reason="Ill", by=admin),
            lambda: complete_session(booking.session, by=coach),
        ]
    )

    assert not [error for error in done if isinstance(error, Exception)]
    assert credit_left(member) == 10_000
    assert Miss.objects.get().outcome == "waived"
