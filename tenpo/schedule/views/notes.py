"""What a coach notes for themselves."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tenpo.core.errors import RuleError
from tenpo.core.tokens import id_of
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.meeting_forms import NoteForm
from tenpo.schedule.models import Booking
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.permissions import can_note
from tenpo.schedule.queries import roster
from tenpo.schedule.views.teaching import add_problems, managed_session, teacher


@login_required
@require_http_methods(["GET", "POST"])
def session_notes(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The notes of one's own session, and one to write; for everybody else, admins too, there is nothing here."""
    user = teacher(request)
    session = managed_session(user, session_id)
    if not can_note(user, session):
        raise Http404
    bookings = [one for one in roster(session) if one.state in Booking.SEATED]
    notes = list(SessionNote.objects.visible_to(user).filter(session=session).select_related("participant"))
    chosen = next((one for one in bookings if one.pk == id_of(request.GET.get("about", ""))), None)
    there = {note.participant_id: note for note in notes}
    note = there.get(chosen.participant_id if chosen else None)
    initial = {"about": str(chosen.pk) if chosen else "", "text": note.text if note else ""}
    form = NoteForm(request.POST or None, bookings=bookings, initial=initial)
    if request.method == "POST" and form.is_valid():
        booking = next((one for one in bookings if str(one.pk) == form.cleaned_data["about"]), None)
        try:
            write_note(session, booking=booking, text=form.cleaned_data["text"], by=user)
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Kept. Only you can read it."))
            return redirect("schedule:session-notes", session.pk)
    about = [(None, there.get(None)), *((one, there.get(one.participant_id)) for one in bookings)]
    context = {"session": session, "form": form, "chosen": chosen, "rows": about}
    return render(request, "schedule/session_notes.html", context, status=422 if form.errors else 200)
