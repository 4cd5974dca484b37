"""What a share policy would do, before it is decided."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count

from tenpo.core import clock
from tenpo.orders.models import SharePolicy
from tenpo.orders.policies import company_share
from tenpo.schedule.models import Booking, Session

SESSIONS_SHOWN = 30
LOOK_BACK_DAYS = 90
DAYS_A_MONTH = 30


@dataclass(frozen=True)
class SessionEffect:
    """One coming session under the present policy and under the proposed one, in minor units."""

    session: Session
    company_now: int
    company_then: int

    @property
    def own_now(self) -> int:
        return self.session.price - self.company_now

    @property
    def own_then(self) -> int:
        return self.session.price - self.company_then


@dataclass(frozen=True)
class ShareEffect:
    """What a proposed policy would do: to each coming session, and to a month like the last three."""

    sessions: list[SessionEffect]
    others: int
    seats: int
    company_month_now: int
    company_month_then: int
    own_month_now: int
    own_month_then: int


def share_effect(proposed: SharePolicy, *, now: datetime | None = None) -> ShareEffect:
    """Compare a policy that is not saved with what holds when it would start. Three statements.

    A coach's own policy goes before the one for everybody, in both. The month is estimated by the seats booked in the
    last 90 days.
    """
    now = now or clock.now()
    at = max(proposed.active_from, now)
    present: dict[UUID | None, SharePolicy] = {
        policy.coach_id: policy for policy in SharePolicy.objects.in_force(at).filter(currency=proposed.currency)
    }
    then = {**present, proposed.coach_id: proposed}

    sessions = Session.objects.upcoming(max(now, at)).filter(currency=proposed.currency).select_related("coach")
    if proposed.coach_id:
        sessions = sessions.filter(coach=proposed.coach_id)
    coming = list(sessions.order_by("starts_at", "id")[: SESSIONS_SHOWN + 1])
    effects = [
        SessionEffect(
            session,
            company_share(_deciding(present, session.coach_id), session.price),
            company_share(_deciding(then, session.coach_id), session.price),
        )
        for session in coming[:SESSIONS_SHOWN]
    ]
    others = sessions.count() - len(effects) if len(coming) > SESSIONS_SHOWN else 0

    booked = Booking.objects.filter(confirmed_at__gte=now - timedelta(days=LOOK_BACK_DAYS)).exclude(state="cancelled")
    groups = booked.values_list("session__coach", "line__price").annotate(seats=Count("id")).order_by()
    total = company_now = company_then = seats = 0
    for coach_id, price, count in groups:
        seats += count
        total += price * count
        company_now += company_share(_deciding(present, coach_id), price) * count
        company_then += company_share(_deciding(then, coach_id), price) * count
    return ShareEffect(
        sessions=effects,
        others=others,
        seats=seats,
        company_month_now=_month(company_now),
        company_month_then=_month(company_then),
        own_month_now=_month(total - company_now),
        own_month_then=_month(total - company_then),
    )


def _deciding(policies: dict[UUID | None, SharePolicy], coach_id: UUID) -> SharePolicy | None:
    return policies.get(coach_id) or policies.get(None)


def _month(total: int) -> int:
    return round(total * DAYS_A_MONTH / LOOK_BACK_DAYS)
