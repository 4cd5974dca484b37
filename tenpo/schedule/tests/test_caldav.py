"""Calendars on a real CalDAV server (Radicale): read, written, and changed there by somebody's own program."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.config.consumers import pass_on
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member
from tenpo.schedule.actions.calendar_conflicts import keep_ours, take_theirs
from tenpo.schedule.actions.calendar_syncing import sync_calendar
from tenpo.schedule.actions.calendars import change_connection, connect_caldav, disconnect_calendar, end_calendars
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.calendar_models import CalendarConnection, OutsideEvent, WrittenEvent
from tenpo.schedule.calendar_queries import standing_calendars
from tenpo.schedule.calendars import dav
from tenpo.schedule.calendars.base import CalendarLost
from tenpo.schedule.calendars.caldav import FoundCalendar, find_calendars
from tenpo.schedule.models import Session
from tenpo.schedule.tests.feed_server import calendar, event
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.radicale import PASSWORD, USER, Radicale, radicale

pytestmark = pytest.mark.django_db

SOON = (timezone.now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Radicale]:
    with radicale(tmp_path_factory.mktemp("radicale")) as server:
        yield server


@pytest.fixture
def server(running: Radicale, settings: Any) -> Radicale:
    settings.OUTGOING_HOSTS = [running.host]
    return running


def connected(
    server: Radicale, user: User | None = None, *, writes: bool = True, password: str = PASSWORD
) -> tuple[CalendarConnection, str]:
    """A calendar of its own at the server, followed; and where it is."""
    user = user or make_coach()
    url = server.make_calendar()
    found = FoundCalendar(url, "Home", is_writable=True)
    made = connect_caldav(user, calendar=found, username=USER, password=password, by=user)
    if writes:
        made = change_connection(made, writes_sessions=True, by=user)
    return made, url


def fresh(made: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.get(pk=made.pk)


def theirs(server: Radicale, url: str) -> dict[str, str]:
    """What lies in a calendar there: the text of each file, by its address."""
    answer = server.ask(
        "REPORT", url, dav.time_range(timezone.now() - timedelta(days=9), SOON + timedelta(days=90)), Depth="1"
    )
    parts = dav.read_multistatus(url, answer[2]).parts
    return {part.url: part.text(f"{dav.CALDAV}calendar-data") for part in parts}


def change_there(server: Radicale, url: str, **lines: str) -> str:
    """Change the one event there, as somebody's own program does; returns where it is."""
    [(where, text)] = theirs(server, url).items()
    for name, value in lines.items():
        text = re.sub(rf"(?m)^{name}:.*$", f"{name}:{value}", text)
    status, _tag, _body = server.ask("PUT", where, text.encode(), **{"Content-Type": "text/calendar"})
    assert status in (201, 204)
    return where


def stamp(moment: Any) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def test_the_calendars_of_an_account_are_found_from_the_servers_address(server):
    url = server.make_calendar("Work & play")

    found = {one.url: one for one in find_calendars(server.address, USER, PASSWORD)}

    assert (found[url].name, found[url].is_writable) == ("Work & play", True)


@pytest.mark.parametrize(
    ("password", "path", "problem"), [("wrong", "", "refused"), (PASSWORD, "nobody/nothing/", None)]
)
def test_who_is_not_let_in_is_told(server, password, path, problem):
    if problem is None:
        # From any address of the server the account is found.
        assert find_calendars(server.address + path, USER, password)
        return
    with pytest.raises(CalendarLost) as lost:
        find_calendars(server.address + path, USER, password)
    assert lost.value.problem == problem


