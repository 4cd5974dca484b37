from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Field, Query, Router

from tenpo.core.api import ApiRequest, DayIn, InSchema, OutSchema, problems, refuse_keys
from tenpo.core.business import current_business
from tenpo.core.models import Business
from tenpo.orders.actions.business import GUARDED_FIELDS, find_changes, update_business
from tenpo.people.http import check_fresh, visit_of
from tenpo.people.permissions import check_admin
from tenpo.schedule.models import Booking, Session
from tenpo.web.queries.attention import Attention, attention_for
from tenpo.web.queries.dashboard import Figure, dashboard
from tenpo.web.queries.search import MAX_LENGTH, find
from tenpo.web.queries.today import Teaching, Waiting, day_of, teaching_of

router = Router(tags=["Today and search"])


class BriefSessionOut(OutSchema):
    """A session in short."""

    id: UUID
    title: str = Field(..., examples=["Breathing at work"])
    starts_at: datetime
    ends_at: datetime
    time_zone: str = Field(..., examples=["Europe/Berlin"])
    coach: str = Field(..., description="The coach's name.", examples=["Maya Berg"])
    place: str = ""
    join_link: str = ""
    status: str = Field(..., examples=["planned"])
    seats_taken: int
    capacity: int
    price: int = Field(..., description="In minor units.", examples=[8000])
    currency: str = Field(..., examples=["EUR"])


class TaughtSessionOut(BriefSessionOut):
    """A session of one's own, with who waits and whose attendance is missing."""

    waitlisted: int = 0
    unmarked: int = 0


class SeatOut(OutSchema):
    """A booking of one's own and its session."""

    booking_id: UUID
    state: str = Field(..., examples=["confirmed"])
    held_until: datetime | None
    session: BriefSessionOut


class WaitingOut(OutSchema):
    """Something to do (`offer`: take a seat, `pay`, `confirm` at the bank) or to wait for (`transfer`, `clearing`)."""

    kind: str = Field(..., examples=["pay"])
    booking_id: UUID
    session: BriefSessionOut
    until: datetime | None = Field(..., description="Until when the seat is kept.")
    amount: int = Field(..., description="What there is to pay, in minor units.", examples=[1200])
    payment_id: UUID | None
    action_url: str = Field("", description="Where a payment is confirmed.")


class TeachingOut(OutSchema):
    """What one teaches today and in the coming week, and past sessions whose attendance is missing."""

    today: list[TaughtSessionOut]
    week: list[TaughtSessionOut]
    unmarked: list[TaughtSessionOut]


class TodayOut(OutSchema):
    """One's day."""

    next: SeatOut | None
    week: list[SeatOut]
    waiting: list[WaitingOut]
    credit: int = Field(..., description="Credit left, in minor units.", examples=[4500])
    credit_ends_at: datetime | None = Field(..., description="When the first of it lapses.")
    currency: str
    suggestions: list[BriefSessionOut]
    teaching: TeachingOut | None = Field(..., description="For coaches only.")


class FigureOut(OutSchema):
    """A number, and what it was thirty days before."""

    value: int
    before: int


class SpendOut(OutSchema):
    """What was paid in one month, in minor units, less what went back."""

    month: date = Field(..., description="The month's first day.", examples=["2026-11-01"])
    company: int = Field(..., examples=[204000])
    people: int = Field(..., description="Also by credit.", examples=[58000])
    sponsors: int = Field(..., examples=[12000])


class WeekOut(OutSchema):
    """How full one week's sessions were."""

    monday: date
    taken: int
    seats: int
    percent: int


class AttentionOut(OutSchema):
    """How much of each kind needs a human."""

    unmarked_payments: int
    unknown_payments: int
    dead_deliveries: int
    open_invites: int
    expiring_invites: int
    empty_sessions: int
    wanted_sessions: int


class DashboardOut(OutSchema):
    """The operator's numbers."""

    people: FigureOut
    sessions: FigureOut = Field(..., description="In the next 30 days, beside the last 30.")
    seats_filled_percent: FigureOut = Field(..., description="Of the last 30 days, beside the 30 before.")
    company_spend: FigureOut = Field(..., description="In minor units, of the last 30 days, beside the 30 before.")
    currency: str
    months: list[SpendOut]
    weeks: list[WeekOut]
    attention: AttentionOut


class PersonHit(OutSchema):
    """Somebody found; the address is for admins only."""

    id: UUID
    name: str = Field(..., examples=["Maya Berg"])
    email: str | None
    roles: list[str]


class OrderHit(OutSchema):
    """An order found by its number."""

    id: UUID
    number: str = Field(..., examples=["7K2M9QX4TB"])
    state: str = Field(..., examples=["paid"])
    buyer: str


