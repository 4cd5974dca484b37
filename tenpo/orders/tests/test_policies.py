from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import ProgrammingError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.money import apportion, percent_of
from tenpo.orders.actions.policies import (
    ShareTerms,
    create_cancellation_policy,
    create_share_policy,
    end_share_policy,
    retire_cancellation_policy,
    set_default_cancellation_policy,
)
from tenpo.orders.cancelling import Policy, Window, check_policy, what_comes_back
from tenpo.orders.models import CancellationPolicy, Line, SharePolicy
from tenpo.orders.policies import company_share, parts_back
from tenpo.orders.queries import policies_in_force
from tenpo.orders.tests.make import make_cancellation_policy, make_share_policy
from tenpo.people.tests.make import make_admin, make_coach, make_member, signed_in

HALF = ShareTerms(percent=50)
amounts = st.integers(min_value=0, max_value=10**12)


def refused(code: str, **wanted: object) -> None:
    """Creating this is refused, and nothing is written."""
    before = list(SharePolicy.objects.order_by("id").values_list("id", "active_until"))
    with pytest.raises(RuleError) as refusal, transaction.atomic():
        create_share_policy(**{"name": "New", "terms": HALF, "by": make_admin(), **wanted})  # type: ignore[arg-type]
    assert refusal.value.code == code
    assert list(SharePolicy.objects.order_by("id").values_list("id", "active_until")) == before


@pytest.mark.django_db
def test_a_new_version_ends_the_one_before_at_its_own_start():
    admin = make_admin()
    first = create_share_policy(name="First", terms=HALF, by=admin)
    starts = timezone.now() + timedelta(days=10)

    second = create_share_policy(name="Second", terms=ShareTerms(amount=1_000), by=admin, active_from=starts)

    first.refresh_from_db()
    assert (first.active_until, second.supersedes) == (starts, first)
    assert policies_in_force(currency="EUR", coach_id=make_coach().pk, at=starts).first() == second
    assert (
        policies_in_force(currency="EUR", coach_id=make_coach().pk, at=starts - timedelta(seconds=1)).first() == first
    )
    assert AuditLog.objects.filter(action="share_policy.superseded", object_id=first.pk).count() == 1


@pytest.mark.django_db
def test_a_coachs_own_policy_leaves_the_one_for_everybody():
    admin, coach = make_admin(), make_coach()
    everybody = create_share_policy(name="All", terms=HALF, by=admin)

    own = create_share_policy(name="One", terms=ShareTerms(percent=80), coach=coach, by=admin)

    everybody.refresh_from_db()
    assert everybody.active_until is None
    now = timezone.now()
    assert policies_in_force(currency="EUR", coach_id=coach.pk, at=now).first() == own
    assert policies_in_force(currency="EUR", coach_id=make_coach().pk, at=now).first() == everybody


@pytest.mark.django_db
def test_refusals_of_a_new_version():
    soon = timezone.now() + timedelta(days=5)
    create_share_policy(name="Coming", terms=HALF, by=make_admin(), active_from=soon)

    refused("overlaps")
    refused("overlaps", active_from=soon)
    refused("starts_in_past", active_from=timezone.now() - timedelta(hours=1))
    refused("ends_too_early", active_from=soon, active_until=soon)
    for person in (make_member(), make_coach()):
        with pytest.raises(PermissionDenied):
            create_share_policy(name="Mine", terms=HALF, by=person)


@pytest.mark.django_db
def test_one_that_ends_before_a_coming_one_fits():
    soon = timezone.now() + timedelta(days=5)
    create_share_policy(name="Coming", terms=HALF, by=make_admin(), active_from=soon)

    fits = create_share_policy(name="Until then", terms=HALF, by=make_admin(), active_until=soon)

    assert fits.active_until == soon


