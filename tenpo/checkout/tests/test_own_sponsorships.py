"""A sponsor who is an admin, or who teaches: nobody is let off what they owe, or paid from it, by themselves."""

from typing import Any

import pytest
from django.utils import timezone

from tenpo.checkout.actions.refunding import give_refund, grant_refund
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.refund_make import make_bought, make_earning_coach, make_request
from tenpo.core.errors import RuleError
from tenpo.orders.actions.sponsorships import record_sponsor_payment
from tenpo.orders.sponsor_queries import owed_by
from tenpo.orders.tests.make import make_sponsorship
from tenpo.payments.queries import payable
from tenpo.people.tests.make import make_admin, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def refused(act: Any) -> str:
    with pytest.raises(RuleError) as refusal:
        act()
    return refusal.value.code


def test_nobody_notes_that_they_paid_what_they_owe_themselves():
    admin, other, member = make_admin(), make_admin(), make_member()
    sponsorship = make_sponsorship(member, sponsor=admin)
    make_booking(make_session(price=8_000), member)
    wanted: dict[str, Any] = {"amount": 8_000, "received_on": timezone.now().date()}
    pages = [signed_in(who).get(f"/sponsorships/{sponsorship.pk}/").content.decode() for who in (admin, other)]

    assert refused(lambda: record_sponsor_payment(sponsorship, **wanted, by=admin)) == "own_sponsorship"
    assert owed_by([sponsorship]) == {sponsorship.pk: 8_000}
    assert ["Record a payment" in page for page in pages] == [False, True]

    record_sponsor_payment(sponsorship, **wanted, by=other)
    assert owed_by([sponsorship]) == {sponsorship.pk: 0}


def test_no_admin_decides_a_refund_of_what_they_sponsor():
    admin, member = make_admin(), make_member()
    sponsorship = make_sponsorship(member, sponsor=admin, percent=50)
    line = make_bought(member=member, price=8_000)
    asked = make_request(line, 2_000)

    assert refused(lambda: grant_refund(asked, by=admin)) == "own_sponsorship"
    assert refused(lambda: give_refund(line=line, amount=8_000, to="credit", by=admin)) == "own_sponsorship"
    assert owed_by([sponsorship]) == {sponsorship.pk: 4_000}

    grant_refund(asked, by=make_admin())
    assert owed_by([sponsorship]) == {sponsorship.pk: 3_000}


@pytest.mark.parametrize("percent", [100, 10])
def test_nobody_earns_of_what_their_own_budget_pays_for(percent):
    coach, member = make_earning_coach(), make_member()
    sponsorship = make_sponsorship(member, sponsor=coach, percent=percent)

    make_bought(member=member, coach=coach)

    assert owed_by([sponsorship]) == {sponsorship.pk: percent * 100}
    assert payable(coach, "earnings", "EUR").left == 0
    make_bought(coach=coach, ago=3)
    assert payable(coach, "earnings", "EUR").left == 8_500