class PaymentHit(OutSchema):
    """A payment found by the provider's reference."""

    id: UUID
    reference: str
    state: str = Field(..., examples=["succeeded"])
    amount: int
    currency: str
    order_id: UUID | None


class FoundOut(OutSchema):
    """What matches, kind by kind, at most six of each."""

    people: list[PersonHit]
    sessions: list[BriefSessionOut]
    orders: list[OrderHit]
    payments: list[PaymentHit]


@router.get("/today", response=TodayOut, summary="What is next for me")
def get_today(request: ApiRequest) -> dict[str, Any]:
    """The next seat, the rest of the week, what waits for an act, the credit left, and what could be booked.

    For coaches also what they teach.
    """
    day = day_of(request.user)
    return {
        "next": _seat(day.next) if day.next else None,
        "week": [_seat(booking) for booking in day.week],
        "waiting": [_waiting(thing) for thing in day.waiting],
        "credit": day.credit,
        "credit_ends_at": day.credit_ends_at,
        "currency": day.currency,
        "suggestions": [_session(found.session) for found in day.suggestions],
        "teaching": _teaching(teaching_of(request.user)) if request.user.is_coach else None,
    }


@router.get("/dashboard", response={200: DashboardOut, **problems(403)}, summary="The operator's numbers")
def get_dashboard(request: ApiRequest) -> dict[str, Any]:
    """Four figures with what they were, company and people's spend by month, seats by week, and what needs a human.

    For admins.
    """
    check_admin(request.user)
    numbers = dashboard()
    return {
        "people": _figure(numbers.people),
        "sessions": _figure(numbers.sessions),
        "seats_filled_percent": _figure(numbers.filled),
        "company_spend": _figure(numbers.spend),
        "currency": numbers.currency,
        "months": numbers.months,
        "weeks": numbers.weeks,
        "attention": _attention(attention_for(request.user)),
    }


@router.get("/search", response=FoundOut, summary="Find a person, a session, an order, a payment")
def search_everything(
    request: ApiRequest,
    q: Annotated[str, Query(max_length=MAX_LENGTH, description="Words count from their beginning.", examples=["bre"])],
) -> dict[str, Any]:
    """Whatever matches and is yours to see: people by name (admins: by address too), sessions by words or coach,
    orders by number, payments by the provider's reference.
    """
    found = find(q.replace("\0", ""), by=request.user)
    return {
        "people": [
            {
                "id": person.pk,
                "name": str(person),
                "email": person.email if request.user.is_admin else None,
                "roles": sorted(person.roles),
            }
            for person in found.people
        ],
        "sessions": [_session(session) for session in found.sessions],
        "orders": [{"id": o.pk, "number": o.number, "state": o.state, "buyer": str(o.buyer)} for o in found.orders],
        "payments": found.payments,
    }


def _session(session: Session) -> dict[str, Any]:
    names = ("id", "title", "starts_at", "ends_at", "time_zone", "place", "status", "seats_taken", "capacity")
    known = {name: getattr(session, name) for name in names}
    # The link into a session is for those who have a seat.
    return known | {"coach": str(session.coach), "price": session.price, "currency": session.currency}


def _seat(booking: Booking) -> dict[str, Any]:
    session = _session(booking.session)
    if booking.state == Booking.State.CONFIRMED:
        session["join_link"] = booking.session.join_link
    return {"booking_id": booking.pk, "state": booking.state, "held_until": booking.held_until, "session": session}


def _waiting(thing: Waiting) -> dict[str, Any]:
    return {
        "kind": thing.kind,
        "booking_id": thing.booking.pk,
        "session": _session(thing.booking.session),
        "until": thing.booking.held_until,
        "amount": thing.amount,
        "payment_id": thing.payment.pk if thing.payment else None,
        "action_url": thing.payment.action_url if thing.payment else "",
    }


def _teaching(teaching: Teaching) -> dict[str, Any]:
    def taught(sessions: Sequence[Session]) -> list[dict[str, Any]]:
        return [
            _session(session)
            | {
                "join_link": session.join_link,
                "waitlisted": getattr(session, "waitlisted", 0),
                "unmarked": getattr(session, "unmarked", 0),
            }
            for session in sessions
        ]

    return {"today": taught(teaching.today), "week": taught(teaching.week), "unmarked": taught(teaching.unmarked)}


def _figure(figure: Figure) -> dict[str, int]:
    return {"value": figure.value, "before": figure.before}


def _attention(attention: Attention) -> dict[str, int]:
    return {
        "unmarked_payments": attention.unmarked_payments.count,
        "unknown_payments": attention.unknown_payments.count,
        "dead_deliveries": attention.dead_deliveries.count,
        "open_invites": attention.open_invites.count,
        "expiring_invites": len(attention.expiring_invites),
        "empty_sessions": attention.empty_sessions.count,
        "wanted_sessions": attention.wanted_sessions.count,
    }


