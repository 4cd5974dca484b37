from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tenpo.core.errors import RuleError
from tenpo.people.actions.imports import run_import
from tenpo.people.models import Import, User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.imports import confirm_sessions_import, preview_sessions_import
from tenpo.schedule.ical_reading import DAYS_AHEAD, MAX_BYTES, MAX_EVENTS, UnreadableFile, read_calendar
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db

NEXT_WEEK = (timezone.now() + timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
BERLIN = """BEGIN:VTIMEZONE
TZID:Our own Berlin
BEGIN:STANDARD
DTSTART:20001029T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20000326T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE"""


def event(*lines: str, uid: str = "a", title: str = "Yoga", start: datetime = NEXT_WEEK, minutes: int = 60) -> str:
    end = start + timedelta(minutes=minutes)
    own = {line.split(":")[0].split(";")[0] for line in lines}
    usual = {
        "UID": uid,
        "SUMMARY": title,
        "LOCATION": "Studio",
        "DTSTART": f"{start:%Y%m%dT%H%M%SZ}",
        "DTEND": f"{end:%Y%m%dT%H%M%SZ}",
    }
    rest = [f"{name}:{value}" for name, value in usual.items() if name not in own]
    return "\n".join(["BEGIN:VEVENT", *rest, *[line for line in lines if not line.endswith(":-")], "END:VEVENT"])


def file_of(*parts: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *parts, "END:VCALENDAR", ""]).encode()


def preview(content: bytes, coach: User) -> Import:
    return preview_sessions_import("plan.ics", content, coach=coach, by=coach)


def bring_in(content: bytes, coach: User) -> Import:
    import_ = preview(content, coach)
    confirm_sessions_import(import_, capacity=8, price=5_000, by=coach)
    return run_import(import_.pk)


def problems(import_: Import) -> list[str]:
    return [row["problem"] for row in import_.rows]


def test_nothing_is_made_until_confirmed():
    coach = make_coach()

    import_ = preview(file_of(event()), coach)

    assert (import_.state, problems(import_)) == (Import.State.PREVIEW, [""])
    assert not Session.objects.exists()


def test_events_become_sessions():
    coach = make_coach()

    import_ = bring_in(file_of(event("DESCRIPTION:Breathe\\nin", title="Yoga")), coach)

    session = Session.objects.get()
    assert import_.state == Import.State.DONE
    assert (session.title, session.description, session.place) == ("Yoga", "Breathe\nin", "Studio")
    assert (session.starts_at, session.minutes, session.capacity, session.price) == (NEXT_WEEK, 60, 8, 5_000)
    assert (session.coach, session.time_zone) == (coach, "Europe/Berlin")


def test_the_same_file_twice_makes_no_doubles():
    coach = make_coach()
    content = file_of(event(), event("RRULE:FREQ=WEEKLY;COUNT=5", uid="b", start=NEXT_WEEK + timedelta(hours=5)))
    bring_in(content, coach)

    again = preview(content, coach)

    assert Session.objects.count() == 6
    assert set(problems(again)) == {"Already here."}
    with pytest.raises(RuleError) as refusal:
        confirm_sessions_import(again, capacity=1, price=0, by=coach)
    assert refusal.value.code == "nothing_to_import"


def test_two_previews_of_one_file_that_are_both_confirmed_make_no_doubles():
    coach = make_coach()
    content = file_of(event())
    first, second = preview(content, coach), preview(content, coach)

    for import_ in (first, second):
        confirm_sessions_import(import_, capacity=8, price=0, by=coach)
        run_import(import_.pk)

    assert Session.objects.count() == 1


def test_a_moved_event_moves_its_session():
    coach = make_coach()
    bring_in(file_of(event()), coach)
    later = NEXT_WEEK + timedelta(hours=3)

    import_ = preview(file_of(event(start=later, title="Yoga, later")), coach)
    confirm_sessions_import(import_, capacity=99, price=1, by=coach)
    run_import(import_.pk)

    session = Session.objects.get()
    assert problems(import_) == [""]
    assert import_.rows[0]["data"]["session_id"] == str(session.pk)
    assert (session.starts_at, session.title, session.capacity, session.price) == (later, "Yoga, later", 8, 5_000)


def test_one_moved_of_a_series_is_that_one():
    coach = make_coach()
    series = event("RRULE:FREQ=WEEKLY;COUNT=3")
    bring_in(file_of(series), coach)
    second = NEXT_WEEK + timedelta(days=7)
    moved = event(f"RECURRENCE-ID:{second:%Y%m%dT%H%M%SZ}", start=second + timedelta(hours=2))

    bring_in(file_of(series, moved), coach)

    starts = list(Session.objects.order_by("starts_at").values_list("starts_at", flat=True))
    assert starts == [NEXT_WEEK, second + timedelta(hours=2), NEXT_WEEK + timedelta(days=14)]


