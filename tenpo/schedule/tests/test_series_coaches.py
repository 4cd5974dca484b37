"""Several coaches on each date of a series, and in the sessions that come from a calendar file."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenpo.core.business import current_business
from tenpo.notify.kinds import Facts, say
from tenpo.notify.models import Notification
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.people.actions.imports import run_import
from tenpo.people.models import Import, User
from tenpo.people.tests.make import make_admin, make_coach
from tenpo.schedule.actions import series as actions
from tenpo.schedule.actions import session_coaches
from tenpo.schedule.actions.imports import confirm_sessions_import, preview_sessions_import
from tenpo.schedule.actions.series import create_series, edit_following, plan_series
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.standing_in import hand_over
from tenpo.schedule.actions.time_off import add_time_off
from tenpo.schedule.models import Series, Session, SessionCoach
from tenpo.schedule.several_notifications import NAMED, each_with_when, facts_of_sessions, number_of, which
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.test_api import Caller
from tenpo.schedule.tests.test_import_sessions import NEXT_WEEK, bring_in, event, file_of, problems
from tenpo.schedule.tests.test_series import TERMS, monday, rule, sessions_of
from tenpo.schedule.tests.test_session_coaches import given_by, private
from tenpo.schedule.tests.time_make import refuses
from tests.at_once import at_once, meet_before, outcomes
from tests.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[User, User]:
    return make_coach("Lena Ott"), make_coach("Jonas Feld")


def make_series(lead: User, *beside: User, **more: Any) -> Series:
    return create_series(lead, rule=rule(), by=lead, beside=beside, **{**TERMS, **more})


def told(kind: str) -> list[Notification]:
    work()
    return list(Notification.objects.filter(kind=kind).order_by("id"))


def test_each_date_is_given_by_all_of_them_who_are_told_once(pair):
    series = make_series(*pair)

    assert [given_by(one) for one in sessions_of(series)] == [[one.pk for one in pair]] * 3
    [notice] = told("coach.session_shared")
    assert (notice.user, notice.payload["times"]) == (pair[1], 3)


def test_a_date_needs_all_of_them_and_says_who_is_taken(pair):
    lead, other = pair
    first = make_session(other, starts_at=starts_of(lead)[0], title="Yoga")
    second = make_session(other, starts_at=starts_of(lead)[1], title="A talk about a burden")
    Session.objects.filter(pk=second.pk).update(**private())

    planned = plan_series(lead, rule(), minutes=60, beside=[other])
    series = make_series(lead, other)

    assert [one.clash.title if one.clash else "" for one in planned] == ["Jonas Feld: Yoga", "Jonas Feld", ""]
    assert [one.starts_at for one in sessions_of(series)] == [planned[2].moment.at]
    assert first.starts_at == planned[0].moment.at


def test_the_time_after_what_was_booked_is_taken_as_well(pair):
    lead, other = pair
    first, second, third = starts_of(lead)
    half = timedelta(minutes=30)
    # The one takes a time before it; the other one ends its time after it as the date begins.
    after, before = (make_session(other, starts_at=at) for at in (first + 3 * half, second - 3 * half))
    for session in (after, before):
        times = {"busy_from": session.starts_at - 2 * half, "busy_until": session.ends_at + half}
        Session.objects.filter(pk=session.pk).update(**times)

    planned = plan_series(lead, rule(), minutes=60, beside=[other])
    series = make_series(lead, other)

    assert [one.clash is None for one in planned] == [False, True, True]
    assert [one.starts_at for one in sessions_of(series)] == [second, third]


def starts_of(coach: User) -> list[datetime]:
    return [one.moment.at for one in plan_series(coach, rule(), minutes=60)]


def test_all_dates_of_a_series_count_towards_what_a_coach_may_take(pair, monkeypatch):
    monkeypatch.setattr(session_coaches, "SESSIONS_BESIDE", 4)
    lead, other = pair
    make_session(lead, beside=[other], starts_at=starts_of(lead)[0] + timedelta(hours=5))
    make_session(lead, beside=[other], starts_at=starts_of(lead)[1] + timedelta(hours=5))

    with pytest.raises(ValidationError, match="Please ask an admin"):
        make_series(lead, other)
    assert not Series.objects.exists()
    create_series(lead, rule=rule(), by=make_admin(), beside=[other], **TERMS)

    assert SessionCoach.objects.filter(coach=other).count() == 5


def test_somebody_is_put_beside_this_and_the_following_and_told_once(pair):
    lead, other = pair
    first, second, third = sessions_of(make_series(lead))

    edit_following(second, by=lead, beside=[other], title="Yoga for two")

    assert [given_by(one) for one in (first, second, third)] == [[lead.pk], [lead.pk, other.pk], [lead.pk, other.pk]]
    assert list(Session.objects.order_by("starts_at").values_list("title", flat=True)) == [
        "Yoga",
        *["Yoga for two"] * 2,
    ]
    [notice] = told("coach.session_shared")
    assert (notice.user, notice.payload["times"]) == (other, 2)
    edit_following(second, by=lead, beside=[])
    assert [notice.payload["times"] for notice in told("coach.session_let_go")] == [2]
    assert given_by(third) == [lead.pk]


def test_each_is_told_once_of_one_act_with_the_dates_that_concern_them(pair):
    lead, other = pair
    gone, third = make_coach("Mia"), make_coach("Noa")
    sessions = sessions_of(make_series(lead))
    edit_session(sessions[0], by=lead, beside=[gone, other])
    before = [one.pk for kind in ("coach.session_shared", "coach.session_let_go") for one in told(kind)]

    edit_following(sessions[0], by=make_admin(), beside=[other, third])
    work()

    fresh = {one.user: one for one in Notification.objects.exclude(pk__in=before)}
    assert len(fresh) == Notification.objects.count() - len(before)
    assert {user: (one.kind, one.payload["times"]) for user, one in fresh.items()} == {
        lead: ("coach.session_coaches_changed", 3),
        # On the first date they were there: what is new to them are the other two.
        other: ("coach.session_shared", 2),
        third: ("coach.session_shared", 3),
        gone: ("coach.session_let_go", 1),
    }
    said = {user: say(one.kind, one.payload) for user, one in fresh.items()}
    assert "2 dates, the first " in said[other].text
    assert [name for name, _value in said[other].facts] == ["With", "Where", "Yoga", "Yoga"]
    assert said[gone].text.endswith(" It is with Lena Ott, Jonas Feld, and Noa now.")
    assert said[gone].facts == ()


def test_who_gives_them_with_different_people_is_sent_to_look(pair):
    lead, other = pair
    sessions = sessions_of(make_series(lead, other))
    edit_session(sessions[0], by=lead, beside=[other, make_coach("Mia")])
    fresh = list(Session.objects.filter(pk__in=[one.pk for one in sessions]).order_by("starts_at"))

    said = say("coach.session_coaches_changed", facts_of_sessions(fresh))

    assert said.text.startswith("See who gives each now: 3 dates, the first ")
    assert (facts_of_sessions(fresh)["coach"], facts_of_sessions(fresh[1:])["coach"]) == (
        None,
        ["Lena Ott", "Jonas Feld"],
    )


def test_nobody_is_put_beside_themselves(pair):
    lead, other = pair
    first, second, _third = dates = sessions_of(make_series(lead))

    with pytest.raises(ValidationError, match="Choose other coaches"):
        edit_following(first, by=lead, beside=[lead, other])
    assert Caller(lead)("PATCH", f"sessions/{first.pk}/following", {"beside_ids": [str(lead.pk)]})[0] == 422
    assert [given_by(one) for one in dates] == [[lead.pk]] * 3
    since, until = second.starts_at - timedelta(hours=1), second.ends_at
    hand_over(add_time_off(lead, starts_at=since, ends_at=until, stand_in=other, by=lead), by=lead)
    edit_following(first, by=make_admin(), beside=[other])

    # Whoever leads one of the dates stands beside its lead in the others.
    assert [given_by(one) for one in dates] == [[lead.pk, other.pk], [other.pk], [lead.pk, other.pk]]


def test_each_date_is_given_by_so_many_at_most(pair, monkeypatch):
    monkeypatch.setattr(session_coaches, "COACHES_OF_A_SERVICE", 3)
    lead, other = pair
    others = [other, make_coach(), make_coach()]
    first, *_later = sessions_of(make_series(lead, *others[:2]))

    with pytest.raises(ValidationError, match="At most 3 coaches"):
        edit_following(first, by=lead, beside=others)
    with pytest.raises(ValidationError, match="At most 3 coaches"):
        edit_session(first, by=lead, beside=others)
    # Said twice, somebody counts once.
    edit_session(first, by=lead, beside=[others[0], others[2], others[2]])

    assert given_by(first) == [lead.pk, others[0].pk, others[2].pk]


def test_who_may_not_change_a_series_locks_nobody(pair):
    lead, other = pair
    first, *_later = sessions_of(make_series(lead))

    with CaptureQueriesContext(connection) as asked, pytest.raises(PermissionDenied):
        edit_following(first, by=other, beside=[make_coach()])

    assert not any("coachtime" in one["sql"].lower() for one in asked.captured_queries)


def test_who_is_taken_on_one_date_is_put_beside_none(pair):
    lead, other = pair
    first, _second, third = sessions_of(make_series(lead))
    make_session(other, starts_at=third.starts_at, title="Pilates")

    with refuses("coach_taken") as refusal:
        edit_following(first, by=lead, beside=[other], title="Yoga for two")

    assert "Jonas Feld gives “Pilates”" in str(refusal.value)
    assert [given_by(one) for one in (first, third)] == [[lead.pk]] * 2
    assert not Session.objects.filter(title="Yoga for two").exists()


def test_who_stands_beside_a_lead_says_nothing_of_it(pair):
    lead, other = pair
    first, *_later = sessions_of(make_series(lead, other))

    with pytest.raises(PermissionDenied):
        edit_following(first, by=other, beside=[])
    edit_following(first, by=other, beside=[other], title="As it was given")

    assert given_by(first) == [lead.pk, other.pk]


def test_by_page(client: Client, pair):
    lead, other = pair
    client.force_login(lead)
    terms = {
        "title": "Yoga", "place": "Studio", "capacity": 5, "price": "80", "weekdays": ["0"], "at": "18:00",
        "first_day": monday().isoformat(), "weeks": 2, "minutes": 60, "time_zone": "Europe/Berlin",
        "beside": [str(other.pk)],
    }  # fmt: skip
    make_session(other, starts_at=starts_of(lead)[0], title="Pilates")

    shown = client.post(reverse("schedule:series-create"), terms)
    made = client.post(reverse("schedule:series-create"), {**terms, "agreed": shown.context["agreed"]})

    assert "Jonas Feld: Pilates" in shown.content.decode()
    assert made.status_code == 302
    session = Session.objects.get(series__isnull=False)
    assert given_by(session) == [lead.pk, other.pk]
    address = reverse("schedule:following-edit", args=[session.pk])
    assert "checked" in client.get(address).content.decode()
    values = {"title": "Yoga", "description": "", "place": "Studio", "join_link": "", "capacity": 5, "price": "80"}
    assert client.post(address, values).status_code == 302
    assert given_by(session) == [lead.pk]


def test_by_api(pair):
    lead, other = pair
    call = Caller(lead)
    body = {
        "weekdays": ["mo"], "first_day": monday().isoformat(), "weeks": 2, "at": "18:00", "minutes": 60,
        "time_zone": "Europe/Berlin", "beside_ids": [str(other.pk)],
    }  # fmt: skip
    make_session(other, starts_at=starts_of(lead)[0], title="Pilates")

    assert [one["taken_by"] for one in call("POST", "series/plans", body)[1]["dates"]] == ["Jonas Feld: Pilates", ""]
    offered = {**body, "title": "Yoga", "place": "Studio", "capacity": 4, "price": 0}
    status, said = call("POST", "series", offered)
    assert (status, said["sessions"][0]["coach_ids"]) == (201, [str(lead.pk), str(other.pk)])
    status, changed = call("PATCH", f"sessions/{said['sessions'][0]['id']}/following", {"beside_ids": []})
    assert (status, changed[0]["coach_ids"]) == (200, [str(lead.pk)])


def test_events_of_a_file_are_given_by_all_and_told_of_once(pair):
    lead, other = pair
    make_session(other, starts_at=NEXT_WEEK, title="Pilates")
    later = [NEXT_WEEK + day * timedelta(days=1) for day in (1, 2)]
    events = [event(), *(event(uid=f"b{number}", start=start) for number, start in enumerate(later))]

    import_ = preview_sessions_import("plan.ics", file_of(*events), coach=lead, by=lead, beside=[other])
    confirm_sessions_import(import_, capacity=8, price=5_000, by=lead)
    run_import(import_.pk)

    assert problems(import_) == ["At this time there is “Jonas Feld: Pilates” already.", "", ""]
    made = list(Session.objects.filter(coach=lead).order_by("starts_at"))
    assert [given_by(one) for one in made] == [[lead.pk, other.pk]] * 2
    [notice] = told("coach.session_shared")
    assert (notice.user, notice.payload["times"]) == (other, 2)
    # The same file again, without them, leaves who gives it as it is.
    bring_in(file_of(event(uid="b0", start=later[0], title="Other")), lead)
    assert (Session.objects.get(title="Other").coach_ids, Session.objects.count()) == ([lead.pk, other.pk], 3)


def test_an_event_that_moved_is_in_the_way_of_nobody_who_gives_it(pair):
    lead, other = pair
    later = NEXT_WEEK + timedelta(minutes=30)

    def bring(*events: str) -> Import:
        import_ = preview_sessions_import("plan.ics", file_of(*events), coach=lead, by=lead, beside=[other])
        confirm_sessions_import(import_, capacity=8, price=0, by=lead)
        run_import(import_.pk)
        return import_

    assert problems(bring(event())) == [""]
    assert problems(bring(event(start=later))) == [""]

    session = Session.objects.get()
    assert (session.starts_at, given_by(session)) == (later, [lead.pk, other.pk])
    # What they give besides is still in the way, be it of a file of somebody else's with an event of the same name.
    make_session(other, starts_at=later + timedelta(hours=3))
    Session.objects.exclude(pk=session.pk).update(source_uid=session.source_uid)
    import_ = preview_sessions_import(
        "plan.ics", file_of(event(start=later + timedelta(hours=3))), coach=lead, by=lead, beside=[other]
    )
    assert "already" in problems(import_)[0]


@pytest.mark.parametrize("wrong", ["the lead", "too many"])
def test_a_file_is_refused_for_whom_it_cannot_be_given_with(pair, wrong, monkeypatch):
    monkeypatch.setattr(session_coaches, "SESSIONS_BESIDE", 1)
    lead, other = pair
    events = [event(), event(uid="b", start=NEXT_WEEK + timedelta(days=1))]

    with pytest.raises(ValidationError) as refusal:
        preview_sessions_import(
            "plan.ics", file_of(*events), coach=lead, by=lead, beside=[lead if wrong == "the lead" else other]
        )

    assert list(refusal.value.message_dict) == ["beside"]
    assert not Import.objects.exists()


def test_a_file_by_page_and_by_api(client: Client, pair):
    lead, other = pair
    client.force_login(lead)

    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("plan.ics", file_of(event()), "text/calendar")

    page = client.post(reverse("schedule:session-import"), {"file": file(), "beside": [str(other.pk)]})
    answer = client.post("/api/v1/imports/sessions", {"file": file(), "beside_ids": [str(other.pk)]})

    assert (page.status_code, answer.status_code) == (302, 201), answer.content
    for import_ in Import.objects.all():
        assert import_.options["beside_ids"] == [str(other.pk)]
        assert import_.options["coach"] == "Lena Ott and Jonas Feld"
    assert json.loads(answer.content)["kind"] == "sessions"


@pytest.mark.django_db(transaction=True)
def test_of_two_series_with_the_same_coach_at_once_one_finds_no_free_date():
    other = make_coach()
    leads = [make_coach(), make_coach()]
    works = [lambda lead=lead: make_series(lead, other).sessions.count() for lead in leads]

    assert outcomes(at_once(works)) == {"3": 1, "no_free_date": 1}


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_control_without_the_locks_the_constraint_refuses_what_was_free(monkeypatch):
    # What the first of all series makes would let the others wait.
    default_cancellation_policy()
    current_business()
    monkeypatch.setattr(actions, "lock_coaches", lambda ids: None)
    meet_before(monkeypatch, actions, "write_sessions", 2)
    other = make_coach()
    leads = [make_coach(), make_coach()]
    works = [lambda lead=lead: make_series(lead, other).sessions.count() for lead in leads]

    # Both found every date free; the constraint refuses one, or ends that each waits for the other inside it.
    found = outcomes(at_once(works))
    assert (found["3"], found["overlap"] + found["OperationalError"]) == (1, 1)


def test_only_what_a_file_made_is_told_with_how_many_they_are(pair):
    lead, other = pair
    events = [
        event(),
        event(uid="b", start=NEXT_WEEK + timedelta(days=1)),
        event(uid="c", start=NEXT_WEEK + timedelta(days=2)),
    ]
    import_ = preview_sessions_import("plan.ics", file_of(*events), coach=lead, by=lead, beside=[other])
    confirm_sessions_import(import_, capacity=8, price=0, by=lead)
    make_session(other, starts_at=NEXT_WEEK + timedelta(days=1))

    run_import(import_.pk)

    [notice] = told("coach.session_shared")
    assert (notice.user, notice.payload["times"]) == (other, 2)
    # Of what is made later, and is given by its lead alone, nobody is told.
    bring_in(file_of(*events), coach=lead)
    assert len(told("coach.session_shared")) == 1


def test_of_many_some_are_named_and_the_rest_is_counted(pair):
    sessions = [make_session(pair[0], title="Yoga", starts_in=timedelta(days=n)) for n in range(1, NAMED + 3)]

    facts = Facts(facts_of_sessions(sessions))

    assert (number_of(facts), which(facts)) == (NAMED + 2, "Yoga")
    rows = each_with_when(facts)
    assert (len(rows), rows[-1]) == (NAMED + 1, ("Sessions", "2 more"))
    other = Facts(facts_of_sessions([*sessions, make_session(pair[0], title="Pilates")]))
    assert which(other) == f"{NAMED + 3} sessions"
    assert each_with_when(Facts(facts_of_sessions(sessions[:1]))) == ()
