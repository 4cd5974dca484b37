"""Cancelling by API: what comes back, and giving a place up."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from ninja import Body, Field, Router

from tenpo.access.api_auth import once
from tenpo.checkout.api.booking import BookedOut, booked_out, visible_booking
from tenpo.checkout.queries.bookings import cancellation_effect
from tenpo.core.api import ApiRequest, InSchema, OutSchema, problems
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.permissions import can_cancel_booking, can_see_payment, is_host_of

router = Router(tags=["Booking and paying"])

# Where what comes back goes to is where it was paid from.
PAID_FROM = ("credit", "wallet", "method", "company", "sponsor")


class CancellationOut(OutSchema):
    """What cancelling now would give back, in minor units; a coach reads the percent, and not how somebody paid."""

    percent: int = Field(..., examples=[50])
    credit: int | None = Field(..., examples=[600])
    wallet: int | None = Field(..., examples=[0])
    method: int | None = Field(..., description="Goes back the way it was paid.", examples=[0])
    company: int | None = Field(..., examples=[3000])
    sponsor: int | None = Field(..., examples=[0])
    is_late: bool = Field(..., description="The windows do not give all of it, so that it counts.")
    by_grace: bool = Field(..., description="It is late, and costs nothing all the same.")
    until: datetime | None = Field(..., description="Until when this holds.")


class CancellationIn(InSchema):
    """What was seen of it; how a host cancels somebody's booking; and how many leave the line."""

    for_member: bool = Field(False, description="They asked for it: by their policy, and not as host.")
    waiver: str = Field(
        "", max_length=300, examples=["Ill"],
        description="Why you let them off: everything comes back, and it does not count. They read it.",
    )  # fmt: skip
    agreed_back: int | None = Field(
        None, ge=0,
        description="The sum of `credit`, `wallet` and `method` that you showed. Another one is `effect_changed`.",
    )  # fmt: skip
    whole_party: bool = Field(False, description="All who wait together leave the line, and not just this one.")


@router.get(
    "/bookings/{uuid:booking_id}/cancellation",
    response={200: CancellationOut, **problems(403, 404)},
    summary="What cancelling would do",
)
def get_cancellation(request: ApiRequest, booking_id: UUID, for_member: bool = False) -> Any:
    """What comes back if the booking is cancelled now, by you: under its policy, or in full when you are the host.

    A host who asks `for_member` sees what the policy would give.
    """
    booking = visible_booking(request, booking_id)
    if not can_cancel_booking(request.user, booking):
        raise PermissionDenied
    effect = cancellation_effect(booking, by_host=is_host_of(request.user, booking) and not for_member)
    unseen = {} if can_see_payment(request.user, booking) else dict.fromkeys(PAID_FROM)
    return asdict(effect) | unseen


@router.post(
    "/bookings/{uuid:booking_id}/cancellation",
    response={200: BookedOut, **problems(403, 404, 409)},
    summary="Cancel a booking",
)
@once(BookedOut, is_whole=True)
def create_cancellation(
    request: ApiRequest, booking_id: UUID, payload: Body[CancellationIn | None] = None
) -> BookedOut:
    """Give up a place, also one on the waitlist or an offered one. Cancelling again changes nothing.

    What is held and not paid yet is given up with all that was ordered with it, and an offer by all to whom it is made.
    Of those who wait together this one leaves, or the `whole_party`.

    What was paid comes back by the policy that held when it was booked, to where it was said to go; in full when the
    coach or an admin cancels, unless they do so for whoever booked. Refusals: `started`, `effect_changed`.
    """
    how = payload.model_dump() if payload else {}
    agreed = how.pop("agreed_back", None)
    cancel_booking(visible_booking(request, booking_id), by=request.user, agreed=agreed, **how)
    return booked_out(visible_booking(request, booking_id), viewer=request.user)