def test_a_page_that_is_no_calendar_server_is_refused():
    with pytest.raises(CalendarLost):
        dav.read_multistatus("https://example.com/", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    with pytest.raises(CalendarLost):
        dav.read_multistatus("https://example.com/", b"<html><p>Hello")


def test_only_what_changed_is_read_again(server):
    made, url = connected(server, writes=False)
    server.ask("PUT", url + "a.ics", calendar(event("a", SOON, 60, "RRULE:FREQ=DAILY;COUNT=3")))
    server.ask("PUT", url + "b.ics", calendar(event("b", SOON + HOUR * 3)))

    first, same = sync_calendar(made), sync_calendar(made)
    kept = set(OutsideEvent.objects.filter(uid="a").values_list("pk", flat=True))
    server.ask("PUT", url + "b.ics", calendar(event("b", SOON + HOUR * 5)))
    server.ask("PUT", url + "c.ics", calendar(event("c", SOON + HOUR * 7)))
    changed = sync_calendar(made)

    assert (first, same, changed) == (True, False, True)
    assert set(OutsideEvent.objects.filter(uid="a").values_list("pk", flat=True)) == kept
    assert OutsideEvent.objects.get(uid="b").starts_at == SOON + HOUR * 5
    server.ask("DELETE", url + "a.ics")
    sync_calendar(made)
    assert set(OutsideEvent.objects.values_list("uid", flat=True)) == {"b", "c"}


def test_a_token_that_the_server_forgot_leads_to_all_of_it(server):
    made, url = connected(server, writes=False)
    server.ask("PUT", url + "a.ics", calendar(event("a", SOON)))
    sync_calendar(made)
    server.ask("DELETE", url + "a.ics")
    server.ask("PUT", url + "b.ics", calendar(event("b", SOON)))
    forgotten = '{"token": "http://radicale.org/ns/sync/' + "0" * 64 + '", "tag": ""}'
    CalendarConnection.objects.filter(pk=made.pk).update(sync_token=forgotten)

    assert sync_calendar(made)

    assert [one.uid for one in OutsideEvent.objects.all()] == ["b"]


def test_a_server_without_sync_tokens_is_asked_by_its_tag(server, monkeypatch):
    made, url = connected(server, writes=False)
    server.ask("PUT", url + "a.ics", calendar(event("a", SOON)))
    text = dav.Part.text
    monkeypatch.setattr(dav.Part, "text", lambda part, name: "" if "sync-token" in name else text(part, name))

    assert sync_calendar(made)
    assert '"token": ""' in fresh(made).sync_token
    asked: list[str] = []
    ask = dav.Dav.ask

    def note(server: dav.Dav, method: str, *rest: Any, **more: Any) -> Any:
        asked.append(method)
        return ask(server, method, *rest, **more)

    monkeypatch.setattr(dav.Dav, "ask", note)
    assert not sync_calendar(made)
    assert asked == ["PROPFIND"]
    server.ask("PUT", url + "b.ics", calendar(event("b", SOON)))
    assert sync_calendar(made)


def test_a_password_that_no_longer_holds_needs_its_owner(server):
    made, _url = connected(server, password="an old one")

    sync_calendar(made)

    assert (fresh(made).state, fresh(made).problem) == ("attention", "refused")


def test_a_calendar_that_is_gone_needs_its_owner(server):
    made, url = connected(server, writes=False)
    server.ask("DELETE", url)

    sync_calendar(made)

    assert fresh(made).problem == "not_there"


def test_a_session_is_written_moved_and_taken_away_and_takes_no_time(server):
    made, url = connected(server)
    session = make_session(made.user, starts_at=SOON, title="Yoga")

    sync_calendar(made)
    [first] = theirs(server, url).values()
    edit_session(session, by=made.user, starts_at=SOON + HOUR, title="Slow yoga")
    sync_calendar(made)
    [second] = theirs(server, url).values()
    cancel_session(session, reason="Ill", by=made.user)
    sync_calendar(made)

    assert f"DTSTART:{stamp(SOON)}" in first
    assert "METHOD" not in first
    assert f"DTSTART:{stamp(SOON + HOUR)}" in second
    assert "SUMMARY:Slow yoga" in second
    assert theirs(server, url) == {}
    assert not WrittenEvent.objects.exists()
    assert not OutsideEvent.objects.exists()


def test_nothing_is_written_where_nothing_has_changed(server):
    made, _url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    before = WrittenEvent.objects.get()

    sync_calendar(made)

    after = WrittenEvent.objects.get()
    assert (after.pk, after.tag, after.content_hash) == (before.pk, before.tag, before.content_hash)


def test_a_booking_is_written_to_whoever_booked_it(server):
    member = make_member()
    made, url = connected(server, member)
    booking = make_booking(make_session(starts_at=SOON, title="Yoga"), member)
    sync_calendar(made)
    [text] = theirs(server, url).values()

    cancel_booking(booking, by=member)
    sync_calendar(made)

    assert f"booking-{booking.pk}" in text
    assert theirs(server, url) == {}


def test_a_worker_that_died_after_writing_writes_nothing_twice(server):
    """What it wrote stands there; that it did, nobody here knows."""
    made, url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    WrittenEvent.objects.all().delete()

    sync_calendar(made)

    assert WrittenEvent.objects.get().state == "written"
    assert len(theirs(server, url)) == 1


def differs(server: Radicale, made: CalendarConnection, url: str, **lines: str) -> WrittenEvent:
    """A session of theirs was changed there, and seen."""
    change_there(server, url, **lines)
    sync_calendar(made)
    return WrittenEvent.objects.get()


def test_what_was_changed_there_is_shown_and_not_overwritten(server):
    made, url = connected(server)
    session = make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    moved = {"DTSTART": stamp(SOON + HOUR * 2), "DTEND": stamp(SOON + HOUR * 3)}

    found = differs(server, made, url, **moved)
    edit_session(session, by=made.user, title="Another name")
    sync_calendar(made)

    assert found.state == "conflict"
    assert found.theirs
    assert found.theirs["starts_at"] == (SOON + HOUR * 2).isoformat()
    [text] = theirs(server, url).values()
    assert f"DTSTART:{stamp(SOON + HOUR * 2)}" in text
    assert "Another name" not in text
    session.refresh_from_db()
    assert session.starts_at == SOON
    assert OutboxMessage.objects.filter(name="calendar.differs").count() == 1


def test_a_change_that_says_the_same_is_none(server):
    made, url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)

    found = differs(server, made, url, DESCRIPTION="Bring the big mats")

    assert found.state == "written"
    assert not OutboxMessage.objects.filter(name="calendar.differs").exists()