@pytest.mark.django_db
@pytest.mark.parametrize(
    "terms",
    [
        ShareTerms(),
        ShareTerms(percent=50, amount=100),
        ShareTerms(percent=0),
        ShareTerms(percent=101),
        ShareTerms(amount=0),
        ShareTerms(amount=100, cap=50),
        ShareTerms(percent=50, cap=-1),
    ],
)
def test_impossible_terms(terms):
    with pytest.raises(ValidationError):
        create_share_policy(name="Wrong", terms=terms, by=make_admin())
    assert not SharePolicy.objects.exists()


@pytest.mark.django_db
def test_ending_and_withdrawing():
    admin = make_admin()
    running = create_share_policy(name="Now", terms=HALF, by=admin)
    later = create_share_policy(name="Later", terms=HALF, by=admin, active_from=timezone.now() + timedelta(days=5))

    withdrawn = end_share_policy(later, by=admin)
    ended = end_share_policy(running, by=admin)

    assert withdrawn.active_until == withdrawn.active_from
    assert ended.active_until is not None
    assert ended.active_until <= timezone.now()
    for policy in (withdrawn, ended):
        with pytest.raises(RuleError) as refusal:
            end_share_policy(policy, by=admin)
        assert refusal.value.code == "over"
    assert policies_in_force(currency="EUR", coach_id=admin.pk, at=timezone.now() + timedelta(days=6)).first() is None


@pytest.mark.django_db
def test_a_policy_is_never_made_longer():
    until = timezone.now() + timedelta(days=5)
    policy = create_share_policy(name="Short", terms=HALF, by=make_admin(), active_until=until)

    with pytest.raises(RuleError) as refusal:
        end_share_policy(policy, by=make_admin(), at=until + timedelta(days=1))

    assert refusal.value.code == "cannot_extend"
    with pytest.raises(PermissionDenied):
        end_share_policy(policy, by=make_member())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders_sharepolicy SET percent = 99",
        "UPDATE orders_sharepolicy SET active_from = now()",
        "DELETE FROM orders_sharepolicy",
        "UPDATE orders_cancellationpolicy SET windows = '[]'",
        "DELETE FROM orders_cancellationpolicy",
    ],
)
def test_the_application_cannot_rewrite_terms(statement):
    make_share_policy(percent=50)
    make_cancellation_policy()

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db
def test_cancellation_policies():
    admin = make_admin()
    CancellationPolicy.objects.filter(is_default=True).update(is_default=False)
    kind = create_cancellation_policy(
        name="Kind", policy=Policy((Window(24, 100), Window(0, 50))), by=admin, is_default=True
    )
    strict = create_cancellation_policy(name="Strict", policy=Policy((Window(0, 0),)), by=admin)

    with pytest.raises(RuleError) as refusal:
        retire_cancellation_policy(kind, by=admin)
    assert refusal.value.code == "is_default"
    set_default_cancellation_policy(strict, by=admin)
    set_default_cancellation_policy(strict, by=admin)
    retired = retire_cancellation_policy(kind, by=admin)

    assert retired.retired_at is not None
    assert CancellationPolicy.objects.get(is_default=True) == strict
    with pytest.raises(RuleError) as refusal:
        set_default_cancellation_policy(kind, by=admin)
    assert refusal.value.code == "retired"
    for action in (set_default_cancellation_policy, retire_cancellation_policy):
        with pytest.raises(PermissionDenied):
            action(strict, by=make_coach())
    with pytest.raises(ValidationError):
        create_cancellation_policy(name="Wrong", policy=Policy((Window(1, 10), Window(2, 20))), by=admin)


@pytest.mark.django_db
def test_the_pages_of_policies():
    client = signed_in(make_admin())
    form = {"name": "Kind", "hours_0": 48, "percent_0": 100, "hours_1": 24, "percent_1": 50}
    address = reverse("orders:cancellation-policy-create")

    preview = client.post(address, {**form, "preview": "yes"}).content.decode()
    wrong = client.post(address, {**form, "hours_1": 72})
    client.post(address, form)
    page = client.get(reverse("orders:cancellation-policy-list")).content.decode()

    sentence = "Free until 48 hours before; after that half comes back until 24 hours before; later nothing."
    assert sentence in preview
    assert wrong.status_code == 422
    assert sentence in page
    kind = CancellationPolicy.objects.get(name="Kind")
    client.post(reverse("orders:cancellation-policy-default", args=[kind.pk]))
    assert CancellationPolicy.objects.get(is_default=True) == kind
    assert signed_in(make_coach()).post(address, form).status_code == 404
    assert signed_in(make_coach()).get(reverse("orders:share-policy-list")).status_code == 200


