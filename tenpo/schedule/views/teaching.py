from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenpo.core.csv import csv_answer
from tenpo.core.errors import RuleError
from tenpo.core.words import say_date, say_names, say_time
from tenpo.people.http import page_of
from tenpo.people.models import User
from tenpo.schedule.actions.attendance import is_markable
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.check_in import is_check_in_open
from tenpo.schedule.actions.misses import is_waivable
from tenpo.schedule.actions.sessions import complete_session, create_session, edit_session
from tenpo.schedule.availability_queries import away_coaches
from tenpo.schedule.calendar_queries import busy_outside
from tenpo.schedule.forms import ReasonForm, SessionForm, TeachingForm
from tenpo.schedule.guest_queries import intro_of, with_guests
from tenpo.schedule.in_the_way import InTheWay, sessions_in_the_way
from tenpo.schedule.models import Booking, Session
from tenpo.schedule.permissions import can_manage_session, can_note
from tenpo.schedule.queries import cancellation_effect, roster, taught_sessions
from tenpo.schedule.request_queries import requests_for
from tenpo.schedule.series_queries import following_of
from tenpo.schedule.session_coach_queries import name_coaches, who_stands_in
from tenpo.schedule.stays import with_presence

# Fields of an action that stand under another name in the form.
FORM_FIELDS = {"starts_at": "day"}
# The refusal of a rule stands beside what would have to change.
RULE_FIELDS = {"overlap": "at", "coach_taken": "beside", "takes_part": "beside", "capacity_below_taken": "capacity"}


def teacher(request: HttpRequest) -> User:
    """Whoever is signed in, if they teach or run the business; for everybody else there is nothing here."""
    user = request.user
    assert isinstance(user, User)
    if not (user.is_coach or user.is_admin):
        raise Http404
    return user


def managed_session(user: User, session_id: UUID) -> Session:
    """A session that `user` may manage; Http404 for every other."""
    rows = Session.objects.visible_to(user).select_related("coach", "cancellation_policy", "series")
    session = get_object_or_404(rows, pk=session_id)
    if not can_manage_session(user, session):
        raise Http404
    return session


def add_problems(form: Form, error: RuleError | ValidationError) -> None:
    """Put what an action refused into the form that asked for it, beside its field where there is one."""
    if isinstance(error, RuleError):
        beside = RULE_FIELDS.get(error.code)
        form.add_error(beside if beside in form.fields else None, str(error))
        return
    for name, texts in (error.message_dict if hasattr(error, "error_dict") else {"": error.messages}).items():
        field = FORM_FIELDS.get(name, name)
        for text in texts:
            form.add_error(field if field in form.fields else None, text)


