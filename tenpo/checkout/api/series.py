"""Booking several dates of a series at once, and giving them up, by API."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.api.booking import (
    ParticipantIds,
    PartyOut,
    PaysIn,
    Places,
    QuoteOut,
    UseWallet,
    how_paid,
    participants_of,
    party_out,
    quote_of,
)
from tenpo.checkout.queries.series import GivenUp, Scope, effects_in_turn, places_in_series
from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems
from tenpo.core.limits import SERIES_PLACES
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_queries import say_policy_of_dates
from tenpo.schedule.series_queries import dates_following

router = Router(tags=["Booking and paying"])

SCOPE = "`this` one, this and the `following`, or `all` that are to come."
WHOLE = "The places of everybody whom you booked, and not just of this participant."


class DateOut(OutSchema):
    """One date of a series, and what stands in its way."""

    session_id: UUID
    starts_at: datetime
    ends_at: datetime
    seats_left: int
    price: int = Field(..., description="Of one place (minor units).", examples=[2000])
    code: str = Field(..., description="Why it cannot be booked, as the refusal says it; empty: it can.", examples=[""])


class SeriesQuoteOut(OutSchema):
    """The dates of a series from one on, and what those come to that can be booked."""

    dates: list[DateOut]
    quote: QuoteOut | None = Field(..., description="Of all that can be booked; none when none can.")


class DatesQuery(InSchema):
    """For how many, and whether the wallet pays."""

    places: Places = 1
    use_wallet: UseWallet = True


class DatesIn(PaysIn):
    """Dates of one series to be booked at once, for one or several people."""

    session_ids: Annotated[
        list[UUID],
        Field(min_length=1, max_length=SERIES_PLACES, description="The dates, as you showed them: all or none."),
    ]
    participant_ids: ParticipantIds


class GivenUpOut(OutSchema):
    """One place, and what giving it up gives back (minor units)."""

    booking_id: UUID
    session_id: UUID
    starts_at: datetime
    state: str
    percent: int
    credit: int
    wallet: int
    method: int = Field(..., description="Goes back the way it was paid.")
    company: int
    sponsor: int
    is_late: bool
    by_grace: bool


class SeriesCancellationOut(OutSchema):
    """What giving up these places now would give back, each by its own policy."""

    bookings: list[GivenUpOut]
    back: int = Field(..., description="What comes back to you of all (minor units).", examples=[6000])


class ScopeQuery(InSchema):
    """How much of a series is given up."""

    scope: Annotated[Scope, Field(description=SCOPE)] = Scope.FOLLOWING
    whole_party: Annotated[bool, Field(description=WHOLE)] = False


class SeriesCancellationIn(InSchema):
    """How much of a series is given up, and what was seen of it."""

    scope: Annotated[Scope, Field(description=SCOPE, examples=["following"])] = Scope.FOLLOWING
    whole_party: Annotated[bool, Field(description=WHOLE)] = False
    agreed_back: Annotated[
        int | None,
        Field(ge=0, description="The `back` that you showed. Another one is refused with `effect_changed`."),
    ] = None


class SeriesCancelledOut(OutSchema):
    """The places that were given up."""

    booking_ids: list[UUID]


@router.get(
    "/sessions/{uuid:session_id}/following/quote",
    response={200: SeriesQuoteOut, **problems(404)},
    summary="What the following dates cost you",
)
def get_series_quote(request: ApiRequest, session_id: UUID, query: Query[DatesQuery]) -> SeriesQuoteOut:
    """A session and the later ones of its series: which of them you can book, and what those come to at once.

    No dates: it is of no series. Send the ids that you want to `/series-bookings`, with the `own_share` of all that can
    be booked, or of fewer by what they come to there.
    """
    user = request.user
    rows = Session.objects.visible_to(user).select_related("cancellation_policy")
    session = get_object_or_404(rows, pk=session_id)
    dates = dates_following(session, participants=[user.participant], by=user, places=query.places)
    free = [date.session for date in dates if date.is_free]
    places = [one for one in free for _place in range(query.places)]
    quote = None
    if free:
        terms = [(one.starts_at, one.cancellation_policy.terms) for one in free]
        quote = quote_of(
            [one.price for one in places], user, currency=session.currency, coach_id=session.coach_id,
            coach_ids=[one.coach_id for one in places], use_wallet=query.use_wallet,
            say_policy=partial(say_policy_of_dates, terms, user),
        )  # fmt: skip
    return SeriesQuoteOut(
        dates=[
            DateOut(
                session_id=date.session.pk, starts_at=date.session.starts_at, ends_at=date.session.ends_at,
                seats_left=date.seats_left, price=date.session.price, code=date.code,
            )
            for date in dates
        ],
        quote=quote,
    )  # fmt: skip


@router.post(
    "/series-bookings",
    response={201: PartyOut, **problems(403, 404, 409, 422, 429)},
    summary="Book several dates of a series",
)
@once(PartyOut, 201, limit="book-user")
def create_series_booking(request: ApiRequest, payload: DatesIn) -> PartyOut:
    """Book each of several people into each of several sessions of one series, or nobody into any: one order.

    As `/group-bookings`: until it is paid all of it is `held`, paid, given up and let go as a whole; once it is paid
    each place can be given up by its own policy. `agreed_amount` is what is left of all.

    Refusals: `dates_taken` (with the `dates` at fault and why), `price_changed`, `sponsor_spent`, `payment_needed`.
    """
    bookings = book_places(
        *(Session(pk=session_id) for session_id in payload.session_ids),
        participants=participants_of(request.user, payload.participant_ids),
        **how_paid(request, payload),
    )
    return party_out(bookings)


@router.get(
    "/bookings/{uuid:booking_id}/following/cancellation",
    response={200: SeriesCancellationOut, **problems(404)},
    summary="What giving up the rest of a series would do",
)
def get_series_cancellation(request: ApiRequest, booking_id: UUID, query: Query[ScopeQuery]) -> SeriesCancellationOut:
    """What comes back of a place of yours and the others of the same participant in its series, one after the other.

    Of the `whole_party` also those of all others whom you booked; with the scope `this` those of one session.
    """
    found = effects_in_turn(places_in_series(_own(request, booking_id), query.scope, whole_party=query.whole_party))
    return SeriesCancellationOut(bookings=[_given_up(one) for one in found], back=sum(one.back for one in found))


@router.post(
    "/bookings/{uuid:booking_id}/following/cancellation",
    response={200: SeriesCancelledOut, **problems(404, 409, 422)},
    summary="Give up the rest of a series",
)
@once(SeriesCancelledOut)
def create_series_cancellation(request: ApiRequest, booking_id: UUID, payload: SeriesCancellationIn) -> Any:
    """Give up a place of yours and others of its series, each by its own policy; what has begun stays.

    Again changes nothing. Refusal: `effect_changed`.
    """
    booking = _own(request, booking_id)
    given_up = cancel_in_series(
        booking, scope=payload.scope, by=request.user, whole_party=payload.whole_party, agreed=payload.agreed_back,
        call=request.call,
    )  # fmt: skip
    return SeriesCancelledOut(booking_ids=[one.pk for one in given_up])


def _given_up(one: GivenUp) -> GivenUpOut:
    booking, effect = one.booking, one.effect
    return GivenUpOut(
        booking_id=booking.pk, session_id=booking.session_id, starts_at=booking.session.starts_at, state=booking.state,
        percent=effect.percent, credit=effect.credit, wallet=effect.wallet, method=effect.method,
        company=effect.company, sponsor=effect.sponsor, is_late=effect.is_late, by_grace=effect.by_grace,
    )  # fmt: skip


def _own(request: ApiRequest, booking_id: UUID) -> Booking:
    return get_object_or_404(Booking.objects.of(request.user).select_related("session"), pk=booking_id)
