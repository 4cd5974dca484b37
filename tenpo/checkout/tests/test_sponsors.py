"""Somebody else pays a part: what is booked by a sponsor's budget, and what comes back to it."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenpo.checkout.actions import buying
from tenpo.checkout.actions.buying import book_session
from tenpo.checkout.actions.refunding import give_refund
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.test_book_session import without_savepoints
from tenpo.core.days import business_zone, first_month
from tenpo.core.errors import RuleError
from tenpo.core.invariants import find_faults
from tenpo.core.models import OutboxMessage
from tenpo.core.tokens import new_id
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.actions import sponsor_shares
from tenpo.orders.actions.sponsorships import (
    end_sponsorship,
    raise_pot,
    record_sponsor_payment,
    remove_sponsored_person,
)
from tenpo.orders.models import Line
from tenpo.orders.policies import parts_left
from tenpo.orders.sponsor_models import SponsorPayment, Sponsorship
from tenpo.orders.sponsor_queries import funded_by_month, owed_by
from tenpo.orders.tests.make import (
    credit_left,
    make_cancellation_policy,
    make_credit,
    make_share_policy,
    make_sponsorship,
)
from tenpo.payments.providers.sandbox import DECLINED, SUCCEEDS
from tenpo.payments.refund_models import RefundTo
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.cancellations import cancel_booking, cancel_session
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.tests.make import make_session
from tests.at_once import at_once, meet_after, outcomes, without_constraint

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

TODAY = timezone.now().date()


def used(sponsorship: Sponsorship) -> tuple[int, list[int]]:
    """What a budget has spent, in all and for each person by name."""
    sponsorship.refresh_from_db()
    return sponsorship.spent, [person.spent for person in sponsorship.people.order_by("user__name", "user_id")]


def owed(sponsorship: Sponsorship) -> int:
    return owed_by([sponsorship])[sponsorship.pk]


def booking(session: Session, member: User, **wanted: Any) -> Any:
    """Books when called."""
    return partial(book_session, session, participant=member.participant, by=member, **wanted)


def test_company_sponsor_credit_and_card_share_the_price():
    member = make_member()
    sponsorship = make_sponsorship(member, percent=30)
    make_share_policy(percent=50)
    make_credit(member, 500)

    line = make_booking(make_session(price=10_000), member).line

    assert line is not None
    assert (line.company_share, line.sponsor_share, line.credit_spent, line.own_share) == (5_000, 3_000, 500, 1_500)
    assert line.sponsorship_id == sponsorship.pk
    assert used(sponsorship) == (3_000, [3_000])
    assert owed(sponsorship) == 3_000
    account = Account.objects.get(kind=Account.Kind.SPONSOR)
    assert (account.owner_id, account.source_id) == (sponsorship.sponsor_id, sponsorship.pk)


def test_a_sponsor_who_pays_everything_leaves_nothing_to_pay():
    member = make_member()
    sponsorship = make_sponsorship(member)

    booked = book_session(make_session(price=8_000), participant=member.participant, by=member)

    assert booked.state == Booking.State.CONFIRMED
    assert (used(sponsorship)[0], owed(sponsorship)) == (8_000, 8_000)


def test_somebody_who_is_not_named_pays_themselves():
    sponsorship, member = make_sponsorship(make_member()), make_member()

    line = make_booking(make_session(price=8_000), member).line

    assert line is not None
    assert (line.sponsor_share, line.sponsorship, line.own_share) == (0, None, 8_000)
    assert used(sponsorship)[0] == 0


def test_a_pot_pays_what_is_left_and_the_next_pays_themselves():
    one, two, three = (make_member() for _ in range(3))
    sponsorship = make_sponsorship(one, two, three, percent=50, pot=5_000)

    shares = [make_booking(make_session(price=8_000), who).line.sponsor_share for who in (one, two, three)]

    assert shares == [4_000, 1_000, 0]
    assert used(sponsorship)[0] == 5_000


def test_nobody_gets_more_than_there_is_for_each():
    one, two = make_member(), make_member()
    sponsorship = make_sponsorship(one, two, percent=50, per_person=5_000)

    shares = [make_booking(make_session(price=8_000), who).line.sponsor_share for who in (one, one, one, two)]

    assert shares == [4_000, 1_000, 0, 4_000]
    assert used(sponsorship)[0] == 9_000


@pytest.mark.parametrize("stop", [end_sponsorship, lambda made, by: remove_sponsored_person(made.people.get(), by=by)])
def test_what_ended_pays_nothing_more(stop):
    member = make_member()
    sponsorship = make_sponsorship(member)
    stop(sponsorship, by=None)

    assert make_booking(make_session(price=8_000), member).line.own_share == 8_000
    assert used(sponsorship)[0] == 0


@pytest.mark.parametrize("stop", [end_sponsorship, lambda made, by: remove_sponsored_person(made.people.get(), by=by)])
def test_what_ends_between_price_and_order_pays_nothing_either(monkeypatch, stop):
    member = make_member()
    sponsorship = make_sponsorship(member)
    take = sponsor_shares.take_from_budget

    def late(price):
        if not Sponsorship.objects.get().active_until and not sponsorship.people.exclude(removed_at=None):
            stop(sponsorship, by=None)
        return take(price)

    monkeypatch.setattr("tenpo.checkout.actions.buying.take_from_budget", late)

    # The one who takes it ends it within their own transaction here, so that what is tried again finds it as it was.
    with pytest.raises(RuleError) as refusal:
        make_booking(make_session(price=8_000), member)

    assert refusal.value.code == "sponsor_spent"
    assert used(sponsorship)[0] == 0
    assert not Line.objects.exists()


def test_a_sponsored_booking_takes_one_statement_more():
    member, session = make_member(), make_session(price=8_000)
    make_sponsorship(member)
    make_booking(make_session(price=0), member)

    with CaptureQueriesContext(connection) as captured:
        book_session(session, participant=member.participant, by=member)

    assert len(without_savepoints(captured.captured_queries)) == 4


def test_who_agreed_to_another_price_is_asked_again():
    member = make_member()
    sponsorship = make_sponsorship(member, percent=50)

    with pytest.raises(RuleError) as refusal:
        booking(make_session(price=8_000), member, provider="sandbox", source=SUCCEEDS, agreed=8_000)()

    assert refusal.value.code == "price_changed"
    assert used(sponsorship) == (0, [0])


# What waits for its money, and what comes back


def test_a_held_seat_keeps_its_part_of_the_budget_and_owes_nothing_yet():
    member = make_member()
    sponsorship = make_sponsorship(member, percent=50, pot=4_000)

    held = make_booking(make_session(price=8_000), member, card=DECLINED)

    assert held.state == Booking.State.HELD
    assert (used(sponsorship), owed(sponsorship)) == ((4_000, [4_000]), 0)


def test_a_seat_that_is_let_go_gives_its_part_back():
    member, other = make_member(), make_member()
    sponsorship = make_sponsorship(member, other, percent=50, pot=8_000)
    session = make_session(price=8_000)
    for who in (member, other):
        make_booking(session, who, card=DECLINED)
    Booking.objects.update(held_until=timezone.now() - timedelta(minutes=1))

    assert release_lapsed_of(session.pk) == 2

    assert (used(sponsorship), owed(sponsorship)) == ((0, [0, 0]), 0)


def test_what_two_sponsors_paid_goes_back_to_each():
    one, two = make_member(), make_member()
    first, second = make_sponsorship(one, percent=50), make_sponsorship(two, percent=25)
    session = make_session(price=8_000)
    for who in (one, two):
        make_booking(session, who, card=DECLINED)
    assert (used(first)[0], used(second)[0]) == (4_000, 2_000)
    Booking.objects.update(held_until=timezone.now() - timedelta(minutes=1))

    release_lapsed_of(session.pk)

    assert (used(first)[0], used(second)[0]) == (0, 0)


@pytest.mark.parametrize(("percent", "left"), [(100, 0), (50, 2_000), (0, 4_000)])
def test_cancelling_gives_the_sponsor_the_same_part_back(percent, left):
    member = make_member()
    sponsorship = make_sponsorship(member, percent=50)
    session = make_session(price=8_000)
    session.cancellation_policy = make_cancellation_policy((0, percent))
    session.save()
    booked = make_booking(session, member)

    cancel_booking(booked, by=member)

    assert (used(sponsorship), owed(sponsorship)) == ((left, [left]), left)
    assert credit_left(member) == 4_000 - left
    assert Line.objects.get().sponsor_back == 4_000 - left


def test_a_session_that_is_called_off_gives_every_sponsor_everything_back():
    members, host = [make_member() for _ in range(3)], make_coach()
    first, second = make_sponsorship(*members[:2], percent=50), make_sponsorship(members[2], percent=25)
    session = make_session(host, price=8_000)
    for who in members:
        make_booking(session, who)

    cancel_session(session, reason="Ill", by=host)

    assert [(used(one)[0], owed(one)) for one in (first, second)] == [(0, 0), (0, 0)]
    assert Transfer.objects.filter(kind="sponsor_release").count() == 3


def test_refunds_give_the_sponsor_their_part_little_by_little():
    member = make_member()
    sponsorship = make_sponsorship(member, percent=30)
    make_share_policy(percent=25)
    make_booking(make_session(price=8_000), member)
    line_id = Line.objects.get().pk

    refunds = [
        give_refund(line=Line.objects.get(pk=line_id), amount=amount, to=RefundTo.WALLET, by=make_admin())
        for amount in (1, 999, 3_000, 4_000)
    ]

    assert (used(sponsorship), owed(sponsorship)) == ((0, [0]), 0)
    assert parts_left(Line.objects.get()).whole == 0
    assert sum(refund.sponsor for refund in refunds) == 2_400


def test_what_comes_back_after_it_was_paid_is_in_the_sponsors_favour_until_it_is_used():
    member, admin = make_member(), make_admin()
    sponsorship = make_sponsorship(member, pot=8_000)
    booked = make_booking(make_session(price=8_000), member)
    record_sponsor_payment(sponsorship, amount=8_000, received_on=TODAY, by=admin)

    cancel_booking(booked, by=member)
    assert (used(sponsorship)[0], owed(sponsorship)) == (0, -8_000)

    make_booking(make_session(price=5_000), member)
    assert (used(sponsorship)[0], owed(sponsorship)) == (5_000, -3_000)


def test_who_was_removed_still_gives_back_what_they_cancel():
    member = make_member()
    sponsorship = make_sponsorship(member)
    booked = make_booking(make_session(price=8_000), member)
    remove_sponsored_person(sponsorship.people.get(), by=None)
    end_sponsorship(sponsorship, by=None)

    cancel_booking(booked, by=member)

    assert (used(sponsorship), owed(sponsorship)) == ((0, [0]), 0)


# What there is to tell


def test_a_budget_that_is_nearly_used_and_used_up_says_so():
    member = make_member()
    sponsorship = make_sponsorship(member, pot=10_000)

    def told() -> list[str]:
        names = ["sponsorship.nearly_used", "sponsorship.used_up"]
        return sorted(OutboxMessage.objects.filter(name__in=names).values_list("name", flat=True))

    make_booking(make_session(price=7_999), member)
    assert told() == []
    make_booking(make_session(price=1), member)
    make_booking(make_session(price=1_000), member)
    assert told() == ["sponsorship.nearly_used"]
    make_booking(make_session(price=1_000), member)
    assert told() == ["sponsorship.nearly_used", "sponsorship.used_up"]
    assert used(sponsorship)[0] == 10_000


# What the sponsor pays


def test_a_payment_lowers_what_is_owed_once():
    member, admin, key = make_member(), make_admin(), new_id()
    sponsorship = make_sponsorship(member)
    make_booking(make_session(price=8_000), member)

    for _ in range(2):
        record_sponsor_payment(sponsorship, amount=5_000, received_on=TODAY, reference=" R 1 ", by=admin, once=key)

    assert SponsorPayment.objects.get().reference == "R 1"
    assert (owed(sponsorship), used(sponsorship)[0]) == (3_000, 8_000)
    with pytest.raises(RuleError) as refusal:
        record_sponsor_payment(sponsorship, amount=5_001, received_on=TODAY, by=admin, once=key)
    assert refusal.value.code == "sent_before"


def test_all_that_is_owed_can_be_paid_and_not_a_cent_more():
    member, admin = make_member(), make_admin()
    sponsorship = make_sponsorship(member)
    make_booking(make_session(price=8_000), member)

    with pytest.raises(RuleError) as refusal:
        record_sponsor_payment(sponsorship, amount=8_001, received_on=TODAY, by=admin)
    assert refusal.value.code == "more_than_owed"
    assert not SponsorPayment.objects.exists()

    record_sponsor_payment(sponsorship, amount=8_000, received_on=TODAY, by=admin)
    assert owed(sponsorship) == 0
    [month] = funded_by_month(sponsorship, zone=business_zone(), since=first_month())
    assert (month.shares, month.back, month.paid) == (8_000, 0, 8_000)


# Many at the same moment

CROWD, FOR = 100, 10


@pytest.mark.django_db(transaction=True)
def test_a_hundred_bookings_at_once_spend_a_pot_for_ten_to_the_cent():
    members = [make_member() for _ in range(CROWD)]
    sponsorship = make_sponsorship(*members, percent=50, pot=FOR * 4_000)
    sessions = [make_session(price=8_000, capacity=CROWD) for _ in range(4)]
    by_card = {"provider": "sandbox", "source": SUCCEEDS}
    # Half of them insist on the price that they saw, the others pay whatever it is.
    wanted = [by_card | ({"agreed": 4_000} if n % 2 else {}) for n in range(CROWD)]

    found = outcomes(at_once([booking(sessions[n % 4], who, **wanted[n]) for n, who in enumerate(members)]))

    assert set(found) == {"confirmed", "price_changed"}
    assert used(sponsorship)[0] == owed(sponsorship) == FOR * 4_000
    shares = list(Line.objects.values_list("sponsor_share", flat=True))
    assert len(shares) == found["confirmed"]
    assert (shares.count(4_000), shares.count(0)) == (FOR, len(shares) - FOR)


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
def test_a_hundred_bookings_control(monkeypatch):
    """Without the condition and the constraint, a pot pays for everybody who saw something in it."""
    without_guard(monkeypatch)
    members = [make_member() for _ in range(FOR + 2)]
    sponsorship = make_sponsorship(*members, pot=FOR * 4_000)
    meet_after(monkeypatch, buying, "quotes", len(members))

    with without_constraint("orders_sponsorship", "sponsorship_stays_in_its_pot"):
        at_once([booking(make_session(price=4_000), who, agreed=0) for who in members])

    assert used(sponsorship)[0] == (FOR + 2) * 4_000
    assert "budget-is-not-overspent" in {finding.name for finding in find_faults()}


@pytest.mark.django_db(transaction=True)
def test_the_constraint_alone_keeps_a_pot_too(monkeypatch):
    without_guard(monkeypatch)
    members = [make_member() for _ in range(CROWD // 4)]
    sponsorship = make_sponsorship(*members, pot=FOR * 4_000)
    sessions = [make_session(price=4_000, capacity=CROWD) for _ in range(4)]

    found = outcomes(at_once([booking(sessions[n % 4], who, agreed=0) for n, who in enumerate(members)]))

    assert found["confirmed"] == FOR
    assert used(sponsorship)[0] == FOR * 4_000


def without_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = "AND (pot IS NULL OR spent + %(amount)s <= pot)"
    assert condition in sponsor_shares._TAKE
    monkeypatch.setattr(sponsor_shares, "_TAKE", sponsor_shares._TAKE.replace(condition, ""))


@pytest.mark.django_db(transaction=True)
def test_one_person_who_books_everything_at_once_gets_what_there_is_for_each():
    member = make_member()
    sponsorship = make_sponsorship(member, per_person=10_000)
    sessions = [make_session(price=4_000) for _ in range(8)]

    found = outcomes(at_once([booking(session, member, provider="sandbox", source=SUCCEEDS) for session in sessions]))

    assert found == {"confirmed": 8}
    assert used(sponsorship) == (10_000, [10_000])


@pytest.mark.django_db(transaction=True)
def test_a_pot_that_is_given_back_and_taken_at_once_stays_whole():
    members = [make_member() for _ in range(20)]
    sponsorship = make_sponsorship(*members, pot=10 * 4_000)
    booked = [book_session(make_session(price=4_000), participant=who.participant, by=who) for who in members[:10]]
    session = make_session(price=4_000, capacity=20)
    by_card = {"provider": "sandbox", "source": SUCCEEDS}

    found = outcomes(
        at_once(
            [partial(cancel_booking, one, by=one.booked_by) for one in booked]
            + [booking(session, who, **by_card) for who in members[10:]]
        )
    )

    assert found == {"cancelled": 10, "confirmed": 10}
    assert used(sponsorship)[0] == sum(
        Line.objects.filter(subject_id=session.pk).values_list("sponsor_share", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_what_is_owed_is_paid_once_though_noted_many_times_at_once():
    member, admin = make_member(), make_admin()
    sponsorship = make_sponsorship(member)
    make_booking(make_session(price=8_000), member)
    note = partial(record_sponsor_payment, sponsorship, amount=5_000, received_on=TODAY, by=admin)

    found = outcomes(at_once([note] * 8))

    assert found == {"5000 EUR": 1, "more_than_owed": 7}
    assert owed(sponsorship) == 3_000


@pytest.mark.django_db(transaction=True)
def test_a_pot_that_is_raised_many_times_at_once_is_as_high_as_the_highest():
    sponsorship = make_sponsorship(pot=1_000)

    at_once([partial(raise_pot, sponsorship, pot=1_000 + n, by=None) for n in range(1, 9)])

    sponsorship.refresh_from_db()
    assert sponsorship.pot == 1_008
