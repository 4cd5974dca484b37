"""A small business in which every operation of the API and every page finds what it needs.

A new operation finds its ids here by the names of its path's parameters; where it needs a thing in another state, or
more than the example in its schema, it has an entry of its own in `CALLS`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tenpo.access.actions.api_clients import create_api_client
from tenpo.audit.models import AuditLog
from tenpo.checkout.tests.make import make_booking, make_manual
from tenpo.config.api import api
from tenpo.core.models import OutboxMessage
from tenpo.notify.tests.make import make_delivery, make_notification
from tenpo.orders.tests.make import make_cancellation_policy, make_credit, make_share_policy
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS, signed_event
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_invite, make_member
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.feeds import new_feed_address
from tenpo.schedule.actions.imports import preview_sessions_import
from tenpo.schedule.actions.seats import join_waitlist
from tenpo.schedule.actions.series import create_series
from tenpo.schedule.models import CalendarFeed, Session
from tenpo.schedule.occurrences import WeeklyRule
from tenpo.schedule.tests.make import make_session
from tenpo.web.views.openapi import Operation, Reader

SCHEMA: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
OPERATIONS: dict[str, Operation] = {one.name: one for one in Reader(SCHEMA, "https://tenpo.example").operations()}
DETAILS: dict[str, dict[str, Any]] = {
    details["operationId"]: details for item in SCHEMA["paths"].values() for details in item.values()
}

type Ids = dict[str, Any]

PEOPLE_FILE: bytes = b"email,name\nlena@example.com,Lena\n"


@dataclass(frozen=True)
class Call:
    """How one operation differs from "the usual ids, and the example of its schema"."""

    ids: Callable[["World"], Ids] = lambda world: {}
    body: Callable[["World"], dict[str, Any]] = lambda world: {}
    headers: Callable[["World"], dict[str, str]] = lambda world: {}
    raw: Callable[["World"], bytes] | None = None
    file: Callable[["World"], tuple[str, bytes]] | None = None
    fields: Callable[["World"], dict[str, str]] = lambda world: {}
    query: str = ""


@dataclass
class World:
    """Who is there, and the things that stand for each name of an id."""

    admin: User
    coach: User
    member: User
    ids: Ids
    things: dict[str, Any] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """The address of an operation, with ids that exist."""
        return OPERATIONS[name].path.format(**self.path_ids(name))

    def path_ids(self, name: str) -> Ids:
        names = [one.name for one in OPERATIONS[name].parameters if one.place == "path"]
        ids = self.ids | CALLS.get(name, Call()).ids(self)
        return {one: str(ids[one]) for one in names}

    def body(self, name: str) -> dict[str, Any]:
        """A body that the operation takes."""
        example = OPERATIONS[name].example
        given = json.loads(example) if example else {}
        changed = given | CALLS.get(name, Call()).body(self)
        return {key: value for key, value in changed.items() if value is not None}

    def headers(self, name: str) -> dict[str, str]:
        key = {"Idempotency-Key": "one"} if name_needs_key(name) else {}
        return key | CALLS.get(name, Call()).headers(self)

    def client(self, who: User | None) -> Client:
        """A browser in which somebody is signed in."""
        client = Client(raise_request_exception=False)
        if who:
            client.force_login(who)
        return client

    def ask(self, client: Client, name: str, **changes: Any) -> Any:
        """Call an operation as it is meant to be called; `changes` replace `content` and what the client is told."""
        operation, call = OPERATIONS[name], CALLS.get(name, Call())
        if call.file and "content" not in changes:
            file_name, content = call.file(self)
            return client.post(self.path(name), {"file": SimpleUploadedFile(file_name, content)} | call.fields(self))
        sent: dict[str, Any] = {"data": b"", "content_type": "application/json", "headers": self.headers(name)}
        if call.raw:
            sent["data"] = call.raw(self)
        elif operation.example:
            sent["data"] = json.dumps(self.body(name)).encode()
        if "content" in changes:
            sent["data"] = changes.pop("content")
        path = changes.pop("path", self.path(name) + call.query)
        return client.generic(operation.method, path, **(sent | changes))


def _thing(name: str, parameter: str) -> Callable[[World], Ids]:
    return lambda world: {parameter: world.things[name].pk}


def _coach(world: World) -> dict[str, Any]:
    return {"coach_id": str(world.coach.pk)}


def _event(world: World) -> dict[str, str]:
    return signed_event(world.things["charge"])[0]


PAID = {"provider": "sandbox", "source": SUCCEEDS}
CALLS = {
    "create_api_key": Call(body=lambda world: {"expires_at": "2999-01-01T00:00:00Z"}),
    "create_booking": Call(
        body=lambda world: (
            PAID | {"session_id": str(world.ids["session_id"]), "participant_id": None, "agreed_amount": None}
        )
    ),
    "create_booking_payment": Call(ids=_thing("held", "booking_id"), body=lambda world: PAID),
    "accept_offer": Call(ids=_thing("offer", "booking_id"), body=lambda world: PAID | {"agreed_amount": None}),
    "join_session_waitlist": Call(ids=_thing("full", "session_id")),
    "receive_webhook": Call(headers=_event, raw=lambda world: signed_event(world.things["charge"])[1]),
    "preview_share_policy": Call(body=lambda world: _coach(world) | {"amount": None}),
    "post_share_policy": Call(
        body=lambda world: _coach(world) | {"amount": None, "active_from": None, "active_until": None}
    ),
    "get_share_policy": Call(ids=_thing("share", "policy_id")),
    "post_share_policy_end": Call(ids=_thing("share", "policy_id"), body=lambda world: {"at": None}),
    "create_people_import": Call(file=lambda world: ("people.csv", PEOPLE_FILE)),
    "create_sessions_import": Call(file=lambda world: ("plan.ics", world.things["calendar"]), fields=_coach),
    "create_sessions_import_confirmation": Call(ids=_thing("sessions", "import_id")),
    "create_session": Call(body=_coach),
    "plan_series": Call(body=_coach),
    "create_series": Call(body=_coach),
    "complete_session": Call(ids=_thing("over", "session_id")),
    "mark_session_attended": Call(ids=_thing("seat_session", "session_id")),
    "mark_booking_attendance": Call(ids=_thing("seat", "booking_id")),
    "edit_following_sessions": Call(ids=_thing("first", "session_id")),
    "get_following_cancellation": Call(ids=_thing("first", "session_id")),
    "cancel_following_sessions": Call(ids=_thing("first", "session_id")),
    "create_invite_acceptance": Call(body=lambda world: {"email": None}),
    "search_everything": Call(query="?q=yoga"),
    "update_me": Call(body=lambda world: {"headline": None, "bio": None}),
}


def name_needs_key(name: str) -> bool:
    return any(one.name == "Idempotency-Key" for one in OPERATIONS[name].parameters)


def calendar_file(start: datetime) -> bytes:
    """A calendar with one event."""
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", "BEGIN:VEVENT", "UID:one", "SUMMARY:Yoga",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
        "END:VEVENT", "END:VCALENDAR", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def make_world() -> World:
    """Everything that an operation or a page may ask for; the admin also books and pays like everybody."""
    admin, coach, member = make_admin("Ada Admin"), make_coach("Cora Coach"), make_member("Mika Member")
    share = make_share_policy(percent=20)
    next_week = (timezone.now() + timedelta(days=7)).astimezone(UTC).replace(microsecond=0)
    session = make_session(coach, starts_in=timedelta(days=3))
    world = World(admin, coach, member, {"session_id": session.pk, "user_id": member.pk})
    world.things["share"] = share

    full = make_session(capacity=1)
    make_booking(full, member)
    offered = make_session(capacity=1)
    taken = make_booking(offered, member)
    offer = join_waitlist(offered, participant=admin.participant, by=admin)
    cancel_booking(taken, by=member)
    held = make_booking(make_session(), admin, card=DECLINED)
    asked = make_booking(make_session(), admin, card=NEEDS_CONFIRMATION)
    confirmed = make_booking(make_session(coach, starts_in=timedelta(days=5)), admin)
    world.things |= {"full": full, "offer": offer, "held": held, "confirmed": confirmed}
    asking = Payment.objects.get(order_id=asked.line.order_id)
    world.things["charge"] = SandboxCharge.objects.get(key=str(asking.pk))
    world.ids |= {"booking_id": confirmed.pk, "order_id": confirmed.line.order_id, "provider": "sandbox"}
    world.ids["charge_id"] = world.things["charge"].pk

    seat = make_booking(make_session(coach, starts_in=timedelta(days=9)), member)
    _begin(seat.session, ago=timedelta(minutes=30))
    over = make_booking(make_session(coach, starts_in=timedelta(days=10)), member).session
    _begin(over, ago=timedelta(hours=3))
    world.things |= {"seat": seat, "seat_session": seat.session, "over": over}

    manual = make_manual(make_coach(), 1)
    world.ids["payment_id"] = Payment.objects.get(order_id=manual.line.order_id).pk
    world.ids["credit_id"] = make_credit(admin, 500).pk
    rule = WeeklyRule((0,), date(2031, 3, 3), date(2031, 3, 17), time(18), "Europe/Berlin")
    terms: Any = {"title": "Yoga", "minutes": 60, "capacity": 5, "price": 1_000, "place": "Hall"}
    series = create_series(coach, rule=rule, by=coach, **terms)
    world.ids["series_id"] = series.pk
    world.things["first"] = Session.objects.filter(series=series).earliest("starts_at")

    world.ids["notification_id"] = make_notification(admin).pk
    world.ids["delivery_id"] = make_delivery(member, state="dead").pk
    message = OutboxMessage.objects.latest("id")
    OutboxMessage.objects.filter(pk=message.pk).update(dead_at=timezone.now())
    world.ids["message_id"] = message.pk
    invite, token = make_invite("guest@example.com", by=admin)
    world.ids |= {"invite_id": invite.pk, "token": token}
    world.ids["import_id"] = preview_people_import("people.csv", PEOPLE_FILE, by=admin).pk
    world.things["calendar"] = calendar_file(next_week)
    world.things["sessions"] = preview_sessions_import(
        "plan.ics", calendar_file(next_week + timedelta(days=20)), coach=make_coach(), by=admin
    )
    new_feed_address(admin, by=admin)
    world.ids["feed_id"] = CalendarFeed.objects.get(user=admin).pk
    key, _ = create_api_client(admin, name="Payroll", scopes=["read", "write"], expires_at=None, by=admin)
    world.ids["key_id"] = key.pk
    device = UserSession.objects.create(user=admin, session_key="elsewhere", ip="192.0.2.1", user_agent="Firefox")
    world.ids["device_id"] = device.pk
    world.ids["record_id"] = AuditLog.objects.latest("id").pk
    world.ids["policy_id"] = make_cancellation_policy().pk
    return world


def _begin(session: Session, *, ago: timedelta) -> None:
    start = timezone.now() - ago
    Session.objects.filter(pk=session.pk).update(starts_at=start, ends_at=start + timedelta(minutes=60))
