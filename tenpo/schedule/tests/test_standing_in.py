"""What a coach was to give while they are away is handed over to whoever stands in, and given back."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.slot_make import NINE, book, lapse, working_coach
from tenpo.core.models import OutboxMessage
from tenpo.core.words import say_when
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule import stand_in_queries
from tenpo.schedule.actions import standing_in
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.imports import preview_sessions_import
from tenpo.schedule.actions.sessions import create_session
from tenpo.schedule.actions.standing_in import hand_over, take_back
from tenpo.schedule.actions.time_off import add_time_off, remove_time_off
from tenpo.schedule.models import Session, SessionCoach, TimeOff
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_api import Caller
from tenpo.schedule.tests.test_create_session import terms
from tenpo.schedule.tests.test_import_sessions import NEXT_WEEK, bring_in, event, file_of, problems
from tenpo.schedule.tests.test_series import sessions_of
from tenpo.schedule.tests.test_series_coaches import make_series
from tenpo.schedule.tests.test_session_coaches import earns, given_by, private, split_rule
from tenpo.schedule.tests.time_make import make_outside_event, make_service, refuses
from tests.at_once import at_once, meet_before, outcomes
from tests.work import work

pytestmark = pytest.mark.django_db
SINCE = (timezone.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def coach() -> User:
    return make_coach("Sofia Lindqvist")


@pytest.fixture
def other() -> User:
    return make_coach("Jonas Feld")


def away(coach: User, stand_in: User | None, **more: Any) -> TimeOff:
    times = {"starts_at": SINCE, "ends_at": SINCE + 7 * DAY, **more}
    return add_time_off(coach, stand_in=stand_in, by=coach, **times)


def on_day(coach: User, number: int, **more: Any) -> Session:
    return make_session(coach, starts_at=SINCE + number * DAY + HOUR, **more)


def told(kind: str) -> list[Notification]:
    work()
    return list(Notification.objects.filter(kind=kind).order_by("id"))


def test_what_falls_into_it_is_given_by_whoever_stands_in_and_told_once(coach, other):
    first, second, after = (on_day(coach, number, title=f"Talk {number}", price=0) for number in (1, 2, 9))
    member, once = make_member(), make_member()
    for session in (first, second):
        make_booking(session, member)
    make_booking(second, once)
    off = away(coach, other)

    done = hand_over(off, by=coach)

    assert [one.pk for one in done.given] == [first.pk, second.pk]
    assert done.left == []
    assert [given_by(one) for one in (first, second, after)] == [[other.pk], [other.pk], [coach.pk]]
    assert list(SessionCoach.objects.filter(coach=other).values_list("stands_in_for", flat=True)) == [coach.pk] * 2
    [notice] = told("coach.stands_in")
    assert (notice.user, [one["session"] for one in notice.payload["sessions"]]) == (other, ["Talk 1", "Talk 2"])
    said = {one.user: say(one.kind, one.payload) for one in told("session.other_coach")}
    assert {user: words.title for user, words in said.items()} == {
        member: "2 sessions: now with Jonas Feld",
        once: "Talk 2: now with Jonas Feld",
    }
    assert "It was to be with Sofia Lindqvist. Nothing else changes: 2 dates, the first " in said[member].text
    assert [name for name, _when in said[member].facts] == ["With", "Where", "Talk 1", "Talk 2"]
    assert told("coach.handed_over") == []
    assert not Notification.objects.filter(kind__in=["coach.session_given", "coach.session_let_go"]).exists()
    log = AuditLog.objects.get(action="time_off.handed_over")
    assert log.after is not None
    assert (log.actor_id, log.after["to"], len(log.after["sessions"])) == (coach.pk, str(other.pk), 2)
    assert AuditLog.objects.filter(action="session.changed").count() == 2


def test_who_comes_is_told_only_of_what_another_one_leads_now(coach, other):
    lead, member = make_coach("Lead"), make_member()
    beside = on_day(lead, 1, beside=[coach], price=0)
    led = on_day(coach, 2, beside=[lead], price=0)
    for session in (beside, led):
        make_booking(session, member)

    hand_over(away(coach, other), by=coach)

    assert given_by(beside) == [lead.pk, other.pk]
    [notice] = told("session.other_coach")
    assert (notice.user, notice.payload["session_id"], notice.payload["times"]) == (member, str(led.pk), 1)


def test_again_changes_nothing(coach, other):
    on_day(coach, 1)
    off = away(coach, other)
    hand_over(off, by=coach)
    before = OutboxMessage.objects.count()

    done = hand_over(off, by=coach)

    assert (done.given, done.left, OutboxMessage.objects.count()) == ([], [], before)


def test_only_what_was_chosen_is_handed_over_and_an_admin_tells_the_coach(coach, other):
    first, second = on_day(coach, 1), on_day(coach, 2)

    hand_over(away(coach, other), by=make_admin(), only={second.pk})

    assert [given_by(one) for one in (first, second)] == [[coach.pk], [other.pk]]
    assert [one.user for one in told("coach.handed_over")] == [coach]


def test_what_they_cannot_give_stays_and_it_is_said_why(coach, other):
    service = make_service(make_coach(), name="Deep tissue")
    sessions = [on_day(coach, number, title=f"Talk {number}") for number in range(6)]
    make_session(other, starts_at=sessions[0].starts_at + HOUR / 2, title="Yoga")
    theirs = make_session(other, starts_at=sessions[1].starts_at, title="A burden")
    Session.objects.filter(pk=theirs.pk).update(**private())
    Session.objects.filter(pk=sessions[2].pk).update(service=service)
    add_time_off(other, starts_at=sessions[3].starts_at - HOUR, ends_at=sessions[3].ends_at + HOUR, by=other)
    make_outside_event(other, sessions[4].starts_at, sessions[4].ends_at)

    done = hand_over(away(coach, other), by=coach)

    assert [(one.session.pk, one.code, one.reason) for one in done.left] == [
        (sessions[0].pk, "taken", "Jonas Feld gives “Yoga” then."),
        (sessions[1].pk, "not_free", "Jonas Feld is not free then."),
        (sessions[2].pk, "other_service", "Jonas Feld does not give “Deep tissue”."),
        # By what they are told nobody knows whether a colleague is away, or taken.
        (sessions[3].pk, "not_free", "Jonas Feld is not free then."),
        (sessions[4].pk, "not_free", "Jonas Feld is not free then."),
    ]
    assert [one.pk for one in done.given] == [sessions[5].pk]
    assert [given_by(one) for one in sessions[:5]] == [[coach.pk]] * 5


def test_an_admin_who_sees_a_time_off_reads_that_they_are_away(coach, other):
    sessions = [on_day(coach, number) for number in range(3)]
    theirs = make_session(other, starts_at=sessions[0].starts_at, title="A burden")
    Session.objects.filter(pk=theirs.pk).update(**private())
    add_time_off(other, starts_at=sessions[1].starts_at - HOUR, ends_at=sessions[1].ends_at + HOUR, by=other)
    make_outside_event(other, sessions[2].starts_at, sessions[2].ends_at)

    found = stand_in_queries.hand_overs_in(away(coach, other), by=make_admin())

    assert [(one.code, one.reason) for one in found] == [
        ("taken", "Jonas Feld gives “A burden” then."),
        ("away", "Jonas Feld is away then."),
        ("not_free", "Jonas Feld is not free then."),
    ]


def test_who_takes_part_in_it_is_not_made_its_coach(coach, other):
    session, free = on_day(coach, 1), on_day(coach, 2)
    make_booking(session, other)
    off = away(coach, other)

    done = hand_over(off, by=coach)

    assert [(one.code, one.reason) for one in done.left] == [("takes_part", "Jonas Feld takes part in it.")]
    assert [given_by(one) for one in (session, free)] == [[coach.pk], [other.pk]]


def test_what_was_booked_as_a_time_goes_with_its_booking_where_they_give_the_service(other):
    coach = working_coach()
    service = make_service(coach, other)
    booking = book(service, member := make_member(), coach=coach)
    off = away(coach, other, starts_at=NINE - HOUR, ends_at=NINE + 5 * HOUR)

    assert len(hand_over(off, by=coach).given) == 1

    session = Session.objects.get()
    assert (session.coach, session.is_private) == (other, True)
    assert booking.session_id == session.pk
    # Who booked a time with somebody is told that they may do without.
    [news] = told("session.other_coach")
    assert news.user == member
    assert "everything comes back" in say(news.kind, news.payload).text


def test_a_hold_of_their_time_that_ran_out_stands_in_nobodys_way(client: Client):
    coach, other = working_coach(), working_coach()
    session = make_session(coach, starts_at=NINE, title="Yoga")
    booking = book(make_service(other), make_member(), coach=other, source=DECLINED)
    off = away(coach, other, starts_at=NINE - HOUR, ends_at=NINE + 5 * HOUR)
    assert [one.code for one in hand_over(off, by=coach).left] == ["not_free"]
    lapse(booking)
    client.force_login(coach)

    assert f'value="{session.pk}"' in client.get(reverse("schedule:stand-in", args=[off.pk])).content.decode()
    assert len(hand_over(off, by=coach).given) == 1

    assert given_by(session) == [other.pk]
    booking.refresh_from_db()
    assert (booking.state, booking.session.status) == ("cancelled", "cancelled")


@pytest.mark.invariants
def test_what_is_not_earned_yet_is_earned_by_whoever_stands_in(coach, other):
    split_rule()
    session = on_day(coach, 1, price=1_000)
    make_booking(session, make_member())

    hand_over(off := away(coach, other), by=coach)
    assert earns(session) == [(None, 200, 0), (other, 800, 0)]
    take_back(off, by=coach)

    assert earns(session) == [(None, 200, 0), (coach, 800, 0)]


def test_of_what_several_give_the_place_is_taken_and_the_others_are_told(coach, other):
    third = make_coach()
    led, beside = on_day(coach, 1, beside=[third]), on_day(third, 2, beside=[coach])

    hand_over(away(coach, other), by=coach)

    assert given_by(led) == [other.pk, third.pk]
    assert given_by(beside) == [third.pk, other.pk]
    [notice] = told("coach.session_coaches_changed")
    assert (notice.user, notice.payload["times"]) == (third, 2)


@pytest.mark.invariants
def test_whoever_gives_it_already_keeps_their_own_place_and_what_it_earns(coach, other):
    split_rule()
    session = on_day(coach, 1, beside=[other, third := make_coach()], price=3_000)
    make_booking(session, make_member())
    before = earns(session)
    off = away(coach, other)

    done = hand_over(off, by=coach)

    assert [(one.code, one.reason) for one in done.left] == [("gives_it", "Jonas Feld gives it already.")]
    assert take_back(off, by=coach).given == []
    assert given_by(session) == [coach.pk, other.pk, third.pk]
    assert earns(session) == before


def test_whoever_stands_in_for_a_stand_in_stands_in_for_the_coach(coach, other):
    third = make_coach()
    session = on_day(coach, 1)
    hand_over(away(coach, other), by=coach)

    hand_over(away(other, third), by=other)
    assert SessionCoach.objects.get(session=session).stands_in_for == coach
    remove_time_off(TimeOff.objects.get(coach=coach), by=coach)
    hand_over(away(third, coach), by=third)

    assert SessionCoach.objects.get(session=session).stands_in_for is None
    assert given_by(session) == [coach.pk]


def test_who_may(coach, other):
    session, off = on_day(coach, 1), away(coach, other)

    for who in (other, make_coach(), make_member()):
        with pytest.raises(PermissionDenied):
            hand_over(off, by=who)
        with pytest.raises(PermissionDenied):
            take_back(off, by=who)

    assert given_by(session) == [coach.pk]


def test_who_only_stands_beside_a_lead_gives_their_own_place_away_and_no_other(coach, other):
    lead = make_coach()
    session = on_day(lead, 1, beside=[coach])
    off = away(coach, other)

    with pytest.raises(PermissionDenied):
        hand_over(off, by=lead)
    hand_over(off, by=coach)

    assert given_by(session) == [lead.pk, other.pk]
    assert told("coach.session_coaches_changed")[0].user == lead


def test_an_admin_hands_over_for_who_is_no_coach_here_any_more_and_gives_them_nothing_back(coach, other):
    session, later = on_day(coach, 1), on_day(coach, 2)
    off, admin = away(coach, other), make_admin()
    hand_over(off, by=admin, only={session.pk})
    User.objects.filter(pk=coach.pk).update(disabled_at=timezone.now())

    with pytest.raises(PermissionDenied):
        hand_over(off, by=User.objects.get(pk=coach.pk))
    with refuses("no_stand_in"):
        take_back(off, by=admin)
    hand_over(off, by=admin)

    assert [given_by(one) for one in (session, later)] == [[other.pk]] * 2


def test_a_coach_puts_somebody_into_so_many_sessions_at_most(coach, other, monkeypatch):
    monkeypatch.setattr(stand_in_queries, "SESSIONS_BESIDE", 3)
    on_day(coach, 9, beside=[other])
    first, second, third, fourth = (on_day(coach, number) for number in (1, 2, 3, 4))
    off = away(coach, other)

    done = hand_over(off, by=coach, only={second.pk, third.pk, fourth.pk})

    assert [one.pk for one in done.given] == [second.pk, third.pk]
    assert [(one.session.pk, one.code) for one in done.left] == [(fourth.pk, "too_many")]
    assert "At most 3 sessions" in done.left[0].reason
    # Taken back, it makes room for others; an admin hands over all.
    take_back(off, by=coach, only={third.pk})
    assert len(hand_over(off, by=make_admin()).given) == 3
    assert [given_by(one) for one in (first, second, third, fourth)] == [[other.pk]] * 4


def test_refusals(coach, other):
    session = on_day(coach, 1)
    with refuses("no_stand_in"):
        hand_over(away(coach, None), by=coach)
    off = away(coach, other)
    User.objects.filter(pk=other.pk).update(disabled_at=timezone.now())
    with refuses("no_stand_in"):
        hand_over(off, by=coach)
    User.objects.filter(pk=other.pk).update(disabled_at=None)
    seen = TimeOff.objects.get(pk=off.pk)
    remove_time_off(off, by=coach)
    with refuses("not_away"):
        hand_over(seen, by=coach)

    assert given_by(session) == [coach.pk]
    assert not OutboxMessage.objects.filter(name="time_off.handed_over").exists()


def test_what_has_begun_or_was_called_off_stays(coach, other):
    now = timezone.now()
    begun = make_session(coach, starts_at=now - HOUR / 2)
    gone = on_day(coach, 1)
    cancel_session(gone, reason="", by=coach)

    done = hand_over(away(coach, other, starts_at=now - DAY), by=coach)

    assert (done.given, done.left, given_by(begun)) == ([], [], [coach.pk])


def test_a_series_keeps_its_dates_and_one_of_them_somebody_else(coach, other):
    sessions = sessions_of(make_series(coach))
    off = away(coach, other, starts_at=sessions[1].starts_at - HOUR, ends_at=sessions[1].ends_at)

    hand_over(off, by=coach)

    assert [given_by(one) for one in sessions] == [[coach.pk], [other.pk], [coach.pk]]
    assert {one.series_id for one in Session.objects.all()} == {sessions[0].series_id}


def test_the_same_file_again_makes_nothing_of_what_somebody_else_gives(coach, other):
    bring_in(file_of(event()), coach)
    hand_over(away(coach, other, starts_at=NEXT_WEEK - HOUR, ends_at=NEXT_WEEK + HOUR), by=coach)

    import_ = preview_sessions_import("plan.ics", file_of(event(title="Other")), coach=coach, by=coach)

    assert problems(import_) == ["Jonas Feld gives it now."]


def test_by_page(client: Client, coach, other):
    first, second = on_day(coach, 1, title="Breathing"), on_day(coach, 2, title="Career hour")
    make_booking(first, make_member())
    make_session(other, starts_at=second.starts_at, title="Yoga")
    client.force_login(coach)
    day = SINCE.date()
    form = {"first_day": day, "last_day": day + 7 * DAY, "stand_in": str(other.pk)}

    saved = client.post(reverse("schedule:time-off-add", args=[coach.pk]), form)
    off = TimeOff.objects.get()
    address = reverse("schedule:stand-in", args=[off.pk])
    page = client.get(address).content.decode()
    handed = client.post(
        reverse("schedule:stand-in-hand-over", args=[off.pk]), {"session": [str(first.pk), "no id"]}, follow=True
    )

    assert saved["Location"] == address
    assert "Jonas Feld gives “Yoga” then." in page
    assert "1 person is told." in page
    assert page.count('name="session"') == 1
    assert "1 session is with Jonas Feld now." in handed.content.decode()
    assert given_by(first) == [other.pk]
    back = client.post(reverse("schedule:stand-in-take-back", args=[off.pk]), follow=True).content.decode()
    assert "1 session is with Sofia Lindqvist again." in back
    nothing = client.post(reverse("schedule:stand-in-hand-over", args=[off.pk]), follow=True).content.decode()
    assert "Nothing was chosen" in nothing
    assert given_by(first) == [coach.pk]
    client.force_login(other)
    assert client.get(address).status_code == 404


def test_the_page_says_when_they_are_away_by_their_clock_and_whole_days_as_days(client: Client, coach, other):
    day = SINCE.astimezone(ZoneInfo(coach.time_zone)).replace(hour=0)
    off = away(coach, other, starts_at=day, ends_at=day + 2 * DAY)
    admin = make_admin()
    User.objects.filter(pk=admin.pk).update(time_zone="Asia/Tokyo")
    client.force_login(admin)

    pages = [client.get(reverse(name, args=[pk])) for name, pk in
             (("schedule:stand-in", off.pk), ("schedule:hours", coach.pk))]  # fmt: skip

    said = say_when(off.starts_at, until=off.ends_at, zone=ZoneInfo(coach.time_zone))
    assert "00:00" not in said
    assert all(said in page.content.decode() for page in pages)


def test_by_api(coach, other):
    first, second = on_day(coach, 1), on_day(coach, 2)
    make_session(other, starts_at=second.starts_at, title="Yoga")
    off = away(coach, other)
    call = Caller(coach)

    status, said = call("GET", f"time-off/{off.pk}/stand-in")
    assert (status, said["ready"][0]["id"], said["left"][0]["code"]) == (200, str(first.pk), "taken")
    status, said = call("POST", f"time-off/{off.pk}/hand-over", {})
    assert (status, [one["id"] for one in said["given"]]) == (200, [str(first.pk)])
    assert [one["id"] for one in said["left"]] == [str(second.pk)]
    assert call("GET", f"time-off/{off.pk}/stand-in")[1]["handed_over"][0]["id"] == str(first.pk)
    status, said = call("POST", f"time-off/{off.pk}/taking-back", {"session_ids": [str(first.pk)]})
    assert (status, [one["id"] for one in said["given"]]) == (200, [str(first.pk)])
    assert Caller(other)("POST", f"time-off/{off.pk}/hand-over", {})[0] == 404


def test_slots_of_who_is_away_say_who_stands_in(coach, other):
    service = make_service(coach, other)
    off = away(coach, other, reason="Hospital")
    away(coach, make_coach(), ends_at=SINCE + DAY)
    until = (SINCE + 20 * DAY).isoformat().replace("+00:00", "Z")
    query = f"since={SINCE.isoformat().replace('+00:00', 'Z')}&until={until}"
    call = Caller(make_member())

    status, said = call("GET", f"services/{service.pk}/slots?{query}&coach={coach.pk}")

    assert (status, [one["coach_id"] for one in said["stand_ins"]]) == (200, [str(other.pk)])
    assert said["stand_ins"][0]["starts_at"].startswith(f"{off.starts_at:%Y-%m-%dT%H}")
    assert call("GET", f"services/{service.pk}/slots?{query}")[1]["stand_ins"] == []
    # When somebody is away is asked of what they give, and of nothing else.
    elsewhere = make_service(other)
    assert call("GET", f"services/{elsewhere.pk}/slots?{query}&coach={coach.pk}")[1]["stand_ins"] == []


@pytest.mark.django_db(transaction=True)
def test_who_takes_something_else_at_that_moment_gives_one_of_the_two():
    coach, other = make_coach(), make_coach()
    session = on_day(coach, 1)
    off = away(coach, other)

    results = at_once(
        [
            lambda: f"given {len(hand_over(off, by=coach).given)}",
            lambda: create_session(other, by=other, **terms(starts_at=session.starts_at)).status,
        ]
    )

    assert outcomes(results) in ({"given 1": 1, "overlap": 1}, {"given 0": 1, "planned": 1})


@pytest.mark.django_db(transaction=True)
def test_handed_over_twice_at_once_it_is_told_once():
    coach, other = make_coach(), make_coach()
    on_day(coach, 1)
    off = away(coach, other)

    results = at_once([lambda: f"given {len(hand_over(off, by=coach).given)}"] * 2)

    assert outcomes(results) == {"given 1": 1, "given 0": 1}
    assert OutboxMessage.objects.filter(name="time_off.handed_over").count() == 1


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_locks_it_is_handed_over_twice(monkeypatch):
    monkeypatch.setattr(standing_in, "lock_coaches", lambda ids: None)
    monkeypatch.setattr(standing_in, "lock_sessions", lambda ids: Session.objects.in_bulk(list(ids)))
    meet_before(monkeypatch, standing_in, "change_session", 2)
    coach, other = make_coach(), make_coach()
    on_day(coach, 1)
    off = away(coach, other)

    found = outcomes(at_once([lambda: f"given {len(hand_over(off, by=coach).given)}"] * 2))

    # Both found it with the coach; the second writes what the first has written, or is refused by the constraints.
    assert found["given 0"] == 0