def test_changed_back_there_it_is_decided(server):
    made, url = connected(server)
    make_session(made.user, starts_at=SOON, title="Yoga")
    sync_calendar(made)
    assert differs(server, made, url, SUMMARY="Joga").state == "conflict"

    assert differs(server, made, url, SUMMARY="Yoga").state == "written"


def test_ours_is_kept(server):
    made, url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    found = differs(server, made, url, DTSTART=stamp(SOON - HOUR))

    keep_ours(found, by=made.user)
    sync_calendar(made)

    [text] = theirs(server, url).values()
    assert f"DTSTART:{stamp(SOON)}" in text
    assert WrittenEvent.objects.get().state == "written"
    with pytest.raises(RuleError, match="decided"):
        keep_ours(found, by=made.user)


def test_a_change_between_the_decision_and_the_writing_is_asked_about_again(server):
    made, url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    keep_ours(differs(server, made, url, SUMMARY="One"), by=made.user)

    again = differs(server, made, url, SUMMARY="Two")

    assert again.theirs
    assert (again.state, again.theirs["title"]) == ("conflict", "Two")


def test_theirs_is_taken_by_moving_the_session(server):
    made, url = connected(server)
    session = make_session(made.user, starts_at=SOON, title="Yoga")
    make_booking(session, make_member())
    sync_calendar(made)
    moved = {"DTSTART": stamp(SOON + HOUR * 2), "DTEND": stamp(SOON + HOUR * 3.5), "SUMMARY": "Long yoga"}
    found = differs(server, made, url, **moved)

    take_theirs(found, by=made.user, version=session.version)
    sync_calendar(made)

    session.refresh_from_db()
    assert (session.starts_at, session.minutes, session.title) == (SOON + HOUR * 2, 90, "Long yoga")
    assert OutboxMessage.objects.filter(name="session.changed").count() == 1
    assert WrittenEvent.objects.get().state == "written"
    [text] = theirs(server, url).values()
    assert "SEQUENCE:1" in text


def test_theirs_is_refused_as_every_edit_is(server):
    made, url = connected(server)
    session = make_session(made.user, starts_at=SOON)
    make_session(made.user, starts_at=SOON + HOUR * 2, title="Another")
    other = WrittenEvent.objects
    sync_calendar(made)
    wanted = other.get(session=session)
    text = (
        theirs(server, url)[wanted.reference]
        .replace(stamp(SOON), stamp(SOON + HOUR * 2))
        .replace(stamp(SOON + HOUR), stamp(SOON + HOUR * 3))
    )
    server.ask("PUT", wanted.reference, text.encode(), **{"Content-Type": "text/calendar"})
    sync_calendar(made)

    with pytest.raises(RuleError) as refused:
        take_theirs(other.get(session=session), by=made.user)

    assert refused.value.code == "overlap"
    assert other.get(session=session).state == "conflict"
    session.refresh_from_db()
    assert session.starts_at == SOON


