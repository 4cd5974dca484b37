"""A time that all coaches of a service give together: one session, in which each of them is taken and earns a part."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tenpo.checkout.actions.requests import approve_request
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, lapse, refusal_of, starts, working_coach
from tenpo.notify.models import Notification
from tenpo.orders.actions.splits import create_split_rule
from tenpo.orders.models import Split
from tenpo.payments.providers.sandbox import SUCCEEDS_LATE
from tenpo.people.actions.accounts import revoke_role
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.moving import move_slot
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.models import Booking, Service, Session, SessionCoach
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service, refuses
from tests.work import work

MINUTE = timedelta(minutes=1)
pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def coaches() -> tuple[User, User]:
    return working_coach(), working_coach()


@pytest.fixture
def service(coaches: tuple[User, User]) -> Service:
    return make_service(*coaches, coaches_rule="all", buffer_after=15)


@contextmanager
def refused(constraint: str) -> Iterator[None]:
    """The database refuses by this constraint what is done within, at the latest when the transaction ends."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():  # noqa: PT012
        yield
        connection.check_constraints()


def claims(session: Session) -> list[tuple[User, int, bool]]:
    rows = SessionCoach.objects.filter(session=session).select_related("coach").order_by("place")
    return [(one.coach, one.place, one.claimed.isempty) for one in rows]


def test_all_of_them_give_it_and_are_taken(coaches, service):
    lead, other = coaches

    booking = book(service, make_member())

    session = Session.objects.get()
    assert (booking.state, session.coach, session.is_together) == ("confirmed", lead, True)
    assert claims(session) == [(lead, 0, False), (other, 1, False)]
    assert (session.coach_ids, session.coach_names) == ([lead.pk, other.pk], f"{lead} and {other}")
    assert starts(service) == ["10:30", "11:00"]
    alone = make_service(other, name="Alone")
    assert starts(alone) == ["10:30", "11:00"]
    assert refusal_of(alone, make_member(), coach=other).code == "slot_taken"


def test_it_costs_as_many_statements_as_with_one_coach(coaches, service):
    alone = make_service(working_coach(), coaches_rule="any")
    for given in (service, alone):
        book(given, make_member(), NINE + 2 * HOUR)
    counted = []
    for given in (service, alone):
        member = make_member()
        with CaptureQueriesContext(connection) as asked:
            book(given, member)
        counted.append(len(asked))

    assert counted[0] <= counted[1]


@pytest.mark.parametrize("place", [0, 1])
def test_one_who_is_taken_keeps_all_from_giving_it(coaches, service, place):
    make_session(coaches[place], starts_at=NINE)

    assert starts(service) == ["10:00", "10:30", "11:00"]
    assert refusal_of(service, make_member()).code == "slot_taken"


def test_of_one_who_left_nothing_is_asked(coaches, service):
    lead, other = coaches
    revoke_role(lead, role="coach", by=make_admin())

    book(service, make_member())

    assert claims(Session.objects.get()) == [(other, 0, False)]


def test_a_choice_of_one_of_them_is_none(coaches, service):
    with pytest.raises(ValidationError):
        book(service, make_member(), coach=coaches[1])

    assert refusal_of(service, make_member(), coach=make_coach()).code == "slot_not_offered"
    assert book(service, make_member(), coach=coaches[0]).state == "confirmed"


def test_what_ran_out_is_let_go_whoever_of_them_it_took(coaches, service):
    held = book(make_service(coaches[1], name="Alone"), make_member(), coach=coaches[1], source=SUCCEEDS_LATE)
    lapse(held)

    assert book(service, make_member()).state == "confirmed"


def test_when_it_is_given_up_all_of_them_are_free(coaches, service):
    booking = book(service, make_member())

    cancel_booking(booking, by=booking.booked_by)

    session = Session.objects.get()
    assert [is_free for _coach, _place, is_free in claims(session)] == [True, True]
    assert starts(service) == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_it_moves_with_all_of_them(coaches, service):
    booking = book(service, make_member())

    move_slot(booking, starts_at=NINE + HOUR, by=booking.booked_by)

    session = Session.objects.get()
    claimed = SessionCoach.objects.values_list("claimed", flat=True)
    assert {(one.lower, one.upper) for one in claimed} == {(NINE + HOUR, NINE + 2 * HOUR + timedelta(minutes=15))}
    assert session.coach == coaches[0]


def test_it_does_not_move_to_where_one_of_them_is_taken(coaches, service):
    booking = book(service, make_member())
    make_session(coaches[1], starts_at=NINE + 2 * HOUR, minutes=30)

    with refuses("slot_taken"):
        move_slot(booking, starts_at=NINE + 2 * HOUR, by=booking.booked_by)


def test_it_does_not_move_to_others_who_give_it_by_now(coaches, service):
    booking = book(service, make_member())
    third = working_coach()
    service.given_by.create(coach=third, place=2)

    with refuses("other_coach"):
        move_slot(booking, starts_at=NINE + HOUR, by=booking.booked_by)


