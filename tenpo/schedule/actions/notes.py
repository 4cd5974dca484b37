"""What a coach notes for themselves."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.tokens import new_id
from tenpo.people.models import Participant, User
from tenpo.schedule.actions.seats import lock_session
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.note_models import SessionNote
from tenpo.schedule.permissions import can_note

NOTE_LENGTH = 10_000


@transaction.atomic
def write_note(session: Session, *, about: Participant | None = None, text: str, by: User) -> SessionNote | None:
    """Note something of a session, or of one person in it; writing again changes it, and nothing takes it away.

    Only the session's own coach does and reads it. The audit says that something was noted, of nobody and not what.
    What was noted of somebody who then gave up their place stays, and can be changed and taken away. Raises
    ValidationError; RuleError not_booked for a first note of somebody who has no place in it.
    """
    session = lock_session(session.pk)
    if not can_note(by, session):
        raise PermissionDenied
    _check_text(text)
    note = SessionNote.objects.filter(session=session, author=by, participant=about).first()
    if note is None:
        if about is not None and not Booking.objects.seated().filter(session=session, participant=about).exists():
            raise RuleError("not_booked", _("This place was not booked."))
        return _first_note(session, about, text, by=by) if text else None
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


def _first_note(session: Session, about: Participant | None, text: str, *, by: User) -> SessionNote:
    note = SessionNote.objects.create(id=new_id(), session=session, participant=about, author=by, text=text)
    record("note.written", by=by, on=note)
    return note


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValidationError({"text": _("There is a character in it that no text can hold.")})
    if len(text) > NOTE_LENGTH:
        raise ValidationError({"text": _("At most %(n)s characters.") % {"n": NOTE_LENGTH}})
