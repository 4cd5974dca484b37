"""The calendars that somebody keeps elsewhere: connected, changed, switched off, and let go."""

import json
from typing import TypedDict, Unpack

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tenpo.audit.actions import record
from tenpo.core import clock
from tenpo.core.errors import RuleError
from tenpo.core.jobs import defer
from tenpo.core.limits import CALENDARS_KEPT
from tenpo.core.models import check_fields
from tenpo.core.outgoing import NotAllowed, check_url
from tenpo.core.tokens import new_id
from tenpo.people.actions.visits import lock_signed_in
from tenpo.people.models import User
from tenpo.schedule.actions.coach_time import count_changed
from tenpo.schedule.calendar_models import CalendarChannel, CalendarConnection, OutsideEvent, WrittenEvent
from tenpo.schedule.calendars import kind_of
from tenpo.schedule.calendars.base import CalendarLost, CalendarTimeout, LoginRefused
from tenpo.schedule.calendars.caldav import FoundCalendar, find_calendars
from tenpo.schedule.calendars.google import end_journey
from tenpo.schedule.permissions import can_change_calendar

State = CalendarConnection.State


class CalendarChanges(TypedDict, total=False):
    """What its owner may change of a connection."""

    label: str
    blocks_time: bool
    writes_sessions: bool


def connect_feed(
    user: User, *, address: str, by: User | None, label: str = "", blocks_time: bool = True, visit: str | None = None
) -> CalendarConnection:
    """Follow a calendar by its address (.ics, https or webcal), which is kept as a secret.

    It is read by a job, within a minute. Raises ValidationError, RuleError too_many.
    """
    address = address.strip()
    if address.lower().startswith("webcal:"):
        address = f"https:{address[len('webcal:') :]}"
    try:
        target = check_url(address)
    except NotAllowed:
        raise ValidationError(
            {"address": _("This is not an address of a calendar. It begins with https://.")}
        ) from None
    return _connect(
        user,
        CalendarConnection(
            id=new_id(),
            kind=CalendarConnection.Kind.FEED,
            label=label.strip() or target.host[:80],
            account=target.host[:254],
            secrets=json.dumps({"address": address}),
            blocks_time=blocks_time,
        ),
        by=by,
        visit=visit,
    )


def find_account(address: str, username: str, password: str) -> list[FoundCalendar]:
    """The calendars that somebody keeps at a CalDAV server, asked for in their stead; raises ValidationError."""
    address = address.strip()
    if "://" not in address:
        address = f"https://{address}"
    try:
        return find_calendars(address, username, password)
    except CalendarTimeout:
        raise ValidationError({"address": _("This server does not answer. Please try again in a moment.")}) from None
    except LoginRefused:
        raise ValidationError({"password": _("This server does not know this name and password.")}) from None
    except CalendarLost as lost:
        if lost.problem == CalendarConnection.Problem.NOT_ALLOWED:
            words = _(
                "Only servers in the internet can be asked, by an address that begins with https://. Where yours "
                "stands in a network of your own, whoever runs this installation can allow it (TENPO_OUTGOING_HOSTS)."
            )
            raise ValidationError({"address": words}) from None
        raise ValidationError({"address": _("There is no calendar for you at this server.")}) from None


def connect_caldav(
    user: User, *, calendar: FoundCalendar, username: str, password: str, by: User | None, label: str = "",
    blocks_time: bool = True, visit: str | None = None,
) -> CalendarConnection:  # fmt: skip
    """Follow one of the calendars that a CalDAV server showed (`find_calendars`).

    It is read by a job, within a minute, and nothing is written to it yet (`change_connection`). Raises
    ValidationError, RuleError too_many.
    """
    return _connect(
        user,
        CalendarConnection(
            id=new_id(),
            kind=CalendarConnection.Kind.CALDAV,
            label=(label.strip() or calendar.name)[:80],
            account=f"{username} · {check_url(calendar.url).host}"[:254],
            secrets=json.dumps({"calendar": calendar.url, "username": username, "password": password}),
            blocks_time=blocks_time,
        ),
        by=by,
        visit=visit,
    )


