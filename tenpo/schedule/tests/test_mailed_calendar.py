"""The calendar file of a booking's mails: one UID from the first to the last, each later one of a higher SEQUENCE."""

from datetime import UTC, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from icalendar import Calendar

from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.queries.series import Scope
from tenpo.checkout.tests.make import make_booking, told
from tenpo.checkout.tests.test_book_series import book, make_dates
from tenpo.core import outbox
from tenpo.notify.actions.deliveries import send_delivery
from tenpo.notify.kinds import Facts
from tenpo.notify.models import Delivery, Notification
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule import several_notifications
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.intros import cancel_intro
from tenpo.schedule.actions.rescheduling import reschedule_booking
from tenpo.schedule.actions.series import cancel_following, edit_following
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.intro_mails import send_intro_mail
from tenpo.schedule.mailed_calendar import calendar_of_bookings
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.intro_make import make_intro
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

HOUR = timedelta(hours=1)


@pytest.fixture
def lena() -> User:
    return make_member("Lena")


def mails_to(user: User, mailoutbox: list[Any]) -> list[Any]:
    """What is sent to somebody now, of what was not sent yet."""
    outbox.drain()
    mailoutbox.clear()
    for one in Delivery.objects.filter(notification__user=user, channel="email", state="queued").order_by("id"):
        assert send_delivery(one.pk)
    return list(mailoutbox)


def calendars_of(message: Any) -> list[Any]:
    """The files of a mail, read from its bytes as a mail program does; each says the method of its type."""
    found = []
    for part in message_from_bytes(message.message().as_bytes()).walk():
        if part.get_content_type() == "text/calendar":
            content: Any = part.get_payload(decode=True)
            calendar = Calendar.from_ical(content)
            assert part.get_param("method") == calendar["METHOD"]
            assert part.get_content_charset() == "utf-8"
            assert str(part["Content-Type"]).count("charset") == 1
            found.append(calendar)
    return found


def sent(user: User, mailoutbox: list[Any]) -> tuple[str, list[Any]]:
    """The method and the events of the one file in the one mail that somebody gets now."""
    [message] = mails_to(user, mailoutbox)
    [calendar] = calendars_of(message)
    return str(calendar["METHOD"]), events_of(calendar)


def events_of(calendar: Calendar) -> list[Any]:
    return calendar.walk("VEVENT")


def uid_of(event: Any) -> str:
    return str(event["UID"]).split("@")[0]


def test_the_mail_of_one_booking_brings_it_for_the_calendar(lena, mailoutbox):
    session = make_session()
    booking = make_booking(session, lena)

    [message] = mails_to(lena, mailoutbox)

    [(name, _content, _kind)] = message.attachments
    assert name == f"booking-{session.starts_at.astimezone(UTC):%Y-%m-%d}.ics"
    [calendar] = calendars_of(message)
    [event] = events_of(calendar)
    assert (calendar["METHOD"], str(event["STATUS"])) == ("PUBLISH", "CONFIRMED")
    assert uid_of(event) == f"booking-{booking.pk}"
    assert event["DTSTART"].dt == session.starts_at.replace(microsecond=0)
    # Whoever publishes says who organizes it, and asks nobody to answer (RFC 5546, 3.2.1).
    assert str(event["ORGANIZER"]).startswith("mailto:")
    assert str(event["ORGANIZER"]).removeprefix("mailto:") in message.from_email
    assert "ATTENDEE" not in event


def test_later_mails_move_it_and_take_it_out_again(lena, mailoutbox):
    session = make_session()
    booking = make_booking(session, lena)
    other = make_session(session.coach, starts_in=timedelta(days=9))
    seen = [sent(lena, mailoutbox)]

    edit_session(session, by=session.coach, starts_at=session.starts_at + HOUR)
    seen.append(sent(lena, mailoutbox))
    reschedule_booking(Booking.objects.get(pk=booking.pk), to=other, by=lena)
    seen.append(sent(lena, mailoutbox))
    cancel_booking(Booking.objects.get(pk=booking.pk), by=lena)
    seen.append(sent(lena, mailoutbox))

    assert [method for method, _events in seen] == ["PUBLISH", "PUBLISH", "PUBLISH", "CANCEL"]
    events = [event for _method, [event] in seen]
    assert {uid_of(event) for event in events} == {f"booking-{booking.pk}"}
    sequences = [event["SEQUENCE"] for event in events]
    assert sequences == sorted(set(sequences))
    assert [str(event["STATUS"]) for event in events] == ["CONFIRMED"] * 3 + ["CANCELLED"]
    assert events[1]["DTSTART"].dt - events[0]["DTSTART"].dt == HOUR
    assert events[2]["DTSTART"].dt == other.starts_at.replace(microsecond=0)


