from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.tests.make import make_booking
from tenpo.orders.tests.make import make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times

pytestmark = pytest.mark.django_db


# Each with its own times of day, so that one person may book all of them.
_rounds = count(1)


def statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def make_sessions(number: int, coach: User | None = None) -> list[Session]:
    coach = coach or make_coach()
    policy = make_cancellation_policy()
    shift = next(_rounds) * timedelta(hours=2)
    starts = [timedelta(days=2 + n) + shift for n in range(number)]
    return [make_session(coach, starts_in=start, policy=policy, title="Many") for start in starts]


@pytest.mark.parametrize("address", ["/sessions/", "/sessions/events.json", "/teaching/", "/api/v1/sessions"])
def test_lists_of_sessions_cost_the_same_for_one_and_thirty(address):
    admin = make_admin()
    client = signed_in(admin)
    make_share_policy(percent=60)
    make_sessions(1)
    few = statements(client, address)
    for _ in range(3):
        make_sessions(10)

    assert statements(client, address) == few


@pytest.mark.parametrize("address", ["/bookings/", "/api/v1/bookings"])
def test_lists_of_bookings_cost_the_same_for_one_and_thirty(address):
    member = make_member()
    client = signed_in(member)
    for session in make_sessions(1):
        make_booking(session, member)
    few = statements(client, address)
    for session in make_sessions(29):
        make_booking(session, member)

    assert statements(client, address) == few


def test_a_list_says_the_own_share():
    make_share_policy(percent=60)
    make_session(price=10_000)

    page = signed_in(make_member()).get("/sessions/").content.decode()

    assert "€40" in page
    assert "of €100" in page


def test_a_coachs_own_policy_goes_first():
    coach = make_coach()
    make_share_policy(percent=60)
    make_share_policy(percent=100, coach=coach)
    make_session(coach, price=10_000)

    assert "Nothing to pay" in signed_in(make_member()).get("/sessions/").content.decode()


def test_the_detail_says_all_before_paying():
    make_share_policy(percent=60)
    session = make_session(price=10_000)

    page = signed_in(make_member()).get(f"/sessions/{session.pk}/").content.decode()

    assert "Book and pay €40" in page
    assert "Free until" in page


def test_the_link_is_shown_to_those_who_booked_only():
    session = make_session(price=0)
    session.join_link = "https://meet.example.com/secret"
    session.save(update_fields=["join_link"])
    member = make_member()
    client, address = signed_in(member), f"/sessions/{session.pk}/"

    before = client.get(address).content.decode()
    booking = make_booking(session, member)

    assert "secret" not in before
    assert "secret" in client.get(address).content.decode()
    assert "secret" in client.get(f"/bookings/{booking.pk}/").content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 2), ("?q=yo", 1), ("?q=YOGA+stud", 1), ("?q=nothing", 0), ("?free=on", 1), ("?since=2999-01-01", 0),
     ("?until=2020-01-01", 0), ("?coach=rubbish", 2), ("?since=rubbish", 2)],
)  # fmt: skip
def test_sessions_are_found_by_words_seats_and_days(query, found):
    yoga = make_session(title="Yoga", capacity=1)
    yoga.place = "Studio"
    yoga.save(update_fields=["place"])
    make_booking(yoga, make_member())
    make_session(title="Leading")

    page = signed_in(make_member()).get(f"/sessions/{query}").content.decode()

    assert page.count('class="row-title"') == found


def test_what_is_over_or_cancelled_is_not_found():
    make_session(starts_in=timedelta(minutes=-5))
    gone = make_session()
    Session.objects.filter(pk=gone.pk).update(status="cancelled", cancelled_at=timezone.now())

    assert "row-title" not in signed_in(make_member()).get("/sessions/").content.decode()


def test_a_page_of_thirty_leads_to_the_next():
    make_sessions(40)
    client = signed_in(make_member())

    first = client.get("/sessions/")
    second = client.get("/sessions/", {"cursor": first.context["next"]})

    assert len(first.context["rows"]) == 30
    assert len(second.context["rows"]) == 10