def connect_google(
    user: User, *, code: str, verifier: str, back: str, by: User | None, visit: str | None = None
) -> CalendarConnection:
    """Follow somebody's own calendar at Google, into which they have just let us (`code`, once).

    Nothing is written to it yet (`change_connection`). Raises RuleError not_let_in, not_answered, too_many.
    """
    try:
        token, whose = end_journey(code, verifier=verifier, back=back)
    except CalendarTimeout:
        raise RuleError("not_answered", _("Google does not answer. Please try again in a moment.")) from None
    except CalendarLost:
        raise RuleError("not_let_in", _("Google did not let us into your calendar. Please try again.")) from None
    return _connect(
        user,
        CalendarConnection(
            id=new_id(),
            kind=CalendarConnection.Kind.GOOGLE,
            label="Google",
            account=whose[:254],
            secrets=json.dumps({"refresh_token": token}),
        ),
        by=by,
        visit=visit,
    )


@transaction.atomic
def _connect(user: User, connection: CalendarConnection, *, by: User | None, visit: str | None) -> CalendarConnection:
    if by is not None and by.pk != user.pk:
        raise PermissionDenied
    lock_signed_in(user, visit=visit)
    if CalendarConnection.objects.filter(user=user).count() >= CALENDARS_KEPT:
        raise RuleError("too_many", _("You follow as many calendars as can be followed. Disconnect one first."))
    connection.user, connection.due_at = user, clock.now()
    check_fields(connection, "label", "account")
    connection.save(force_insert=True)
    record("calendar_connection.created", by=by, on=connection, after=_facts(connection))
    defer("schedule.sync_calendar", connection_id=str(connection.pk))
    return connection


@transaction.atomic
def change_connection(
    connection: CalendarConnection, *, by: User | None, visit: str | None = None, **changes: Unpack[CalendarChanges]
) -> CalendarConnection:
    """Give a connection another name, or say whether its times are taken; what is equal already is no change.

    What no longer shall stand there is taken away by a job. Whether ours are written to it is asked of whoever has just
    shown who they are. Raises ValidationError, RuleError read_only.
    """
    if changes.get("writes_sessions") and not connection.writes_sessions:
        lock_signed_in(connection.user, visit=visit)
    connection = lock_connection(connection)
    if not can_change_calendar(by, connection):
        raise PermissionDenied
    if changes.get("writes_sessions") and not kind_of(connection).writes:
        raise RuleError("read_only", _("This calendar can only be read. Connect it by CalDAV to write to it."))
    before = {name: getattr(connection, name) for name, value in changes.items() if getattr(connection, name) != value}
    if not before:
        return connection
    for name, value in changes.items():
        setattr(connection, name, value)
    check_fields(connection, "label")
    connection.save(update_fields=[*before])
    after = {name: getattr(connection, name) for name in before}
    record("calendar_connection.changed", by=by, on=connection, before=before, after=after)
    if "writes_sessions" in before:
        defer("schedule.sync_calendar", connection_id=str(connection.pk))
    if "blocks_time" in before:
        count_changed(connection.user_id)
    return connection


@transaction.atomic
def switch_connection(connection: CalendarConnection, *, is_on: bool, by: User | None) -> CalendarConnection:
    """Stop following a calendar, so that none of its times is taken any more, or follow it again.

    Switching it on where it is on asks it again at once: what it is told to be it stays until it answers. Its secrets
    stay.
    """
    connection = lock_connection(connection)
    if not can_change_calendar(by, connection):
        raise PermissionDenied
    before = connection.state
    if not is_on and before == State.OFF:
        return connection
    is_followed = before in (State.ACTIVE, State.ATTENTION)
    connection.due_at = clock.now()
    if not is_on or not is_followed:
        connection.state, connection.problem = (State.ACTIVE if is_on else State.OFF), ""
        connection.synced_at, connection.failing_at, connection.failures = None, None, 0
        connection.sync_token, connection.expanded_until, connection.unread_events = "", None, 0
        _forget_times(connection)
    connection.save(
        update_fields=[
            "due_at", "state", "problem", "synced_at", "failing_at", "failures", "sync_token", "expanded_until",
            "unread_events",
        ]
    )  # fmt: skip
    if connection.state != before:
        record(
            "calendar_connection.changed", by=by, on=connection,
            before={"state": before}, after={"state": connection.state},
        )  # fmt: skip
    if is_on:
        defer("schedule.sync_calendar", connection_id=str(connection.pk))
    return connection


