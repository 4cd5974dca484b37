"""The door: who is here, one tap each."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenpo.core.errors import RuleError
from tenpo.schedule.actions.check_in import check_in, check_out, is_check_in_open, undo_check_in
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session
from tenpo.schedule.queries import roster
from tenpo.schedule.stays import with_presence
from tenpo.schedule.views.teaching import managed_session, teacher

ACTS: dict[str, Callable[..., Any]] = {"in": check_in, "out": check_out, "undo": undo_check_in}


@login_required
@require_safe
def check_in_list(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Everybody who has a place, with one big button each."""
    session = managed_session(teacher(request), session_id)
    return render(request, "schedule/check_in.html", door_context(session))


@login_required
@require_POST
def check_in_act(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Check one person in or out, or undo it; answers with the row for htmx, with the list for everybody else."""
    user = teacher(request)
    booking = get_object_or_404(Booking.objects.visible_to(user).select_related("session"), pk=booking_id)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None or not can_manage_session(user, booking.session):
        raise Http404
    try:
        act(booking, by=user)
    except RuleError as error:
        messages.error(request, str(error))
    if not request.headers.get("HX-Request"):
        return redirect("schedule:check-in", booking.session_id)
    context = door_context(booking.session, only=booking.pk)
    return render(request, "schedule/check_in.html#changed", context)


def door_context(session: Session, *, only: UUID | None = None) -> dict[str, Any]:
    """What the door shows: rows of who has a place, those who are here last changed in place."""
    seated = [one for one in roster(session) if one.confirmed_at and one.state != Booking.State.CANCELLED]
    rows = [{"booking": one, "presence": one.presence} for one in with_presence(session, seated)]  # type: ignore[attr-defined]
    return {
        "session": session,
        "rows": rows,
        "row": next((row for row in rows if row["booking"].pk == only), None),
        "is_open": is_check_in_open(session),
        "has_ended": session.has_ended(),
        "here": sum(1 for row in rows if row["presence"] and row["presence"].is_here),
    }