@pytest.mark.parametrize(
    "address",
    ["/sessions/", "/sessions/?view=calendar", "/sessions/events.json?start=2027-01-01&end=2027-02-01", "/bookings/",
     "/bookings/?when=waiting", "/bookings/?when=past", "/bookings/?when=x", "/teaching/", "/teaching/?when=past",
     "/teaching/new/"],
)  # fmt: skip
def test_empty_pages_open(address):
    assert signed_in(make_coach()).get(address).status_code == 200


def managing(session: Session) -> list[str]:
    names = ["session-roster", "session-edit", "session-cancel", "roster-csv"]
    return [reverse(f"schedule:{name}", args=[session.pk]) for name in names]


def test_a_coachs_pages_open_for_the_coach_and_admins_only():
    coach, session = make_coach(), None
    session = make_session(coach)
    make_booking(session, make_member())

    for address in managing(session):
        assert signed_in(coach).get(address).status_code == 200
        assert signed_in(make_admin()).get(address).status_code == 200
        assert signed_in(make_coach()).get(address).status_code == 404
        assert signed_in(make_member()).get(address).status_code == 404
        assert Client().get(address).status_code == 302


def test_an_overlap_is_said_beside_the_time():
    session = make_session(coach := make_coach())
    begins = session.starts_at.astimezone(UTC)
    typed = {
        "title": "Second",
        "day": f"{begins:%Y-%m-%d}",
        "at": f"{begins:%H:%M}",
        "minutes": "30",
        "time_zone": "UTC",
        "place": "Studio",
        "capacity": "3",
        "price": "0",
    }

    page = signed_in(coach).post("/teaching/new/", typed)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == ["at"]


def test_nobody_waits_for_a_session_that_has_begun():
    session = make_session(capacity=1)
    waits = make_member()
    make_booking(session, make_member())
    session.refresh_from_db()
    join_waitlist(session, participant=waits.participant, by=waits)
    roster = f"/teaching/{session.pk}/"
    before = signed_in(session.coach).get(roster).content.decode()

    now = timezone.now()
    set_times(
        Session.objects.filter(pk=session.pk), starts_at=now - timedelta(minutes=9), ends_at=now + timedelta(hours=1)
    )
    after = signed_in(session.coach).get(roster).content.decode()

    assert "A free seat is offered to the first in line." in before
    assert "A free seat is offered to the first in line." not in after


def test_a_session_that_was_called_off_still_says_who_had_booked():
    session = make_session(capacity=1)
    booked, waits = make_member(), make_member()
    make_booking(session, booked)
    session.refresh_from_db()
    join_waitlist(session, participant=waits.participant, by=waits)

    cancel_session(session, reason="Ill", by=session.coach)

    page = signed_in(session.coach).get(f"/teaching/{session.pk}/").content.decode()
    assert booked.email in page
    assert waits.email not in page
    assert "Who had booked" in page


def test_somebody_elses_booking_is_not_there():
    booking = make_booking(make_session(), make_member())

    for other in (make_member(), booking.session.coach):
        client = signed_in(other)
        assert client.get(f"/bookings/{booking.pk}/").status_code == 404
        assert client.get(f"/bookings/{booking.pk}/booking.ics").status_code == 404
        assert client.get(f"/api/v1/bookings/{booking.pk}").status_code == 404
    assert signed_in(booking.booked_by).get(f"/bookings/{booking.pk}/").status_code == 200


def test_the_roster_shows_no_money():
    session = make_session(price=12_345)
    make_booking(session, make_member("Lena Okafor"))

    page = signed_in(session.coach).get(f"/teaching/{session.pk}/")

    assert [booking.state for booking in page.context["bookings"]] == [Booking.State.CONFIRMED]
    assert "Lena Okafor" in page.content.decode()
    assert page.content.decode().count("123.45") == 1


def test_a_full_session_says_where_one_would_stand():
    session = make_session(capacity=1)
    make_booking(session, make_member())
    address = f"/sessions/{session.pk}/"

    assert "You are first in line" in signed_in(make_member()).get(address).content.decode()
    member = make_member()
    join_waitlist(session, participant=member.participant, by=member)
    assert "1 person waits" in signed_in(make_member()).get(address).content.decode()
    assert "Place 1 in line" in signed_in(member).get(address).content.decode()
    assert "You teach this session" in signed_in(session.coach).get(address).content.decode()


