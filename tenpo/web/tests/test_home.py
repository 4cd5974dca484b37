"""Today, as each role sees it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import ask_for_refund
from tenpo.checkout.tests.make import make_booking, make_top_up
from tenpo.checkout.tests.refund_make import make_refund_terms
from tenpo.notify.models import Channel, Delivery, Notification
from tenpo.orders.tests.make import make_credit, make_share_policy, make_sponsorship
from tenpo.payments.models import Payment
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION
from tenpo.people.models import Invite, Role, User
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session, set_times
from tenpo.web.queries.attention import attention_for
from tenpo.web.queries.dashboard import dashboard
from tenpo.web.queries.today import day_of, teaching_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("takes_transfers")]


def page(user: User) -> str:
    client = Client()
    client.force_login(user)
    response = client.get("/")
    assert response.status_code == 200
    return response.content.decode()


def statements(user: User) -> int:
    client = Client()
    client.force_login(user)
    client.get("/")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get("/").status_code == 200
    return len(captured)


def test_a_stranger_is_sent_to_sign_in():
    assert Client().get("/").status_code == 302


def test_a_member_sees_what_is_next_the_week_and_what_could_be_booked():
    member = make_member()
    coach = make_coach("Maya Berg")
    later = make_session(coach, starts_in=timedelta(days=2), title="Breathing")
    sooner = make_session(coach, starts_in=timedelta(hours=3), title="First steps")
    free = make_session(coach, starts_in=timedelta(days=3), title="Leading")
    for session in (later, sooner):
        make_booking(session, member)

    day = day_of(member)

    assert day.next is not None
    assert day.next.session == sooner
    assert [booking.session for booking in day.week] == [later]
    assert [found.session for found in day.suggestions] == [free]
    shown = page(member)
    assert all(words in shown for words in ("First steps", "Breathing", "Leading", "Maya Berg", "in 3 hours"))


def test_a_time_of_ones_own_is_a_click_away():
    """So it is booked in four: what, when, and paying."""
    assert 'href="/book/"' in page(make_member())


def test_nobody_sees_anothers_day():
    make_booking(make_session(title="Mine alone"), make_member())
    Session.objects.update(seats_taken=10)

    day = day_of(make_member())

    assert (day.next, day.week, day.waiting, day.suggestions) == (None, [], [], [])


def test_what_waits_for_a_member_each_in_its_own_words():
    member = make_member()
    for card in (DECLINED, NEEDS_CONFIRMATION):
        make_booking(make_session(price=4_000), member, card=card)
    book_session(make_session(), participant=member.participant, by=member, provider="transfer")
    offered = make_session(capacity=1)
    taken = make_booking(offered, make_member())
    join_waitlist(offered, participant=member.participant, by=member)
    cancel_booking(taken, by=taken.booked_by)

    waiting = day_of(member).waiting

    assert sorted(thing.kind for thing in waiting) == ["confirm", "offer", "pay", "transfer"]
    shown = page(member)
    assert all(
        words in shown for words in ("Pay €40", "Confirm the payment", "Take the seat", "Waiting for your money")
    )


def test_a_payment_at_the_provider_leaves_nothing_to_do():
    member = make_member()
    make_booking(make_session(), member, card="4000000000000077")

    assert [thing.kind for thing in day_of(member).waiting] == ["clearing"]


def test_credit_left_leaves_out_what_has_lapsed():
    member = make_member()
    make_credit(member, 1_500)
    make_credit(member, 700, expires_in_days=-1)

    day = day_of(member)

    assert day.credit == 1_500
    assert "€15" in page(member)


def test_a_session_that_runs_is_still_next():
    member = make_member()
    booking = make_booking(make_session(), member)
    set_times(Session.objects.all(), starts_at=timezone.now() - timedelta(minutes=10))

    assert day_of(member).next == booking
    set_times(Session.objects.all(), ends_at=timezone.now() - timedelta(minutes=1))
    assert day_of(member).next is None


def test_a_coach_sees_today_the_week_and_what_to_mark():
    coach = make_coach()
    midday = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    today = make_session(coach, starts_at=midday, title="Midday")
    week = make_session(coach, starts_at=midday + timedelta(days=3), title="Later")
    make_session(coach, starts_at=midday + timedelta(days=9), title="Next week")
    past = make_session(coach, starts_at=midday + timedelta(days=1), title="Over")
    make_booking(past, make_member())
    set_times(
        Session.objects.filter(pk=past.pk),
        starts_at=midday - timedelta(days=2),
        ends_at=midday - timedelta(days=2) + timedelta(hours=1),
    )
    make_session(title="Somebody else's", starts_at=midday + timedelta(days=1))

    teaching = teaching_of(coach, now=midday)

    assert teaching.today == [today]
    assert teaching.week == [week]
    assert teaching.unmarked == [past]
    shown = page(coach)
    assert "Mark attendance" in shown
    assert "You teach today" in shown
    assert "Needs you" not in shown


def test_cancelled_sessions_are_not_taught():
    coach = make_coach()
    make_session(coach, starts_in=timedelta(hours=2))
    Session.objects.update(status=Session.Status.CANCELLED, cancelled_at=timezone.now())

    teaching = teaching_of(coach)

    assert (teaching.today, teaching.week, teaching.unmarked) == ([], [], [])


def test_figures_and_charts_of_the_operator():
    admin = make_admin()
    make_share_policy(percent=60)
    session = make_session(price=10_000, capacity=2, starts_in=timedelta(days=1))
    make_booking(session, make_member())
    User.objects.filter(pk=admin.pk).update(created_at=timezone.now() - timedelta(days=40))
    make_user("Gone")
    User.objects.filter(name="Gone").update(
        created_at=timezone.now() - timedelta(days=40), disabled_at=timezone.now() - timedelta(days=5)
    )

    numbers = dashboard()

    assert (numbers.people.value, numbers.people.before) == (3, 2)  # admin, coach, member; admin and who is gone
    assert (numbers.sessions.value, numbers.sessions.before) == (1, 0)
    assert (numbers.spend.value, numbers.spend.before) == (6_000, 0)
    assert (numbers.months[-1].company, numbers.months[-1].people) == (6_000, 4_000)
    assert len(numbers.months) == 12
    assert len(numbers.weeks) == 12
    later = dashboard(now=timezone.now() + timedelta(days=2))
    assert (later.filled.value, later.filled.before) == (50, 0)
    assert sum(week.taken for week in later.weeks) == 1
    shown = page(admin)
    assert "€60" in shown
    assert "As a table" in shown


def test_a_released_share_is_not_spent():
    make_share_policy(percent=60)
    member = make_member()
    cancel_booking(make_booking(make_session(starts_in=timedelta(days=9)), member), by=member)

    numbers = dashboard()

    assert numbers.spend.value == 0
    assert (numbers.months[-1].company, numbers.months[-1].people) == (0, 0)

    # The credit counts when it is spent.
    make_booking(make_session(price=5_000), member)

    assert (dashboard().months[-1].company, dashboard().months[-1].people) == (3_000, 2_000)


@pytest.mark.parametrize("to", ["credit", "wallet", "method"])
def test_what_went_back_was_not_spent_wherever_it_went(to):
    make_refund_terms(cancellation_to=to)
    member = make_member()
    kept, given_up = make_booking(make_session(price=3_000), member), make_booking(make_session(), member)
    cancel_booking(given_up, by=member)
    # Money in a wallet is not spent, whether it stays there or goes back.
    ask_for_refund(payment=make_top_up(member, 2_500), amount=2_500, to="method", reason="Never mind", by=member)

    assert (dashboard().months[-1].people, kept.state) == (3_000, Booking.State.CONFIRMED)


def test_sponsors_are_no_people():
    member, admin = make_member(), make_admin()
    make_sponsorship(member, percent=75)
    make_booking(make_session(price=4_000), member)

    [*_before, month] = dashboard().months

    assert (month.company, month.people, month.sponsors) == (0, 1_000, 3_000)
    shown = page(admin)
    assert "Sponsors" in shown
    assert "Who paid what, 12 months" in shown


def test_what_needs_an_admin():
    admin, member = make_admin(), make_member()
    book_session(make_session(title="By hand"), participant=member.participant, by=member, provider="payroll")
    unknown = make_booking(make_session(title="Unknown"), member, card="4000000000000119")
    Payment.objects.filter(order_id=unknown.line.order_id).update(created_at=timezone.now() - timedelta(hours=1))
    told = Notification.objects.create(user=member, kind="booking.confirmed", key="1")
    Delivery.objects.create(notification=told, channel=Channel.EMAIL, state=Delivery.State.DEAD, last_error="550 no")
    for n, days in enumerate((2, 9)):
        Invite.objects.create(
            email=f"new{n}@example.com", token_hash=str(n) * 64, created_by=admin,
            expires_at=timezone.now() + timedelta(days=days),
        )  # fmt: skip
    make_session(title="Nobody yet", starts_in=timedelta(hours=30))
    full = make_session(title="Wanted", capacity=1)
    make_booking(full, make_member())
    waiting = make_member()
    join_waitlist(full, participant=waiting.participant, by=waiting)

    found = attention_for(admin)

    assert [p.description for p in found.unmarked_payments.items] == ["By hand"]
    assert [p.description for p in found.unknown_payments.items] == ["Unknown"]
    assert found.dead_deliveries.count == 1
    assert found.open_invites.count == 2
    assert [invite.email for invite in found.expiring_invites] == ["new0@example.com"]
    assert [s.title for s in found.empty_sessions.items] == ["Nobody yet"]
    assert [s.title for s in found.wanted_sessions.items] == ["Wanted"]
    assert found.count == 6
    shown = page(admin)
    assert all(words in shown for words in ("By hand", "550 no", "new1@example.com", "Nobody yet", "1 person waits"))


def test_money_is_marked_from_today():
    admin, member = make_admin(), make_member()
    booking = book_session(make_session(), participant=member.participant, by=member, provider="payroll")
    payment = Payment.objects.get()
    client = Client()
    client.force_login(admin)
    assert str(payment.pk) in client.get("/").content.decode()

    response = client.post("/money/waiting/mark/", {"payment": str(payment.pk), "next": "/"})

    assert response.headers["Location"] == "/"
    booking.refresh_from_db()
    assert booking.state == Booking.State.CONFIRMED
    assert "Nothing waits for you" in client.get("/").content.decode()


def test_every_link_of_today_leads_somewhere():
    admin = make_user(roles=(Role.ADMIN, Role.COACH))
    for number, shown in enumerate((page(admin), page(make_member()))):
        assert 'href=""' not in shown, number
        assert 'href="#"' not in shown, number


def test_an_admin_with_nothing_to_do_is_told_so():
    admin = make_admin()

    shown = page(admin)

    assert "Nothing waits for you" in shown
    assert "Your own day" not in shown


def _fill(count: int) -> None:
    coach = make_coach()
    for n in range(count):
        member = make_member()
        make_booking(make_session(coach, starts_in=timedelta(hours=3 + 2 * n)), member)
        book_session(
            make_session(starts_in=timedelta(hours=1)), participant=member.participant, by=member, provider="payroll"
        )
        make_session(starts_in=timedelta(hours=26, minutes=6 * Session.objects.count()), minutes=5)


def test_todays_statements_are_few_and_do_not_grow():
    """Four are the frame's (session, person, unread, business); the rest are each part's."""
    person = make_user(roles=(Role.ADMIN, Role.COACH))
    member = make_member()
    make_booking(make_session(starts_in=timedelta(days=1)), person)
    make_booking(make_session(starts_in=timedelta(days=1)), member)
    _fill(1)
    of_all, of_member = statements(person), statements(member)

    _fill(12)
    for session in Session.objects.filter(seats_taken=0)[:9]:
        make_booking(session, member)

    assert statements(person) == of_all <= 24
    assert statements(member) == of_member <= 11
    assert Booking.objects.count() > 30