@given(st.integers(1, 100), st.none() | st.integers(1, 10**9), amounts)
def test_a_percentage_is_within_the_price_and_the_cap(percent, cap, price):
    share = company_share(SharePolicy(percent=percent, cap=cap, currency="EUR"), price)

    assert 0 <= share <= price
    assert cap is None or share <= cap
    if cap is None:
        assert abs(share - price * percent / 100) <= 0.5


@given(st.integers(1, 10**9), amounts)
def test_a_fixed_amount_is_within_the_price(amount, price):
    assert company_share(SharePolicy(amount=amount, currency="EUR"), price) == min(amount, price)


@given(amounts, st.lists(st.integers(0, 10**9), min_size=1, max_size=9).filter(any))
def test_parts_sum_to_the_whole_and_stay_near_their_share(total, weights):
    parts = apportion(total, weights)

    assert sum(parts) == total
    assert all(
        abs(part - total * w / sum(weights)) < 1.0001 or total > 2**52 for part, w in zip(parts, weights, strict=True)
    )
    assert all(part == 0 for part, w in zip(parts, weights, strict=True) if w == 0)


@given(amounts, st.integers(0, 100))
def test_a_percentage_rounds_half_up(amount, percent):
    found = percent_of(amount, percent)

    assert 0 <= found <= amount
    assert found == (amount * percent * 2 + 100) // 200


@given(amounts, amounts, amounts, st.integers(0, 100))
def test_nobody_gets_more_back_than_they_gave(company, credit, own, percent):
    line = Line(price=company + credit + own, company_share=company, credit_spent=credit, own_share=own)

    back = parts_back(line, percent)

    assert 0 <= back.company <= company
    assert 0 <= back.credit <= credit
    assert 0 <= back.own <= own
    assert back.credit + back.own == percent_of(credit + own, percent)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 100)), min_size=1, max_size=6), st.integers(-100, 600))
def test_less_notice_never_gives_more_back(rows, hours):
    hours_list = sorted({h for h, _p in rows}, reverse=True)
    percents = sorted((p for _h, p in rows), reverse=True)
    windows = [Window(h, p) for h, p in zip(hours_list, percents, strict=False)]
    policy = Policy(tuple(windows))
    check_policy(policy)
    start = timezone.now()

    now, later = start - timedelta(hours=hours), start - timedelta(hours=hours - 1)

    assert percent(policy, start, now) >= percent(policy, start, later)
    assert percent(policy, start, start + timedelta(seconds=1)) == 0
    assert percent(policy, start, later, by_host=True) == 100


def percent(policy: Policy, start: datetime, now: datetime, *, by_host: bool = False) -> int:
    return what_comes_back(policy, starts_at=start, now=now, back_to="credit", by_host=by_host).percent


@pytest.mark.parametrize(("day", "at_wall"), [("2027-03-28", "17:00"), ("2027-10-31", "19:00")])
def test_hours_of_notice_are_real_hours_when_clocks_change(day, at_wall):
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(f"{day}T18:00").replace(tzinfo=zone).astimezone(UTC)

    last = Window(24, 100).ends_at(start)

    assert f"{last.astimezone(zone):%H:%M}" == at_wall
    policy = Policy((Window(24, 100), Window(0, 50)))
    assert percent(policy, start, last) == 100
    assert percent(policy, start, last + timedelta(microseconds=1)) == 50
    assert percent(policy, start, start) == 50
    assert percent(policy, start, start + timedelta(microseconds=1)) == 0