def test_a_session_cancelled_here_stays_so():
    coach = make_coach()
    content = file_of(event())
    bring_in(content, coach)
    cancel_session(Session.objects.get(), reason="", by=coach)

    assert problems(preview(content, coach)) == ["It was cancelled here."]


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (event("DTSTART;VALUE=DATE:{day}", "DTEND:-"), "It lasts all day; a session has a time."),
        (event("DTEND:-"), "It has no end."),
        (event("DTEND:-", "DURATION:PT30M"), ""),
        (event(minutes=4), "A session lasts from 5 minutes to a day."),
        (event(minutes=1_441), "A session lasts from 5 minutes to a day."),
        (event(minutes=1_440), ""),
        (event("SUMMARY:-"), "It has no title."),
        (event("STATUS:CANCELLED"), "It is cancelled in the file."),
        (event("DTSTART:-"), "It has no start."),
        (event("RRULE:FREQ=SECONDLY"), "It repeats more than once a day."),
        (event("RRULE:FREQ=HOURLY;COUNT=3"), "It repeats more than once a day."),
        (event("RRULE:FREQ=DAILY;BYHOUR=1,2,3"), "It repeats more than once a day."),
        (event("RRULE:FREQ=DAILY", start=datetime(1970, 1, 1, tzinfo=UTC)), "It has repeated for more than 20 years."),
        (event("DTEND:rubbish"), "It holds a date or a rule that cannot be read."),
        (event("RRULE:rubbish"), "It holds a date or a rule that cannot be read."),
        (event("DTSTART:rubbish"), "It holds a date or a rule that cannot be read."),
        (event("DTEND:-", "DURATION:rubbish"), "It holds a date or a rule that cannot be read."),
        (event("RRULE:FREQ=DAILY;COUNT=2", "EXDATE:rubbish"), "It holds a date or a rule that cannot be read."),
        (event("UID:-"), ""),
        (event(f"UID:{'x' * 500}"), ""),
        (event(f"SUMMARY:{'x' * 500}"), ""),
    ],
)
def test_what_speaks_against_an_event_stands_beside_it(made, problem):
    made = made.replace("{day}", f"{NEXT_WEEK:%Y%m%d}")

    assert problems(preview(file_of(made), make_coach())) == [problem]


def test_overlaps_are_shown_in_the_file_and_with_what_is_there():
    coach = make_coach()
    make_session(coach, starts_at=NEXT_WEEK, title="Here already")
    free = NEXT_WEEK + timedelta(hours=1)
    content = file_of(event(uid="a"), event(uid="b", start=free), event(uid="c", start=free + timedelta(minutes=59)))

    assert problems(preview(content, coach)) == [
        "At this time there is “Here already” already.", "", "At this time there is “Yoga” already.",
    ]  # fmt: skip


def test_a_time_taken_since_the_preview_is_left_out_and_the_rest_goes_on():
    coach = make_coach()
    import_ = preview(file_of(event(uid="a"), event(uid="b", start=NEXT_WEEK + timedelta(days=1))), coach)
    make_session(coach, starts_at=NEXT_WEEK)

    confirm_sessions_import(import_, capacity=8, price=0, by=coach)
    done = run_import(import_.pk)

    assert "one session at a time" in problems(done)[0]
    assert problems(done)[1] == ""
    assert Session.objects.filter(source_uid="b").count() == 1


def test_past_and_far_events_are_left_out():
    coach = make_coach()
    past, far = (event(uid=str(days), start=NEXT_WEEK + timedelta(days=days)) for days in (-14, 180))

    assert len(preview(file_of(past, far, event()), coach).rows) == 1
    with pytest.raises(ValidationError):
        preview(file_of(past, far), coach)


@pytest.mark.parametrize(
    ("now", "rule", "hours"),
    [
        # Half past ten on the wall, by the file's own VTIMEZONE and by a zone that we know.
        ("2027-03-20", "DTSTART;TZID=Our own Berlin:20270327T103000", ["09:30", "08:30", "08:30"]),
        ("2027-10-20", "DTSTART;TZID=Our own Berlin:20271030T103000", ["08:30", "09:30", "09:30"]),
        ("2027-03-10", "DTSTART;TZID=America/New_York:20270313T103000", ["15:30", "14:30", "14:30"]),
    ],
)
def test_the_wall_clock_is_kept_when_clocks_change(time_machine, now, rule, hours):
    time_machine.move_to(datetime.fromisoformat(now).replace(tzinfo=UTC))
    content = file_of(BERLIN, event(rule, "DTEND:-", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3"))

    rows = preview(content, make_coach()).rows

    assert [row["data"]["starts_at"][11:16] for row in rows] == hours


def test_a_time_without_a_zone_is_the_coachs():
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone="America/New_York")
    coach.refresh_from_db()
    local = f"{NEXT_WEEK:%Y%m%d}T180000"

    (row,) = preview(file_of(event(f"DTSTART:{local}", "DTEND:-", "DURATION:PT1H")), coach).rows

    assert row["data"]["starts_at"][11:16] in ("22:00", "23:00")
    assert row["data"]["time_zone"] == "America/New_York"


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"no calendar", b"\xff\xfe", b"BEGIN:VCALENDAR", b"BEGIN:VEVENT\r\nEND:VEVENT", file_of(),
     b"x" * (MAX_BYTES + 1),
     file_of(*[event(uid=str(n)) for n in range(MAX_EVENTS + 1)]),
     file_of(*[event("RRULE:FREQ=DAILY", uid=str(n), start=NEXT_WEEK + timedelta(hours=n)) for n in range(3)])],
)  # fmt: skip
def test_an_unreadable_file_is_refused_with_its_reason(content):
    with pytest.raises(ValidationError) as refusal:
        preview(content, make_coach())

    assert "file" in refusal.value.message_dict
    assert not Import.objects.exists()