# What a column of whole numbers holds.
MOST = 2_147_483_647


class BusinessOut(OutSchema):
    """The business that this installation serves."""

    name: str = Field(..., examples=["Nordlicht"])
    currency: str = Field(..., examples=["EUR"])
    time_zone: str = Field(..., examples=["Europe/Berlin"])
    locale: str = Field(..., examples=["en"])
    accent_hue: int = Field(..., description="0 to 359.", examples=[162])
    allows_sign_up: bool
    hold_minutes: int = Field(..., description="A seat waits for its payment.")
    offer_hours: int = Field(..., description="An offered seat waits.")
    manual_hold_days: int = Field(..., description="A seat waits for a bank transfer or the payroll.")
    credit_months: int = Field(..., description="Credit lasts.")
    top_up_least: int = Field(..., description="A top-up is at least so much, in minor units.", examples=[500])
    top_up_most: int = Field(..., description="And at most so much.", examples=[50000])
    wallet_most: int = Field(..., description="Nobody tops up beyond this.", examples=[200000])
    invite_days: int = Field(..., description="An invite lasts.")
    offers_bank_transfer: bool = Field(..., description="Whether people may pay by `transfer`.")
    bank_holder: str = Field(..., description="Whose account bank transfers go to.", examples=["Nordlicht GmbH"])
    bank_iban: str = Field(..., description="Empty: nobody has said.", examples=["DE02120300000000202051"])
    bank_bic: str = Field(..., examples=["BYLADEM1001"])
    bank_name: str = Field(..., examples=["DKB"])
    second_factor_for: Business.SecondFactorFor = Field(
        ..., description="Who gets in only with a second factor.", examples=["admins"]
    )
    second_factor_starts_on: date = Field(..., description="From when on.", examples=["2030-01-01"])


class BusinessIn(InSchema):
    """What changes; fields that are left out stay."""

    name: Annotated[str, Field(min_length=1, max_length=80, examples=["Nordlicht"])] | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3, examples=["EUR"])] | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None
    locale: Annotated[str, Field(max_length=10, examples=["en"])] | None = None
    accent_hue: Annotated[int, Field(ge=0, le=359)] | None = None
    allows_sign_up: bool | None = None
    hold_minutes: Annotated[int, Field(ge=5, le=120)] | None = None
    offer_hours: Annotated[int, Field(ge=1, le=168)] | None = None
    manual_hold_days: Annotated[int, Field(ge=1, le=60)] | None = None
    credit_months: Annotated[int, Field(ge=1, le=120)] | None = None
    top_up_least: Annotated[int, Field(ge=1, le=MOST)] | None = None
    top_up_most: Annotated[int, Field(ge=1, le=MOST)] | None = None
    wallet_most: Annotated[int, Field(ge=1, le=MOST)] | None = None
    invite_days: Annotated[int, Field(ge=1, le=90)] | None = None
    offers_bank_transfer: bool | None = None
    bank_holder: Annotated[str, Field(max_length=70, examples=["Nordlicht GmbH"])] | None = None
    bank_iban: Annotated[str, Field(max_length=100, examples=["DE02120300000000202051"])] | None = None
    bank_bic: Annotated[str, Field(max_length=100, examples=["BYLADEM1001"])] | None = None
    bank_name: Annotated[str, Field(max_length=80, examples=["DKB"])] | None = None
    second_factor_for: Business.SecondFactorFor | None = None
    second_factor_starts_on: Annotated[DayIn, Field(examples=["2030-01-01"])] | None = None


@router.get("/business", response=BusinessOut, summary="Read the business")
def get_business(request: ApiRequest) -> Business:
    """Name, currency and what its owner decided."""
    return current_business()


@router.patch("/business", response={200: BusinessOut, **problems(403, 409)}, summary="Change the business")
def update_business_settings(request: ApiRequest, body: BusinessIn) -> Business:
    """For admins. 409 `currency_fixed` once something was sold or money moved.

    Who gets in only with a second factor, and from when on, and the account that bank transfers go to (`bank_…`), are
    changed by the session of a browser, not by a key, and by who showed their password or second factor in it in the
    last quarter of an hour (403). Of another account every admin is told.
    """
    check_admin(request.user)
    wanted = {name: value for name, value in body.dict(exclude_unset=True).items() if value is not None}
    changes = find_changes(wanted)
    if GUARDED_FIELDS & changes.keys():
        refuse_keys(
            request, _("A key cannot change who needs a second factor, nor where money goes. Sign in to do so.")
        )
        check_fresh(request)
    return update_business(by=request.user, visit=visit_of(request), **changes)
