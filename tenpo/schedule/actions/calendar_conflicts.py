"""Where a calendar elsewhere says something else of what is ours: its owner decides which of both holds."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.errors import RuleError
from tenpo.core.jobs import defer
from tenpo.people.models import User
from tenpo.schedule.actions.sessions import edit_session
from tenpo.schedule.calendar_models import WrittenEvent
from tenpo.schedule.calendars.base import Said
from tenpo.schedule.models import Session
from tenpo.schedule.permissions import can_change_calendar

State = WrittenEvent.State


@transaction.atomic
def keep_ours(event: WrittenEvent, *, by: User | None) -> WrittenEvent:
    """Let what stands here hold: it is written over theirs, or taken away there when it does not take place.

    What is changed there meanwhile is seen first, and asked about again. Raises RuleError decided.
    """
    event = _in_conflict(event, by=by)
    event.state, event.theirs, event.content_hash = State.WRITTEN, None, ""
    event.save(update_fields=["state", "theirs", "content_hash"])
    _decided(event, "ours", by=by)
    return event


@transaction.atomic
def take_theirs(event: WrittenEvent, *, by: User | None, version: int | None = None) -> WrittenEvent:
    """Let what stands there hold: the session moves to it, by the rules of every edit.

    What was removed there is left out of that calendar from now on; the session takes place all the same. `version` is
    the session's that was seen. Raises RuleError decided, not_yours, and whatever `edit_session` refuses with.
    """
    session = Session.objects.select_related("coach").get(pk=event.session_id)
    theirs = event.theirs
    if theirs is not None and session.status != Session.Status.CANCELLED:
        if event.booking_id is not None:
            raise RuleError("not_yours", _("You booked this session. Only its coach can move it."))
        if not can_change_calendar(by, event.connection):
            raise PermissionDenied
        edit_session(session, by=by, version=version, **_changes(session, Said.of(event.ours), Said.of(theirs)))
    event = _in_conflict(event, by=by)
    if event.theirs != theirs:
        raise RuleError("changed_meanwhile", _("It was changed there once more. Please look again."))
    is_kept = theirs is not None and session.status != Session.Status.CANCELLED
    event.state, event.content_hash = (State.WRITTEN if is_kept else State.LEFT_OUT), ""
    event.ours, event.theirs = theirs or event.ours, None
    event.save(update_fields=["state", "ours", "theirs", "content_hash"])
    _decided(event, "theirs", by=by)
    return event


def _changes(session: Session, ours: Said, theirs: Said) -> dict[str, Any]:
    """What an edit would change of a session, where theirs differs from what we wrote."""
    changes: dict[str, Any] = {}
    if (theirs.starts_at, theirs.ends_at) != (ours.starts_at, ours.ends_at):
        minutes = int((theirs.ends_at - theirs.starts_at).total_seconds() // 60)
        changes |= {"starts_at": theirs.starts_at, "minutes": minutes}
    if theirs.title != ours.title:
        changes["title"] = theirs.title
    # Without a place it is the link to join that we wrote there.
    if theirs.place != ours.place and session.place:
        changes["place"] = theirs.place
    return changes


def _in_conflict(event: WrittenEvent, *, by: User | None) -> WrittenEvent:
    rows = WrittenEvent.objects.select_for_update(no_key=True, of=("self",)).select_related("connection")
    locked = rows.get(pk=event.pk)
    if not can_change_calendar(by, locked.connection):
        raise PermissionDenied
    if locked.state != State.CONFLICT:
        raise RuleError("decided", _("This has been decided already."))
    return locked


def _decided(event: WrittenEvent, which: str, *, by: User | None) -> None:
    record("written_event.decided", by=by, on=event, after={"holds": which})
    defer("schedule.sync_calendar", connection_id=str(event.connection_id))
