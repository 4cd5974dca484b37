"""What a coach was to give while they are away is given by whoever stands in, and given back."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core.errors import EXCLUSION, RuleError, refuse_on
from tenpo.core.outbox import publish
from tenpo.people.models import User
from tenpo.people.permissions import is_active_coach
from tenpo.schedule.actions.coach_time import lock_coaches
from tenpo.schedule.actions.seats import lock_sessions
from tenpo.schedule.actions.sessions import change_session, overlapping
from tenpo.schedule.models import Session, SessionCoach, TimeOff
from tenpo.schedule.permissions import can_hand_over
from tenpo.schedule.stand_in_queries import HandOver, hand_overs, to_hand_over, to_take_back

_SERVICES = "SELECT id FROM schedule_service WHERE id = ANY (%s) ORDER BY id FOR SHARE"


@dataclass(frozen=True)
class HandedOver:
    """What somebody else gives now, and what could not be given to them, with why not."""

    given: list[Session]
    left: list[HandOver]


def hand_over(off: TimeOff, *, by: User | None, only: Collection[UUID] | None = None) -> HandedOver:
    """Let whoever stands in give what a coach was to give while they are away: all that they can, or `only` some of it.

    Bookings and their money stay as they are; what is not earned yet is earned by whoever gives it. Everybody whom it
    concerns is told once. What they cannot give stays with its coach, and it is said why. Again changes nothing.
    Raises RuleError no_stand_in, not_away.
    """
    return _hand_over(off, to_hand_over, by=by, only=only, is_back=False)


def take_back(off: TimeOff, *, by: User | None, only: Collection[UUID] | None = None) -> HandedOver:
    """Let a coach give again what whoever stands in was to give for them; as `hand_over`, the other way round."""
    return _hand_over(off, to_take_back, by=by, only=only, is_back=True)


@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@transaction.atomic
def _hand_over(
    off: TimeOff,
    find: Callable[[TimeOff], list[Session]],
    *,
    by: User | None,
    only: Collection[UUID] | None,
    is_back: bool,
) -> HandedOver:
    ids = [one for one in (off.coach_id, off.stand_in_id) if one]
    lock_coaches(ids)
    people = User.objects.with_roles().in_bulk(ids)
    coach, stand_in = people[off.coach_id], people.get(off.stand_in_id) if off.stand_in_id else None
    if not can_hand_over(by, coach=coach):
        raise PermissionDenied
    if not TimeOff.objects.filter(pk=off.pk).exists():
        raise RuleError("not_away", _("This time off was removed meanwhile."))
    if stand_in is None:
        raise no_stand_in()
    giver, taker = (stand_in, coach) if is_back else (coach, stand_in)
    if not is_active_coach(taker):
        raise no_stand_in()
    with connection.cursor() as cursor:
        cursor.execute(_SERVICES, [[one.service_id for one in find(off) if one.service_id]])
    locked = lock_sessions(one.pk for one in find(off))
    # What was called off, or has begun, while we waited for it stays as it is.
    there = [one for one in find(off) if one.pk in locked and (only is None or one.pk in only)]
    chosen = hand_overs(there, taker, of=coach, by=by)
    for_whom = _places_of(giver, [one.session for one in chosen])
    given = [
        _give(locked[one.session.pk], giver, taker, for_whom[one.session.pk], by=by) for one in chosen if not one.code
    ]
    if given:
        _tell(off, given, giver, taker, by=by, is_back=is_back)
    return HandedOver(given, [one for one in chosen if one.code])


def no_stand_in() -> RuleError:
    """The refusal where nobody is here who could give it: nobody was named, or they left."""
    return RuleError("no_stand_in", _("Nobody stands in who could give it."))


def _places_of(giver: User, sessions: Sequence[Session]) -> dict[UUID, UUID]:
    """Whose place is given away in each: the giver's own, or that of whom they stood in for."""
    rows = SessionCoach.objects.filter(coach=giver, session__in=sessions)
    return {row.session_id: row.stands_in_for_id or giver.pk for row in rows}


def _give(session: Session, giver: User, taker: User, for_whom: UUID, *, by: User | None) -> Session:
    coach_ids = [taker.pk if one == giver.pk else one for one in session.coach_ids if one != taker.pk]
    return change_session(
        session,
        {"coach_ids": coach_ids},
        by=by,
        told_with={"is_told": True},
        stands_in={taker.pk: None if for_whom == taker.pk else for_whom},
    )


def _tell(off: TimeOff, given: Sequence[Session], giver: User, taker: User, *, by: User | None, is_back: bool) -> None:
    ids = [str(one.pk) for one in given]
    done = "time_off.taken_back" if is_back else "time_off.handed_over"
    record(done, by=by, on=off, after={"sessions": ids, "from": giver, "to": taker})
    publish(
        done, subject=off, session_ids=ids, from_id=str(giver.pk), to_id=str(taker.pk), by_id=str(by.pk) if by else "",
    )  # fmt: skip