def test_what_was_booked_keeps_its_price():
    member = make_member()
    session = make_session(price=5_000)
    make_booking(session, member)
    edit_session(session, by=session.coach, price=9_000)

    page = signed_in(member).get(f"/sessions/{session.pk}/").content.decode()

    assert "€50" in page
    assert "€90" not in page


@pytest.mark.parametrize("query", ["?start=rubbish", "?start=0001-01-01&end=9999-12-31", "?start=2026-13-01", ""])
def test_a_calendar_that_asks_for_rubbish_gets_a_week(query):
    client = signed_in(make_coach())

    assert client.get(f"/sessions/events.json{query}").status_code == 200
    assert client.get(f"/calendar/events.json{query}").status_code == 200


def test_the_calendar_shows_what_one_booked_and_teaches_on_ones_own_clock():
    coach = make_coach()
    User.objects.filter(pk=coach.pk).update(time_zone="America/New_York")
    start = datetime(2027, 3, 14, 16, 0, tzinfo=UTC)
    make_session(coach, starts_at=start, title="Taught")
    make_booking(make_session(starts_at=start + timedelta(hours=2), title="Booked"), coach)

    events = signed_in(coach).get("/calendar/events.json?start=2027-03-14&end=2027-03-15").json()

    assert [(e["title"], e["start"], e["classNames"]) for e in events] == [
        ("Booked", "2027-03-14T14:00:00", ["booked"]), ("Taught", "2027-03-14T12:00:00", ["taught"]),
    ]  # fmt: skip


@pytest.mark.parametrize("address", ["/teaching/{}/", "/teaching/{}/roster.csv", "/api/v1/sessions/{}/roster"])
def test_a_roster_costs_the_same_for_one_and_thirty(address):
    session = make_session(capacity=30, price=0)
    make_booking(session, make_member())
    client, address = signed_in(session.coach), address.format(session.pk)
    few = statements(client, address)
    for _ in range(29):
        make_booking(session, make_member())
    for member in (make_member(), make_member()):
        join_waitlist(session, participant=member.participant, by=member)

    assert statements(client, address) == few


@pytest.mark.parametrize("address", ["/calendar/", "/calendar/events.json"])
def test_ones_calendar_costs_the_same_for_one_and_thirty(address):
    coach = make_coach()
    client = signed_in(coach)
    make_booking(make_sessions(1)[0], coach)
    make_sessions(1, coach)
    few = statements(client, address)
    for session in make_sessions(29):
        make_booking(session, coach)
    make_sessions(28, coach)

    assert statements(client, address) == few


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_the_ends_of_the_calendar_are_no_days_to_look_at(day):
    client = signed_in(make_member())
    for address in ("/sessions/", "/sessions/events.json", "/calendar/events.json"):
        for name in ("since", "until", "start", "end"):
            assert client.get(address, {name: day}).status_code == 200


def test_who_takes_part_by_what_somebody_else_booked_reads_nothing_of_their_money():
    admin, member = make_admin("Ada Winter"), make_member()
    make_credit(admin, 1_234)
    session = make_session(price=5_000)
    booking = book_session(session, participant=member.participant, by=admin, provider="sandbox", source=SUCCEEDS)
    client, payer = signed_in(member), signed_in(admin)

    for address in (f"/bookings/{booking.pk}/", f"/sessions/{session.pk}/"):
        page = client.get(address).content.decode()
        assert "Ada Winter booked this and pays for it." in page
        assert not [sum_ for sum_ in ("12.34", "37.66", "50") if f"€{sum_}" in page]
        assert "12.34" in payer.get(f"/bookings/{booking.pk}/").content.decode()
    shown = client.get(f"/api/v1/bookings/{booking.pk}").json()
    assert (shown["price"], shown["credit_spent"], shown["order_id"], shown["miss"]) == (None, None, None, None)
    assert client.get("/api/v1/bookings").json()["items"][0]["own_share"] is None
    assert payer.get(f"/api/v1/bookings/{booking.pk}").json()["credit_spent"] == 1_234