@pytest.mark.parametrize("who", ["coach", "session", "admin"])
def test_what_the_host_calls_off_is_taken_out(lena, mailoutbox, who):
    session = make_session()
    booking = make_booking(session, lena)
    _method, [first] = sent(lena, mailoutbox)

    if who == "session":
        cancel_session(session, reason="Ill", by=session.coach)
    else:
        cancel_booking(booking, by=session.coach if who == "coach" else make_admin())
    method, [event] = sent(lena, mailoutbox)

    assert (method, event["UID"], str(event["STATUS"])) == ("CANCEL", first["UID"], "CANCELLED")
    assert event["SEQUENCE"] > first["SEQUENCE"]


def test_a_party_stands_there_once_until_the_last_of_it_is_gone(lena, mailoutbox):
    own, obi, ada = book([make_session(capacity=5)], lena, "Obi", "Ada")
    method, events = sent(lena, mailoutbox)
    assert (method, list(map(uid_of, events))) == ("PUBLISH", [f"booking-{own.pk}"])

    # Whose place did not stand there changes nothing in it.
    cancel_booking(ada, by=lena)
    [message] = mails_to(lena, mailoutbox)
    assert calendars_of(message) == []

    cancel_booking(own, by=lena)
    method, events = sent(lena, mailoutbox)
    assert method == "PUBLISH"
    assert {uid_of(event): str(event["STATUS"]) for event in events} == {
        f"booking-{own.pk}": "CANCELLED",
        f"booking-{obi.pk}": "CONFIRMED",
    }

    cancel_booking(obi, by=lena)
    method, events = sent(lena, mailoutbox)
    assert (method, list(map(uid_of, events))) == ("CANCEL", [f"booking-{obi.pk}"])


def test_a_whole_party_that_is_given_up_at_once_is_one_event(lena, mailoutbox):
    own, _obi, _ada = book([make_session(capacity=5)], lena, "Obi", "Ada")
    sent(lena, mailoutbox)

    cancel_in_series(own, scope=Scope.THIS, whole_party=True, by=lena)
    method, events = sent(lena, mailoutbox)

    assert (method, list(map(uid_of, events))) == ("CANCEL", [f"booking-{own.pk}"])


def test_dates_that_are_given_up_at_once_are_all_taken_out(lena, mailoutbox):
    places = book(make_dates(3), lena)
    method, first = sent(lena, mailoutbox)

    cancel_in_series(places[0], scope=Scope.ALL, by=lena)
    again, events = sent(lena, mailoutbox)

    # A CANCEL is of one UID alone (RFC 5546, 3.2.5): several are published as what they are.
    assert (method, again) == ("PUBLISH", "PUBLISH")
    assert list(map(uid_of, events)) == list(map(uid_of, first)) == [f"booking-{one.pk}" for one in places]
    assert {str(event["STATUS"]) for event in events} == {"CANCELLED"}
    assert all(later["SEQUENCE"] > event["SEQUENCE"] for event, later in zip(first, events, strict=True))


def test_who_is_moved_alone_leaves_the_others_where_they_are(lena, mailoutbox):
    policy = make_cancellation_policy((48, 100), (0, 50), reschedules=2, reschedule_hours=24)
    session = make_session(capacity=5, policy=policy, starts_in=timedelta(days=5))
    own, obi = book([session], lena, "Obi")
    other = make_session(session.coach, starts_in=timedelta(days=9))
    sent(lena, mailoutbox)

    reschedule_booking(own, to=other, by=lena)
    _method, events = sent(lena, mailoutbox)

    assert {uid_of(event): event["DTSTART"].dt for event in events} == {
        f"booking-{obi.pk}": session.starts_at.replace(microsecond=0),
        f"booking-{own.pk}": other.starts_at.replace(microsecond=0),
    }


