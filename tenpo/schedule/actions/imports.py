"""Sessions from a calendar file: looked over first, then made by a job, and the same file again changes nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.words import say_names
from tenpo.orders.actions.default_policy import default_cancellation_policy
from tenpo.orders.models import CancellationPolicy
from tenpo.people.actions.imports import Row, confirm_import, start_import
from tenpo.people.models import Import, User
from tenpo.schedule.actions.series import taken_spans
from tenpo.schedule.actions.session_coaches import checked_beside
from tenpo.schedule.actions.sessions import create_session, edit_session
from tenpo.schedule.ical_reading import Occurrence, UnreadableFile, read_calendar
from tenpo.schedule.models import Session, SessionCoach
from tenpo.schedule.occurrences import Span, first_overlap
from tenpo.schedule.permissions import can_create_session

# What the file says of a session; seats, price and policy are chosen beside it.
FROM_FILE = ("title", "description", "starts_at", "minutes", "time_zone", "place", "join_link")


def preview_sessions_import(
    file_name: str, content: bytes, *, coach: User, by: User, beside: Sequence[User] = ()
) -> Import:
    """Read a calendar file as sessions of `coach`, each with its problem; nothing is made yet.

    Who stands `beside` them gives every new one with them. Raises PermissionDenied, and ValidationError ("file") for a
    file that cannot be read or holds nothing to come, ("beside") as for a session.
    """
    if not can_create_session(by, coach=coach):
        raise PermissionDenied
    try:
        found = read_calendar(content, time_zone=coach.time_zone, now=clock.now())
    except UnreadableFile as error:
        raise ValidationError({"file": str(error)}) from None
    if not found:
        raise ValidationError({"file": _("There is no coming event in this file.")})
    rows = _rows(found, coach, beside)
    new = sum(1 for row in rows if not (row["problem"] or row["data"]["session_id"]))
    checked_beside(coach.pk, beside, by=by, dates=max(new, 1))
    options = {
        "coach_id": str(coach.pk), "coach": say_names(str(one) for one in [coach, *beside]),
        "beside_ids": [str(one.pk) for one in beside], "asks": ["capacity", "price"],
    }  # fmt: skip
    return start_import(Import.Kind.SESSIONS, file_name=file_name, rows=rows, options=options, by=by)


@transaction.atomic
def confirm_sessions_import(
    import_: Import,
    *,
    capacity: int,
    price: int,
    place: str = "",
    cancellation_policy: CancellationPolicy | None = None,
    by: User,
) -> Import:
    """Have the sessions made by a job; seats, price (minor units) and policy hold for every new one.

    `place` is for those of which the file says neither where nor by which link. Confirming twice changes nothing.
    Raises ValidationError, RuleError nothing_to_import.
    """
    import_ = Import.objects.select_for_update(no_key=True).get(pk=import_.pk, kind=Import.Kind.SESSIONS)
    if import_.state != Import.State.PREVIEW:
        return confirm_import(import_, by=by)
    coming = [row["data"] for row in import_.rows if not row["problem"]]
    if not place and any(not data["place"] and not data["join_link"] for data in coming):
        raise ValidationError({"place": _("Some events do not say where they take place. Say it here.")})
    policy = cancellation_policy or default_cancellation_policy()
    sample = Session(capacity=capacity, price=price, place=place)
    sample.clean_fields(exclude={f.name for f in Session._meta.fields} - {"capacity", "price", "place"})
    import_.options |= {"capacity": capacity, "price": price, "place": place, "policy_id": str(policy.pk), "asks": []}
    import_.save(update_fields=["options"])
    return confirm_import(import_, by=by)


def import_session_row(data: dict[str, Any], *, import_: Import, by: User) -> None:
    """Make the session of one row, or bring the one that came from the same event up to date."""
    options = import_.options
    coach = User.objects.get(pk=options["coach_id"])
    terms: Any = {name: data[name] for name in FROM_FILE}
    terms["starts_at"] = datetime.fromisoformat(data["starts_at"])
    session = _known(coach, [data["uid"]]).get(data["uid"])
    if not terms["place"] and not terms["join_link"]:
        terms["place"] = session.place if session else options["place"]
    if session is not None:
        if problem := _given_by_another(session, coach):
            raise RuleError("handed_over", problem)
        edit_session(session, by=by, **terms)
        return
    others = User.objects.in_bulk(options.get("beside_ids", []))
    beside = [others[UUID(one)] for one in options.get("beside_ids", [])]
    policy = CancellationPolicy.objects.get(pk=options["policy_id"])
    create_session(
        coach,
        by=by,
        source_uid=data["uid"],
        capacity=options["capacity"],
        price=options["price"],
        cancellation_policy=policy,
        beside=beside,
        is_among_several=True,
        **terms,
    )


def _rows(found: Sequence[Occurrence], coach: User, beside: Sequence[User]) -> list[Row]:
    """A row for each occurrence, its problem beside it. Two statements, however many there are."""
    starts = [one.starts_at for one in found if one.starts_at]
    known = _known(coach, [one.uid for one in found])
    # Where a known session moves away from is free again.
    moving = [
        one.uid for one in found if one.uid in known and not (one.problem or _known_problem(one, known[one.uid], coach))
    ]
    until = max(starts, default=clock.now()) + timedelta(days=1)
    taken = taken_spans([coach, *beside], min(starts), until, leave=moving) if starts else []
    rows: list[Row] = []
    seen: set[str] = set()
    for line, one in enumerate(found, start=1):
        session = known.get(one.uid)
        problem = one.problem or (_("Twice in this file.") if one.uid in seen else _known_problem(one, session, coach))
        if not problem and one.starts_at:
            span = Span(one.starts_at, one.starts_at + timedelta(minutes=one.minutes), one.title)
            if clash := first_overlap(span, taken):
                problem = _("At this time there is “%(title)s” already.") % {"title": clash.title}
            else:
                taken.append(span)
        seen.add(one.uid)
        rows.append({"line": line, "data": _data(one, session), "problem": problem})
    return rows


def _known(coach: User, uids: Sequence[str]) -> dict[str, Session]:
    """The sessions that these events of a coach's files made, also those that somebody else gives in their place."""
    theirs = SessionCoach.objects.filter(stands_in_for=coach, place=0).values("session")
    rows = Session.objects.filter(Q(coach=coach) | Q(pk__in=theirs), source_uid__in=uids).select_related("coach")
    return {session.source_uid: session for session in rows}


def _data(one: Occurrence, session: Session | None) -> dict[str, Any]:
    return {
        "uid": one.uid,
        **{name: getattr(one, name) for name in FROM_FILE},
        "starts_at": one.starts_at.isoformat() if one.starts_at else "",
        "session_id": str(session.pk) if session else "",
    }


def _given_by_another(session: Session, coach: User) -> str:
    return _("%(coach)s gives it now.") % {"coach": session.coach} if session.coach_id != coach.pk else ""


def _known_problem(one: Occurrence, session: Session | None, coach: User) -> str:
    """Why the session that an event made earlier stays as it is."""
    if session is None:
        return ""
    if problem := _given_by_another(session, coach):
        return problem
    if session.status != Session.Status.PLANNED:
        return _("It was cancelled here.") if session.status == Session.Status.CANCELLED else _("It is over.")
    names = [name for name in FROM_FILE if name not in ("place", "time_zone") or getattr(one, name)]
    if all(getattr(session, name) == getattr(one, name) for name in names):
        return _("Already here.")
    return ""