def test_an_edit_is_refused_where_any_of_them_teaches(coaches, service):
    session = book(service, make_member()).session
    make_session(coaches[1], starts_at=NINE + 5 * HOUR)

    with refuses("overlap"):
        edit_session(session, by=coaches[0], starts_at=NINE + 5 * HOUR)
    edit_session(session, by=coaches[1], starts_at=NINE + 7 * HOUR)


def test_what_it_earns_is_divided_among_them(coaches):
    create_split_rule(name="Earn", business_percent=15, creator_percent=85, teacher_percent=0, by=make_admin())
    service = make_service(*coaches, coaches_rule="all", price=10_001)

    booking = book(service, make_member())

    splits = Split.objects.filter(line=booking.line).order_by("id")
    assert [(one.part, one.recipient, one.amount) for one in splits] == [
        ("business", None, 1_500), ("creator", coaches[0], 4_251), ("creator", coaches[1], 4_250),
    ]  # fmt: skip


def test_each_of_them_is_told_and_sees_it(coaches, service):
    booking = book(service, make_member())
    work()

    told = Notification.objects.filter(kind="coach.booked")
    assert {one.user for one in told} == set(coaches)
    for coach in coaches:
        assert Session.objects.visible_to(coach).count() == 1
        assert Booking.objects.visible_to(coach).get() == booking
    assert not Session.objects.visible_to(working_coach()).exists()


def told_of(kind: str) -> list[User]:
    work()
    return [one.user for one in Notification.objects.filter(kind=kind).select_related("user").order_by("id")]


def test_each_of_them_calls_it_off_and_the_others_are_told(coaches, service):
    book(service, make_member())

    assert cancel_session(Session.objects.get(), reason="ill", by=coaches[1]).status == "cancelled"

    assert told_of("coach.session_cancelled") == [coaches[0]]


def test_who_is_beside_the_one_who_gives_it_back_or_moves_it_is_told(coaches, service):
    first, second = book(service, make_member()), book(service, make_member(), NINE + 90 * MINUTE)

    edit_session(first.session, by=coaches[0], starts_at=NINE + 5 * HOUR)
    cancel_booking(second, by=coaches[1])

    assert told_of("coach.session_changed") == [coaches[1]]
    assert told_of("coach.session_cancelled") == [coaches[0]]


def test_whoever_moves_or_gives_up_what_they_booked_is_told_of_once(coaches, service):
    first, second = book(service, make_member()), book(service, make_member(), NINE + 90 * MINUTE)

    cancel_booking(second, by=second.booked_by)
    move_slot(first, starts_at=NINE + HOUR, by=first.booked_by)

    assert set(told_of("coach.booking_cancelled")) == set(coaches)
    assert told_of("coach.session_cancelled") == told_of("coach.session_changed") == []


def test_who_is_asked_first_hears_yes_from_any_of_them(coaches):
    service = make_service(*coaches, coaches_rule="all", needs_approval=True, price=0)
    asked = book(service, make_member())

    assert approve_request(asked, by=coaches[1]).state == "confirmed"


def test_each_of_them_reads_what_is_theirs_of_a_request_and_not_the_leads(coaches):
    lead, other = coaches
    book(make_service(lead, name="Alone with the lead"), make_member("Their Client"), NINE + HOUR)
    asked = book(make_service(*coaches, coaches_rule="all", needs_approval=True, name="Both"), make_member())
    address = f"/teaching/requests/{asked.pk}/"

    theirs, the_leads = (signed_in(one).get(address).content.decode() for one in (other, lead))

    assert "Alone with the lead" in the_leads
    assert "Alone with the lead" not in theirs
    assert "Their Client" not in theirs


def test_the_database_holds_the_lead_among_the_coaches_and_the_time_that_they_claim(coaches, service):
    before = make_session(coaches[1], starts_at=NINE - HOUR)
    off = cancel_session(make_session(coaches[0], starts_at=NINE - 2 * HOUR), reason="", by=None)
    Session.objects.filter(pk=off.pk).update(starts_at=NINE, ends_at=NINE + HOUR)
    session = book(service, make_member()).session

    with refused("session_is_led_by_one_of_its_coaches"):
        Session.objects.update(coach=make_coach())
    with refused("session_is_led_by_one_of_its_coaches"):
        SessionCoach.objects.filter(place=0).delete()
    with refused("session_coach_claims_what_it_takes"):
        SessionCoach.objects.filter(coach=coaches[0], session=session).update(claimed=(NINE, NINE + 4 * HOUR))
    with refused("session_coach_never_in_two_at_once"):
        make_session(coaches[1], starts_at=NINE + HOUR)
    with refused("session_coach_never_in_two_at_once"):
        Session.objects.filter(pk=before.pk).update(ends_at=NINE + HOUR)
    with refused("session_coach_never_in_two_at_once"):
        Session.objects.filter(pk=off.pk).update(status="planned", cancelled_at=None)
