"""What lists say of a price that others pay a part of: the same as is asked when it is booked."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser

from tenpo.core import clock
from tenpo.orders.own_share import Payers
from tenpo.orders.queries import quote
from tenpo.orders.tests.make import make_share_policy, make_sponsorship
from tenpo.people.models import User
from tenpo.people.tests.make import make_coach, make_member, signed_in
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.time_make import make_hours, make_location, make_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def coach() -> User:
    """Somebody of whose prices the company pays half, and of everybody else's a tenth."""
    coach = make_coach()
    make_share_policy(percent=50, coach=coach)
    make_share_policy(percent=10)
    return coach


def test_it_is_what_a_booking_asks_for(coach):
    funded, alone = make_member(), make_member()
    make_sponsorship(funded, percent=25)

    for reader, own in ((funded, 400), (alone, 800)):
        found = Payers(reader).shares(1_600, currency="EUR", coach_id=coach.pk)
        asked = quote(price=1_600, currency="EUR", coach_id=coach.pk, buyer=reader)
        assert (found.company, found.sponsor, found.own) == (800, 800 - own, own)
        assert (asked.company_share, asked.sponsor_share, asked.own_share) == (800, 800 - own, own)


def test_with_any_coach_it_is_what_it_costs_at_most_and_a_visitor_reads_the_whole_price(coach):
    both = [coach.pk, make_coach().pk]

    assert Payers(make_member()).shares_with_any(1_000, currency="EUR", coach_ids=both).own == 900
    assert Payers(make_member()).shares_with_any(1_000, currency="EUR", coach_ids=[]).own == 1_000
    assert Payers(AnonymousUser()).shares(1_000, currency="EUR", coach_id=coach.pk).own == 1_000
    assert Payers(make_member()).shares(1_000, currency="CHF", coach_id=coach.pk).own == 1_000


def test_with_any_coach_lists_say_from_what_to_what_and_each_time_what_it_is_then(coach):
    other = make_coach()
    both = [coach.pk, other.pk]
    found = Payers(make_member()).shares_with_any(1_000, currency="EUR", coach_ids=both)
    assert (found.least, found.own) == (500, 900)
    make_hours(coach, closes=12 * 60)
    make_hours(other)
    place = make_location()
    service = make_service(coach, other, prices={1: 1_000}, coaches_rule="any", locations=[place])
    client = signed_in(make_member())

    offers = client.get("/book/").content.decode()
    # Of today the morning may be over.
    times = client.get(f"/book/{service.pk}/?day={clock.now().date() + timedelta(days=1)}").content.decode()

    assert '<b>€5–€9</b> <small class="muted">of €10</small>' in offers
    assert times.count("€5–€9 of €10") == 2
    said = dict(re.findall(r">(\d\d:\d\d)<small>([^<]+)</small></a>", times))
    # In the morning it would be the first of them, in the afternoon only the other one is free.
    assert (said["09:00"], said["15:00"]) == ("€5", "€9")
    alone = make_service(coach, prices={1: 1_000}, locations=[place])
    assert "<small>€5</small>" not in client.get(f"/book/{alone.pk}/").content.decode()


def test_what_several_give_together_costs_what_it_costs_with_who_leads(coach):
    other = make_coach()
    make_hours(coach)
    make_hours(other)
    make_service(coach, other, prices={1: 1_000}, coaches_rule="all", locations=[make_location()])

    offers = signed_in(make_member()).get("/book/").content.decode()

    assert '<b>€5</b> <small class="muted">of €10</small>' in offers


def test_each_page_that_says_a_price_says_what_its_reader_pays(coach):
    member = make_member()
    make_sponsorship(member, percent=25)
    make_hours(coach)
    service = make_service(coach, prices={1: 1_600}, locations=[make_location()])
    make_session(coach, price=1_600)
    client = signed_in(member)

    for address in ("/", "/sessions/", "/book/"):
        assert '<b>€4</b> <small class="muted">of €16</small>' in client.get(address).content.decode(), address
    assert client.get(f"/book/{service.pk}/").content.decode().count("€4 of €16") == 2
