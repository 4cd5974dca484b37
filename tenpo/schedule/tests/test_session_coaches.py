"""Who gives a session that exists: added and taken away by its lead or an admin, and what follows of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.notify.models import Notification
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Line, Split
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions import session_coaches, sessions
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.sessions import complete_session, edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.schedule.tests.test_api import Caller
from tenpo.schedule.tests.time_make import make_service, refuses
from tests.at_once import at_once, meet_before, outcomes, without_constraint
from tests.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> User:
    return make_coach()


def given_by(session: Session) -> list[UUID]:
    """Who gives it, as it stands in the database; each claims its time."""
    rows = list(SessionCoach.objects.filter(session=session).order_by("place"))
    fresh = Session.objects.get(pk=session.pk)
    assert all(row.claimed == fresh.claimed for row in rows)
    assert (rows[0].coach_id, fresh.is_together) == (fresh.coach_id, len(rows) > 1)
    return [row.coach_id for row in rows]


def told(kind: str) -> list[User]:
    work()
    return [one.user for one in Notification.objects.filter(kind=kind).order_by("id")]


def earns(session: Session) -> list[tuple[User | None, int, int]]:
    """Who earns what of the places in a session, and what of it went back; it sums to what was sold."""
    splits = Split.objects.filter(line__subject_id=session.pk).order_by("id").select_related("recipient")
    return [(one.recipient, one.amount, one.reversed) for one in splits]


def split_rule(percent: int = 80, **terms: Any) -> None:
    create_split_rule(
        name="Earn",
        business_percent=100 - percent,
        creator_percent=percent,
        teacher_percent=0,
        by=make_admin(),
        **terms,
    )


def test_a_lead_adds_some_and_takes_one_away_and_each_is_told(lead):
    first, second = make_coach(), make_coach()
    session = make_session(lead)

    edit_session(session, by=lead, beside=[first, second])
    assert given_by(session) == [lead.pk, first.pk, second.pk]
    assert told("coach.session_shared") == [first, second]
    session = edit_session(Session.objects.get(pk=session.pk), by=lead, beside=[second])

    assert given_by(session) == [lead.pk, second.pk]
    assert told("coach.session_let_go") == [first]
    # Whoever did it has seen it.
    assert told("coach.session_coaches_changed") == [second]
    assert session.version == 2
    said = AuditLog.objects.filter(action="session.changed").order_by("-id")[0]
    ids = [str(one.pk) for one in (lead, first, second)]
    assert (said.before, said.after) == ({"coach_ids": ids}, {"coach_ids": [ids[0], ids[2]]})


def test_who_is_left_alone_gives_it_as_one_who_was_always_alone(lead):
    other = make_coach()
    session = make_session(lead, beside=[other])

    edit_session(session, by=make_admin(), beside=[])

    assert given_by(session) == [lead.pk]
    assert told("coach.session_let_go") == [other]
    assert told("coach.session_coaches_changed") == [lead]
    # Their time is free for something else.
    make_session(other, starts_at=session.starts_at)


def test_who_stays_is_told_once_where_it_is_moved_as_well(lead):
    admin, stays, comes = make_admin(), make_coach("Mia"), make_coach("Noa")
    session = make_session(lead, beside=[stays])
    work()
    before = Notification.objects.count()

    session = edit_session(session, by=admin, beside=[stays, comes], place="Elsewhere")
    work()

    fresh = Notification.objects.order_by("id")[before:]
    assert {(one.user, one.kind) for one in fresh} == {
        (lead, "coach.session_changed"), (stays, "coach.session_changed"), (comes, "coach.session_shared"),
    }  # fmt: skip
    assert all("Noa" in one.payload["coach"] for one in fresh)
    # Who gives it alone from now on hears who does not any more: nobody tells them of the place.
    edit_session(session, by=admin, beside=[], place="Here again")
    assert told("coach.session_coaches_changed") == [lead]


def test_the_same_again_changes_nothing(lead):
    others = [make_coach(), make_coach()]
    session = make_session(lead, beside=others)

    again = edit_session(session, by=lead, beside=[others[1], others[0], others[1]])

    assert (again.version, given_by(session)) == (0, [lead.pk, *(one.pk for one in others)])
    assert not AuditLog.objects.filter(action="session.changed").exists()


def test_whoever_is_taken_then_is_named_with_what_they_give_and_nothing_moves(lead):
    other, free = make_coach("Jonas Feld"), make_coach()
    make_session(other, starts_at=(session := make_session(lead)).starts_at, title="Yoga at noon")

    with refuses("coach_taken") as refusal:
        edit_session(session, by=lead, beside=[free, other], title="Another title")

    assert "Jonas Feld gives “Yoga at noon” at this time" in str(refusal.value)
    assert refusal.value.facts == {"coach_id": str(other.pk)}
    assert (given_by(session), Session.objects.get(pk=session.pk).title) == ([lead.pk], session.title)
    assert not told("coach.session_shared")


def test_what_is_private_is_named_to_nobody_whom_it_does_not_concern(lead):
    other = make_coach("Jonas Feld")
    session = make_session(lead)
    theirs = make_session(other, starts_at=session.starts_at, title="A talk about a burden")
    Session.objects.filter(pk=theirs.pk).update(**private())

    with refuses("coach_taken") as refusal:
        edit_session(session, by=lead, beside=[other])
    assert str(refusal.value) == "Jonas Feld is taken at this time."
    with refuses("coach_taken") as refusal:
        edit_session(session, by=make_admin(), beside=[other])
    assert "A talk about a burden" in str(refusal.value)


@pytest.mark.parametrize("state", ["confirmed", "waitlisted"])
def test_nobody_is_made_a_coach_of_what_they_take_part_in(lead, state):
    other, session = make_coach("Jonas Feld"), make_session(lead, capacity=1)
    make_booking(session, other if state == "confirmed" else make_member())
    if state == "waitlisted":
        join_waitlist(session, participant=other.participant, by=other)

    with refuses("takes_part") as refusal:
        edit_session(session, by=lead, beside=[other], title="Other")

    assert str(refusal.value) == "Jonas Feld takes part in it."
    assert (given_by(session), Session.objects.get(pk=session.pk).title) == ([lead.pk], session.title)
    cancel_booking(other.participant.bookings.get(), by=other)
    edit_session(Session.objects.get(pk=session.pk), by=lead, beside=[other])
    assert given_by(session) == [lead.pk, other.pk]


def private() -> dict[str, Any]:
    """What makes a session one that was booked as a slot."""
    return {"is_private": True, "service": make_service(make_coach())}


def test_it_moves_with_all_of_them_and_with_whoever_comes_to_it(lead):
    other, third = make_coach(), make_coach()
    session = make_session(lead, beside=[other])
    later = session.starts_at + timedelta(hours=4)
    make_session(other, starts_at=later)

    with refuses("overlap"):
        edit_session(session, by=lead, starts_at=later, beside=[other, third])
    assert given_by(session) == [lead.pk, other.pk]
    moved = edit_session(session, by=lead, starts_at=later, beside=[third])

    assert (moved.starts_at, given_by(session)) == (later, [lead.pk, third.pk])
    # One notice each: who came to it is not told that it moved.
    assert told("coach.session_changed") == []
    assert told("coach.session_shared") == [third]


def test_who_may(lead):
    other, third, admin = make_coach(), make_coach(), make_admin()
    session = make_session(lead, beside=[other])

    for who in (other, third, make_member()):
        with pytest.raises(PermissionDenied):
            edit_session(session, by=who, beside=[third])
    slot = make_session(lead)
    Session.objects.filter(pk=slot.pk).update(**private())
    slot.refresh_from_db()
    with pytest.raises(PermissionDenied):
        edit_session(slot, by=lead, beside=[third])
    assert given_by(session) == [lead.pk, other.pk]
    edit_session(slot, by=admin, beside=[third])
    assert given_by(slot) == [lead.pk, third.pk]
    # Once it has begun, who gave it is for an admin to say.
    begin(session)
    with pytest.raises(PermissionDenied):
        edit_session(session, by=lead, beside=[])
    edit_session(Session.objects.get(pk=session.pk), by=admin, beside=[])
    assert given_by(session) == [lead.pk]


def begin(session: Session) -> None:
    now = timezone.now()
    set_times(
        Session.objects.filter(pk=session.pk), starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1)
    )
    session.refresh_from_db()


@pytest.mark.parametrize("wrong", ["the lead", "a member", "somebody disabled", "too many"])
def test_nobody_but_other_coaches_stands_beside_them(lead, wrong, monkeypatch):
    monkeypatch.setattr(session_coaches, "COACHES_OF_A_SERVICE", 3)
    others = [make_coach() for _number in range(3)]
    gone = make_coach()
    User.objects.filter(pk=gone.pk).update(disabled_at=timezone.now())
    beside = {"the lead": [lead], "a member": [make_member()], "somebody disabled": [gone], "too many": others}[wrong]
    session = make_session(lead, beside=others[:1])

    with pytest.raises(ValidationError) as refusal:
        edit_session(session, by=lead, beside=beside)

    assert list(refusal.value.message_dict) == ["beside"]
    assert given_by(session) == [lead.pk, others[0].pk]


def test_whoever_was_there_before_stays_although_they_left(lead):
    gone = make_coach()
    session = make_session(lead, beside=[gone])
    User.objects.filter(pk=gone.pk).update(disabled_at=timezone.now())

    edit_session(session, by=lead, beside=[gone, third := make_coach()])

    assert given_by(session) == [lead.pk, gone.pk, third.pk]


def test_a_coach_takes_anothers_time_so_often_at_most(lead, monkeypatch):
    monkeypatch.setattr(session_coaches, "SESSIONS_BESIDE", 1)
    other = make_coach()
    make_session(lead, beside=[other])
    session = make_session(lead)

    with pytest.raises(ValidationError, match="Please ask an admin"):
        edit_session(session, by=lead, beside=[other])
    edit_session(session, by=make_admin(), beside=[other])

    assert given_by(session) == [lead.pk, other.pk]


def test_what_is_over_or_cancelled_stays_with_whom_it_was(lead):
    session = make_session(lead)
    begin(session)
    complete_session(session, by=lead)

    with refuses("over"):
        edit_session(Session.objects.get(pk=session.pk), by=make_admin(), beside=[make_coach()])

    assert given_by(session) == [lead.pk]


def test_who_changed_it_meanwhile_is_not_written_over(lead):
    seen = make_session(lead)
    first, second = make_coach(), make_coach()
    edit_session(seen, by=lead, version=0, beside=[first])

    with refuses("changed_meanwhile"):
        edit_session(seen, by=lead, beside=[second])
    with refuses("changed_meanwhile"):
        edit_session(Session.objects.get(pk=seen.pk), by=lead, version=0, beside=[second])

    assert given_by(seen) == [lead.pk, first.pk]


@pytest.mark.invariants
def test_what_is_not_earned_yet_is_earned_by_those_who_give_it(lead):
    split_rule()
    session = make_session(lead, price=1_001)
    make_booking(session, make_member())
    assert earns(session) == [(None, 200, 0), (lead, 801, 0)]
    other = make_coach()

    edit_session(session, by=lead, beside=[other])
    assert earns(session) == [(None, 200, 0), (lead, 401, 0), (other, 400, 0)]
    edit_session(Session.objects.get(pk=session.pk), by=lead, beside=[])
    assert earns(session) == [(None, 200, 0), (lead, 801, 0)]
    edit_session(Session.objects.get(pk=session.pk), by=lead, beside=[other])
    begin(session)
    complete_session(session, by=lead)

    assert {one.recipient: one.earned_at is not None for one in Split.objects.all()} == {
        None: False, lead: True, other: True,
    }  # fmt: skip


@pytest.mark.invariants
def test_the_rule_that_held_when_it_was_sold_divides_it(lead):
    split_rule(50)
    session = make_session(lead, price=1_000)
    make_booking(session, make_member())
    split_rule(90, place=1)

    edit_session(session, by=lead, beside=[other := make_coach()])

    assert earns(session) == [(None, 500, 0), (lead, 250, 0), (other, 250, 0)]


@pytest.mark.invariants
def test_what_went_back_stays_gone_and_what_all_went_back_is_nobodys(lead):
    split_rule()
    session = make_session(lead, price=1_000)
    half, whole = make_booking(session, make_member()), make_booking(session, make_member())
    half.policy = [{"hours_before": 0, "percent": 50}]
    half.save(update_fields=["policy"])
    cancel_booking(half, by=half.booked_by)
    cancel_booking(whole, by=lead)
    other = make_coach()

    edit_session(Session.objects.get(pk=session.pk), by=lead, beside=[other])

    of_half = Split.objects.filter(line=half.line).order_by("id")
    assert [(one.amount, one.reversed) for one in of_half] == [(200, 100), (400, 200), (400, 200)]
    assert {one.recipient for one in Split.objects.filter(line=whole.line)} == {None, lead}


@pytest.mark.invariants
def test_nobody_earns_of_their_own_place_whoever_else_gives_it(lead):
    split_rule()
    session = make_session(lead, price=1_000)
    booking = make_booking(session, lead)
    assert earns(session) == []
    other = make_coach()

    edit_session(session, by=lead, beside=[other])
    assert earns(session) == [(None, 600, 0), (other, 400, 0)]
    edit_session(Session.objects.get(pk=session.pk), by=lead, beside=[])

    assert earns(session) == []
    assert not Line.objects.get(pk=booking.line.pk).is_split


@pytest.mark.invariants
def test_what_was_sold_before_lines_said_their_rule_is_divided_as_it_was(lead):
    split_rule()
    session = make_session(lead, price=1_001)
    make_booking(session, make_member())
    Line.objects.update(split_rule=None)

    edit_session(session, by=lead, beside=[other := make_coach()])

    assert earns(session) == [(None, 200, 0), (lead, 401, 0), (other, 400, 0)]


def test_without_a_rule_it_stays_the_businesss(lead):
    session = make_session(lead, price=1_000)
    make_booking(session, make_member())

    edit_session(session, by=lead, beside=[make_coach()])

    assert earns(session) == []


def by_form(session: Session, **more: Any) -> dict[str, Any]:
    """What the page of a session sends."""
    start = session.starts_at
    return {
        "title": session.title, "description": "", "day": start.strftime("%Y-%m-%d"), "at": start.strftime("%H:%M"),
        "minutes": 60, "time_zone": "UTC", "place": "Room 1", "join_link": "", "capacity": 10, "price": "100",
        "cancellation_policy": str(session.cancellation_policy_id), "version": session.version, **more,
    }  # fmt: skip


def test_by_page(client: Client, lead):
    first, second = make_coach(), make_coach("Jonas Feld")
    session = make_session(lead, beside=[first])
    client.force_login(lead)
    address = reverse("schedule:session-edit", args=[session.pk])

    page = client.get(address).content.decode()
    saved = client.post(address, by_form(session, beside=[str(second.pk)]))

    assert f'value="{first.pk}" ' in page
    assert "checked" in page
    assert saved.status_code == 302
    assert given_by(session) == [lead.pk, second.pk]
    make_session(first, starts_at=session.starts_at, title="Yoga")
    session.refresh_from_db()
    refused = client.post(address, by_form(session, beside=[str(first.pk)]))
    assert refused.status_code == 422
    assert "gives “Yoga” at this time" in refused.context["form"].errors["beside"][0]
    # Nobody ticked is nobody beside them.
    client.post(address, by_form(session))
    assert given_by(session) == [lead.pk]


def test_who_stands_beside_a_lead_is_not_asked_on_the_page(client: Client, lead):
    other = make_coach()
    session = make_session(lead, beside=[other])
    client.force_login(other)
    address = reverse("schedule:session-edit", args=[session.pk])

    assert 'name="beside"' not in client.get(address).content.decode()
    client.post(address, by_form(session, title="Another title", beside=[]))

    assert (Session.objects.get().title, given_by(session)) == ("Another title", [lead.pk, other.pk])


def test_by_api(lead):
    other, session = make_coach(), make_session(lead)
    call = Caller(lead)

    status, said = call("PATCH", f"sessions/{session.pk}", {"beside_ids": [str(other.pk)]})
    assert (status, said["coach_ids"]) == (200, [str(lead.pk), str(other.pk)])
    status, said = call("PATCH", f"sessions/{session.pk}", {"place": "There", "beside_ids": None})
    assert (status, said["coach_ids"]) == (200, [str(lead.pk), str(other.pk)])
    assert Caller(other)("PATCH", f"sessions/{session.pk}", {"beside_ids": []})[0] == 403
    taken = make_coach()
    make_session(taken, starts_at=session.starts_at)
    status, said = call("PATCH", f"sessions/{session.pk}", {"beside_ids": [str(taken.pk)]})
    assert (status, said["code"]) == (409, "coach_taken")
    status, said = call("PATCH", f"sessions/{session.pk}", {"beside_ids": []})
    assert (status, said["coach_ids"]) == (200, [str(lead.pk)])


def of_two_leads(other: User, starts_at: datetime) -> list[Any]:
    """Two leads who want the same coach beside them at overlapping times."""
    leads = [make_coach(), make_coach()]
    theirs = [
        make_session(lead, starts_at=starts_at + number * timedelta(minutes=30)) for number, lead in enumerate(leads)
    ]
    return [
        lambda session=session, lead=lead: edit_session(session, by=lead, beside=[other]).is_together
        for session, lead in zip(theirs, leads, strict=True)
    ]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_add_the_same_coach_at_once_one_is_refused():
    other = make_coach()

    results = at_once(of_two_leads(other, timezone.now() + timedelta(days=3)))

    assert outcomes(results) == {"True": 1, "coach_taken": 1}
    assert SessionCoach.objects.filter(coach=other).count() == 1


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_both_look_before_either_has_written(monkeypatch):
    monkeypatch.setattr(sessions, "lock_coaches", lambda ids: None)
    meet_before(monkeypatch, sessions, "handed_over", 2)
    other = make_coach()

    results = at_once(of_two_leads(other, timezone.now() + timedelta(days=3)))

    # Both found them free; the constraint refuses one, or ends that each waits for the other inside it.
    found = outcomes(results)
    assert (found["True"], found["overlap"] + found["OperationalError"]) == (1, 1)


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_lock_and_constraint_somebody_is_in_two_sessions(monkeypatch):
    monkeypatch.setattr(sessions, "lock_coaches", lambda ids: None)
    meet_before(monkeypatch, sessions, "handed_over", 2)
    other = make_coach()

    with without_constraint("schedule_sessioncoach", "session_coach_never_in_two_at_once"):
        results = at_once(of_two_leads(other, timezone.now() + timedelta(days=3)))
        both = SessionCoach.objects.filter(coach=other).count()
        SessionCoach.objects.filter(coach=other).delete()
        Session.objects.update(is_together=False)

    assert (outcomes(results), both) == ({"True": 2}, 2)


@pytest.mark.django_db(transaction=True)
def test_two_who_add_each_other_wait_in_one_order():
    first, second = make_coach(), make_coach()
    starts_at = timezone.now() + timedelta(days=3)
    pairs = [(first, second), (second, first)] * 3
    theirs = [
        make_session(lead, starts_at=starts_at + n * timedelta(hours=2)) for n, (lead, _other) in enumerate(pairs)
    ]
    works = [
        lambda session=session, pair=pair: edit_session(session, by=pair[0], beside=[pair[1]]).is_together
        for session, pair in zip(theirs, pairs, strict=True)
    ]

    assert outcomes(at_once(works)) == {"True": 6}
