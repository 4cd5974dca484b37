"""Sessions that change at once: whoever is in several of them is told once, with all their dates."""

from collections.abc import Iterable

import pytest

from tenpo.checkout.tests.make import make_booking
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import drain
from tenpo.notify.kinds import Words, say
from tenpo.notify.models import Notification
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.places import edit_location, open_location
from tenpo.schedule.actions.series import edit_following
from tenpo.schedule.models import Booking, Location, Series, Session
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def location() -> Location:
    return open_location(by=make_admin(), name="Room 1")


def held_at(location: Location, number: int, **more) -> list[Session]:
    """Sessions at a place, each told of by now."""
    made = [make_session(**more) for _ in range(number)]
    Session.objects.filter(pk__in=[one.pk for one in made]).update(location=location)
    return list(Session.objects.filter(location=location).order_by("starts_at"))


def told_of(change) -> dict[User, list[Words]]:
    """What everybody is told of a change, by whom."""
    drain(1_000)
    before = set(Notification.objects.values_list("pk", flat=True))
    change()
    drain(1_000)
    found: dict[User, list[Words]] = {}
    for row in Notification.objects.exclude(pk__in=before).select_related("user").order_by("id"):
        found.setdefault(row.user, []).append(say(row.kind, row.payload))
    return found


def dates_in(words: Words, sessions: Iterable[Session]) -> list[bool]:
    said = [name for name, _value in words.facts]
    return [session.title in said for session in sessions]


def test_a_place_that_is_renamed_is_told_once_to_each_with_their_dates(location):
    admin, member, other = make_admin(), make_member("Mina"), make_member()
    first, second, third = held_at(location, 3)
    for session in (first, second):
        make_booking(session, member)
    make_booking(third, other)

    told = told_of(lambda: edit_location(location, by=admin, name="Hall", address="Main street 1"))

    assert set(told) == {member, other}
    [several], [one] = told[member], told[other]
    assert several.title == "Changed: 2 of your sessions"
    assert ("Where", "Room 1 → Hall, Main street 1") in several.facts
    assert dates_in(several, (first, second, third)) == [True, True, False]
    assert several.path == "/bookings/"
    assert one.title == f"Changed: {third.title}"
    assert one.facts == (("Where", "Room 1 → Hall, Main street 1"),)
    # Calendars and visitors hear of each session as before.
    assert OutboxMessage.objects.filter(name="session.changed").count() == 3


def test_who_books_for_others_is_told_for_whom_and_those_of_their_own(location):
    admin, member, guest = make_admin(), make_member("Mina Ray"), make_member("Ada Ray")
    first, second = held_at(location, 2)
    for session in (first, second):
        make_booking(session, member)
        make_booking(session, guest)
    Booking.objects.update(booked_by=member)

    told = told_of(lambda: edit_location(location, by=admin, name="Hall"))

    assert {user: len(words) for user, words in told.items()} == {member: 1, guest: 1}
    assert ("For", "Mina Ray, Ada Ray") in told[member][0].facts
    assert "For" not in dict(told[guest][0].facts)


def test_one_session_at_a_place_is_told_as_any_that_changes(location):
    [session], member = held_at(location, 1), make_member()
    make_booking(session, member)

    told = told_of(lambda: edit_location(location, by=make_admin(), name="Hall"))

    assert [words.title for words in told[member]] == [f"Changed: {session.title}"]
    assert not OutboxMessage.objects.filter(name="session.changed_together").exists()


def test_who_gives_them_with_others_is_told_once_and_never_who_did_it(location):
    lead, beside = make_coach(), make_coach()
    sessions = held_at(location, 2, coach=lead, beside=[beside])
    Session.objects.update(series=Series.objects.create(coach=lead, rule="FREQ=WEEKLY", time_zone="Europe/Berlin"))

    renamed = told_of(lambda: edit_location(location, by=make_admin(), name="Hall"))
    sessions[0].refresh_from_db()
    edited = told_of(lambda: edit_following(sessions[0], by=lead, place="Garden"))

    assert {user: [words.title for words in said] for user, said in renamed.items()} == {
        lead: ["Changed: 2 sessions that you give with others"],
        beside: ["Changed: 2 sessions that you give with others"],
    }
    assert set(edited) == {beside}
    assert ("Where", "Garden") in edited[beside][0].facts
    assert dates_in(edited[beside][0], sessions) == [True, True]


