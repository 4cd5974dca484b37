from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenpo.core.errors import RuleError
from tenpo.core.words import say_when
from tenpo.people.models import User
from tenpo.schedule.actions.rescheduling import REFUSALS, move_of, reschedule_booking
from tenpo.schedule.booked_party import others_booked, say_who_is_left
from tenpo.schedule.in_the_way import participants_in_the_way
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.policy_queries import misses_under, say_moved_policy, sessions_to_move_to
from tenpo.schedule.views.moving import move_time

SHOWN = 30
REFUSED = 409


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def booking_reschedule(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Move one's booking: first what that does and where it can go, then to the session that was chosen.

    What was booked as a slot goes to another free time, for its host as well.
    """
    user = cast(User, request.user)
    rows = Booking.objects.visible_to(user).select_related("session__coach", "line__order", "participant")
    booking = get_object_or_404(rows.filter(line__isnull=False), pk=booking_id)
    is_time = booking.session.is_private
    if booking.booked_by_id != user.pk and not (is_time and can_manage_session(user, booking.session)):
        raise Http404
    if is_time:
        return move_time(request, user, booking)
    refusal, to = None, None
    if request.method == "POST":
        to = get_object_or_404(Session.objects.visible_to(user), pk=_chosen(request))
        try:
            reschedule_booking(booking, to=to, by=user)
        except RuleError as error:
            refusal = error
            booking = rows.get(pk=booking.pk)
        else:
            when = say_when(to.starts_at, until=to.ends_at)
            messages.success(request, _("Moved. We see you %(when)s.") % {"when": when})
            return redirect("schedule:booking-detail", booking.pk)
    move = move_of(booking)
    is_open = booking.state == Booking.State.CONFIRMED and booking.session.is_planned
    found = sessions_to_move_to(booking, user)[:SHOWN] if is_open and move.is_allowed else []
    misses = misses_under([booking.terms], [booking.booked_by_id])
    context = {
        "booking": booking,
        "session": booking.session,
        "move": move,
        "is_open": is_open and move.is_allowed,
        "why": REFUSALS[move.refusal]() if move.refusal else _("Only what is booked and paid can be moved."),
        "left_then": move.left - 1 if move.counts else move.left,
        "found": [(each, say_moved_policy(booking, each.starts_at, move, misses=misses)) for each in found],
        "who_is_left": say_who_is_left(booking, others_booked(booking), user),
        "refusal": refusal,
        "in_the_way": participants_in_the_way(
            refusal, user, [booking.participant], since=to.starts_at, until=to.ends_at, but=booking
        )
        if to
        else [],
    }
    return render(request, "schedule/booking_reschedule.html", context, status=REFUSED if refusal else 200)


def _chosen(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("session", ""))
    except ValueError:
        return None
