from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from tenpo.checkout.actions.buying import book_places, take_offer
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.checkout.forms import CancelForm, HostCancelForm, PaymentForm
from tenpo.checkout.party_forms import PartyForm
from tenpo.checkout.queries.bookings import (
    Step,
    action_address,
    came_late,
    cancellation_effect,
    checkout_step,
    dates_of,
    is_card_to_enter,
    last_payment,
    live_bookings,
    ordered_price,
    ordered_with,
    say_who,
    slip_of_payment,
)
from tenpo.checkout.views.paying import INVALID, REFUSED, how_paid, next_address, status_of, uses_wallet
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.core.money import Money
from tenpo.core.words import say_money
from tenpo.orders.models import Line
from tenpo.orders.policies import GivenBack, parts_given
from tenpo.orders.queries import Quote, quotes, together
from tenpo.payments.models import Payment
from tenpo.payments.queries import ready_methods
from tenpo.payments.words import say_failure
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.booked_party import others_booked, say_who_stays
from tenpo.schedule.in_the_way import InTheWay, participants_in_the_way
from tenpo.schedule.models import Booking, Miss, Session
from tenpo.schedule.permissions import can_cancel_booking, can_see_payment, is_host_of
from tenpo.schedule.policy_queries import say_booked_policy, say_offered_policy, say_policy_of_places
from tenpo.schedule.queries import waitlist_position


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def book(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Book a seat, or several at once: who comes, the price and who pays it, the policy, the way to pay."""
    user = cast(User, request.user)
    sessions = Session.objects.visible_to(user).select_related("coach", "cancellation_policy")
    session = get_object_or_404(sessions, pk=session_id)
    typed = request.POST or request.GET
    mine, wants_more = live_bookings(session, user), "more" in typed
    if mine and not wants_more:
        return redirect("checkout:booking-result", mine[0].pk)
    if session.is_private:
        # There is no second seat in what was booked as a slot.
        return redirect("schedule:session-detail", session.pk)
    use_wallet = uses_wallet(request)
    party = PartyForm(typed, user=user, but=[booking.participant for booking in mine], most=session.capacity)
    price = _price(session, user, use_wallet=use_wallet, places=party.number)
    is_sent = request.method == "POST" and "look" not in request.POST
    form = PaymentForm(
        request.POST if is_sent else None, needs_payment=price.own_share > 0, saved=ready_methods(user),
        before=session.starts_at,
    )  # fmt: skip
    refusal = None
    if is_sent and all([party.is_valid() or not party.is_bound, form.is_valid()]):
        hit("book-user", user.pk)
        try:
            bookings = book_places(
                session,
                participants=party.participants(),
                by=user,
                **how_paid(request, form),
            )
        except RuleError as error:
            if error.code == "already_booked" and (mine := live_bookings(session, user)):
                return redirect("checkout:booking-result", mine[0].pk)
            refusal, price = error, _price(session, user, use_wallet=use_wallet, places=party.number)
        except ValidationError as error:
            party.add_error(None, error.messages)
        else:
            return redirect(next_address(bookings[0]))
    session.refresh_from_db(fields=["seats_taken", "status"])
    context = {
        "session": session,
        "quote": price,
        "form": form,
        "party": party,
        "wait_for": _wait_for(party, refusal),
        "wants_more": wants_more,
        "use_wallet": use_wallet,
        "refusal": refusal,
        "in_the_way": _in_the_way(refusal, user, party.people_named(), session),
        "is_open": session.status == Session.Status.PLANNED and not session.has_started(),
        "policy": say_offered_policy(session, user, to=price.back_to),
    }
    sent = (form, party) if is_sent else ()
    return render(request, "checkout/booking_form.html", context, status=status_of(refusal, *sent))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Pay a held seat by another try, or take the seat that the waitlist offers."""
    booking = _own_booking(request, booking_id)
    user = booking.booked_by
    payment = last_payment(booking)
    step = checkout_step(booking, payment)
    if step not in (Step.DECLINED, Step.AT_BANK, Step.OFFERED, Step.WAITING_FOR_MONEY):
        return redirect("checkout:booking-result", booking.pk)
    use_wallet = uses_wallet(request)
    places = ordered_with(booking)
    is_offer = step == Step.OFFERED
    offered: Any = {"use_wallet": use_wallet, "places": len(places)}
    price = _price(booking.session, user, **offered) if is_offer else _ordered_price(places)
    form = PaymentForm(
        request.POST or None, needs_payment=price.own_share > 0, saved=ready_methods(user),
        before=min(place.session.starts_at for place in places),
    )  # fmt: skip
    refusal = None
    if request.method == "POST" and form.is_valid():
        hit("pay-user", user.pk)
        agreed = form.cleaned_data["agreed"]
        way: dict[str, Any] = {
            "provider": form.provider_name,
            "source": form.source,
            "keep": form.wants_to_keep,
            "by": user,
        }
        try:
            if is_offer:
                booking = take_offer(booking, agreed=agreed, use_wallet=use_wallet, **way)
            else:
                booking = pay_booking(booking, **way)
        except RuleError as error:
            if error.code in ("not_held", "payment_under_way"):
                messages.info(request, str(error))
                return redirect("checkout:booking-result", booking.pk)
            refusal = error
            price = _price(booking.session, user, **offered) if is_offer else price
        else:
            return redirect(next_address(booking))
    failure = say_failure(payment.failure_code) if payment and payment.state == Payment.State.FAILED else ""
    context = {
        "booking": booking,
        "session": booking.session,
        "quote": price,
        "form": form,
        "refusal": refusal,
        "in_the_way": _in_the_way(refusal, user, [one.participant for one in places], booking.session),
        "failure": "" if form.is_bound else failure,
        "is_offer": is_offer,
        "places": places,
        "who": say_who(places, user),
        "dates": dates_of(places),
        "use_wallet": use_wallet,
        "policy": say_policy_of_places(places) or say_offered_policy(booking.session, user, to=price.back_to),
    }
    return render(request, "checkout/booking_pay.html", context, status=status_of(refusal, form))


@login_required
@never_cache
@require_safe
def booking_result(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """What became of a booking; while its payment is being confirmed, the page asks again by itself."""
    booking = _own_booking(request, booking_id)
    payment = last_payment(booking)
    step = checkout_step(booking, payment)
    if step in (Step.DECLINED, Step.OFFERED):
        address = reverse("checkout:pay", args=[booking.pk])
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)  # type: ignore[attr-defined]
    # What was given up since is spoken of on its own.
    places = [one for one in ordered_with(booking) if one.pk == booking.pk or one.state == booking.state != "cancelled"]
    context = {
        "booking": booking,
        "places": places,
        "who": say_who(places, booking.booked_by),
        "dates": dates_of(places),
        "quote": ordered_price(places),
        "can_bring": _can_bring(booking.session),
        "session": booking.session,
        "line": booking.line,
        "payment": payment,
        "action_address": action_address(payment) if payment and step == Step.AT_BANK else "",
        # A page of Stripe's on which nobody has entered a card yet.
        "is_card_to_enter": payment is not None and is_card_to_enter(payment),
        "step": step.value,
        "slip": slip_of_payment(payment) if payment else None,
        "position": waitlist_position(booking) if step == Step.WAITLISTED else 0,
        "policy": say_policy_of_places(places),
        "came_back": " ".join(_say_given_back(booking.line)) if step == Step.OVER and booking.line else "",
        "has_late_credit": step == Step.OVER and came_late(booking),
    }
    part = "#result" if request.htmx else ""  # type: ignore[attr-defined]
    return render(request, f"checkout/booking_result.html{part}", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def booking_cancel(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Give up a place: first what that does, in numbers. The coach and admins see it as host."""
    user = cast(User, request.user)
    bookings = Booking.objects.visible_to(user).select_related(
        "session__coach", "line__order", "participant", "booked_by"
    )
    booking = get_object_or_404(bookings, pk=booking_id)
    if not can_cancel_booking(user, booking):
        return redirect("checkout:booking-result", booking.pk)
    by_host = is_host_of(user, booking)
    as_host = by_host and booking.confirmed_at is not None
    form = (HostCancelForm if as_host else CancelForm)(request.POST if request.method == "POST" else None)
    refusal = None
    if form.is_valid():
        try:
            cancel_booking(booking, by=user, whole_party="whole" in request.POST, **form.wanted())
        except RuleError as error:
            refusal = error
        else:
            # Read again, with the line: what came back stands there.
            booking = bookings.get(pk=booking.pk)
            messages.success(request, _say_cancelled(booking))
            return redirect(_address_after_cancelling(booking, by_host=by_host))
    # What is not paid yet is given up as a whole, and so is an offer.
    goes_whole = booking.state if booking.state in (Booking.State.HELD, Booking.State.OFFERED) else None
    together = ordered_with(booking)
    others = [] if by_host else others_booked(booking)
    given_up = [one for one in together if one.pk == booking.pk or one.state == goes_whole]
    context = {
        "booking": booking,
        "session": booking.session,
        "effect": cancellation_effect(booking, by_host=by_host),
        "by_host": by_host,
        "sees_payment": can_see_payment(user, booking),
        "form": form if as_host else None,
        "is_lost": "agreed" in form.errors,
        # What it would do by their policy, and whether there is anything to let them off.
        "for_member": cancellation_effect(booking, by_host=False) if as_host else None,
        "refusal": refusal,
        "is_over": booking.state == Booking.State.CANCELLED,
        "is_late": booking.session.has_started() or booking.state in ("attended", "no_show"),
        "policy": say_booked_policy(booking),
        "places": given_up,
        # Of those who wait together each may leave alone.
        "others": others,
        "who_stays": say_who_stays(booking, others, user),
        "waiting": together if booking.state == Booking.State.WAITLISTED and len(together) > 1 else [],
        "who": say_who(given_up, booking.booked_by) if not by_host else "",
        "dates": dates_of(given_up),
    }
    status = REFUSED if refusal else INVALID if form.errors else 200
    return render(request, "checkout/booking_cancel.html", context, status=status)


def _own_booking(request: HttpRequest, booking_id: UUID) -> Booking:
    """A booking of whoever asks; only who booked may pay."""
    mine = Booking.objects.of(cast(User, request.user)).select_related(
        "session__coach", "session__cancellation_policy", "line__order", "booked_by"
    )
    return get_object_or_404(mine, pk=booking_id)


def _price(session: Session, buyer: User, *, use_wallet: bool, places: int = 1) -> Quote:
    found = quotes(
        [session.price] * places,
        currency=session.currency,
        coach_id=session.coach_id,
        buyer=buyer,
        use_wallet=use_wallet,
    )
    return together(found)


def _ordered_price(places: Sequence[Booking]) -> Quote:
    """The price as it was frozen when the seats were held."""
    price = ordered_price(places)
    assert price is not None, "what is held was ordered"
    return price


def _wait_for(party: PartyForm, refusal: RuleError | None) -> str:
    """Who was chosen, for the line in which they can wait together; empty where they need not."""
    if refusal is None or refusal.code != "full" or party.number < 2:
        return ""
    return urlencode({"party": "on", "who": [str(one.pk) for one in party.people_named()]}, doseq=True)


def _in_the_way(
    refusal: RuleError | None, user: User, people: Sequence[Participant], session: Session
) -> list[InTheWay]:
    return participants_in_the_way(refusal, user, people, since=session.starts_at, until=session.ends_at)


def _can_bring(session: Session) -> bool:
    """Whether somebody else could still come along."""
    return session.is_planned and not (session.is_private or session.is_full or session.has_started())


def _address_after_cancelling(booking: Booking, *, by_host: bool) -> str:
    if by_host:
        return reverse("schedule:session-roster", args=[booking.session_id])
    return reverse("checkout:booking-result", args=[booking.pk])


def _say_cancelled(booking: Booking) -> str:
    line = booking.line
    if line is None or line.refunded_percent is None:
        return _("Your place is given up.")
    miss = Miss.objects.filter(booking=booking, outcome=Miss.Outcome.GRACE).first()
    grace = [_("It was late, and costs nothing this time.")] if miss else []
    return " ".join([_("Cancelled."), *_say_given_back(line), *grace])


def _say_given_back(line: Line) -> list[str]:
    back = GivenBack.of(parts_given(line), line.back_to)
    words = []
    if back.credit:
        amount = say_money(Money(back.credit, line.order.currency), exact=False)
        words.append(_("%(amount)s came back as credit.") % {"amount": amount})
    if back.wallet:
        amount = say_money(Money(back.wallet, line.order.currency), exact=False)
        words.append(_("%(amount)s came back to your wallet.") % {"amount": amount})
    if back.method:
        amount = say_money(Money(back.method, line.order.currency), exact=False)
        words.append(_("%(amount)s goes back the way it was paid.") % {"amount": amount})
    return words
