"""Booking and paying by API."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Required
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Router

from tenpo.access.api_auth import once
from tenpo.checkout.actions.buying import book_places, book_session, take_offer
from tenpo.checkout.actions.paying import Pays
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.queries.bookings import last_payment
from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems
from tenpo.core.limits import PLACES_AT_ONCE
from tenpo.orders.models import Line
from tenpo.orders.queries import Quote, quotes, together
from tenpo.payments.api import PaymentOut
from tenpo.payments.models import Payment
from tenpo.people.models import Participant, User
from tenpo.schedule.in_the_way import naming_places
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_see_payment
from tenpo.schedule.policy_queries import say_offered_policy
from tenpo.schedule.queries import waiting_with, waitlist_position

router = Router(tags=["Booking and paying"])

Provider = Annotated[
    str,
    Field(
        max_length=20,
        description="How the own share is paid: `stripe`, `sandbox`, `payroll` or `transfer`. Empty: nothing is left.",
        examples=["sandbox"],
    ),
]
Source = Annotated[
    str,
    Field(
        max_length=40,
        description="What is charged: the id of a saved payment method; for `sandbox` also the number of a test card.",
        examples=["4242424242424242"],
    ),
]
Keep = Annotated[
    bool, Field(description="Keep a card that is entered for it, to pay with again; once it has paid, and not before.")
]
Agreed = Annotated[
    int | None,
    Field(
        ge=0,
        description="The own share that you showed (minor units). Another one is refused with `price_changed`.",
        examples=[1200],
    ),
]
Places = Annotated[int, Field(ge=1, le=PLACES_AT_ONCE, description="How many places at once.")]
ParticipantIds = Annotated[
    list[UUID],
    Field(min_length=1, max_length=PLACES_AT_ONCE, description="Who takes part: you (`/me`) and your guests."),
]
UseWallet = Annotated[bool, Field(description="Whether your wallet pays before the own share is asked for.")]


class PaysIn(InSchema):
    """What a body says of how the own share of what is booked is paid."""

    provider: Provider = ""
    source: Source = ""
    keep: Keep = False
    use_wallet: UseWallet = True
    agreed_amount: Agreed = None


class HowPaid(Pays):
    """The same, and who pays, as the actions of booking take it."""

    by: Required[User]


def how_paid(request: ApiRequest, payload: PaysIn) -> HowPaid:
    """How the caller pays for what the body asks for."""
    return {
        "by": request.user, "provider": payload.provider, "source": payload.source, "keep": payload.keep,
        "use_wallet": payload.use_wallet, "agreed": payload.agreed_amount, "call": request.call,
    }  # fmt: skip


class QuoteOut(OutSchema):
    """Who pays which part of a price now, in minor units."""

    price: int = Field(..., examples=[8000])
    currency: str = Field(..., examples=["EUR"])
    company_share: int = Field(..., examples=[6000])
    sponsor_share: int = Field(..., description="What a sponsor pays of it.", examples=[0])
    sponsor_name: str | None = Field(..., description="Who that is.")
    credit_spent: int = Field(..., examples=[800])
    wallet_spent: int = Field(..., examples=[0])
    wallet_left: int = Field(..., description="What the wallet has, whether or not it pays.", examples=[0])
    own_share: int = Field(..., examples=[1200])
    share_policy_id: UUID | None = Field(..., description="By which the company pays; none where it is by several.")
    cancellation: str = Field(..., description="The cancellation policy in a sentence.")


class CostOut(OutSchema):
    """What a booking costs and who pays it, as frozen when it was ordered (minor units)."""

    order_id: UUID
    number: str
    price: int
    currency: str
    company_share: int
    sponsor_share: int
    credit_spent: int
    wallet_spent: int
    own_share: int
    refunded_percent: int | None


class BookedOut(OutSchema):
    """A booking with its money: what it costs, and the newest attempt to pay it."""

    id: UUID
    session_id: UUID
    participant_id: UUID
    state: str = Field(..., examples=["confirmed"])
    held_until: datetime | None = Field(None, description="Until when a held or offered seat waits.")
    awaits_approval: bool = Field(False, description="Held until its coach says yes or no, and not ordered yet.")
    position: int | None = Field(None, description="Place in line on the waitlist, from 1.")
    party_id: UUID | None = Field(None, description="Those who wait, or waited, together bear the same.")
    ending: str = ""
    cost: CostOut | None
    payment: PaymentOut | None


class BookingIn(PaysIn):
    """A seat to be booked."""

    session_id: UUID
    participant_id: UUID | None = Field(None, description="Who takes part; you when left out.")


class PartyIn(PaysIn):
    """Seats for several, to be booked at once."""

    session_id: UUID
    participant_ids: ParticipantIds


class PartyOut(OutSchema):
    """Places that were booked together: each with what it costs, and one payment for what is left of all."""

    order_id: UUID | None = Field(..., description="Null while their coach has not said yes.")
    number: str | None = Field(..., description="Of the order and its receipt.", examples=["7K2M9QX4TB"])
    bookings: list[BookedOut]
    payment: PaymentOut | None


class OfferIn(PaysIn):
    """How an offered seat is paid."""


class AttemptIn(InSchema):
    """Another try to pay."""

    provider: Provider
    source: Source = ""
    keep: Keep = False


def booked_out(booking: Booking, *, viewer: User | None = None, is_alone: bool = False) -> BookedOut:
    """A booking as the API shows it to whoever booked; another `viewer` sees its money only as an admin.

    `is_alone` says that it was just booked, and nothing with it.
    """
    line, payment = booking.line, last_payment(booking, is_alone=is_alone)
    if viewer is not None and not can_see_payment(viewer, booking):
        line = payment = None
    return _booked(booking, line, payment)


def _booked(booking: Booking, line: Line | None, payment: Payment | None) -> BookedOut:
    return BookedOut(
        id=booking.pk,
        session_id=booking.session_id,
        participant_id=booking.participant_id,
        state=booking.state,
        held_until=booking.held_until,
        awaits_approval=booking.awaits_approval,
        position=waitlist_position(booking) if booking.state == Booking.State.WAITLISTED else None,
        party_id=booking.party,
        ending=booking.ending,
        cost=CostOut(
            order_id=line.order_id,
            number=line.order.number,
            price=line.price,
            currency=line.order.currency,
            company_share=line.company_share,
            sponsor_share=line.sponsor_share,
            credit_spent=line.credit_spent,
            wallet_spent=line.wallet_spent,
            own_share=line.own_share,
            refunded_percent=line.refunded_percent,
        )
        if line
        else None,
        payment=PaymentOut.from_orm(payment) if payment else None,
    )


@router.get(
    "/sessions/{uuid:session_id}/quote", response={200: QuoteOut, **problems(404)}, summary="What a session costs you"
)
def get_quote(request: ApiRequest, session_id: UUID, use_wallet: UseWallet = True, places: Places = 1) -> QuoteOut:
    """The price of a seat now and who pays it: the company by its policy, a sponsor, your credit, your wallet, and you.

    Of several `places` it is what they come to at once.

    Send `own_share` back as `agreed_amount` when you book, so that nobody pays a price that changed meanwhile.
    """
    sessions = Session.objects.visible_to(request.user).select_related("cancellation_policy")
    session = get_object_or_404(sessions, pk=session_id)
    return quote_of(
        [session.price] * places, request.user, currency=session.currency, coach_id=session.coach_id,
        use_wallet=use_wallet, say_policy=partial(say_offered_policy, session, request.user),
    )  # fmt: skip


def quote_of(
    prices: Sequence[int],
    user: User,
    *,
    currency: str,
    coach_id: UUID,
    coach_ids: Sequence[UUID] = (),
    use_wallet: bool,
    say_policy: Callable[..., str],
) -> QuoteOut:
    """What prices come to at once for somebody now, see `quotes`.

    `say_policy` says what holds of them, by where money goes back.
    """
    found = quotes(prices, currency=currency, coach_id=coach_id, coach_ids=coach_ids, buyer=user, use_wallet=use_wallet)
    price = together(found)
    return quote_out(price, say_policy(to=price.back_to))


def quote_out(price: Quote, cancellation: str) -> QuoteOut:
    """A price as the API shows it, with the cancellation policy in a sentence."""
    return QuoteOut(
        price=price.price,
        currency=price.currency,
        company_share=price.company_share,
        sponsor_share=price.sponsor_share,
        sponsor_name=price.sponsor_name or None,
        credit_spent=price.credit_spent,
        wallet_spent=price.wallet_spent,
        wallet_left=price.wallet_left,
        own_share=price.own_share,
        share_policy_id=price.policy.pk if price.policy else None,
        cancellation=cancellation,
    )


@router.post("/bookings", response={201: BookedOut, **problems(403, 404, 409, 429)}, summary="Book a seat")
@once(BookedOut, 201, limit="book-user")
def create_booking(request: ApiRequest, payload: BookingIn) -> BookedOut:
    """Book a seat and pay for it. The answer's `state` is `confirmed`, or `held` while money is missing.

    A held seat says why in `payment`: `failed` (try another card at `/bookings/{id}/payment`), `needs_action` (send
    the payer to `action_url`), `pending` or `unknown` (wait: the booking is confirmed when the money is in).

    Refusals: `full`, `started`, `not_planned`, `already_booked`, `participant_elsewhere` (`in_the_way` names what of it
    the caller sees), `price_changed`, `sponsor_spent`, `payment_needed`.
    """
    participant = _participant(request, payload.participant_id)
    with naming_places(request.user, [participant], payload.session_id):
        # Only named: the statement that takes the seat finds it, among those that the caller may see.
        session = Session(pk=payload.session_id)
        booking = book_session(session, participant=participant, **how_paid(request, payload))
    return booked_out(booking, is_alone=True)


@router.post(
    "/group-bookings", response={201: PartyOut, **problems(403, 404, 409, 422, 429)}, summary="Book several seats"
)
@once(PartyOut, 201, limit="book-user")
def create_group_booking(request: ApiRequest, payload: PartyIn) -> PartyOut:
    """Book a seat in one session for each of several people, or for none: one order, and one payment for all of it.

    Until it is paid all of it is `held`; it is paid, given up and let go as a whole, by any of its bookings
    (`/bookings/{id}/payment`). Once it is paid each place can be given up by its own policy. `agreed_amount` is what is
    left of all.

    Refusals: `full` (with how many are `left`), `started`, `not_planned`, `already_booked`, `participant_elsewhere`,
    `price_changed`, `sponsor_spent`, `payment_needed`.
    """
    people = participants_of(request.user, payload.participant_ids)
    with naming_places(request.user, people, payload.session_id):
        bookings = book_places(Session(pk=payload.session_id), participants=people, **how_paid(request, payload))
    return party_out(bookings)


def party_out(bookings: Sequence[Booking]) -> PartyOut:
    """Places that were ordered together, with their one payment, or asked for together."""
    payment, line = last_payment(bookings[0]), bookings[0].line
    return PartyOut(
        order_id=line.order_id if line else None,
        number=line.order.number if line else None,
        bookings=[_booked(booking, booking.line, payment) for booking in bookings],
        payment=PaymentOut.from_orm(payment) if payment else None,
    )


@router.post(
    "/bookings/{uuid:booking_id}/payment",
    response={200: BookedOut, **problems(404, 409, 429)},
    summary="Pay a held seat",
)
@once(BookedOut, limit="pay-user")
def create_booking_payment(request: ApiRequest, booking_id: UUID, payload: AttemptIn) -> BookedOut:
    """Try to pay a held seat again, after a card was declined or by another way.

    Refusals: `not_held`, `payment_under_way`, `payment_needed`, `too_many_unpaid`.
    """
    booking = _own(request, booking_id)
    paid = pay_booking(
        booking,
        by=request.user,
        provider=payload.provider,
        source=payload.source,
        keep=payload.keep,
        call=request.call,
    )
    return booked_out(paid)


@router.post(
    "/bookings/{uuid:booking_id}/offer-acceptance",
    response={200: BookedOut, **problems(404, 409, 429)},
    summary="Take an offered seat",
)
@once(BookedOut, limit="book-user")
def accept_offer(request: ApiRequest, booking_id: UUID, payload: OfferIn) -> BookedOut:
    """Take the seat that the waitlist offers, and pay for it; with all that are offered to its party, as one order.

    `agreed_amount` is then what is left of all. Refusals: `offer_over` and those of booking a seat.
    """
    booking = _own(request, booking_id)
    people = [one.participant for one in waiting_with(booking)]
    with naming_places(request.user, people, booking.session_id):
        booking = take_offer(booking, **how_paid(request, payload))
    return booked_out(booking)


def participants_of(user: User, ids: Sequence[UUID]) -> list[Participant]:
    """Those whom `user` names, in their order; Http404 for one whom they do not see."""
    seen = Participant.objects.visible_to(user).in_bulk(ids)
    if len(seen) < len(set(ids)):
        raise Http404
    return [seen[one] for one in ids]


def _participant(request: ApiRequest, participant_id: UUID | None) -> Participant:
    if participant_id is None:
        return request.user.participant
    return get_object_or_404(Participant.objects.visible_to(request.user), pk=participant_id)


def _own(request: ApiRequest, booking_id: UUID) -> Booking:
    return get_object_or_404(Booking.objects.of(request.user).select_related("line__order"), pk=booking_id)


def visible_booking(request: ApiRequest, booking_id: UUID) -> Booking:
    """A booking that the caller sees; Http404 for any other."""
    rows = Booking.objects.visible_to(request.user).select_related("session", "participant", "line__order")
    return get_object_or_404(rows, pk=booking_id)
