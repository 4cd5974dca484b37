"""Sponsors who pay nothing any more stay with what they paid, for whoever they paid it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.orders.actions.sponsorships import end_sponsorship, remove_sponsored_person
from tenpo.orders.sponsor_models import SponsoredPerson
from tenpo.orders.sponsor_queries import PAST_SHOWN, funding_for, past_funding_for
from tenpo.orders.tests.make import make_sponsorship
from tenpo.people.models import User
from tenpo.people.tests.make import make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]
PAST = "Paid for you in the past"


def page_of(user: User) -> str:
    return signed_in(user).get("/me/money/").content.decode()


@pytest.mark.parametrize("end", ["ended", "removed"])
def test_who_paid_and_does_no_more_stands_below_and_closed(end):
    member = make_member()
    sponsorship = make_sponsorship(member, name="Bakery", percent=50)
    make_booking(make_session(price=8_000), member)
    assert PAST not in page_of(member)

    if end == "ended":
        end_sponsorship(sponsorship, by=None)
    else:
        remove_sponsored_person(SponsoredPerson.objects.get(), by=None)

    page = page_of(member)
    assert "<details" in page.partition(PAST)[0]
    assert "open" not in page.rpartition("<details")[2].partition(">")[0]
    assert "€40.00" in page.partition(PAST)[2]
    assert funding_for(member, timezone.now()) == []
    asked = signed_in(member).get("/api/v1/sponsored-by").json()["items"]
    [past] = signed_in(member).get("/api/v1/sponsored-by?past=true").json()["items"]
    assert (asked, past["sponsor"], past["spent"]) == ([], "Bakery", 4_000)


def test_who_never_paid_and_who_still_does_is_not_past_and_nobody_sees_anothers():
    member, other = make_member(), make_member()
    end_sponsorship(make_sponsorship(member, other, name="Mill"), by=None)
    still = make_sponsorship(member, other, name="Bakery", percent=50)
    make_booking(make_session(price=8_000), other)
    end_sponsorship(still, by=None)
    until = timezone.now() + timedelta(minutes=1)
    make_sponsorship(member, name="Lake", active_until=until)
    make_booking(make_session(price=1_000), member)

    assert past_funding_for(member, timezone.now()) == []
    assert PAST not in page_of(member)
    assert [one.sponsorship.name for one in past_funding_for(member, until - timedelta(seconds=1))] == []
    assert [one.sponsorship.name for one in past_funding_for(member, until)] == ["Lake"]
    assert [one.sponsorship.name for one in past_funding_for(other, timezone.now())] == ["Bakery"]


def test_of_many_the_last_ones_are_shown_in_as_many_statements(django_assert_num_queries):
    member = make_member()
    for number in range(PAST_SHOWN + 1):
        end_sponsorship(make_sponsorship(member, name=f"Number {number}"), by=None)
    SponsoredPerson.objects.update(spent=1)

    with django_assert_num_queries(1):
        names = [one.sponsorship.name for one in past_funding_for(member, timezone.now())]

    assert names == [f"Number {number}" for number in range(PAST_SHOWN, 0, -1)]
    # What the database was told is no truth of the books.
    SponsoredPerson.objects.update(spent=0)