def test_where_it_takes_place_is_asked_for_when_the_file_does_not_say():
    coach = make_coach()
    import_ = preview(file_of(event("LOCATION:-")), coach)

    with pytest.raises(ValidationError):
        confirm_sessions_import(import_, capacity=8, price=0, by=coach)
    confirm_sessions_import(import_, capacity=8, price=0, place="Room 3", by=coach)
    run_import(import_.pk)

    assert Session.objects.get().place == "Room 3"


def test_a_link_is_a_link():
    coach = make_coach()
    online = event("LOCATION:https://meet.example.com/x")
    bad = event("LOCATION:-", "URL:javascript:alert(1)", uid="b", start=NEXT_WEEK + timedelta(hours=4))

    first, second = preview(file_of(online, bad), coach).rows

    assert (first["data"]["place"], first["data"]["join_link"]) == ("", "https://meet.example.com/x")
    assert (second["data"]["place"], second["data"]["join_link"]) == ("", "")


def test_only_the_coach_and_admins_import():
    coach = make_coach()

    for other in (make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            preview_sessions_import("plan.ics", file_of(event()), coach=coach, by=other)
    import_ = preview_sessions_import("plan.ics", file_of(event()), coach=coach, by=make_admin())
    with pytest.raises(PermissionDenied):
        confirm_sessions_import(import_, capacity=1, price=0, by=make_coach())

    assert Import.objects.get().state == Import.State.PREVIEW


def test_the_pages_lead_from_the_file_to_the_sessions():
    coach = make_coach()
    client = Client()
    client.force_login(coach)
    assert client.get("/teaching/import/").status_code == 200

    upload = SimpleUploadedFile("plan.ics", file_of(event()), "text/calendar")
    sent = client.post("/teaching/import/", {"file": upload})["Location"]
    page = client.get(sent)
    assert "1 event becomes a session" in page.content.decode()
    wrong = client.post(sent, {"capacity": "0", "price": "x"})
    assert wrong.status_code == 422
    confirmed = client.post(sent, {"capacity": "8", "price": "12.50", "place": "", "cancellation_policy": ""})
    assert confirmed.status_code == 302
    assert client.get(sent + "progress/").status_code == 200
    run_import(Import.objects.get().pk)

    assert Session.objects.get().price == 1_250
    assert "1 event is a session now" in client.get(sent).content.decode()
    stranger = Client()
    stranger.force_login(make_coach())
    assert stranger.get(sent).status_code == 404


def test_a_wrong_file_keeps_the_page():
    client = Client()
    client.force_login(make_coach())

    page = client.post("/teaching/import/", {"file": SimpleUploadedFile("x.ics", b"rubbish")})

    assert page.status_code == 422
    assert "not a calendar file" in page.content.decode()


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=99999999999999",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    ],
)
def test_a_rule_that_would_be_searched_for_ever_is_not_expanded(rule):
    content = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Yoga\r\nDTSTART:20300304T100000Z\r\n"
        f"DTEND:20300304T110000Z\r\nRRULE:{rule}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    started = monotonic()
    (row,) = read_calendar(content.encode(), time_zone="UTC", now=datetime(2030, 3, 1, tzinfo=UTC))
    assert row.problem
    assert monotonic() - started < 2


@pytest.mark.parametrize(
    "rule", ["FREQ=SECONDLY", "FREQ=YEARLY;INTERVAL=0", "FREQ=YEARLY;\r\n INTERVAL=0", "FREQ=YEARLY;FREQ=DAILY"]
)
def test_a_zone_whose_clock_changes_all_the_time_is_refused(rule):
    content = (
        "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Mine\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
        f"RRULE:{rule}\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n"
    )
    with pytest.raises(UnreadableFile):
        read_calendar(content.encode(), time_zone="UTC", now=datetime(2030, 3, 1, tzinfo=UTC))


def test_a_long_daily_series_is_read_quickly():
    content = (
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Yoga\r\nDTSTART:20120304T100000Z\r\n"
        "DTEND:20120304T110000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    started = monotonic()
    rows = read_calendar(content.encode(), time_zone="UTC", now=datetime(2030, 3, 1, tzinfo=UTC))
    assert len(rows) == DAYS_AHEAD
    assert monotonic() - started < 4
