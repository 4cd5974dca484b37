"""What a coach notes for themselves."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tenpo.core.errors import RuleError
from tenpo.core.tokens import id_of
from tenpo.people.models import Participant
from tenpo.schedule.actions.notes import write_note
from tenpo.schedule.meeting_forms import NoteForm
from tenpo.schedule.models import Booking, Session
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
    notes = list(SessionNote.objects.visible_to(user).filter(session=session).select_related("participant"))
    there = {note.participant_id: note for note in notes}
    # Who has a place, then of whom something was noted before they gave it up.
    seated = [one.participant for one in roster(session) if one.state in Booking.SEATED]
    noted = [note.participant for note in notes if note.participant is not None]
    people: dict[UUID | None, Participant] = {one.pk: one for one in (*seated, *noted)}
    chosen = people.get(id_of(request.GET.get("about", "")))
    note = there.get(chosen.pk if chosen else None)
    initial = {"about": str(chosen.pk) if chosen else "", "text": note.text if note else ""}
    form = NoteForm(request.POST or None, people=list(people.values()), initial=initial)
    if request.method == "POST" and form.is_valid():
        about = people.get(id_of(form.cleaned_data["about"]))
        try:
            kept = write_note(session, about=about, text=form.cleaned_data["text"], by=user)
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Kept. Only you can read it.") if kept else _("The note is taken away."))
            return redirect(_where(session, about))
    rows = [(one, there.get(one.pk), one in seated) for one in people.values()]
    context = {"session": session, "form": form, "chosen": chosen, "whole": there.get(None), "rows": rows}
    return render(request, "schedule/session_notes.html", context, status=422 if form.errors else 200)


def _where(session: Session, about: Participant | None) -> str:
    """The note that was just kept, in its place on the page."""
    query = f"?about={about.pk}" if about else ""
    return f"{reverse('schedule:session-notes', args=[session.pk])}{query}#note"
