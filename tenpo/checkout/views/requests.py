"""What a coach was asked for: the times that wait, and one of them with all that helps to decide."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenpo.checkout.actions.requests import MAX_WORD, approve_request, decline_request
from tenpo.checkout.views.paying import status_of
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.actions.offers import offer_end
from tenpo.schedule.guest_queries import clients_of, with_guests
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.queries import day_start, shares_of
from tenpo.schedule.request_queries import asked_together, is_waiting, requests_for
from tenpo.schedule.session_coach_queries import name_coaches
from tenpo.schedule.views.teaching import teacher


class WordForm(forms.Form):
    """A word with a no."""

    word = forms.CharField(
        label=gettext_lazy("A word to them"),
        required=False,
        max_length=MAX_WORD,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("They read it with your no. You can leave it out."),
    )


@login_required
@never_cache
@require_safe
def request_list(request: HttpRequest) -> HttpResponse:
    """The times that wait for a yes or no, first what has to be answered first."""
    user = teacher(request)
    rows = requests_for(user).select_related("session__coach", "participant")
    page = page_of(request, rows, order=("held_until", "id"))
    name_coaches(booking.session for booking in page.items)
    together = asked_together(page.items)
    found = [(one, _who(together[one.session_id]), _worth(together[one.session_id])) for one in page.items]
    context = {"requests": found, "next": page.next_cursor, "asked": requests_for(user).count()}
    return render(request, "checkout/request_list.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def request_answer(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Say yes or no to a time: who asks, when, what they said, what it is worth, and what each answer does."""
    user = teacher(request)
    booking = _managed(user, booking_id)
    form = WordForm(request.POST if request.POST.get("answer") == "no" else None)
    refusal = None
    if request.method == "POST" and (not form.is_bound or form.is_valid()):
        try:
            said = _answer(request, booking, form, user)
        except RuleError as error:
            refusal, booking = error, _managed(user, booking_id)
        except ValidationError as error:
            form.add_error("word", error)
        else:
            messages.success(request, said)
            return redirect("checkout:request-list")
    if booking.state != Booking.State.CANCELLED and not booking.awaits_approval:
        # It has its yes: what becomes of it stands with everybody else who comes.
        return redirect("schedule:session-roster", booking.session_id)
    context = _context(user, booking) | {"form": form, "refusal": refusal}
    return render(request, "checkout/request_answer.html", context, status=status_of(refusal, form))


def _answer(request: HttpRequest, booking: Booking, form: WordForm, user: User) -> str:
    """Say what was chosen; what the next page tells of it."""
    name = booking.participant.name
    if form.is_bound:
        decline_request(booking, word=form.cleaned_data["word"], by=user)
        return _("You said no. %(name)s is told, and the time is free again.") % {"name": name}
    if request.POST.get("answer") != "yes":
        raise RuleError("no_answer", _("Please say yes or no."))
    booking = approve_request(booking, by=user)
    if booking.state == Booking.State.CONFIRMED:
        return _("You said yes: %(name)s is booked.") % {"name": name}
    return _("You said yes. %(name)s is told, and can book it now.") % {"name": name}


def _who(places: Sequence[Booking]) -> str:
    return ", ".join(one.participant.name for one in places)


def _worth(places: Sequence[Booking]) -> int:
    """What all of them come to, in minor units, as it was frozen when it was asked for."""
    return sum(one.session.price if one.asked_price is None else one.asked_price for one in places)


def _managed(user: User, booking_id: UUID) -> Booking:
    """A booking of a slot that `user` decides on; Http404 for every other."""
    rows = Booking.objects.visible_to(user).filter(session__is_private=True)
    rows = rows.select_related("session__coach", "session__service", "participant", "booked_by")
    booking = get_object_or_404(rows, pk=booking_id)
    if not can_manage_session(user, booking.session):
        raise Http404
    return booking


def _context(user: User, booking: Booking) -> dict[str, Any]:
    session, now = booking.session, clock.now()
    # Each coach sees what is theirs, and an admin what is the lead's.
    coach = user if session.is_given_by(user) else session.coach
    day = day_start(timezone.localdate(session.starts_at))
    that_day = Session.objects.taught_by(coach).exclude(status=Session.Status.CANCELLED)
    that_day = that_day.filter(starts_at__lt=day + timedelta(days=1), ends_at__gt=day).exclude(pk=session.pk)
    is_open = is_waiting(booking) and session.is_planned
    places = asked_together([booking]).get(session.pk, [booking])
    return {
        "who": _who(places),
        "worth": _worth(places),
        "booking": booking,
        "session": session,
        "is_open": is_open,
        "client": clients_of(coach).filter(pk=booking.participant_id).first(),
        "that_day": with_guests(that_day).order_by("starts_at", "id"),
        # Who funds them, and what they own, is nothing that a coach has to know.
        "own": shares_of([session], booking.booked_by)[session.pk].left_by_company,
        "pays_until": offer_end(session, now) if is_open else None,
        "others": requests_for(user).exclude(session=session).count(),
    }
