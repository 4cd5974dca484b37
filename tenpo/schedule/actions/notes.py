"""What a coach notes for themselves."""

from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.people.models import User
from tenpo.schedule.actions.seats import lock_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.permissions import can_note

NOTE_LENGTH = 10_000


@transaction.atomic
def write_note(session: Session, *, booking: Booking | None = None, text: str, by: User) -> SessionNote | None:
    """Note something of a session, or of one person in it; writing again changes it, and nothing takes it away.

    Only the session's own coach does and reads it. The audit says that something was noted, of nobody and not what.
    Raises ValidationError; RuleError not_booked for somebody who has no place in it.
    """
    session = lock_session(session.pk)
    if not can_note(by, session):
        raise PermissionDenied
    if booking is not None and booking.session_id != session.pk:
        raise RuleError("not_booked", _("This place was not booked."))
    _check_text(text)
    participant_id = booking.participant_id if booking else None
    note = SessionNote.objects.filter(session=session, author=by, participant=participant_id).first()
    if note is None:
        return _first_note(session, participant_id, text, by=by) if text else None
    if note.text == text:
        return note
    if not text:
        record("note.removed", by=by, on=note)
        note.delete()
        return None
    note.text, note.edited_at = text, clock.now()
    note.save(update_fields=["text", "edited_at"])
    record("note.changed", by=by, on=note)
    return note


def _first_note(session: Session, participant_id: UUID | None, text: str, *, by: User) -> SessionNote:
    note = SessionNote.objects.create(id=new_id(), session=session, participant_id=participant_id, author=by, text=text)
    record("note.written", by=by, on=note)
    return note


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValidationError({"text": _("There is a character in it that no text can hold.")})
    if len(text) > NOTE_LENGTH:
        raise ValidationError({"text": _("At most %(n)s characters.") % {"n": NOTE_LENGTH}})
