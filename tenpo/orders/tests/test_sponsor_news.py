"""What is told of sponsorships, and to whom: once each."""

import pytest
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.outbox import drain
from tenpo.notify.kinds import say
from tenpo.notify.models import Notification
from tenpo.orders.actions.sponsorships import (
    add_sponsored_people,
    raise_pot,
    record_sponsor_payment,
    remove_sponsored_person,
)
from tenpo.orders.tests.make import make_sponsorship
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def told(user: User) -> list[str]:
    """What somebody is told of sponsorships, in words."""
    drain(1_000)
    news = Notification.objects.filter(user=user, kind__startswith="sponsorship.").order_by("id")
    return [say(one.kind, one.payload).title for one in news]


@pytest.mark.parametrize(
    ("terms", "part"),
    [
        ({"percent": 50}, "pays half of each price"),
        ({"percent": 100}, "pays all of each price"),
        ({"percent": 30}, "pays 30% of each price"),
        ({"amount": 1_500}, "pays €15 of each price"),
    ],
)
def test_whoever_is_named_is_told_what_is_paid_for_them(terms, part):
    member = make_member()
    make_sponsorship(member, name="Bakery Huber", **terms)

    assert told(member) == ["Bakery Huber pays for you"]
    one = Notification.objects.get(kind="sponsorship.person_added")
    assert part in say(one.kind, one.payload).text


def test_who_was_removed_before_it_was_told_is_told_nothing():
    member = make_member()
    remove_sponsored_person(make_sponsorship(member).people.get(), by=None)

    assert told(member) == []


def test_who_is_named_again_is_told_again():
    member = make_member()
    sponsorship = make_sponsorship(member, name="Huber")
    told(member)
    remove_sponsored_person(sponsorship.people.get(), by=None)
    add_sponsored_people(sponsorship, [member.email], by=None)

    assert told(member) == ["Huber pays for you"] * 2


def test_the_sponsor_is_told_once_that_a_budget_is_nearly_used_and_once_that_it_is_used_up():
    sponsor, member = make_member(), make_member()
    sponsorship = make_sponsorship(member, sponsor=sponsor, pot=10_000, name="Huber")

    for _ in range(2):
        cancel_booking(make_booking(make_session(price=8_000), member), by=member)
    make_booking(make_session(price=9_000), member)
    assert told(sponsor) == ["The budget of Huber is nearly used"]
    make_booking(make_session(price=9_000), member)
    assert told(sponsor)[1:] == ["The budget of Huber is used up"]

    raise_pot(sponsorship, pot=20_000, by=None)
    make_booking(make_session(price=9_000), member)
    assert told(sponsor)[2:] == ["The budget of Huber is nearly used"]


def test_a_budget_that_was_raised_before_it_was_told_is_not_nearly_used():
    sponsor, member = make_member(), make_member()
    sponsorship = make_sponsorship(member, sponsor=sponsor, pot=10_000)
    make_booking(make_session(price=10_000), member)
    raise_pot(sponsorship, pot=20_000, by=None)

    assert told(sponsor) == []


def test_the_sponsor_is_thanked_for_what_they_paid():
    sponsor, member = make_member(), make_member()
    sponsorship = make_sponsorship(member, sponsor=sponsor)
    make_booking(make_session(price=8_000), member)

    record_sponsor_payment(sponsorship, amount=8_000, received_on=timezone.localdate(), by=make_admin())

    assert told(sponsor) == ["We received €80"]
