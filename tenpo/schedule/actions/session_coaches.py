"""Who gives a session: written with it, and changed with it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Count
from django.db.models.expressions import DatabaseDefault
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.inserts import insert_together
from tenpo.core.limits import COACHES_OF_A_SERVICE, SESSIONS_BESIDE
from tenpo.core.outbox import publish
from tenpo.core.words import say_when
from tenpo.orders.actions.splits import redivide_splits
from tenpo.orders.models import Line
from tenpo.orders.policies import taught_by_whom
from tenpo.people.models import User
from tenpo.schedule.models import Booking, Session, SessionCoach
from tenpo.schedule.session_coach_models import claim_of, coaches_of_new, name_who_gives
from tenpo.schedule.session_coach_queries import named_to, places_of


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


def checked_beside(
    lead_id: UUID, beside: Sequence[User], *, by: User | None, there: Collection[UUID] = (), dates: int = 1
) -> list[UUID]:
    """Who is to give a session with its lead, all of them, each once; statements only where some come to it. Raises
    ValidationError.

    Who is `there` already may stay. It takes the time of the others without asking them, so a coach does it so often at
    most, all `dates` of a series counted.
    """
    ids = list(dict.fromkeys(one.pk for one in beside))
    fresh = [one for one in ids if one not in there]
    if lead_id in ids or (fresh and User.objects.coaches().active().filter(pk__in=fresh).count() < len(fresh)):
        raise ValidationError({"beside": _("Choose other coaches, who are here now.")})
    if not fresh:
        return ids
    if len(ids) >= COACHES_OF_A_SERVICE:
        raise ValidationError({"beside": _("At most %(n)s coaches give one session.") % {"n": COACHES_OF_A_SERVICE}})
    if by is not None and not by.is_admin:
        with_each = SessionCoach.objects.filter(
            coach__in=fresh, session__coach=lead_id, session__starts_at__gt=clock.now(), session__status="planned"
        )
        counted = with_each.values("coach").annotate(number=Count("pk"))
        if dates > SESSIONS_BESIDE or counted.filter(number__gt=SESSIONS_BESIDE - dates).exists():
            words = _("At most %(n)s sessions to come with one of them. Please ask an admin for more.")
            raise ValidationError({"beside": words % {"n": SESSIONS_BESIDE}})
    return ids


def coaches_with(session: Session, beside: Sequence[User] | None) -> list[UUID]:
    """Who would give a session, its lead first, if those stood beside them: who stays keeps their place.

    Nobody stands beside themselves: a date of a series may be led by one of those who stand beside its lead elsewhere.
    """
    if beside is None:
        return session.coach_ids
    wanted = dict.fromkeys(one.pk for one in beside if one.pk != session.coach_id)
    stay = [one for one in session.coach_ids[1:] if one in wanted]
    return [session.coach_id, *stay, *(one for one in wanted if one not in stay)]


def check_free(session: Session, coach_ids: Collection[UUID], *, added: Collection[UUID], by: User | None) -> None:
    """Raise RuleError for the first of the coaches who is taken when a session is: coach_taken if they are `added`,
    overlap otherwise; takes_part for one who is added and has a place in it, since nobody asked them.

    They are locked. What `by` may not see is not named.
    """
    if added and not session._state.adding and (place := places_of([session], added).order_by("id").first()):
        words = _("%(coach)s takes part in it.") % {"coach": place.participant.name}
        raise RuleError("takes_part", words, coach_id=str(place.participant.user_id))
    rows = SessionCoach.objects.filter(coach__in=coach_ids, claimed__overlap=claim_of(session))
    rows = rows.exclude(session=session.pk) if not session._state.adding else rows
    taken = rows.select_related("coach", "session").order_by("claimed", "id").first()
    if taken is None:
        return
    words = _("%(coach)s is taken at this time.") % {"coach": taken.coach}
    if named_to(by, [taken.session_id]):
        when = say_when(taken.session.starts_at, until=taken.session.ends_at)
        said = {"coach": taken.coach, "title": taken.session.title, "when": when}
        words = _("%(coach)s gives “%(title)s” at this time: %(when)s.") % said
    raise RuleError("coach_taken" if taken.coach_id in added else "overlap", words, coach_id=str(taken.coach_id))


def name_other_coaches(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    """Say of a locked session who is to give it, if those are others; what it was before, by field.

    Takes out of `values`: all of them, the lead first (`coach_ids`), or whoever alone is to give it (`coach_id`).
    """
    before = session.coach_ids
    lead = values.pop("coach_id", session.coach_id)
    wanted = values.pop("coach_ids", before if lead == session.coach_id else [lead])
    if wanted == before:
        return {}
    was = {"coach_ids": before} | ({"coach_id": session.coach_id} if wanted[0] != session.coach_id else {})
    session.__dict__.pop("named_coaches", None)
    name_who_gives(session, wanted)
    return was


@contextmanager
def handed_over(
    session: Session, *, is_so: bool, stands_in: Mapping[UUID, UUID | None] | None = None
) -> Iterator[None]:
    """Let those give a session who are named by now, at the time that is written meanwhile: nobody claims it in
    between. `stands_in` says of whoever has another one's place whose it is.
    """
    for_whom = stands_in or {}
    if not is_so:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS session_is_led_by_one_of_its_coaches DEFERRED")
    rows = SessionCoach.objects.filter(session=session)
    rows.exclude(coach__in=session.coach_ids).delete()
    yield
    there = {row.coach_id: row for row in rows}
    fresh = [row for row in coaches_of_new(session) if row.coach_id not in there]
    for row in [*there.values(), *fresh]:
        row.place = session.coach_ids.index(row.coach_id)
        row.stands_in_for_id = for_whom.get(row.coach_id, row.stands_in_for_id)
    SessionCoach.objects.bulk_update(there.values(), ["place", "stands_in_for"])
    SessionCoach.objects.bulk_create(fresh)


def divide_anew(session: Session, before: Mapping[str, Any], *, line_id: UUID | None = None) -> None:
    """Let what is not earned of a session, or of one line in it, be earned by those who give it now, and made it, where
    others did `before`, by field.
    """
    if not before.keys() & {"coach_ids", "creator_id"}:
        return
    was_given_by = before.get("coach_ids", session.coach_ids)
    was_made_by = before.get("creator_id", session.creator_id) or was_given_by[0]
    of_whom = Booking.objects.filter(session=session, line__isnull=False).values_list("line", "participant__user")
    redivide_splits(
        Line.Kind.SESSION, session.pk, creator_id=session.made_by_id, taught_by=session.coach_ids,
        was=taught_by_whom(was_made_by, was_given_by), places=dict(of_whom), offered_id=session.service_id,
        line_id=line_id,
    )  # fmt: skip


def tell_of_others(session: Session, before: Sequence[UUID], *, by: User | None, **how: Any) -> None:
    """Publish that others give a session: who gave it `before`, and whether that is told by another event (`how`)."""
    by_id = str(by.pk) if by else ""
    publish("session.coaches_changed", subject=session, **who_gave(session, before), by_id=by_id, **how)


def who_gave(session: Session, before: Sequence[UUID]) -> dict[str, list[str]]:
    """What an event says of a session that others give: who did `before`, and who came."""
    return {"before_ids": [str(one) for one in before], "added_ids": added_to(session, before)}


def added_to(session: Session, before: Sequence[UUID]) -> list[str]:
    """Who gives a session now and did not before."""
    return [str(one) for one in session.coach_ids if one not in before]


def who_did_it(session: Session, by: User | None) -> dict[str, str]:
    """What an event says of who did it, where others who give the session are to be told."""
    return {"by_id": str(by.pk) if by else ""} if session.is_together else {}
