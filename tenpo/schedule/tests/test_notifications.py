"""Who is told what about sessions, and that the words of a list cost nothing."""

from datetime import timedelta

import pytest
from django.test.utils import override_settings
from django.utils import timezone, translation

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.test_book_series import make_dates
from tenpo.core.outbox import drain, publish
from tenpo.notify.kinds import Facts, all_kinds, path_to, say
from tenpo.notify.models import Notification
from tenpo.orders.tests.make import make_share_policy
from tenpo.payments.providers.sandbox import NEVER_ANSWERS, SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_everywhere
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_notifications import session_facts
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def told(user: User) -> list[str]:
    """The kinds that `user` was told, oldest first."""
    drain(1_000)
    return list(Notification.objects.filter(user=user).order_by("id").values_list("kind", flat=True))


def words(user: User, kind: str) -> str:
    found = Notification.objects.get(user=user, kind=kind)
    said = say(kind, found.payload)
    return f"{said.title} {said.text}"


def test_a_booking_is_told_to_who_booked_and_to_the_coach():
    member = make_member("Maya")
    session = make_session(title="Yoga", capacity=3)

    make_booking(session, member)

    assert told(member) == ["booking.confirmed"]
    assert told(session.coach) == ["coach.booked"]
    assert "Maya booked Yoga" in words(session.coach, "coach.booked")
    assert "1 of 3 seats are taken" in words(session.coach, "coach.booked")


def test_a_held_seat_is_not_told_until_it_is_paid():
    member = make_member()
    make_booking(make_session(), member, card=NEVER_ANSWERS)

    assert told(member) == []


def test_a_full_session_is_told_once():
    session = make_session(capacity=1)
    first = make_booking(session, make_member())
    told(session.coach)
    cancel_booking(first, by=first.booked_by)
    make_booking(session, make_member())

    kinds = told(session.coach)

    assert kinds.count("coach.session_full") == 1
    assert kinds.count("coach.booked") == 2
    assert kinds.count("coach.booking_cancelled") == 1


def test_who_cancels_decides_who_is_told():
    session = make_session(title="Yoga", price=5_000)
    mine, theirs = make_booking(session, make_member("Maya")), make_booking(session, make_member("Tom"))

    cancel_booking(mine, by=mine.booked_by)
    cancel_booking(theirs, by=session.coach)

    assert told(mine.booked_by) == ["booking.confirmed", "booking.given_up"]
    assert told(theirs.booked_by) == ["booking.confirmed", "booking.cancelled_by_host"]
    assert "€50 went back to you as credit" in words(theirs.booked_by, "booking.cancelled_by_host")
    assert told(session.coach).count("coach.booking_cancelled") == 1
    assert "Maya cancelled Yoga" in words(session.coach, "coach.booking_cancelled")


def test_a_place_in_line_given_up_is_not_the_coachs_news():
    session = make_session(capacity=1)
    make_booking(session, make_member())
    member = make_member()
    waiting = join_waitlist(session, participant=member.participant, by=member)

    cancel_booking(waiting, by=member)

    assert told(member) == ["booking.waitlisted"]
    assert "coach.booking_cancelled" not in told(session.coach)


def test_a_cancelled_session_is_told_to_each_with_their_own_credit():
    session = make_session(title="Yoga", price=5_000, capacity=2)
    payer = make_booking(session, make_member()).booked_by
    make_share_policy(percent=100)
    covered = make_booking(session, make_member()).booked_by
    waiting = make_member()
    join_waitlist(session, participant=waiting.participant, by=waiting)

    cancel_session(session, reason="Jo is ill", by=session.coach)

    for member in (payer, covered, waiting):
        assert told(member)[-1] == "session.cancelled"
        assert "The reason: Jo is ill" in words(member, "session.cancelled")
    assert "€50 went back" in words(payer, "session.cancelled")
    assert "went back" not in words(covered, "session.cancelled")


def test_a_changed_session_says_what_is_new():
    session = make_session(title="Yoga")
    member, stranger = make_member(), make_member()
    make_booking(session, member)
    moved = session.starts_at + timedelta(days=1)

    edit_session(session, starts_at=moved, place="Garden", by=session.coach)

    assert told(member) == ["booking.confirmed", "session.changed"]
    said = say("session.changed", Notification.objects.get(user=member, kind="session.changed").payload)
    assert ("Where", "Room 1 → Garden") in said.facts
    assert [name for name, value in said.facts if "→" in value] == ["When", "Where"]
    assert told(stranger) == []


def test_a_freed_seat_is_offered_with_its_end():
    session = make_session(title="Yoga", capacity=1)
    first = make_booking(session, make_member())
    member = make_member()
    join_waitlist(session, participant=member.participant, by=member)

    cancel_booking(first, by=first.booked_by)

    assert told(member) == ["booking.waitlisted", "booking.offered"]
    offered = Booking.objects.get(booked_by=member)
    assert Notification.objects.get(user=member, kind="booking.offered").payload["held_until"] == (
        offered.held_until.isoformat()
    )
    assert "held for you until" in words(member, "booking.offered")


def test_an_offer_that_is_over_before_we_speak_is_not_told():
    session = make_session(capacity=1)
    first = make_booking(session, make_member())
    member = make_member()
    waiting = join_waitlist(session, participant=member.participant, by=member)
    cancel_booking(first, by=first.booked_by)
    cancel_booking(waiting, by=member)

    assert told(member) == ["booking.waitlisted"]


