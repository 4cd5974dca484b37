"""Who gives a session: written with it, and changed with it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import transaction

from tenpo.people.models import User
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.session_coach_models import coaches_of_new, name_who_gives


def write_sessions(sessions: Iterable[Session]) -> list[Session]:
    """Write new sessions, and who gives each; two statements."""
    # That its lead stands among its coaches is asked when the transaction ends.
    with transaction.atomic(savepoint=False):
        written = Session.objects.bulk_create(sessions)
        SessionCoach.objects.bulk_create([one for session in written for one in coaches_of_new(session)])
    return written


@contextmanager
def handed_over(session: Session, *, is_so: bool) -> Iterator[None]:
    """Let another coach give a session, at the time that is written meanwhile: nobody claims it in between."""
    if is_so:
        SessionCoach.objects.filter(session=session).delete()
        name_who_gives(session, [session.coach_id])
    yield
    if is_so:
        SessionCoach.objects.bulk_create(coaches_of_new(session))


def who_did_it(session: Session, by: User | None) -> dict[str, str]:
    """What an event says of who did it, where others who give the session are to be told."""
    return {"by_id": str(by.pk) if by else ""} if session.is_together else {}