def test_what_was_not_alike_before_says_only_how_it_is_now(location):
    coach, member = make_coach(), make_member()
    first, second = held_at(location, 2, coach=coach)
    Session.objects.update(series=Series.objects.create(coach=coach, rule="FREQ=WEEKLY", time_zone="Europe/Berlin"))
    Session.objects.filter(pk=second.pk).update(place="Elsewhere")
    for session in Session.objects.all():
        make_booking(session, member)
    first.refresh_from_db()

    [words] = told_of(lambda: edit_following(first, by=coach, place="Garden"))[member]

    assert ("Where", "Garden") in words.facts


def test_what_changes_of_some_alone_is_told_too():
    coach, member = make_coach(), make_member()
    first, second = make_session(coach), make_session(coach)
    Session.objects.update(series=Series.objects.create(coach=coach, rule="FREQ=WEEKLY", time_zone="Europe/Berlin"))
    Session.objects.filter(pk=first.pk).update(place="Hall")
    for session in (first, second):
        make_booking(session, member)
    first.refresh_from_db()

    told = told_of(lambda: edit_following(first, by=coach, place="Hall", join_link="https://meet.example.com/yoga"))

    [words] = told[member]
    said = dict(words.facts)
    assert (said["Where"], said["Link to join"]) == ("Hall", "There is a new one; it stands with your booking.")


def in_series(*sessions: Session) -> list[Session]:
    """Sessions as the dates of one series of their lead."""
    series = Series.objects.create(coach=sessions[0].coach, rule="FREQ=WEEKLY", time_zone="Europe/Berlin")
    Session.objects.filter(pk__in=[one.pk for one in sessions]).update(series=series)
    return list(series.sessions.order_by("starts_at"))


def test_who_comes_to_some_of_them_is_told_in_one_of_what_else_changes():
    lead, new, admin = make_coach("Lead"), make_coach("New"), make_admin()
    first, second, third = in_series(
        make_session(lead, beside=[new]), make_session(lead), make_session(lead, beside=[new])
    )

    told = told_of(lambda: edit_following(first, by=admin, beside=[new], place="Garden"))

    [words] = told[new]
    assert words.title == f"You give {second.title} with others"
    assert words.text.endswith("2 more that you give have changed.")
    said = dict(words.facts)
    assert said["Where"] == "Garden"
    assert [f"Changed: {one.title}" in said for one in (first, second, third)] == [True, False, True]
    # Who gives them all is told that they changed, and with whom, and of nothing twice.
    assert [words.title for words in told[lead]] == ["Changed: 3 sessions that you give with others"]


def test_who_comes_to_one_where_nothing_else_changes_is_told_in_one_of_the_others():
    lead, new = make_coach("Lead"), make_coach("New")
    first, second, third = in_series(
        make_session(lead), make_session(lead, beside=[new]), make_session(lead, beside=[new])
    )
    Session.objects.filter(pk__in=[first.pk, third.pk]).update(place="Garden")

    told = told_of(lambda: edit_following(first, by=lead, beside=[new], place="Garden"))

    [words] = told[new]
    assert words.text.endswith("1 more that you give has changed.")
    assert [name for name, _when in words.facts if name.startswith("Changed")] == [f"Changed: {second.title}"]
    assert set(told) == {new}


def test_who_was_there_is_told_once_of_who_comes_and_of_what_changes():
    lead, there, new, admin = make_coach("Lead"), make_coach("There"), make_coach("New"), make_admin()
    dates = in_series(make_session(lead, beside=[there]), make_session(lead, beside=[there]))
    Session.objects.filter(pk=dates[0].pk).update(place="Garden")

    told = told_of(lambda: edit_following(dates[0], by=admin, beside=[there, new], place="Garden"))

    assert {user: len(words) for user, words in told.items()} == {lead: 1, there: 1, new: 1}
    assert told[there][0].title == f"Changed: {dates[1].title}, which you give with others"
    assert told[new][0].title == "You give 2 sessions with others"
    assert "Changed" not in str(told[new][0].facts)
