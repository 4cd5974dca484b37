"""A time that comes back, taken as it was shown: the same slot in several weeks, all of them or none.

Locks are those of one slot (`slots`): coach, service, locations and rooms, participants. Two who want some of the same
dates meet at the coach.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.errors import RuleError
from tenpo.core.outbox import publish
from tenpo.core.tokens import new_id
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.slots import SlotWish, TakenSlot, take_slot
from tenpo.schedule.models import Series, Service, ServiceCoach, Session
from tenpo.schedule.permissions import comes_with
from tenpo.schedule.slot_queries import Slot
from tenpo.schedule.slot_series import (
    SeriesWish,
    SlotDate,
    check_dates_apart,
    dates_taken,
    look_for_dates,
    rule_of,
)


@dataclass(frozen=True)
class TakenSeries:
    """Slots that are locked and free: their sessions, not written yet, and what holds of each of them."""

    sessions: list[Session]
    each: TakenSlot


def take_series(
    wish: SlotWish, starts: Sequence[datetime], coach_id: UUID, *, participants: Sequence[Participant], by: User
) -> TakenSeries:
    """Take the slots of one coach that begin at `starts`, the first of which the wish names; as many statements for
    two of them as for ten.

    They are one `Series`, which is written. Raises what `take_slot` does but slot_taken; ValidationError for dates that
    are not whole weeks apart; RuleError not_in_series, too_many_dates, or dates_taken, which names those that are not
    free (`look_for_dates`).
    """
    try:
        first = take_slot(wish, coach_id, participants=participants, by=by)
    except RuleError as refusal:
        # Not of this one alone: it is said with the others.
        if refusal.code != "slot_taken":
            raise
        first = None
    service = Service.objects.get(pk=wish.service_id)
    check_series(service, starts)
    # Before they are looked at: what is asked under the locks is no further than a series reaches.
    zone = first.session.time_zone if first else _zone_of(coach_id)
    check_dates_apart(starts, zone, most=service.most_in_series)
    if first is not None:
        wish = replace(wish, location_id=first.session.location_id)
    dates = _look(service, wish, starts, coach_id, participants=participants, by=by)
    slots = [date.slot for date in dates if date.slot]
    if first is None or len(slots) < len(starts):
        raise dates_taken(dates)
    series = Series.objects.create(
        coach_id=coach_id, rule=rule_of(starts, first.session.time_zone), time_zone=first.session.time_zone
    )
    sessions = [_session_at(first.session, slot, series) for slot in slots]
    record("series.created", by=by, on=series, after={"rule": series.rule, "sessions": len(sessions)})
    publish("series.created", subject=series, coach_id=coach_id, sessions=len(sessions))
    return TakenSeries(sessions, first)


def check_series(service: Service, starts: Sequence[datetime]) -> None:
    """Raise RuleError unless so many dates of a service can be booked at once."""
    if not service.comes_in_series:
        raise RuleError("not_in_series", _("This is booked one by one."))
    if len(starts) > service.most_in_series:
        words = _("At most %(n)s dates of this are booked at once.") % {"n": service.most_in_series}
        raise RuleError("too_many_dates", words, most=service.most_in_series)


def only_coach(service_id: UUID, *, by: User) -> UUID:
    """Who gives a service that one coach gives. Raises Http404; ValidationError where there are several."""
    service = get_object_or_404(Service.objects.visible_to(by), pk=service_id)
    given_by = list(ServiceCoach.objects.filter(service=service).values_list("coach", flat=True)[:2])
    if len(given_by) != 1:
        raise ValidationError({"coach": _("Choose a coach.")})
    return given_by[0]


def people_of(service: Service, participants: Sequence[Participant], *, by: User) -> list[tuple[Participant, bool]]:
    """Who comes, and of each whether a host books it for them, whom neither notice nor window bind; one statement."""
    is_staff = by.is_admin or service.given_by.filter(coach=by).exists()
    return [(one, is_staff and not comes_with(by, one)) for one in participants]


def _zone_of(coach_id: UUID) -> str:
    zones = User.objects.filter(pk=coach_id).values_list("working_terms__time_zone", "time_zone").first()
    return next((zone for zone in zones or () if zone), "UTC")


def _look(
    service: Service,
    wish: SlotWish,
    starts: Sequence[datetime],
    coach_id: UUID,
    *,
    participants: Sequence[Participant],
    by: User,
) -> list[SlotDate]:
    asked = SeriesWish(wish.minutes, wish.location_id, people_of(service, participants, by=by))
    found = look_for_dates(service, asked, [coach_id], lambda _zone: starts)
    return found.get(coach_id) or [SlotDate(start, code="slot_not_offered") for start in starts]


def _session_at(first: Session, slot: Slot, series: Series) -> Session:
    """The same session at another start: in the same series, with the time before and after it, in a room that is
    free then.
    """
    assert first.busy_from is not None, "what is booked as a slot has both"
    assert first.busy_until is not None
    by = slot.starts_at - first.starts_at
    values = {
        field.attname: getattr(first, field.attname)
        for field in Session._meta.concrete_fields
        if not (field.generated or field.primary_key)
    }
    return Session(**values | {
        "id": new_id() if by else first.pk,
        "series_id": series.pk,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "busy_from": first.busy_from + by,
        "busy_until": first.busy_until + by,
        "room_id": min(slot.rooms) if slot.rooms else None,
    })  # fmt: skip