def test_who_only_waits_has_nothing_in_a_calendar(lena, mailoutbox):
    session = make_session(capacity=1)
    make_booking(session, make_member())
    join_waitlist(session, participant=lena.participant, by=lena)

    edit_session(Session.objects.get(pk=session.pk), by=session.coach, starts_at=session.starts_at + HOUR)

    messages = mails_to(lena, mailoutbox)
    assert "session.changed" in told(lena)
    assert [calendars_of(message) for message in messages] == [[]] * len(messages)


def test_who_comes_on_anothers_order_reads_of_their_own_place(lena, mailoutbox):
    """And whoever ordered reads of what stands in their calendar; nobody of another's."""
    nadia, session = make_member("Nadia"), make_session(capacity=5)
    make_booking(session, nadia)
    sent(nadia, mailoutbox)
    mine = make_booking(session, lena)
    _method, events = sent(lena, mailoutbox)
    assert list(map(uid_of, events)) == [f"booking-{mine.pk}"]
    theirs = Notification.objects.get(user=lena).payload

    assert calendar_of_bookings(Facts(theirs), nadia) is None
    assert calendar_of_bookings(Facts({}), lena) is None
    assert calendar_of_bookings(Facts({**theirs, "booking_id": "none"}), lena) is None


def test_sessions_that_change_at_once_come_in_one_file(lena, mailoutbox):
    dates = make_dates(3)
    places = [make_booking(session, lena) for session in dates]
    mails_to(lena, mailoutbox)

    edit_following(dates[0], by=dates[0].coach, place="Hall 2")
    method, events = sent(lena, mailoutbox)

    assert (method, sorted(map(uid_of, events))) == ("PUBLISH", sorted(f"booking-{one.pk}" for one in places))
    assert {str(event["LOCATION"]) for event in events} == {"Hall 2"}


def test_dates_that_the_host_calls_off_at_once_are_all_taken_out(lena, mailoutbox):
    dates = make_dates(3)
    places = [make_booking(session, lena) for session in dates]
    mails_to(lena, mailoutbox)

    cancel_following(dates[0], reason="Ill", by=dates[0].coach)
    method, events = sent(lena, mailoutbox)

    assert (method, list(map(uid_of, events))) == ("PUBLISH", [f"booking-{one.pk}" for one in places])
    assert {str(event["STATUS"]) for event in events} == {"CANCELLED"}


def test_more_dates_than_a_mail_names_are_all_in_its_file(lena, mailoutbox, monkeypatch):
    monkeypatch.setattr(several_notifications, "NAMED", 2)
    dates = make_dates(4)
    places = [make_booking(session, lena) for session in dates]
    mails_to(lena, mailoutbox)

    edit_following(dates[0], by=dates[0].coach, place="Hall 2")
    _method, events = sent(lena, mailoutbox)

    assert list(map(uid_of, events)) == [f"booking-{one.pk}" for one in places]


def test_who_waits_for_the_first_date_has_the_others_in_the_file(lena, mailoutbox):
    full, *dates = make_dates(3, capacity=1)
    make_booking(full, make_member())
    join_waitlist(full, participant=lena.participant, by=lena)
    places = [make_booking(session, lena) for session in dates]
    mails_to(lena, mailoutbox)

    edit_following(full, by=full.coach, place="Hall 2")
    assert list(map(uid_of, sent(lena, mailoutbox)[1])) == [f"booking-{one.pk}" for one in places]

    cancel_following(full, reason="Ill", by=full.coach)
    events = sent(lena, mailoutbox)[1]
    assert [(uid_of(one), str(one["STATUS"])) for one in events] == [
        (f"booking-{one.pk}", "CANCELLED") for one in places
    ]


def test_an_intro_that_is_given_up_is_taken_out(mailoutbox):
    intro = make_intro()
    send_intro_mail(intro.pk, "booked")
    cancel_intro(intro)
    send_intro_mail(intro.pk, "given_up")

    files = [calendars_of(message)[0] for message in mailoutbox]

    assert [str(one["METHOD"]) for one in files] == ["PUBLISH", "CANCEL"]
    [first], [last] = map(events_of, files)
    assert (first["UID"], str(last["STATUS"])) == (last["UID"], "CANCELLED")
    assert last["SEQUENCE"] > first["SEQUENCE"]
