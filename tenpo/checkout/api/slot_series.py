"""Booking a time that comes back by API."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.slot_series import book_slot_series
from tenpo.checkout.api.booking import (
    ParticipantIds,
    PartyOut,
    QuoteOut,
    UseWallet,
    how_paid,
    participants_of,
    party_out,
    quote_of,
)
from tenpo.checkout.api.slots import SLOT_EXAMPLE, Minutes, SlotBody, slot_of
from tenpo.core.api import ApiRequest, InSchema, OutSchema, TimeIn, problems
from tenpo.core.limits import SLOT_SERIES_COACHES, SLOT_SERIES_DATES, SLOT_SERIES_WEEKS, hit
from tenpo.people.models import User
from tenpo.schedule.actions.slot_series import check_series, people_of
from tenpo.schedule.api.slots import participant_of
from tenpo.schedule.find_queries import coaches_of, loaded_zone_of, with_offer
from tenpo.schedule.models import Service
from tenpo.schedule.policy_queries import say_policy_of_dates, terms_of_service
from tenpo.schedule.service_prices import service_price
from tenpo.schedule.slot_series import SeriesWish, SlotDate, dates_every, look_for_best

router = Router(tags=["Slots"])

EXAMPLE: Any = SLOT_EXAMPLE | {
    "starts_at": ["2027-03-02T17:00:00Z", "2027-03-09T17:00:00Z", "2027-03-16T17:30:00Z"],
    "participant_ids": ["019a0000-0000-7000-8000-000000000002"],
}


class SlotDateOut(OutSchema):
    """One date, and what stands in its way."""

    starts_at: datetime
    ends_at: datetime
    code: str = Field(..., description="Why it is not free, as the refusal says it; empty: it is.", examples=[""])
    nearest: list[datetime] = Field(..., description="Other starts of that day that are free, the nearest one first.")


class SlotDatesOut(OutSchema):
    """The dates of a time that comes back, with one coach, and what those come to that are free."""

    coach_id: UUID
    location_id: UUID | None
    time_zone: str = Field(..., description="Whose clock the time stays the same on.", examples=["Europe/Berlin"])
    dates: list[SlotDateOut]
    quote: QuoteOut | None = Field(..., description="Of all that are free; none when none is.")


class SlotDatesQuery(InSchema):
    """From when on, how often, how long, with whom and where, and for whom."""

    starts_at: Annotated[TimeIn, Field(description="The first date.", examples=["2027-03-01T17:00:00Z"])]
    times: Annotated[int, Field(ge=2, le=SLOT_SERIES_DATES, description="How many dates.")]
    weeks: Annotated[int, Field(ge=1, le=SLOT_SERIES_WEEKS, description="From one date to the next.")] = 1
    minutes: Annotated[Minutes | None, Field(description="The service's usual length when left out.")] = None
    coach: Annotated[UUID | None, Field(description="With whom; whoever is free on the most dates otherwise.")] = None
    location: Annotated[UUID | None, Field(description="Where; the first one that is free when left out.")] = None
    participant_id: Annotated[UUID | None, Field(description="Who would take part; you when left out.")] = None
    use_wallet: UseWallet = True


class SlotSeriesIn(SlotBody):
    """The dates of a time that comes back, to be booked at once, and how they are paid."""

    model_config = {"json_schema_extra": {"example": EXAMPLE}}

    starts_at: Annotated[
        list[TimeIn],
        Field(min_length=2, max_length=SLOT_SERIES_DATES, description="The dates, as you showed them: all or none."),
    ]
    coach_id: UUID | None = Field(None, description="With whom; left out where one coach gives it.")
    participant_ids: ParticipantIds


@router.get(
    "/services/{uuid:service_id}/dates",
    response={200: SlotDatesOut, **problems(404, 409, 429)},
    summary="See the dates of a time that comes back",
)
def get_slot_dates(request: ApiRequest, service_id: UUID, query: Query[SlotDatesQuery]) -> SlotDatesOut:
    """The same time every week or second week, each date with whether it is free, and what the free ones come to.

    Send those that are agreed to as `starts_at` to `/slot-series-bookings`, with the `coach_id` from here; a date may
    be left out, or be one of its `nearest`. Refusals: `not_in_series`, `too_many_dates`.
    """
    user: User = request.user
    service = get_object_or_404(with_offer(Service.objects.visible_to(user)), pk=service_id)
    hit("dates-look", user.pk)
    starts = partial(dates_every, query.starts_at, weeks=query.weeks, times=query.times)
    check_series(service, starts("UTC"))
    given_by = coaches_of(service)
    asked = [coach.pk for coach in given_by if query.coach in (None, coach.pk)][:SLOT_SERIES_COACHES]
    people = people_of(service, [participant_of(user, query.participant_id)], by=user)
    minutes = query.minutes or service.durations[0]
    best = look_for_best(service, SeriesWish(minutes, query.location, people), asked, starts)
    if best is None:
        # Nobody gives it who was asked for.
        raise Http404
    coach_id, dates = best
    coach = next(coach for coach in given_by if coach.pk == coach_id)
    return _dates_out(service, user, dates, coach=coach, minutes=minutes, use_wallet=query.use_wallet)


def _dates_out(
    service: Service, user: User, dates: list[SlotDate], *, coach: User, minutes: int, use_wallet: bool
) -> SlotDatesOut:
    free = [date.slot for date in dates if date.slot]
    quote = None
    if free:
        policy = terms_of_service(service)
        quote = quote_of(
            [service_price(service, minutes)] * len(free), user, currency=service.currency, coach_id=coach.pk,
            use_wallet=use_wallet,
            say_policy=partial(say_policy_of_dates, [(slot.starts_at, policy) for slot in free], user),
        )  # fmt: skip
    length = timedelta(minutes=minutes)
    return SlotDatesOut(
        coach_id=coach.pk,
        location_id=free[0].location if free else None,
        time_zone=loaded_zone_of(coach),
        dates=[
            SlotDateOut(
                starts_at=date.at, ends_at=date.at + length, code=date.code,
                nearest=[slot.starts_at for slot in date.nearest],
            )
            for date in dates
        ],
        quote=quote,
    )  # fmt: skip


@router.post(
    "/slot-series-bookings",
    response={201: PartyOut, **problems(403, 404, 409, 422, 429)},
    summary="Book a time that comes back",
)
@once(PartyOut, 201, limit="book-user")
def create_slot_series_booking(request: ApiRequest, payload: SlotSeriesIn) -> PartyOut:
    """Book the same time with one coach in several weeks, for one or several people, all dates or none: one order.

    Each date is a session of its own, and they are one series. The rest is as for a time (`/group-slot-bookings`) and
    for a series (`/series-bookings`). Refusals: `dates_taken` (with the `dates` at fault, why, and the `nearest` free
    starts of their days), `not_in_series`, `too_many_dates`; `not_open_to_you`, `too_many_people`, `price_changed`,
    `sponsor_spent`, `payment_needed`, `too_many_unpaid`.
    """
    bookings = book_slot_series(
        Service(pk=payload.service_id),
        starts=payload.starts_at,
        participants=participants_of(request.user, payload.participant_ids),
        **slot_of(payload),
        **how_paid(request, payload),
    )
    return party_out(bookings)
