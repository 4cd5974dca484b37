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
from tenpo.schedule.actions.lapsing import release_lapsed_of
from tenpo.schedule.actions.seats import lock_sessions
from tenpo.schedule.actions.sessions import change_session, overlapping
from tenpo.schedule.models import Session, SessionCoach, TimeOff
from tenpo.schedule.permissions import can_hand_over
from tenpo.schedule.stand_in_queries import Given, HandOver, hand_overs, lapsed_in_the_way, stood_in, to_hand_over

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
    if off.stand_in is not None:
        _let_go_lapsed(off.stand_in, to_hand_over(off))
    return _hand_over(off, by=by, only=only)


@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@transaction.atomic
def _hand_over(off: TimeOff, *, by: User | None, only: Collection[UUID] | None) -> HandedOver:
    ids = [one for one in (off.coach_id, off.stand_in_id) if one]
    people = _locked_people(ids)
    coach = people[off.coach_id]
    if not can_hand_over(by, coach=coach):
        raise PermissionDenied
    if not TimeOff.objects.filter(pk=off.pk).exists():
        raise RuleError("not_away", _("This time off was removed meanwhile."))
    if off.stand_in_id is None or not is_active_coach(stand_in := people[off.stand_in_id]):
        raise no_stand_in()

    def to_give() -> list[Given]:
        return [Given(one, coach) for one in to_hand_over(off)]

    return _change_hands(off, to_give, stand_in, of=coach, by=by, only=only)


def take_back(of: TimeOff | User, *, by: User | None, only: Collection[UUID] | None = None) -> HandedOver:
    """Let a coach give again what others give in their place: what falls into a time off, or all of it.

    Whoever has it by now, be it that they stood in for the one who stood in; also once the time off was removed, or the
    session moved out of it. Otherwise as `hand_over`, the other way round; told once for each who gives it up.
    """
    _let_go_lapsed(of.coach if isinstance(of, TimeOff) else of, [one.session for one in stood_in(of)])
    return _take_back(of, by=by, only=only)


@refuse_on(EXCLUSION, "session_coach_never_in_two", overlapping)
@transaction.atomic
def _take_back(of: TimeOff | User, *, by: User | None, only: Collection[UUID] | None) -> HandedOver:
    coach_id = of.coach_id if isinstance(of, TimeOff) else of.pk
    people = _locked_people([coach_id, *(one.giver.pk for one in stood_in(of))])
    coach = people[coach_id]
    if not can_hand_over(by, coach=coach):
        raise PermissionDenied
    if not is_active_coach(coach):
        raise no_stand_in()

    def to_give() -> list[Given]:
        return [one for one in stood_in(of) if one.giver.pk in people]

    return _change_hands(of, to_give, coach, of=coach, by=by, only=only)


def _let_go_lapsed(taker: User, sessions: Sequence[Session]) -> None:
    """What ran out stands in nobody's way; each in a transaction of its own, before anybody is locked."""
    for session_id in lapsed_in_the_way(taker, sessions):
        release_lapsed_of(session_id)


def _locked_people(ids: Collection[UUID]) -> dict[UUID, User]:
    lock_coaches(ids)
    people: dict[UUID, User] = User.objects.with_roles().in_bulk(ids)
    return people


def _change_hands(
    on: TimeOff | User,
    find: Callable[[], list[Given]],
    taker: User,
    *,
    of: User,
    by: User | None,
    only: Collection[UUID] | None,
) -> HandedOver:
    """Let one give what is found under the locks, in the place `of` a coach, and tell of it."""
    seen = [one.session for one in find()]
    with connection.cursor() as cursor:
        cursor.execute(_SERVICES, [[one.service_id for one in seen if one.service_id]])
    locked = lock_sessions(one.pk for one in seen)
    # What was called off, has begun, or is another one's by now, while we waited for it, stays as it is.
    there = [one for one in find() if one.session.pk in locked and (only is None or one.session.pk in only)]
    found = hand_overs([one.session for one in there], taker, of=of, by=by)
    ready = {one.session.pk for one in found if not one.code}
    chosen = [one for one in there if one.session.pk in ready]
    for_whom = {} if taker == of else _places_of(of, [one.session for one in chosen])
    given = [
        _give(locked[one.session.pk], one.giver, taker, for_whom.get(one.session.pk, taker.pk), by=by) for one in chosen
    ]
    for giver in {one.giver.pk: one.giver for one in chosen}.values():
        # As they were read: who leads them by now is another one.
        _tell(on, [one.session for one in chosen if one.giver == giver], giver, taker, by=by, is_back=taker == of)
    return HandedOver(given, [one for one in found if one.code])


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
        is_among_several=True,
        stands_in={taker.pk: None if for_whom == taker.pk else for_whom},
    )


def _tell(
    on: TimeOff | User, given: Sequence[Session], giver: User, taker: User, *, by: User | None, is_back: bool
) -> None:
    ids, led = [str(one.pk) for one in given], [str(one.pk) for one in given if one.coach_id == giver.pk]
    done = "time_off.taken_back" if is_back else "time_off.handed_over"
    record(done, by=by, on=on, after={"sessions": ids, "from": giver, "to": taker})
    publish(
        done, subject=on, session_ids=ids, led_ids=led, from_id=str(giver.pk), to_id=str(taker.pk),
        by_id=str(by.pk) if by else "",
    )  # fmt: skip