def test_who_booked_cannot_move_a_session_by_their_calendar(server):
    member = make_member()
    made, url = connected(server, member)
    booking = make_booking(make_session(starts_at=SOON), member)
    sync_calendar(made)
    found = differs(server, made, url, DTSTART=stamp(SOON - HOUR))

    with pytest.raises(RuleError, match="Only its coach"):
        take_theirs(found, by=member)

    assert Session.objects.get(pk=booking.session_id).starts_at == SOON


@pytest.mark.parametrize("decision", ["ours", "theirs"])
def test_what_was_removed_there(server, decision):
    made, url = connected(server)
    session = make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    server.ask("DELETE", WrittenEvent.objects.get().reference)
    sync_calendar(made)
    found = WrittenEvent.objects.get()
    assert (found.state, found.theirs) == ("conflict", None)

    (keep_ours if decision == "ours" else take_theirs)(found, by=made.user)
    sync_calendar(made)
    edit_session(session, by=made.user, title="Again")
    sync_calendar(made)

    assert len(theirs(server, url)) == (1 if decision == "ours" else 0)
    assert WrittenEvent.objects.get().state == ("written" if decision == "ours" else "left_out")
    session.refresh_from_db()
    assert session.is_planned


@pytest.mark.parametrize(("decision", "left"), [("ours", 0), ("theirs", 1)])
def test_called_off_here_and_changed_there(server, decision, left):
    made, url = connected(server)
    session = make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    cancel_session(session, reason="Ill", by=made.user)
    found = differs(server, made, url, SUMMARY="Still on?")
    assert found.state == "conflict"
    assert len(theirs(server, url)) == 1

    (keep_ours if decision == "ours" else take_theirs)(found, by=made.user)
    sync_calendar(made)

    assert len(theirs(server, url)) == left
    assert not WrittenEvent.objects.exists()
    session.refresh_from_db()
    assert session.status == "cancelled"


def test_nobody_else_decides(server):
    made, url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)
    found = differs(server, made, url, SUMMARY="Joga")

    for act in (keep_ours, take_theirs):
        with pytest.raises(PermissionDenied):
            act(found, by=make_coach())
    assert WrittenEvent.objects.get().state == "conflict"


def test_disconnected_it_keeps_what_we_wrote_or_gives_it_back(server):
    for removes in (True, False):
        made, url = connected(server)
        make_session(made.user, starts_at=SOON)
        server.ask("PUT", url + "own.ics", calendar(event("own", SOON)))
        sync_calendar(made)

        disconnect_calendar(made, by=made.user, removes=removes)
        if removes:
            assert fresh(made).state == "leaving"
            assert not OutsideEvent.objects.filter(connection=made).exists()
            sync_calendar(made)

        assert not CalendarConnection.objects.filter(pk=made.pk).exists()
        assert len(theirs(server, url)) == (1 if removes else 2)


def test_writing_is_switched_off_and_what_we_wrote_is_taken_away(server):
    made, url = connected(server)
    make_session(made.user, starts_at=SOON)
    sync_calendar(made)

    change_connection(made, by=made.user, writes_sessions=False)
    sync_calendar(made)

    assert theirs(server, url) == {}
    assert fresh(made).state == "active"


def test_what_happens_is_written_once_it_is_told_and_twice_changes_nothing(server):
    made, url = connected(server)
    sync_calendar(made)
    session = make_session(made.user, starts_at=SOON)
    booked, _other = connected(server, make_member())
    edit_session(session, by=made.user, place="Room 2")
    message = OutboxMessage.objects.get(name="session.changed")

    pass_on(message)
    pass_on(message)

    assert fresh(made).wants_writing_at is not None
    assert fresh(booked).wants_writing_at is None
    sync_calendar(made)
    assert fresh(made).wants_writing_at is None
    assert len(theirs(server, url)) == 1


def test_who_ends_all_access_ends_what_is_told_where_they_are(server):
    made, _url = connected(server)
    reads, _other = connected(server, made.user, writes=False)

    assert len(standing_calendars(made.user)) == 1
    end_calendars(made.user, by=made.user)

    assert list(CalendarConnection.objects.all()) == [reads]
