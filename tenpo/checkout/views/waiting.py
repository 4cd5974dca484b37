"""Standing in line for a full session, alone or with others."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.checkout.party_forms import PartyForm
from tenpo.checkout.queries.bookings import live_bookings
from tenpo.checkout.views.paying import status_of
from tenpo.core.errors import RuleError
from tenpo.core.limits import hit
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.waitlist import join_waitlist_together
from tenpo.schedule.models import Session
from tenpo.schedule.queries import waitlist_end, waitlist_length


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def waitlist_join(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Stand in line for a full session: alone, or with others for several seats at once."""
    user = cast(User, request.user)
    session = get_object_or_404(Session.objects.visible_to(user).select_related("coach"), pk=session_id)
    typed = request.POST or request.GET
    mine, wants_more = live_bookings(session, user), "more" in typed
    if mine and not wants_more:
        return redirect("checkout:booking-result", mine[0].pk)
    party = PartyForm(typed, user=user, but=[booking.participant for booking in mine], most=session.capacity)
    is_sent = request.method == "POST"
    refusal = None
    if is_sent and (party.is_valid() or not party.is_bound):
        hit("book-user", user.pk)
        try:
            people = party.participants()
            bookings = join_waitlist_together(session, participants=people, by=user)
        except RuleError as error:
            if error.code in ("not_full", "already_booked"):
                return redirect(f"{reverse('checkout:book', args=[session.pk])}?{_named(people, wants_more)}")
            refusal = error
        except ValidationError as error:
            party.add_error(None, error.messages)
        else:
            return redirect("checkout:booking-result", bookings[0].pk)
    context = {
        "session": session,
        "waiting": waitlist_length(session),
        "place": waitlist_end(session),
        "party": party,
        "wants_more": wants_more,
        "refusal": refusal,
    }
    return render(request, "checkout/waitlist_form.html", context, status=status_of(refusal, *([party] * is_sent)))


def _named(people: Sequence[Participant], wants_more: bool) -> str:
    """Who was chosen, for the page on which they are booked."""
    said = [("party", "on"), *(("who", str(one.pk)) for one in people)] if len(people) > 1 else []
    return urlencode([*said, *([("more", "on")] if wants_more else [])])
