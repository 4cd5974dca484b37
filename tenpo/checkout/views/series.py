from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.actions.buying import book_places
from tenpo.checkout.actions.giving_up import cancel_in_series
from tenpo.checkout.forms import PaymentForm
from tenpo.checkout.party_forms import PartyForm
from tenpo.checkout.queries.bookings import say_who
from tenpo.checkout.queries.series import Scope, back_of, effects_in_turn, places_in_series
from tenpo.checkout.series_forms import DatesForm, GiveUpForm
from tenpo.checkout.views.paying import REFUSED, how_paid, next_address, status_of, uses_wallet
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.orders.queries import quotes, together
from tenpo.payments.queries import ready_methods
from tenpo.people.models import User
from tenpo.schedule.booked_party import names_of
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.policy_queries import say_policy_of_dates
from tenpo.schedule.series_queries import dates_following


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def series_book(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Book several dates of a series at once: which, who comes, the price of all, the policy, the way to pay."""
    user = cast(User, request.user)
    sessions = Session.objects.visible_to(user).select_related("coach", "cancellation_policy")
    session = get_object_or_404(sessions, pk=session_id)
    typed = request.POST or request.GET
    use_wallet = uses_wallet(request)
    party = PartyForm(typed, user=user, most=session.capacity)
    dates = dates_following(session, participants=party.chosen, by=user, places=party.number)
    if not dates:
        return redirect("schedule:session-detail", session.pk)
    which = DatesForm(typed, dates=dates, places=party.number)
    places = [date.session for date in which.taken for _place in range(party.number)]
    price = together(
        quotes(
            # Nothing chosen costs nothing.
            [one.price for one in places] or [0],
            currency=session.currency,
            coach_id=session.coach_id,
            coach_ids=[one.coach_id for one in places],
            buyer=user,
            use_wallet=use_wallet,
        )
    )
    is_sent = request.method == "POST" and "look" not in request.POST
    form = PaymentForm(
        request.POST if is_sent else None, needs_payment=price.own_share > 0, saved=ready_methods(user),
        before=min((date.session.starts_at for date in which.taken), default=None),
    )  # fmt: skip
    refusal = None
    if is_sent and all(
        [party.is_valid() or not party.is_bound, which.is_valid() or not which.is_bound, form.is_valid()]
    ):
        hit("book-user", user.pk)
        try:
            bookings = book_places(
                *(date.session for date in which.taken),
                participants=party.participants(),
                by=user,
                **how_paid(request, form),
            )
        except RuleError as error:
            refusal = error
        except ValidationError as error:
            field = "dates" if which.is_bound else None
            (which if which.is_bound else party).add_error(field, error.messages)
        else:
            return redirect(next_address(bookings[0]))
    taken = [date.session for date in which.taken] or [session]
    terms = [(one.starts_at, one.cancellation_policy.terms) for one in taken]
    context = {
        "session": session,
        "which": which,
        "quote": price,
        "form": form,
        "party": party,
        "use_wallet": use_wallet,
        "refusal": refusal,
        "policy": say_policy_of_dates(terms, user, to=price.back_to),
    }
    sent = (form, party, which) if is_sent else ()
    return render(request, "checkout/series_book.html", context, status=status_of(refusal, *sent))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def series_cancel(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Give up places of a series, this one, the following or all to come: first what that does, in numbers.

    Those of one who comes, or of all whom the same person booked, also where it is no series.
    """
    user = cast(User, request.user)
    bookings = Booking.objects.of(user).select_related("session__coach", "participant", "booked_by")
    booking = get_object_or_404(bookings, pk=booking_id)
    wanted = request.GET.get("scope", "")
    scope = Scope(wanted) if wanted in Scope.values else Scope.FOLLOWING
    is_whole = request.GET.get("who") == "all"
    form = GiveUpForm(request.POST if request.method == "POST" else None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            given_up = cancel_in_series(
                booking, scope=scope, by=user, whole_party=is_whole, agreed=form.cleaned_data["agreed"]
            )
        except RuleError as error:
            refusal = error
        else:
            messages.success(request, _say_given_up(given_up, user))
            return redirect("schedule:booking-list")
    of_all = places_in_series(booking, scope, whole_party=True)
    own = [one for one in of_all if one.participant_id == booking.participant_id]
    effects = effects_in_turn(of_all if is_whole else own)
    context = {
        "booking": booking,
        "session": booking.session,
        "scopes": [(one.value, one.label, one == scope) for one in Scope],
        "scope": scope.value,
        "is_whole": is_whole,
        "is_one": not is_whole,
        "everybody": names_of(of_all) if len(of_all) > len(own) else "",
        "effects": effects,
        "back": back_of(effects),
        "agreed": sum(one.back for one in effects),
        "company": sum(one.effect.company for one in effects),
        "sponsor": sum(one.effect.sponsor for one in effects),
        "is_held": any(one.booking.state == Booking.State.HELD for one in effects),
        "form": form,
        "refusal": refusal,
    }
    return render(request, "checkout/series_cancel.html", context, status=REFUSED if refusal else status_of(None, form))


def _say_given_up(bookings: Sequence[Booking], user: User) -> str:
    """How many places are given up, and whose, where they are not one's own."""
    if not bookings:
        return _("Nothing was left to give up.")
    said = {"n": len(bookings), "names": say_who(bookings, user)}
    if said["names"]:
        words = ngettext("%(n)s place is given up: %(names)s.", "%(n)s places are given up: %(names)s.", len(bookings))
    else:
        words = ngettext("%(n)s place is given up.", "%(n)s places are given up.", len(bookings))
    return words % said
