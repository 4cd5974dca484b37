"""How an intro is over; its session is locked, and its seat is the caller's."""

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.outbox import publish
from tenpo.people.models import User
from tenpo.schedule.models import Intro, Session


def end_intro(intro: Intro, ending: Intro.Ending, *, by: User | None) -> None:
    """Write down that a locked intro is over."""
    intro.state = Intro.State.CANCELLED
    intro.ending = ending
    intro.cancelled_at = clock.now()
    intro.held_until = None
    intro.save(update_fields=["state", "ending", "cancelled_at", "held_until"])
    record("intro.cancelled", by=by, on=intro, after={"ending": ending})
    publish("intro.cancelled", subject=intro, session_id=intro.session_id, ending=ending)


def end_intro_of(session: Session, *, by: User | None) -> None:
    """End the intro of a locked session that its host calls off."""
    intro = Intro.objects.live().select_for_update(no_key=True).filter(session=session).first()
    if intro is not None:
        end_intro(intro, Intro.Ending.BY_HOST, by=by)


def release_intro(session: Session) -> int:
    """Let go the intro of a locked session that nobody confirmed in time; returns how many."""
    intro = Intro.objects.lapsed().select_for_update(no_key=True).filter(session=session).first()
    if intro is None:
        return 0
    end_intro(intro, Intro.Ending.EXPIRED, by=None)
    return 1