@transaction.atomic
def disconnect_calendar(connection: CalendarConnection, *, by: User | None, removes: bool = False) -> None:
    """Let go of a calendar: what lets us in and what it said are forgotten. Its owner, or an admin who shuts them out.

    `removes`: what we wrote there is taken away first, by a job; the rest is done at once. What was changed there
    stays. Disconnecting again changes nothing.
    """
    if by is not None and not by.is_admin and not can_change_calendar(by, connection):
        raise PermissionDenied
    locked = CalendarConnection.objects.select_for_update().filter(pk=connection.pk).first()
    if locked is None:
        return
    if not removes or not WrittenEvent.objects.filter(connection=locked).exists():
        _end(locked, by=by)
        return
    before, locked.state, locked.problem = locked.state, State.LEAVING, ""
    locked.due_at, locked.failing_at, locked.failures = clock.now(), None, 0
    locked.save(update_fields=["state", "problem", "due_at", "failing_at", "failures"])
    _forget_times(locked)
    if before != State.LEAVING:
        record("calendar_connection.changed", by=by, on=locked, before={"state": before}, after={"state": locked.state})
    defer("schedule.sync_calendar", connection_id=str(locked.pk))


@transaction.atomic
def end_connection(connection: CalendarConnection) -> bool:
    """Forget a calendar from which all that we wrote is taken away, or that does not let us."""
    locked = CalendarConnection.objects.select_for_update().filter(pk=connection.pk, state=State.LEAVING).first()
    if locked is None:
        return False
    _end(locked, by=None)
    return True


@transaction.atomic
def end_calendars(user: User, *, by: User | None) -> None:
    """Let go of every calendar that is told when and where `user` is: its owner, or an admin who shuts them out."""
    if by is not None and not by.is_admin and by.pk != user.pk:
        raise PermissionDenied
    # All of them first: a reading holds its calendar, and then counts the time that ends here.
    rows = CalendarConnection.objects.select_for_update().filter(user=user, writes_sessions=True)
    _end(*rows.order_by("pk"), by=by)


def _end(*locked: CalendarConnection, by: User | None) -> None:
    """Forget locked calendars of one person."""
    for connection in locked:
        record("calendar_connection.ended", by=by, on=connection, before=_facts(connection))
        WrittenEvent.objects.filter(connection=connection).delete()
        # What is still told by them, to nobody any more, ends there by itself.
        CalendarChannel.objects.filter(connection=connection).delete()
    _forget_times(*locked)
    for connection in locked:
        connection.delete()


def _forget_times(*locked: CalendarConnection) -> None:
    """Their owner is taken by them no more; counted once."""
    took_time = [one for one in locked if OutsideEvent.objects.filter(connection=one).delete()[0] and one.blocks_time]
    if took_time:
        count_changed(took_time[0].user_id)


def still_held(connection: CalendarConnection) -> CalendarConnection | None:
    """The connection, locked, if nobody has taken it over, switched it off or let it go since it was taken in hand."""
    try:
        locked = lock_connection(connection)
    except CalendarConnection.DoesNotExist:
        return None
    return locked if locked.held_until == connection.held_until and locked.state != State.OFF else None


def lock_connection(connection: CalendarConnection) -> CalendarConnection:
    """The connection's row, locked until the transaction ends; CalendarConnection.DoesNotExist when it is gone."""
    rows = CalendarConnection.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    return rows.get(pk=connection.pk)


def _facts(connection: CalendarConnection) -> dict[str, object]:
    # Not its address, which may let in whoever knows it.
    names = ("kind", "label", "account", "state", "blocks_time", "writes_sessions")
    return {name: getattr(connection, name) for name in names}
