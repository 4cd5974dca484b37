from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from tenpo.audit.models import AuditLog
from tenpo.core.errors import RuleError
from tenpo.core.models import OutboxMessage
from tenpo.orders.models import CancellationPolicy
from tenpo.people.models import Role
from tenpo.people.tests.make import make_admin, make_coach, make_member, make_user
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.sessions import SessionTerms, create_session
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session

pytestmark = pytest.mark.django_db


def terms(**changes: Any) -> SessionTerms:
    values: Any = {
        "title": "Breathing at work",
        "starts_at": timezone.now() + timedelta(days=3),
        "minutes": 60,
        "time_zone": "Europe/Berlin",
        "capacity": 5,
        "price": 8_000,
        "place": "Studio",
    }
    return cast(SessionTerms, {**values, **changes})


def test_a_coach_offers_a_session():
    coach = make_coach()

    session = create_session(coach, by=coach, **terms())

    session.refresh_from_db()
    assert (session.coach, session.status, session.seats_taken, session.currency) == (coach, "planned", 0, "EUR")
    assert session.ends_at - session.starts_at == timedelta(hours=1)
    assert session.cancellation_policy.is_default
    assert AuditLog.objects.filter(action="session.created", object_id=session.pk, actor_id=coach.pk).count() == 1
    assert OutboxMessage.objects.filter(name="session.created", subject_id=session.pk).count() == 1


def test_the_default_policy_is_made_once():
    coach = make_coach()

    create_session(coach, by=coach, **terms())
    create_session(coach, by=coach, **terms(starts_at=timezone.now() + timedelta(days=4)))

    assert CancellationPolicy.objects.filter(is_default=True).count() == 1


def test_an_admin_offers_a_session_for_any_coach():
    coach = make_coach()

    assert create_session(coach, by=make_admin(), **terms()).coach == coach


@pytest.mark.parametrize("who", ["member", "other coach"])
def test_nobody_else_does(who):
    coach, other = make_coach(), make_coach() if who == "other coach" else make_member()

    with pytest.raises(PermissionDenied):
        create_session(coach, by=other, **terms())

    assert not Session.objects.exists()


def test_nobody_teaches_who_is_no_coach():
    member = make_member()

    with pytest.raises(PermissionDenied):
        create_session(member, by=make_admin(), **terms())


def test_a_disabled_coach_offers_nothing():
    coach = make_user(roles=(Role.COACH,))
    coach.disabled_at = timezone.now()
    coach.save(update_fields=["disabled_at"])

    with pytest.raises(PermissionDenied):
        create_session(coach, by=coach, **terms())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""), ("title", "x" * 121), ("description", "x" * 4_001), ("minutes", 4), ("minutes", 1_441),
        ("capacity", 0), ("capacity", 10_001), ("price", -1), ("price", 10**12 + 1), ("time_zone", "Europe/Nowhere"),
        ("time_zone", "../etc/passwd"), ("join_link", "javascript:alert(1)"), ("join_link", "no link"), ("place", ""),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(field, value):
    coach = make_coach()

    with pytest.raises(ValidationError) as refusal:
        create_session(coach, by=coach, **terms(**{field: value}))

    assert field in refusal.value.message_dict
    assert not Session.objects.exists()


def test_the_past_is_refused():
    coach = make_coach()

    with pytest.raises(ValidationError) as refusal:
        create_session(coach, by=coach, **terms(starts_at=timezone.now() - timedelta(seconds=1)))

    assert "starts_at" in refusal.value.message_dict


@pytest.mark.parametrize("shift", [-59, 0, 30, 59])
def test_an_overlap_is_refused_and_names_its_rule(shift):
    coach = make_coach()
    start = timezone.now() + timedelta(days=3)
    create_session(coach, by=coach, **terms(starts_at=start))

    with pytest.raises(RuleError) as refusal:
        create_session(coach, by=coach, **terms(starts_at=start + timedelta(minutes=shift)))

    assert refusal.value.code == "overlap"
    assert Session.objects.count() == 1


@pytest.mark.parametrize("shift", [-60, 60])
def test_sessions_that_touch_are_fine(shift):
    coach = make_coach()
    start = timezone.now() + timedelta(days=3)
    create_session(coach, by=coach, **terms(starts_at=start))

    create_session(coach, by=coach, **terms(starts_at=start + timedelta(minutes=shift)))

    assert Session.objects.count() == 2


def test_another_coach_or_a_cancelled_session_is_in_nobodys_way():
    coach = make_coach()
    start = timezone.now() + timedelta(days=3)
    make_session(starts_at=start)
    cancel_session(make_session(coach, starts_at=start), reason="", by=coach)

    create_session(coach, by=coach, **terms(starts_at=start))

    assert Session.objects.filter(status="planned").count() == 2
