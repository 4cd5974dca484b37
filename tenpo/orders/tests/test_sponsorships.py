"""Sponsorships: made, named, ended, raised, paid; what each refuses."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.limits import SPONSORED_AT_ONCE
from tenpo.core.tokens import new_id
from tenpo.orders.actions.policies import ShareTerms
from tenpo.orders.actions.sponsorships import (
    Budget,
    add_sponsored_people,
    create_sponsorship,
    end_sponsorship,
    raise_pot,
    record_sponsor_payment,
    remove_sponsored_person,
)
from tenpo.orders.models import Line
from tenpo.orders.policies import sponsor_share
from tenpo.orders.queries import funding_of, split_price
from tenpo.orders.sponsor_models import SponsoredPerson, SponsorPayment, Sponsorship
from tenpo.orders.tests.make import make_share_policy, make_sponsorship
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

HALF = ShareTerms(percent=50)
TODAY = timezone.now().date()


def refused(act) -> str:
    with pytest.raises(RuleError) as refusal:
        act()
    return refusal.value.code


def wrong(act) -> list[str]:
    with pytest.raises(ValidationError) as refusal:
        act()
    return list(refusal.value.message_dict)


# Making one


def test_an_admin_agrees_a_sponsorship_which_names_nobody_yet():
    admin, sponsor = make_admin(), make_member()

    made = create_sponsorship(
        sponsor=sponsor, name=" Bakery ", terms=HALF, budget=Budget(50_000, 10_000), kinds=["session"], by=admin
    )

    assert (made.name, made.percent, made.pot, made.per_person, made.spent) == ("Bakery", 50, 50_000, 10_000, 0)
    assert (made.currency, made.kinds, made.active_until, made.people.count()) == ("EUR", ["session"], None, 0)
    said = AuditLog.objects.get(action="sponsorship.created").after
    assert said is not None
    assert said["pot"] == 50_000


@pytest.mark.parametrize("make_somebody", [make_member, make_coach])
def test_only_admins_agree_one(make_somebody):
    somebody = make_somebody()

    with pytest.raises(PermissionDenied):
        create_sponsorship(sponsor=somebody, name="Mine", terms=HALF, by=somebody)

    assert not Sponsorship.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "n" * 81}, "name"),
        ({"terms": ShareTerms()}, "percent"),
        ({"terms": ShareTerms(percent=101)}, "percent"),
        ({"terms": ShareTerms(amount=500, cap=400)}, "cap"),
        ({"budget": Budget(pot=0)}, "pot"),
        ({"budget": Budget(pot=10**12 + 1)}, "pot"),
        ({"budget": Budget(per_person=-1)}, "per_person"),
        ({"kinds": ["unicorn"]}, "kinds"),
    ],
)
def test_impossible_terms_are_refused(changed, field):
    wanted: dict[str, Any] = {"sponsor": make_member(), "name": "Bakery", "terms": HALF, "by": make_admin()} | changed

    assert wrong(lambda: create_sponsorship(**wanted)) == [field]
    assert not Sponsorship.objects.exists()


def test_a_sponsor_with_a_closed_account_is_refused():
    sponsor = make_member()
    sponsor.disabled_at = timezone.now()

    assert wrong(lambda: create_sponsorship(sponsor=sponsor, name="Bakery", terms=HALF, by=None)) == ["sponsor"]


def test_it_starts_now_or_later_and_ends_after_that():
    wanted: dict[str, Any] = {"sponsor": make_member(), "name": "Bakery", "terms": HALF, "by": None}
    now = timezone.now()

    assert refused(lambda: create_sponsorship(**wanted, active_from=now - timedelta(hours=1))) == "starts_in_past"
    assert refused(lambda: create_sponsorship(**wanted, active_until=now)) == "ends_too_early"
    assert not Sponsorship.objects.exists()


# Naming people


def test_people_are_named_by_their_addresses_whatever_their_case():
    admin, one, two = make_admin(), make_member(), make_member()
    sponsorship = make_sponsorship(per_person=700)

    added = add_sponsored_people(sponsorship, [f" {one.email.upper()} ", two.email, two.email, ""], by=admin)

    assert {person.user_id for person in added} == {one.pk, two.pk}
    assert {person.most for person in SponsoredPerson.objects.all()} == {700}
    assert AuditLog.objects.filter(action="sponsorship.person_added").count() == 2


def test_somebody_named_twice_stays_named_once():
    member = make_member()
    sponsorship = make_sponsorship(member)

    assert add_sponsored_people(sponsorship, [member.email], by=None) == []
    assert sponsorship.people.count() == 1


def test_strangers_are_named_in_the_refusal_and_nobody_is_added():
    sponsorship, member = make_sponsorship(), make_member()

    with pytest.raises(ValidationError, match=r"nobody@example\.com"):
        add_sponsored_people(sponsorship, [member.email, "nobody@example.com"], by=None)

    assert not sponsorship.people.exists()


def test_nobody_and_too_many_are_refused():
    sponsorship = make_sponsorship()
    crowd = [f"{n}@example.com" for n in range(SPONSORED_AT_ONCE + 1)]

    assert wrong(lambda: add_sponsored_people(sponsorship, ["  "], by=None)) == ["emails"]
    assert wrong(lambda: add_sponsored_people(sponsorship, crowd, by=None)) == ["emails"]


def test_who_is_removed_goes_on_where_they_were_when_named_again():
    member = make_member()
    sponsorship = make_sponsorship(member)
    person = sponsorship.people.get()

    assert remove_sponsored_person(person, by=make_admin()).removed_at is not None
    assert not funding_of(member, "EUR", timezone.now()).exists()
    remove_sponsored_person(person, by=None)
    assert AuditLog.objects.filter(action="sponsorship.person_removed").count() == 1

    assert [one.pk for one in add_sponsored_people(sponsorship, [member.email], by=None)] == [person.pk]
    assert funding_of(member, "EUR", timezone.now()).exists()


def test_only_admins_name_remove_end_and_raise():
    sponsor, member = make_member(), make_member()
    sponsorship = make_sponsorship(member, sponsor=sponsor, pot=1_000)
    person = sponsorship.people.get()

    for act in (
        lambda: add_sponsored_people(sponsorship, [sponsor.email], by=sponsor),
        lambda: remove_sponsored_person(person, by=sponsor),
        lambda: end_sponsorship(sponsorship, by=sponsor),
        lambda: raise_pot(sponsorship, pot=2_000, by=sponsor),
        lambda: record_sponsor_payment(sponsorship, amount=1, received_on=TODAY, by=sponsor),
    ):
        with pytest.raises(PermissionDenied):
            act()

    sponsorship.refresh_from_db()
    assert (sponsorship.pot, sponsorship.active_until, sponsorship.people.count()) == (1_000, None, 1)


# Its end, and more to spend


def test_what_is_over_stays_as_it_is():
    member = make_member()
    sponsorship = end_sponsorship(make_sponsorship(member, pot=1_000), by=make_admin())

    assert not funding_of(member, "EUR", timezone.now()).exists()
    assert refused(lambda: end_sponsorship(sponsorship, by=None)) == "over"
    assert refused(lambda: raise_pot(sponsorship, pot=2_000, by=None)) == "over"
    assert refused(lambda: add_sponsored_people(sponsorship, [member.email], by=None)) == "over"


def test_one_that_has_not_begun_is_withdrawn():
    begins = timezone.now() + timedelta(days=3)
    sponsorship = create_sponsorship(sponsor=make_member(), name="Later", terms=HALF, active_from=begins, by=None)

    assert end_sponsorship(sponsorship, by=None).active_until == begins


def test_a_pot_is_only_ever_raised():
    sponsorship, endless = make_sponsorship(pot=1_000), make_sponsorship()

    assert raise_pot(sponsorship, pot=1_001, by=None).pot == 1_001
    for pot in (1_001, 500, 10**12 + 1):
        assert refused(lambda pot=pot: raise_pot(sponsorship, pot=pot, by=None)) == "pot_not_raised"
    assert refused(lambda: raise_pot(endless, pot=5, by=None)) == "pot_not_raised"
    assert AuditLog.objects.filter(action="sponsorship.pot_raised").count() == 1


# What a sponsor pays of a price


@pytest.mark.parametrize(
    ("terms", "price", "share"),
    [
        ({"percent": 50}, 8_000, 4_000),
        ({"percent": 50}, 1, 1),  # half a cent rounds up
        ({"percent": 100}, 8_000, 8_000),
        ({"percent": 50, "cap": 3_000}, 8_000, 3_000),
        ({"amount": 2_500}, 8_000, 2_500),
        ({"amount": 9_000}, 8_000, 8_000),
        ({"percent": 50}, 0, 0),
        ({"percent": 50, "pot": 4_000}, 8_000, 4_000),
        ({"percent": 50, "pot": 3_999}, 8_000, 3_999),
        ({"percent": 50, "per_person": 100}, 8_000, 100),
        ({"percent": 50, "pot": 200, "per_person": 100}, 8_000, 100),
        ({"percent": 50, "kinds": ["session"]}, 8_000, 4_000),
    ],
)
def test_a_sponsor_pays_by_the_terms_as_far_as_the_budget_goes(terms, price, share):
    person = make_sponsorship(make_member(), **terms).people.get()

    assert sponsor_share(person, price, Line.Kind.SESSION) == share


def test_nothing_for_other_kinds_of_things():
    person = make_sponsorship(make_member(), kinds=["session"]).people.get()

    assert sponsor_share(person, 8_000, "course") == 0


def test_the_company_pays_first_and_a_sponsor_at_most_the_rest():
    policy, person = make_share_policy(percent=60), make_sponsorship(make_member(), percent=50).people.get()

    price = split_price(price=8_000, currency="EUR", policy=policy, pots=[], sponsored=[person])

    assert (price.company_share, price.sponsor_share, price.own_share) == (4_800, 3_200, 0)


def test_what_ends_first_pays_first_and_then_the_oldest():
    member, soon = make_member(), timezone.now() + timedelta(days=2)
    oldest, newer = make_sponsorship(member), make_sponsorship(member)
    ending = make_sponsorship(member, active_until=soon)

    order = [person.sponsorship_id for person in funding_of(member, "EUR", timezone.now())]

    assert order == [ending.pk, oldest.pk, newer.pk]


def test_the_first_that_has_something_left_is_the_one_that_pays():
    member = make_member()
    empty, full = (make_sponsorship(member, percent=50, pot=100).people.get() for _ in range(2))
    empty.sponsorship.spent = 100

    price = split_price(price=8_000, currency="EUR", policy=None, pots=[], sponsored=[empty, full])

    assert (price.sponsored, price.sponsor_share) == (full, 100)


# What the sponsor paid


def test_nothing_is_paid_that_is_not_owed():
    sponsorship = make_sponsorship()

    assert (
        refused(lambda: record_sponsor_payment(sponsorship, amount=1, received_on=TODAY, by=make_admin()))
        == "more_than_owed"
    )
    assert not SponsorPayment.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"reference": "r" * 141}, "reference"),
        ({"received_on": TODAY + timedelta(days=2)}, "received_on"),
    ],
)
def test_an_impossible_payment_is_refused(changed, field):
    wanted = {"amount": 100, "received_on": TODAY, "by": make_admin(), "once": new_id()} | changed

    assert wrong(lambda: record_sponsor_payment(make_sponsorship(), **wanted)) == [field]


# Who sees what


def test_a_budget_is_its_sponsors_to_see_and_each_persons_part_theirs():
    sponsor, one, two = make_member(), make_member(), make_member()
    sponsorship = make_sponsorship(one, two, sponsor=sponsor)
    other = make_sponsorship(two)

    def seen(user: User) -> tuple[set[Any], set[Any]]:
        return (
            set(Sponsorship.objects.visible_to(user).values_list("pk", flat=True)),
            set(SponsoredPerson.objects.visible_to(user).values_list("user", "sponsorship")),
        )

    named = {(one.pk, sponsorship.pk), (two.pk, sponsorship.pk)}
    assert seen(make_admin()) == ({sponsorship.pk, other.pk}, named | {(two.pk, other.pk)})
    assert seen(sponsor) == ({sponsorship.pk}, named)
    assert seen(one) == (set(), {(one.pk, sponsorship.pk)})
    assert seen(make_coach()) == (set(), set())
