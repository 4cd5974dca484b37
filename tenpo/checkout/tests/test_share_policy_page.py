from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tenpo.checkout.queries.policies import share_effect
from tenpo.checkout.tests.make import make_booking
from tenpo.orders.models import SharePolicy
from tenpo.orders.tests.make import make_share_policy
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in
from tenpo.schedule.tests.make import make_session

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]


def test_the_preview_saves_nothing_and_says_what_it_would_do():
    make_share_policy(percent=50)
    make_booking(make_session(price=9_000, title="Breathing"), make_member())
    client = signed_in(make_admin())
    address = reverse("checkout:share-policy-create")
    form = {"name": "More", "kind": "percent", "percent": 80, "cap": "60"}

    preview = client.post(address, {**form, "preview": "yes"}).content.decode()

    assert "80%, at most €60.00" in preview
    assert "€45.00 → <b>€60.00</b>" in preview
    assert "€45.00 → <b>€30.00</b>" in preview
    assert "Estimated by 1 seat" in preview
    assert SharePolicy.objects.count() == 1
    client.post(address, form)
    assert SharePolicy.objects.get(name="More").cap == 6_000
    assert "In force" in client.get(reverse("orders:share-policy-list")).content.decode()


def test_what_was_typed_stays_with_its_error():
    client = signed_in(make_admin())
    address = reverse("checkout:share-policy-create")

    page = client.post(address, {"name": "Odd", "kind": "amount", "amount": "twelve"})
    empty = client.post(address, {"name": "Odd", "kind": "percent"})

    assert page.status_code == empty.status_code == 422
    assert 'value="twelve"' in page.content.decode()
    assert "Say how much." in empty.content.decode()
    assert signed_in(make_coach()).get(address).status_code == 404


def test_an_overlap_is_said():
    make_share_policy(percent=50, active_from=timezone.now() + timedelta(days=3))
    client = signed_in(make_admin())

    page = client.post(reverse("checkout:share-policy-create"), {"name": "Now", "kind": "percent", "percent": 10})

    assert page.status_code == 409
    assert "Another policy holds in that time" in page.content.decode()


def test_a_coachs_own_policy_is_left_alone_by_the_one_for_everybody():
    coach = make_coach()
    make_share_policy(percent=90, coach=coach)
    make_session(coach, price=1_000)
    make_session(price=1_000)

    effect = share_effect(SharePolicy(percent=10, currency="EUR", active_from=timezone.now()))

    assert sorted((row.company_now, row.company_then) for row in effect.sessions) == [(0, 100), (900, 900)]
    assert (effect.seats, effect.company_month_then) == (0, 0)
