"""Who made what is sold earns of it, also where somebody else teaches it: sold, earned, given back, handed over."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from tenpo.checkout.actions.buying import take_offer
from tenpo.checkout.actions.refunding import ask_for_refund, grant_refund
from tenpo.checkout.actions.requests import approve_request
from tenpo.checkout.queries.earnings import coming, earned_by_source
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.refund_make import takes_place
from tenpo.checkout.tests.slot_make import HOUR, NINE, book, working_coach
from tenpo.checkout.tests.test_slot_series import book as book_weekly
from tenpo.checkout.tests.test_slot_series import make_weekly, weekly
from tenpo.core import clock
from tenpo.ledger.models import Transfer
from tenpo.notify.models import Notification
from tenpo.orders.actions.splits import create_split_rule, end_split_rule
from tenpo.orders.models import Line, Split, SplitRule
from tenpo.payments.actions.payouts import ask_for_payout
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.payments.queries import owed_by, payable
from tenpo.payments.tests.make import make_payout_account, make_terms
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.actions import session_coaches, sessions
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.rescheduling import reschedule_booking
from tenpo.schedule.actions.series import edit_following
from tenpo.schedule.actions.services import edit_service
from tenpo.schedule.actions.sessions import change_session, edit_session
from tenpo.schedule.models import Series, Session
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_service
from tests.at_once import at_once, meet_before, outcomes
from tests.work import work

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


@pytest.fixture
def maker() -> User:
    return make_coach("Mara Maker")


@pytest.fixture
def teacher() -> User:
    return make_coach("Theo Teacher")


@pytest.fixture
def rules() -> tuple[SplitRule, SplitRule]:
    """15 and 85 where whoever made it teaches it; 15, 15 and 70 where somebody else does."""
    return rule("creator", 15, 85), rule("other", 15, 15, 70)


def rule(taught_by: str, business: int, creator: int, teacher: int = 0, **terms: Any) -> SplitRule:
    return create_split_rule(
        name=f"{taught_by} {business}", taught_by=taught_by, business_percent=business, creator_percent=creator,
        teacher_percent=teacher, by=make_admin(), **terms,
    )  # fmt: skip


def made_by(creator: User | None, lead: User, **terms: Any) -> Session:
    session = make_session(lead, **{"price": 10_001, **terms})
    session.creator = creator
    session.save(update_fields=["creator"])
    return session


def hand(session: Session, to: User) -> Session:
    """Another one gives it from now on, as standing in does."""
    with transaction.atomic():
        lock: Any = vars(sessions)["lock_session"]  # as it is by now: a control takes it away
        return change_session(lock(session.pk), {"coach_ids": [to.pk]}, by=None)


def parts(session: Session) -> list[tuple[str, User | None, int]]:
    rows = Split.objects.filter(line__subject_id=session.pk).order_by("id").select_related("recipient")
    return [(one.part, one.recipient, one.amount) for one in rows]


def rule_of(session: Session) -> SplitRule | None:
    return Line.objects.select_related("split_rule").get(subject_id=session.pk).split_rule


def earned(user: User) -> int:
    return payable(user, "earnings", "EUR").balance


def read(who: User, page: str) -> str:
    return signed_in(who).get(reverse(page)).content.decode()


def test_who_made_it_and_teaches_it_earns_by_one_rule_and_by_another_who_does_not(maker, teacher, rules):
    own, others = made_by(maker, maker), made_by(maker, teacher)
    nobodys = made_by(None, teacher)

    for session in (own, others, nobodys):
        make_booking(session, make_member())

    assert parts(own) == [("business", None, 1_500), ("creator", maker, 8_501)]
    assert parts(others) == [("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 7_001)]
    assert parts(nobodys) == [("business", None, 1_500), ("creator", teacher, 8_501)]
    assert [rule_of(one) for one in (own, others, nobodys)] == [rules[0], rules[1], rules[0]]


def test_who_gives_it_beside_its_lead_teaches_what_they_made(maker, teacher, rules):
    beside = made_by(maker, teacher, beside=[maker])

    make_booking(beside, make_member())

    assert parts(beside) == [("business", None, 1_500), ("creator", teacher, 4_251), ("creator", maker, 4_250)]


def test_of_several_who_teach_it_all_earn_beside_who_made_it(maker, teacher, rules):
    third = make_coach()
    session = made_by(maker, teacher, beside=[third])

    make_booking(session, make_member())

    assert parts(session) == [
        ("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 3_501), ("teacher", third, 3_500),
    ]  # fmt: skip


def test_own_rules_are_those_of_whoever_teaches(maker, teacher, rules):
    of_maker = rule("", 0, 100, 0, coach=maker, place=0)
    session = made_by(maker, teacher)
    make_booking(session, make_member())
    of_teacher = rule("other", 10, 40, 50, coach=teacher, place=900)
    later = made_by(maker, teacher)

    make_booking(later, make_member())

    assert (rule_of(session), rule_of(later)) == (rules[1], of_teacher)
    assert parts(later)[1] == ("royalty", maker, 4_000)
    assert of_maker not in (rule_of(session), rule_of(later))


def test_nobody_earns_a_royalty_of_what_they_bought(maker, teacher, rules):
    session = made_by(maker, teacher)

    make_booking(session, maker)
    make_booking(session, teacher)

    assert parts(session) == [
        ("business", None, 3_000), ("teacher", teacher, 7_001),
        ("business", None, 8_501), ("royalty", maker, 1_500),
    ]  # fmt: skip


def test_a_royalty_is_earned_shown_told_refunded_and_owed_after_it_was_paid_out(maker, teacher, rules):
    session = made_by(maker, teacher)
    member = make_member()
    make_booking(session, member)
    assert (coming(maker, "EUR"), earned(maker)) == (1_500, 0)

    line = takes_place(Line.objects.get(subject_id=session.pk))
    work()

    assert (earned(maker), earned(teacher), coming(maker, "EUR")) == (1_500, 7_001, 0)
    assert [(one.part, one.amount) for one in earned_by_source(maker, "EUR", since=clock.now() - timedelta(1))] == [
        (Split.Part.ROYALTY, 1_500)
    ]
    told = {one.user: one.payload["amount"] for one in Notification.objects.filter(kind="earnings.earned")}
    assert told == {maker: 1_500, teacher: 7_001}
    assert "You made it, and your share of it is yours." in read(maker, "notify:notification-list")
    assert read(maker, "checkout:my-earnings").count("Royalty") >= 2
    assert "You made it" not in read(teacher, "notify:notification-list")
    assert "Royalty" not in read(teacher, "checkout:my-earnings")
    # All of hers is paid out, of his the half.
    make_terms()
    ask_for_payout(make_payout_account(maker), source="earnings", amount=1_500, by=maker)
    ask_for_payout(make_payout_account(teacher), source="earnings", amount=3_501, by=teacher)

    grant_refund(ask_for_refund(line=line, amount=5_000, to="wallet", reason="Ill", by=member), by=make_admin())

    assert [split.reversed for split in Split.objects.order_by("id")] == [750, 750, 3_500]
    assert (earned(maker), owed_by(maker, "EUR")) == (0, 750)
    assert (earned(teacher), owed_by(teacher, "EUR")) == (0, 0)
    rest = ask_for_refund(line=Line.objects.get(), amount=5_001, to="wallet", reason="Ill", by=member)
    grant_refund(rest, by=make_admin())
    assert (owed_by(maker, "EUR"), owed_by(teacher, "EUR")) == (1_500, 3_501)
    moved = Transfer.objects.filter(subject_id__in=Split.objects.filter(part="royalty").values("pk"))
    assert list(moved.order_by("id").values_list("kind", "amount")) == [
        ("earning", 1_500), ("clawback", 750), ("clawback", 750),
    ]  # fmt: skip


def test_handed_over_it_goes_by_the_rule_of_who_does_not_teach_it_and_back_by_the_other(maker, teacher, rules):
    session = made_by(maker, maker)
    make_booking(session, make_member())
    # Neither a rule that ends now, nor one that begins, says anything of what was sold.
    end_split_rule(rules[1], by=make_admin())
    rule("other", 90, 5, 5, place=1)

    hand(session, teacher)
    assert parts(session) == [("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 7_001)]
    assert rule_of(session) == rules[1]
    third = make_coach()
    hand(session, third)
    assert parts(session)[2] == ("teacher", third, 7_001)

    hand(session, maker)
    assert parts(session) == [("business", None, 1_500), ("creator", maker, 8_501)]
    assert rule_of(session) == rules[0]


def test_a_line_keeps_its_rule_where_somebody_else_taught_it_before_as_well(maker, teacher, rules):
    session = made_by(maker, teacher)
    make_booking(session, make_member())
    third = make_coach()
    rule("other", 0, 0, 100, coach=third)

    hand(session, third)

    assert (rule_of(session), parts(session)[1]) == (rules[1], ("royalty", maker, 1_500))


def test_what_nobody_made_beforehand_goes_with_its_lead(teacher, rules):
    lead = make_coach()
    session = made_by(None, lead)
    make_booking(session, make_member())

    hand(session, teacher)

    assert parts(session) == [("business", None, 1_500), ("creator", teacher, 8_501)]


def test_without_a_rule_for_others_all_is_the_business_s_until_it_comes_back(maker, teacher):
    rule("creator", 15, 85)
    session = made_by(maker, maker)
    make_booking(session, make_member())

    hand(session, teacher)
    assert (parts(session), Line.objects.get().is_split, rule_of(session)) == ([], False, None)
    # Given with somebody else who did not make it either, it stays so.
    hand(session, make_coach())
    assert (parts(session), Line.objects.get().is_split) == ([], False)

    hand(session, maker)
    assert (parts(session)[1], Line.objects.get().is_split) == (("creator", maker, 8_501), True)


def test_a_rule_only_for_others_begins_to_count_when_others_teach_it(maker, teacher):
    rule("other", 15, 15, 70)
    session = made_by(maker, maker)
    make_booking(session, make_member())
    assert parts(session) == []

    hand(session, teacher)

    assert parts(session)[1] == ("royalty", maker, 1_500)


def test_what_went_back_before_it_was_handed_over_stays_gone(maker, teacher, rules):
    session = made_by(maker, maker, starts_in=timedelta(hours=30))
    booking = make_booking(session, make_member())
    cancel_booking(booking, by=booking.booked_by)
    [back] = set(Split.objects.filter(part="creator").values_list("reversed", flat=True))
    assert 0 < back < 8_501

    hand(session, teacher)

    rows = list(Split.objects.order_by("id").values_list("part", "amount", "reversed"))
    assert [(part, amount) for part, amount, _back in rows] == [
        ("business", 1_500), ("royalty", 1_500), ("teacher", 7_001),
    ]  # fmt: skip
    assert coming(maker, "EUR") == 750


def test_another_creator_earns_of_what_is_not_earned_yet(maker, teacher, rules):
    admin, session = make_admin(), made_by(None, teacher)
    make_booking(session, make_member())

    edit_session(Session.objects.get(pk=session.pk), by=admin, creator=maker)
    assert parts(session) == [("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 7_001)]
    other = make_coach()
    edit_session(Session.objects.get(pk=session.pk), by=admin, creator=other)
    assert (parts(session)[1], rule_of(session)) == (("royalty", other, 1_500), rules[1])

    edit_session(Session.objects.get(pk=session.pk), by=admin, creator=None)
    assert (parts(session)[1], rule_of(session)) == (("creator", teacher, 8_501), rules[0])


def test_of_many_dates_another_creator_earns_at_once(maker, teacher, rules):
    dates = [made_by(None, teacher, starts_in=timedelta(days=7 * number)) for number in (1, 2, 3)]
    series = Series.objects.create(coach=teacher, rule="FREQ=WEEKLY", time_zone="UTC")
    Session.objects.update(series=series)
    for session in dates:
        make_booking(session, make_member())

    edit_following(Session.objects.get(pk=dates[1].pk), by=make_admin(), creator=maker)

    assert [parts(session)[1][:2] for session in dates] == [("creator", teacher), *[("royalty", maker)] * 2]


def test_what_is_earned_stays_whose_it_is(maker, teacher, rules):
    session = made_by(maker, teacher)
    make_booking(session, make_member())
    takes_place(Line.objects.get(subject_id=session.pk))
    before = parts(session)

    with transaction.atomic():
        session_coaches.divide_anew(Session.objects.get(pk=session.pk), {"creator_id": teacher.pk})

    assert (parts(session), earned(maker)) == (before, 1_500)


def test_a_booking_that_is_moved_to_what_somebody_else_made_goes_by_who_did(maker, teacher, rules):
    before, after = made_by(None, teacher), made_by(maker, teacher)
    stays = make_booking(before, make_member())
    policy = {"reschedules": 2, "reschedule_hours": 0}
    moved = make_booking(before, make_member())
    moved.policy_rules |= policy
    moved.save(update_fields=["policy_rules"])

    reschedule_booking(moved, to=after, by=moved.booked_by)

    assert parts(after) == [("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 7_001)]
    assert parts(before) == [("business", None, 1_500), ("creator", teacher, 8_501)]
    assert stays.session_id == before.pk


def test_a_slot_keeps_who_made_its_service_when_it_was_booked(maker, rules):
    teacher = working_coach()
    service = make_service(teacher, price=10_001, creator=maker)

    booking = book(service, make_member(), at=NINE, coach=teacher)

    assert booking.session.creator_id == maker.pk
    assert parts(booking.session)[1] == ("royalty", maker, 1_500)
    edit_service(service, by=make_admin(), creator=None)
    later = book(service, make_member(), at=NINE + HOUR, coach=teacher)
    assert parts(later.session)[1] == ("creator", teacher, 8_501)
    assert Session.objects.get(pk=booking.session_id).creator == maker


def test_a_rule_for_a_service_divides_what_is_booked_of_it_and_nothing_else(maker, rules):
    teacher = working_coach()
    service, other = make_service(teacher, price=10_000, creator=maker), make_service(teacher, price=10_000)
    of_it = rule("other", 10, 30, 60, kind="session", offered_id=service.pk, place=900)
    own = rule("creator", 5, 95, kind="session", offered_id=service.pk, place=900)

    booked = book(service, make_member(), coach=teacher).session
    elsewhere = book(other, make_member(), at=NINE + HOUR, coach=teacher).session
    in_calendar = made_by(maker, teacher)
    make_booking(in_calendar, make_member())

    assert [rule_of(one) for one in (booked, elsewhere, in_calendar)] == [of_it, rules[0], rules[1]]
    assert parts(booked) == [("business", None, 1_000), ("royalty", maker, 3_000), ("teacher", teacher, 6_000)]
    # Also when others give it: by the rule for this very service, as it held when it was booked.
    hand(booked, maker)
    assert (rule_of(booked), parts(booked)[1]) == (own, ("creator", maker, 9_500))


def test_a_yes_and_a_series_go_by_the_rule_for_the_service(maker, rules):
    teacher = working_coach()
    asked = make_service(teacher, price=10_000, creator=maker, needs_approval=True)
    weekly_one = make_weekly(teacher, price=10_000, creator=maker)
    wanted = [rule("other", 10, 30, 60, kind="session", offered_id=one.pk) for one in (asked, weekly_one)]

    request = book(asked, make_member(), coach=teacher, provider="", source="")
    approve_request(request, by=teacher)
    take_offer(request, by=request.booked_by, provider="sandbox", source=SUCCEEDS)
    series = book_weekly(weekly_one, make_member(), weekly(2, NINE + 2 * HOUR))

    assert rule_of(request.session) == wanted[0]
    assert {rule_of(one.session) for one in series} == {wanted[1]}


def handed_over_while_named(maker: User, teacher: User) -> tuple[Session, list[Any]]:
    """A session that another one is to give, and of which it is said who made it, at the same moment."""
    admin, session = make_admin(), made_by(None, make_coach())
    make_booking(session, make_member())
    answers = at_once([lambda: hand(session, teacher).pk, lambda: edit_session(session, by=admin, creator=maker).pk])
    return session, answers


@pytest.mark.django_db(transaction=True)
def test_handed_over_while_it_is_said_who_made_it_both_count(maker, teacher, rules):
    session, answers = handed_over_while_named(maker, teacher)

    assert outcomes(answers) == {str(session.pk): 2}
    assert parts(session) == [("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 7_001)]
    assert rule_of(session) == rules[1]


@pytest.mark.control
@pytest.mark.django_db(transaction=True)
@pytest.mark.invariants(but={"royalty-goes-to-who-made-it", "whoever-earns-gives-it"})
def test_control_without_the_lock_one_of_them_divides_what_is_no_more(maker, teacher, rules, monkeypatch):
    monkeypatch.setattr(sessions, "lock_session", lambda pk: Session.objects.get(pk=pk))
    meet_before(monkeypatch, sessions, "handed_over", 2)

    session, answers = handed_over_while_named(maker, teacher)

    assert outcomes(answers) == {str(session.pk): 2}
    assert parts(session) != [("business", None, 1_500), ("royalty", maker, 1_500), ("teacher", teacher, 7_001)]