@pytest.mark.parametrize(("state", "kind"), [("offered", "booking.offer_lapsed"), ("held", "booking.hold_lapsed")])
def test_what_runs_out_is_told(state, kind):
    session = make_session(capacity=1)
    member = make_member()
    booking = make_booking(session, member, card=NEVER_ANSWERS)
    if state == "offered":
        Booking.objects.filter(pk=booking.pk).update(line=None)
    Booking.objects.filter(pk=booking.pk).update(state=state, held_until=timezone.now() - timedelta(seconds=1))

    release_lapsed_everywhere()

    assert told(member) == [kind]


def test_a_reminder_goes_to_who_still_comes():
    comes, cancelled = make_booking(make_session(), make_member()), make_booking(make_session(), make_member())
    publish("booking.reminder_due", subject=comes)
    publish("booking.reminder_due", subject=cancelled)
    cancel_booking(cancelled, by=cancelled.booked_by)

    assert told(comes.booked_by) == ["booking.confirmed", "booking.reminder"]
    assert told(cancelled.booked_by) == ["booking.confirmed", "booking.given_up"]


def test_who_books_for_somebody_else_and_who_takes_part_are_both_told():
    admin, member = make_admin(), make_member("Maya")
    booking = make_booking(make_session(), member)
    Booking.objects.filter(pk=booking.pk).update(booked_by=admin)

    assert told(admin) == ["booking.confirmed"]
    assert told(member) == ["booking.confirmed"]


def test_who_takes_part_is_told_of_their_own_place_and_not_what_came_back_or_who_else_comes():
    admin, maya, tom = make_admin(), make_member("Maya"), make_member("Tom")
    session = make_session(title="Yoga", price=5_000)
    people = [maya.participant, tom.participant]
    [of_maya, of_tom] = book_places(session, participants=people, by=admin, provider="sandbox", source=SUCCEEDS)

    cancel_booking(of_maya, by=session.coach)
    cancel_session(session, reason="Ill", by=session.coach)

    assert told(maya) == ["booking.confirmed", "booking.cancelled_by_host"]
    assert told(tom) == ["booking.confirmed", "session.cancelled"]
    assert "€50 went back" in words(admin, "booking.cancelled_by_host")
    assert "€50 went back" in words(admin, "session.cancelled")
    for person, booking in ((maya, of_maya), (tom, of_tom)):
        for notice in Notification.objects.filter(user=person):
            said = say(notice.kind, notice.payload)
            assert not {"credit", "wallet", "method", "for"} & notice.payload.keys()
            assert "€" not in said.text
            assert (notice.payload["booking_id"], notice.payload["participant"]) == (str(booking.pk), person.name)
    assert Notification.objects.get(user=admin, kind="booking.confirmed").payload["for"] == "Maya, Tom"


def test_who_takes_part_is_told_their_own_dates():
    admin, maya, tom = make_admin(), make_member("Maya"), make_member("Tom")
    people = [maya.participant, tom.participant]
    book_places(*make_dates(2), participants=people, by=admin, provider="sandbox", source=SUCCEEDS)

    assert told(maya) == told(tom) == ["booking.confirmed"]
    for person in (admin, maya, tom):
        assert len(Notification.objects.get(user=person, kind="booking.confirmed").payload["dates"]) == 2


def test_who_was_missed_is_not_told_what_came_of_the_money():
    facts = {"session": "Yoga", "credit": 0}

    assert "Nothing of what was paid comes back." in say("booking.missed", facts).text
    assert "paid" not in say("booking.missed", {"session": "Yoga"}).text


def test_a_coach_in_their_own_session_is_told_once():
    coach = make_coach()
    make_booking(make_session(coach), coach)

    assert told(coach) == ["booking.confirmed"]


def test_every_kind_can_be_said_of_nothing_and_of_everything(django_assert_num_queries):
    session = make_session(title="Yoga")
    session = Session.objects.select_related("coach").get(pk=session.pk)
    facts = {
        **session_facts(session), "booking_id": str(session.pk), "participant": "Maya", "credit": 1_200,
        "held_until": timezone.now().isoformat(), "amount": 1_200, "method": "Payroll", "payer": "Maya",
        "reason": "Ill", "before": {"place": "Room 2"}, "seats_taken": 1, "capacity": 2,
    }  # fmt: skip

    with django_assert_num_queries(0):
        for kind in all_kinds().values():
            for payload in ({}, facts):
                said = kind.say(Facts(payload))
                assert said.title
                assert said.path.startswith("/")


def test_words_are_the_readers():
    facts = {"starts_at": "2030-08-07T16:00:00+00:00", "time_zone": "Europe/Berlin", "credit": 1250, "currency": "EUR"}

    with translation.override("de"), timezone.override("America/New_York"):
        said = Facts(facts)
        assert said.when() == "Mi. 7. Aug. 2030, 12:00 (18:00 in Berlin)"
        assert said.money("credit") == "12,50\N{NO-BREAK SPACE}€"


def test_a_page_that_an_installation_lacks_leads_to_the_front():
    with override_settings(ROOT_URLCONF="tenpo.audit.urls"):
        assert path_to("schedule:session-list") == "/"
