"""Who earns what: rules, their order and days, and parts that sum to the price for every amount."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.orders.actions.splits import create_split_rule, end_split_rule
from tenpo.orders.models import SplitRule
from tenpo.orders.policies import split_line
from tenpo.orders.queries import Sold, split_rules_in_force
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member

SESSION = Sold()
RULES = [(15, 85, 0), (15, 15, 70), (0, 100, 0), (1, 1, 98), (33, 33, 34), (50, 49, 1)]


def rule_of(business: int, creator: int, teacher: int) -> SplitRule:
    return SplitRule(business_percent=business, creator_percent=creator, teacher_percent=teacher)


@pytest.mark.parametrize("percents", RULES)
@pytest.mark.parametrize("same", [True, False])
def test_the_parts_sum_to_every_amount_and_none_is_a_cent_off(percents, same):
    rule, creator, teacher = rule_of(*percents), new_id(), new_id()
    wrong = []
    for price in range(1, 10_001):
        splits = split_line(price, rule, creator_id=creator, taught_by=[creator if same else teacher])
        if sum(split.amount for split in splits) != price:
            wrong.append(price)
        wrong += [price for split in splits if abs(split.amount - price * split.percent / 100) >= 1]

    assert wrong == []


@pytest.mark.parametrize("percents", [*RULES, (0, 99, 1), (0, 98, 2), (0, 1, 99)])
@pytest.mark.parametrize("buyer", [0, 1, 2, 3])
def test_the_parts_sum_to_the_price_when_one_of_several_who_earn_buys(percents, buyer):
    creator, *teachers = people = [new_id() for _ in range(4)]

    for price in (1, 2, 3, 999, 10_000):
        splits = split_line(
            price, rule_of(*percents), creator_id=creator, taught_by=teachers, bought_by=[people[buyer]]
        )
        assert not splits or sum(split.amount for split in splits) == price
        assert people[buyer] not in [split.recipient_id for split in splits]


def test_who_made_it_and_teaches_it_earns_both_shares():
    coach, other = new_id(), new_id()
    alone = split_line(10_000, rule_of(15, 85, 0), creator_id=coach, taught_by=[coach])
    royal = split_line(10_000, rule_of(15, 15, 70), creator_id=coach, taught_by=[other])
    both = split_line(10_000, rule_of(15, 15, 70), creator_id=coach, taught_by=[coach])

    assert [(split.part, split.recipient_id, split.amount) for split in alone] == [
        ("business", None, 1_500), ("creator", coach, 8_500),
    ]  # fmt: skip
    assert [(split.part, split.recipient_id, split.amount) for split in royal] == [
        ("business", None, 1_500), ("royalty", coach, 1_500), ("teacher", other, 7_000),
    ]  # fmt: skip
    assert [(split.part, split.amount) for split in both] == [("business", 1_500), ("creator", 8_500)]


def test_nobody_earns_of_what_they_bought():
    coach, other, member = new_id(), new_id(), new_id()

    def parts(*, bought_by: Sequence[UUID | None], teacher: UUID = other) -> list[tuple[str, UUID | None, int]]:
        splits = split_line(10_001, rule_of(15, 15, 70), creator_id=coach, taught_by=[teacher], bought_by=bought_by)
        return [(split.part, split.recipient_id, split.amount) for split in splits]

    assert parts(bought_by=(coach, coach), teacher=coach) == []
    assert parts(bought_by=(member, coach), teacher=coach) == []
    assert parts(bought_by=(coach, other)) == []
    assert parts(bought_by=(coach, None)) == [("business", None, 3_000), ("teacher", other, 7_001)]
    assert parts(bought_by=(other, other)) == [("business", None, 8_501), ("royalty", coach, 1_500)]
    assert len(parts(bought_by=(member, None))) == 3


@pytest.mark.parametrize("rule", [None, rule_of(100, 0, 0)])
def test_nothing_is_divided_where_all_is_the_business_s(rule):
    assert split_line(10_000, rule, creator_id=new_id(), taught_by=[new_id()]) == []
    assert split_line(0, rule_of(15, 85, 0), creator_id=new_id(), taught_by=[new_id()]) == []


def decides(coach: User, *, taught_by: str = "creator", days: int = 0, sold: Sold = SESSION) -> str | None:
    at = clock.now() + timedelta(days=days)
    first = split_rules_in_force(SplitRule.TaughtBy(taught_by), coach_id=coach.pk, at=at, sold=sold).first()
    return first.name if first else None


@pytest.mark.django_db
def test_the_first_rule_that_fits_decides():
    admin, coach, other = make_admin(), make_coach(), make_coach()
    halves: Any = {"business_percent": 50, "creator_percent": 50, "teacher_percent": 0, "by": admin}
    soon = timezone.now() + timedelta(days=5)

    create_split_rule(name="all", **halves)
    create_split_rule(name="newer", **halves)
    create_split_rule(name="before", place=5, taught_by="other", **halves)
    create_split_rule(name="own", coach=coach, place=900, **halves)
    create_split_rule(name="from Friday", place=1, active_from=soon, **halves)

    assert (decides(coach), decides(other), decides(other, taught_by="other")) == ("own", "newer", "before")
    assert (decides(other, days=6), decides(coach, days=6)) == ("from Friday", "own")
    end_split_rule(SplitRule.objects.get(name="own"), by=admin)
    assert decides(coach) == "newer"


@pytest.mark.django_db
def test_what_is_sold_decides_before_place_and_age_and_after_whose_it_is():
    admin, coach, service, other = make_admin(), make_coach(), new_id(), new_id()
    halves: Any = {"business_percent": 50, "creator_percent": 50, "teacher_percent": 0, "by": admin}
    of_service = Sold("session", service)
    create_split_rule(name="of it", kind="session", offered_id=service, place=900, **halves)
    create_split_rule(name="of sessions", kind="session", place=500, **halves)
    create_split_rule(name="of anything", place=1, **halves)

    assert [decides(coach, sold=sold) for sold in (of_service, Sold("session", other), SESSION, Sold("course"))] == [
        "of it", "of sessions", "of sessions", "of anything",
    ]  # fmt: skip
    # Of two for the same the lower place, and of a coach's own the nearest as well.
    create_split_rule(name="of it, before", kind="session", offered_id=service, place=899, **halves)
    assert decides(coach, sold=of_service) == "of it, before"
    create_split_rule(name="own of anything", coach=coach, place=1000, **halves)
    assert [decides(who, sold=of_service) for who in (coach, make_coach())] == ["own of anything", "of it, before"]
    create_split_rule(name="own of it", coach=coach, place=1000, kind="session", offered_id=service, **halves)
    create_split_rule(name="own of sessions", coach=coach, place=1, kind="session", **halves)
    assert [decides(coach, sold=sold) for sold in (of_service, SESSION, Sold("course"))] == [
        "own of it", "own of sessions", "own of anything",
    ]  # fmt: skip
    end_split_rule(SplitRule.objects.get(name="own of it"), by=admin)
    assert decides(coach, sold=of_service) == "own of sessions"


@pytest.mark.django_db
def test_what_a_rule_is_for_is_recorded_and_held_by_the_database():
    terms: Any = {"name": "Rule", "business_percent": 15, "creator_percent": 85, "teacher_percent": 0}
    service = new_id()

    rule = create_split_rule(by=make_admin(), kind="session", offered_id=service, **terms)

    said = AuditLog.objects.get(action="split_rule.created", object_id=rule.pk).after
    assert said is not None
    assert (said["kind"], said["offered_id"]) == ("session", str(service))
    for wrong in ({"kind": "boat"}, {"offered_id": service}):
        with pytest.raises(ValidationError) as refusal:
            create_split_rule(by=make_admin(), **terms, **wrong)
        assert list(refusal.value.message_dict) == ["kind"]
    with pytest.raises(IntegrityError, match="split_rule_for_one_thing_says_its_kind"), transaction.atomic():
        SplitRule.objects.create(**terms, active_from=timezone.now(), offered_id=service)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"business_percent": 16},
        {"business_percent": -1, "creator_percent": 101},
        {"name": " "},
        {"name": "x" * 81},
        {"taught_by": "nobody"},
        {"place": 1001},
    ],
    ids=str,
)
def test_what_is_no_rule_is_refused(wrong):
    wanted: Any = {"name": "Rule", "business_percent": 15, "creator_percent": 85, "teacher_percent": 0} | wrong

    with pytest.raises(ValidationError):
        create_split_rule(by=make_admin(), **wanted)

    assert not SplitRule.objects.exists()


@pytest.mark.django_db
def test_rules_are_for_admins_and_for_days_to_come():
    admin = make_admin()
    terms: Any = {"name": "Rule", "business_percent": 15, "creator_percent": 85, "teacher_percent": 0}
    now = timezone.now()

    for stranger in (make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            create_split_rule(by=stranger, **terms)
    with pytest.raises(ValidationError):
        create_split_rule(by=admin, coach=make_member(), **terms)
    with pytest.raises(RuleError, match="now or later"):
        create_split_rule(by=admin, active_from=now - timedelta(minutes=1), **terms)
    with pytest.raises(RuleError, match="after the start"):
        create_split_rule(by=admin, active_until=now - timedelta(minutes=1), **terms)
    with pytest.raises(IntegrityError, match="split_rule_divides_all"), transaction.atomic():
        SplitRule.objects.create(**terms | {"business_percent": 14}, active_from=now)

    rule = create_split_rule(by=admin, **terms)
    with pytest.raises(PermissionDenied):
        end_split_rule(rule, by=make_member())
    end_split_rule(rule, by=admin)
    with pytest.raises(RuleError, match="over already"):
        end_split_rule(rule, by=admin)
