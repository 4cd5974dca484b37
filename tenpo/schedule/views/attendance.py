from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from tenpo.core.errors import RuleError
from tenpo.orders.policies import parts_left
from tenpo.schedule.actions.attendance import is_markable, mark_all_attended, mark_attendance
from tenpo.schedule.actions.misses import is_waivable, waive_no_show
from tenpo.schedule.forms import WaiverForm
from tenpo.schedule.models import Booking
from tenpo.schedule.permissions import can_manage_session, can_note, can_waive
from tenpo.schedule.stays import with_presence
from tenpo.schedule.views.teaching import add_problems, managed_session, teacher

MARKS = {"attended": Booking.State.ATTENDED, "no_show": Booking.State.NO_SHOW, "confirmed": Booking.State.CONFIRMED}


@login_required
@require_POST
def attendance_mark(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Mark one person; answers with the row for htmx, with the roster for everybody else."""
    user = teacher(request)
    booking = get_object_or_404(Booking.objects.visible_to(user).select_related("session"), pk=booking_id)
    if not can_manage_session(user, booking.session):
        raise Http404
    state = MARKS.get(request.POST.get("state", ""))
    if state is None:
        raise Http404
    try:
        mark_attendance(booking, state=state, by=user)
    except RuleError as error:
        messages.error(request, str(error))
    if not request.headers.get("HX-Request"):
        return redirect("schedule:session-roster", booking.session_id)
    booking = Booking.objects.select_related("participant", "booked_by", "session", "miss").get(pk=booking.pk)
    with_presence(booking.session, [booking])
    context = {
        "booking": booking,
        "session": booking.session,
        "can_mark": is_markable(booking.session),
        "can_waive": is_waivable(booking.session),
        "is_own": can_note(user, booking.session),
    }
    return render(request, "schedule/session_roster.html#row", context)


@login_required
@require_POST
def attendance_all(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Everybody came."""
    user = teacher(request)
    session = managed_session(user, session_id)
    try:
        count = mark_all_attended(session, by=user)
    except RuleError as error:
        messages.error(request, str(error))
    else:
        text = ngettext("%(n)s person marked as attended.", "%(n)s people marked as attended.", count)
        messages.success(request, text % {"n": count})
    return redirect("schedule:session-roster", session.pk)


@login_required
@require_http_methods(["GET", "POST"])
def no_show_waive(request: HttpRequest, booking_id: UUID) -> HttpResponse:
    """Let somebody off who did not come: first what that does, then with a reason that they read."""
    user = teacher(request)
    rows = Booking.objects.visible_to(user).select_related("session", "line__order", "participant", "booked_by", "miss")
    booking = get_object_or_404(rows, pk=booking_id)
    line = booking.line
    if not can_waive(user, booking) or booking.state != Booking.State.NO_SHOW or line is None or not line.price:
        raise Http404
    form = WaiverForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            waive_no_show(booking, reason=form.cleaned_data["reason"], by=user)
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Let off. Everything goes back, and they are told why."))
            return redirect("schedule:session-roster", booking.session_id)
    context = {
        "form": form,
        "booking": booking,
        "session": booking.session,
        "left": parts_left(line).whole,
        "is_open": is_waivable(booking.session),
        "is_done": hasattr(booking, "miss") and booking.miss.outcome == "waived",
    }
    return render(request, "schedule/no_show_waive.html", context, status=422 if form.errors else 200)
