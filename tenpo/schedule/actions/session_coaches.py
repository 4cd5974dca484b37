"""Who gives a session: written with it, and changed with it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Count
from django.db.models.expressions import DatabaseDefault
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.inserts import insert_together
from tenpo.core.limits import COACHES_OF_A_SERVICE, SESSIONS_BESIDE
from tenpo.people.models import User
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.session_coach_models import coaches_of_new, name_who_gives


def write_sessions(sessions: Iterable[Session]) -> list[Session]:
    """Write new sessions, and who gives each, with one statement; one before it for the ids that they have not yet."""
    written = list(sessions)
    if unnamed := [session for session in written if isinstance(session.pk, DatabaseDefault)]:
        with connection.cursor() as cursor:
            # By the database's clock, as those that it gives itself: rows are listed in the order of their ids.
            cursor.execute("SELECT uuidv7() FROM generate_series(1, %s)", [len(unnamed)])
            for session, (fresh,) in zip(unnamed, cursor.fetchall(), strict=True):
                session.pk = fresh
    if written:
        insert_together([*written, *(one for session in written for one in coaches_of_new(session))])
    return written


def checked_beside(coach: User, beside: Sequence[User], *, by: User | None) -> list[UUID]:
    """Who gives a session with its lead, each once; statements only where there are some. Raises ValidationError.

    It takes their time without asking them, so a coach does it so often at most.
    """
    ids = list(dict.fromkeys(one.pk for one in beside))
    if not ids:
        return []
    if coach.pk in ids or User.objects.coaches().active().filter(pk__in=ids).count() < len(ids):
        raise ValidationError({"beside": _("Choose other coaches, who are here now.")})
    if len(ids) >= COACHES_OF_A_SERVICE:
        raise ValidationError({"beside": _("At most %(n)s coaches give one session.") % {"n": COACHES_OF_A_SERVICE}})
    if by is not None and not by.is_admin:
        with_each = SessionCoach.objects.filter(
            coach__in=ids, session__coach=coach, session__starts_at__gt=clock.now(), session__status="planned"
        )
        counted = with_each.values("coach").annotate(number=Count("pk")).filter(number__gte=SESSIONS_BESIDE)
        if counted.exists():
            words = _("You have %(n)s sessions to come with one of them. Please ask an admin for more.")
            raise ValidationError({"beside": words % {"n": SESSIONS_BESIDE}})
    return ids


@contextmanager
def handed_over(session: Session, *, is_so: bool) -> Iterator[None]:
    """Let another coach give a session, at the time that is written meanwhile: nobody claims it in between."""
    if is_so:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS session_is_led_by_one_of_its_coaches DEFERRED")
        SessionCoach.objects.filter(session=session).delete()
        name_who_gives(session, [session.coach_id])
    yield
    if is_so:
        SessionCoach.objects.bulk_create(coaches_of_new(session))


def who_did_it(session: Session, by: User | None) -> dict[str, str]:
    """What an event says of who did it, where others who give the session are to be told."""
    return {"by_id": str(by.pk) if by else ""} if session.is_together else {}