@login_required
@require_safe
def teaching_list(request: HttpRequest) -> HttpResponse:
    """The sessions that I teach; an admin sees everybody's."""
    user = teacher(request)
    form = TeachingForm(request.GET)
    is_past = request.GET.get("when") == "past"
    rows = with_guests(taught_sessions(user, coach=form.chosen(), is_past=is_past))
    order = ("-starts_at", "-id") if is_past else ("starts_at", "id")
    page = page_of(request, rows, order=order)
    name_coaches(page.items)
    context = {
        "sessions": page.items,
        "next": page.next_cursor,
        "is_past": is_past,
        "form": form,
        "asked": requests_for(user).count(),
    }
    return render(request, "schedule/teaching_list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def session_create(request: HttpRequest) -> HttpResponse:
    """Offer a session; a copy of another one where `from` names it."""
    user = teacher(request)
    in_the_way: list[InTheWay] = []
    form = SessionForm(request.POST or None, viewer=user, initial=_copied(user, request.GET.get("from", "")))
    if request.method == "POST" and form.is_valid():
        try:
            session = create_session(form.whose(), by=user, beside=form.others(), **form.terms())
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
            in_the_way = _given_then(error, user, form, [form.whose().pk, *(one.pk for one in form.others())])
        else:
            messages.success(request, _("Published. People can book it now."))
            return redirect("schedule:session-roster", session.pk)
    status = 422 if form.errors else 200
    context = {"form": form, "session": None, "in_the_way": in_the_way}
    return render(request, "schedule/session_form.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def session_edit(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Change a session."""
    user = teacher(request)
    session = managed_session(user, session_id)
    in_the_way: list[InTheWay] = []
    form = SessionForm(request.POST or None, viewer=user, session=session)
    if request.method == "POST" and form.is_valid():
        try:
            version = form.cleaned_data["version"]
            edit_session(session, by=user, version=version, beside=form.beside(), **form.terms())
        except (RuleError, ValidationError) as error:
            add_problems(form, error)
            in_the_way = _given_then(error, user, form, session.coach_ids, but=session)
        else:
            messages.success(request, _("Saved."))
            return redirect("schedule:session-roster", session.pk)
    context = {
        "form": form, "session": session, "in_the_way": in_the_way, "people": cancellation_effect([session]).people
    }  # fmt: skip
    return render(request, "schedule/session_form.html", context, status=422 if form.errors else 200)


def _given_then(
    error: RuleError | ValidationError,
    user: User,
    form: SessionForm,
    coach_ids: Sequence[UUID],
    but: Session | None = None,
) -> list[InTheWay]:
    """What its coaches give at the time that was typed, where that is what the rules refused."""
    if not isinstance(error, RuleError) or error.code != "overlap":
        return []
    since = form.cleaned_data["starts_at"]
    until = since + timedelta(minutes=form.cleaned_data["minutes"])
    return sessions_in_the_way(user, coach_ids, since=since, until=until, but=but)


@login_required
@require_http_methods(["GET", "POST"])
def session_cancel(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Call a session off, after its effect was shown in numbers."""
    user = teacher(request)
    session = managed_session(user, session_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cancel_session(session, reason=form.cleaned_data["reason"], by=user)
        except RuleError as error:
            add_problems(form, error)
        else:
            messages.success(request, _("Cancelled. Everybody who booked is told."))
            return redirect("schedule:session-roster", session.pk)
    context = {"form": form, "session": session, "effect": cancellation_effect([session])}
    return render(request, "schedule/session_cancel.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def session_complete(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Say that a session took place."""
    user = teacher(request)
    session = managed_session(user, session_id)
    try:
        complete_session(session, by=user)
    except RuleError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Completed."))
    return redirect("schedule:session-roster", session.pk)


@login_required
@require_safe
def session_roster(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Who booked a session, who waits, and who came."""
    user = teacher(request)
    session = managed_session(user, session_id)
    is_own = can_note(user, session)
    # What stands in somebody's own calendar is theirs alone to know.
    is_elsewhere = is_own and session.is_planned and bool(busy_outside([user.pk], session.starts_at, session.ends_at))
    away = away_coaches(session, viewer=user) if session.is_planned else []
    context = {
        **roster_context(user, session), "is_own": is_own, "is_elsewhere": is_elsewhere,
        "is_away": user in away, "away": say_names(str(one) for one in away), "stand_ins": who_stands_in(session),
    }  # fmt: skip
    return render(request, "schedule/session_roster.html", context)


def roster_context(user: User, session: Session) -> dict[str, Any]:
    """What the roster shows of a session to somebody who manages it."""
    bookings = with_presence(session, roster(session))
    parties: dict[UUID, list[Booking]] = {}
    for one in bookings:
        if one.state == Booking.State.WAITLISTED:
            parties.setdefault(one.party or one.pk, []).append(one)
    seated = [b for b in bookings if b.state != Booking.State.WAITLISTED]
    is_ahead = session.is_planned and not session.has_started()
    return {
        "session": session,
        "bookings": seated,
        "intro": intro_of(session),
        "waiting": [sorted(party, key=lambda one: one.pk) for party in parties.values()],
        "can_mark": is_markable(session),
        "can_waive": is_waivable(session),
        "can_check_in": is_check_in_open(session),
        "can_place": is_ahead and not session.is_private and not session.is_full,
        "can_move": is_ahead and session.is_private,
        "has_unmarked": any(b.state == Booking.State.CONFIRMED for b in seated),
        "later": len(following_of(user, session).managed) if is_ahead else 0,
    }


@login_required
@require_safe
def roster_csv(request: HttpRequest, session_id: UUID) -> StreamingHttpResponse:
    """The roster as a file that a spreadsheet opens safely."""
    user = teacher(request)
    session = managed_session(user, session_id)
    header = [_("Name"), _("E-mail"), _("State"), _("Since"), _("Booked by")]
    rows: Iterable[list[str]] = (
        [
            booking.participant.name,
            booking.booked_by.email,
            booking.get_state_display(),
            _since(booking),
            str(booking.booked_by),
        ]
        for booking in roster(session)
    )
    if (intro := intro_of(session)) is not None:
        since = intro.confirmed_at or intro.created_at
        row = [
            intro.participant.name,
            intro.email,
            intro.get_state_display(),
            f"{say_date(since)} {say_time(since)}",
            "",
        ]
        rows = chain(rows, [row])
    return csv_answer(f"roster-{session.starts_at:%Y-%m-%d}.csv", header, rows)


def _since(booking: Booking) -> str:
    moment = booking.confirmed_at or booking.waitlisted_at or booking.created_at
    return f"{say_date(moment)} {say_time(moment)}"


def _copied(user: User, session_id: str) -> dict[str, Any] | None:
    """What a copy of a session begins with: everything but its day."""
    if not session_id:
        return None
    try:
        session = managed_session(user, UUID(session_id))
    except (ValueError, Http404, PermissionDenied):
        return None
    initial = dict(SessionForm(viewer=user, session=session).initial)
    initial.pop("version")
    initial.pop("day")
    return initial
