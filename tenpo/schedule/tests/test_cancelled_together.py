"""What is called off from a date on: whoever is in several of them is told once, with all that came back."""

from datetime import timedelta

import pytest

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.tests.make import make_booking
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.core.outbox import drain
from tenpo.notify.kinds import Words, say
from tenpo.notify.models import Notification
from tenpo.payments.providers.sandbox import DECLINED
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.series import cancel_following
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Series, Session
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def make_dates(number: int, coach: User, **more) -> list[Session]:
    """Dates of one series, a week apart."""
    dates = [make_session(coach, starts_in=timedelta(days=7 * n), **more) for n in range(1, number + 1)]
    series = Series.objects.create(coach=coach, rule="FREQ=WEEKLY", time_zone="Europe/Berlin")
    Session.objects.filter(pk__in=[one.pk for one in dates]).update(series=series)
    return list(series.sessions.order_by("starts_at"))


def told_of(change) -> dict[User, list[tuple[str, Words]]]:
    """What everybody is told of a change, by its kind."""
    drain(1_000)
    before = set(Notification.objects.values_list("pk", flat=True))
    change()
    drain(1_000)
    found: dict[User, list[tuple[str, Words]]] = {}
    for row in Notification.objects.exclude(pk__in=before).select_related("user").order_by("id"):
        found.setdefault(row.user, []).append((row.kind, say(row.kind, row.payload)))
    return found


def test_each_is_told_once_with_their_dates_and_all_that_came_back():
    coach, member, other = make_coach(), make_member(), make_member()
    dates = make_dates(4, coach, price=2_000)
    for session in dates:
        make_booking(session, member)
    make_booking(dates[2], other)

    told = told_of(lambda: cancel_following(dates[1], reason="Moved away", by=coach))

    assert set(told) == {member, other}
    [(kind, several)], [(_kind, one)] = told[member], told[other]
    assert kind == "session.cancelled"
    assert several.title == "Called off: 3 of your sessions"
    assert "3 dates, the first" in several.text
    assert "€60 went back" in several.text
    assert several.text.endswith("The reason: Moved away")
    named = [name for name, _value in several.facts]
    assert [session.title in named for session in dates] == [False, True, True, True]
    assert one.title == f"Called off: {dates[2].title}"
    assert "€20 went back" in one.text
    # Calendars and whoever else follows single sessions hear of each as before.
    assert OutboxMessage.objects.filter(name="session.cancelled").count() == 3
    assert OutboxMessage.objects.filter(name="booking.session_cancelled").count() == 4


def test_who_books_for_others_reads_for_whom_and_what_came_back_and_they_their_dates_alone():
    coach, member, guest = make_coach(), make_member("Mina Ray"), make_member("Ada Ray")
    dates = make_dates(2, coach, price=2_000)
    for session in dates:
        make_booking(session, member)
        make_booking(session, guest)
    Booking.objects.update(booked_by=member)

    told = told_of(lambda: cancel_following(dates[0], reason="", by=coach))

    [(_kind, payer)], [(_kind, participant)] = told[member], told[guest]
    assert ("For", "Mina Ray, Ada Ray") in payer.facts
    assert "€80 went back" in payer.text
    assert "reason" not in payer.text
    assert "€" not in participant.text
    assert "For" not in dict(participant.facts)


def test_who_gave_up_before_is_not_told_and_who_waits_is():
    coach, member, waiting = make_coach(), make_member(), make_member()
    dates = make_dates(2, coach, capacity=1)
    gone = [make_booking(session, member) for session in dates]
    cancel_booking(gone[0], by=coach)
    join_waitlist(dates[1], participant=waiting.participant, by=waiting)

    told = told_of(lambda: cancel_following(dates[0], reason="Ill", by=coach))

    assert {user: [words.title for _kind, words in said] for user, said in told.items()} == {
        member: [f"Called off: {dates[1].title}"],
        waiting: [f"Called off: {dates[1].title}"],
    }


def test_what_one_order_holds_on_several_of_them_is_told_once():
    coach, lena = make_coach(), make_member()
    dates = make_dates(3, coach)
    book_places(*dates, participants=[lena.participant], by=lena, provider="sandbox", source=DECLINED)

    told = told_of(lambda: cancel_following(dates[0], reason="Ill", by=coach))

    assert [words.title for _kind, words in told[lena]] == ["Called off: 3 of your sessions"]
    assert set(Booking.objects.values_list("state", flat=True)) == {"cancelled"}


def test_who_gives_them_with_others_is_told_once_and_never_who_did_it():
    lead, beside, admin = make_coach(), make_coach(), make_admin()
    dates = make_dates(4, lead, beside=[beside])

    own = told_of(lambda: cancel_following(dates[2], reason="Ill", by=lead))
    of_business = told_of(lambda: cancel_following(dates[0], reason="", by=admin))

    assert {user: [words.title for _kind, words in said] for user, said in own.items()} == {
        beside: ["Called off: 2 sessions that you give with others"]
    }
    assert "The reason: Ill" in own[beside][0][1].text
    assert set(of_business) == {lead, beside}
    assert [len(said) for said in of_business.values()] == [1, 1]


def test_one_date_that_is_left_is_told_as_any_that_is_called_off():
    coach, member = make_coach(), make_member()
    dates = make_dates(2, coach)
    make_booking(dates[1], member)

    told = told_of(lambda: cancel_following(dates[1], reason="Ill", by=coach))

    assert [words.title for _kind, words in told[member]] == [f"Called off: {dates[1].title}"]
    assert not OutboxMessage.objects.filter(name="session.cancelled_together").exists()


def test_calling_off_again_tells_nobody():
    coach, member = make_coach(), make_member()
    dates = make_dates(2, coach)
    for session in dates:
        make_booking(session, member)
    cancel_following(dates[0], reason="Ill", by=coach)

    def again() -> None:
        with pytest.raises(RuleError) as refusal:
            cancel_following(dates[0], reason="Ill", by=coach)
        assert refusal.value.code == "no_series"
        cancel_session(dates[0], reason="Ill", by=coach)

    assert told_of(again) == {}
