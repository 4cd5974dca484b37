"""How each operation of the API is called by the admin of the tests' business (`tests/world.py`).

A new operation finds its ids here by the names of its path's parameters; where it needs a thing in another state, or
more than the example in its schema, it has an entry of its own in `CALLS`.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tenpo.checkout.actions.topping_up import top_up
from tenpo.checkout.tests.make import make_booking
from tenpo.checkout.tests.refund_make import make_bought, make_request
from tenpo.config.api import api
from tenpo.notify.tests.make import make_notification
from tenpo.orders.tests.make import make_cancellation_policy, make_credit
from tenpo.payments.actions.methods import add_payment_method
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers.sandbox import DECLINED, NEEDS_CONFIRMATION, SUCCEEDS, signed_event
from tenpo.payments.tests.make import make_earnings, make_payout, make_payout_account
from tenpo.people.actions.accounts import grant_role
from tenpo.people.actions.guests import add_guests
from tenpo.people.models import User
from tenpo.people.tests.make import freshly_signed_in
from tenpo.schedule.actions.cancellations import cancel_booking
from tenpo.schedule.actions.feeds import new_feed_address
from tenpo.schedule.actions.waitlist import join_waitlist
from tenpo.schedule.models import CalendarFeed, Session
from tenpo.schedule.tests.calendar_plants import CHANNEL_TOKEN, make_calendar, make_conflict
from tenpo.schedule.tests.make import make_session
from tenpo.schedule.tests.meeting_make import make_attended, make_begun
from tenpo.web.views.openapi import Operation, Reader
from tests.world import World, calendar_file

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

    ids: Callable[["Calls"], Ids] = lambda calls: {}
    body: Callable[["Calls"], dict[str, Any]] = lambda calls: {}
    headers: Callable[["Calls"], dict[str, str]] = lambda calls: {}
    raw: Callable[["Calls"], bytes] | None = None
    file: Callable[["Calls"], tuple[str, bytes]] | None = None
    fields: Callable[["Calls"], dict[str, str]] = lambda calls: {}
    query: Callable[["Calls"], str] = lambda calls: ""


@dataclass
class Calls:
    """Who is there, the things, and which of them stands for each name of an id."""

    people: dict[str, User]
    things: dict[str, Any]
    ids: Ids

    @property
    def admin(self) -> User:
        return self.people["admin"]

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
        """A browser in which somebody is signed in, and has just shown who they are."""
        return freshly_signed_in(who) if who else Client(raise_request_exception=False)

    def ask(self, client: Client, name: str, **changes: Any) -> Any:
        """Call an operation as it is meant to be called; `changes` replace `content` and what the client is told."""
        operation, call = OPERATIONS[name], CALLS.get(name, Call())
        if call.file and "content" not in changes:
            file_name, content = call.file(self)
            return client.post(
                changes.get("path", self.path(name)),
                {"file": SimpleUploadedFile(file_name, content)} | call.fields(self),
            )
        sent: dict[str, Any] = {"data": b"", "content_type": "application/json", "headers": self.headers(name)}
        if call.raw:
            sent["data"] = call.raw(self)
        elif operation.example:
            sent["data"] = json.dumps(self.body(name)).encode()
        if "content" in changes:
            sent["data"] = changes.pop("content")
        path = changes.pop("path", self.path(name) + call.query(self))
        return client.generic(operation.method, path, **(sent | changes))


def _thing(name: str, parameter: str) -> Callable[[Calls], Ids]:
    return lambda calls: {parameter: calls.things[name].pk}


def _coach(calls: Calls) -> dict[str, Any]:
    return {"coach_id": str(calls.people["coach"].pk)}


def _event(calls: Calls) -> dict[str, str]:
    return signed_event(calls.things["charge"])[0]


def room_event() -> tuple[dict[str, str], bytes]:
    """What a provider of video rooms tells of a room, signed as it signs."""
    body = json.dumps(
        {"event": "room_finished", "id": "1", "created_at": "1795000000", "room": {"room_id": "x"}}
    ).encode()
    claims = {
        "iss": settings.PLUGNMEET_KEY,
        "exp": int(time.time()) + 300,
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    return {"Authorization": jwt.encode(claims, settings.PLUGNMEET_SECRET, algorithm="HS256")}, body


def _channel(calls: Calls) -> dict[str, str]:
    return {"X-Goog-Channel-ID": str(calls.things["channel"].pk), "X-Goog-Channel-Token": CHANNEL_TOKEN}


PAID = {"provider": "sandbox", "source": SUCCEEDS}
CALLS = {
    "create_api_key": Call(body=lambda calls: {"expires_at": "2999-01-01T00:00:00Z"}),
    "create_booking": Call(
        body=lambda calls: (
            PAID | {"session_id": str(calls.ids["session_id"]), "participant_id": None, "agreed_amount": None}
        )
    ),
    "create_group_booking": Call(
        body=lambda calls: (
            PAID
            | {
                "session_id": str(calls.ids["session_id"]),
                "participant_ids": [str(calls.admin.participant.pk), str(calls.ids["guest_id"])],
                "agreed_amount": None,
            }
        )
    ),
    "create_series_booking": Call(
        body=lambda calls: (
            PAID
            | {
                "session_ids": [str(calls.things["weekly"].pk)],
                "participant_ids": [str(calls.admin.participant.pk), str(calls.ids["guest_id"])],
                "agreed_amount": None,
            }
        )
    ),
    "create_series_cancellation": Call(body=lambda calls: {"agreed_back": None}),
    "list_slots": Call(query=lambda calls: f"?since={calls.things['slots_since']}&until={calls.things['slots_until']}"),
    "move_booking": Call(
        ids=_thing("time", "booking_id"),
        body=lambda calls: {"starts_at": calls.things["slot"], "coach_id": None, "location_id": None},
    ),
    "create_placement": Call(
        body=lambda calls: {
            "participant_id": str(calls.things["participant"].pk),
            "session_id": str(calls.things["session"].pk),
            "keep_hours": None,
            "way": "offer",
        }
    ),
    "create_booking_approval": Call(ids=_thing("asked", "booking_id")),
    "create_booking_rejection": Call(ids=_thing("asked", "booking_id")),
    "create_slot_booking": Call(
        body=lambda calls: PAID | {"service_id": str(calls.ids["service_id"]), "starts_at": calls.things["slot"]}
    ),
    "create_group_slot_booking": Call(
        body=lambda calls: (
            PAID
            | {
                "service_id": str(calls.ids["service_id"]),
                "starts_at": calls.things["slot"],
                "participant_ids": [str(calls.admin.participant.pk), str(calls.ids["guest_id"])],
                "coach_id": None,
                "location_id": None,
                "agreed_amount": None,
            }
        )
    ),
    "get_slot_dates": Call(query=lambda calls: f"?starts_at={calls.things['slot']}&times=3"),
    "create_slot_series_booking": Call(
        body=lambda calls: (
            PAID
            | {
                "service_id": str(calls.ids["service_id"]),
                "starts_at": [calls.things["slot"], calls.things["slot_after"]],
                "participant_ids": [str(calls.admin.participant.pk), str(calls.ids["guest_id"])],
                "coach_id": None,
                "location_id": None,
                "agreed_amount": None,
            }
        )
    ),
    "create_booking_payment": Call(ids=_thing("held", "booking_id"), body=lambda calls: PAID),
    "accept_offer": Call(ids=_thing("offer", "booking_id"), body=lambda calls: PAID | {"agreed_amount": None}),
    "join_session_waitlist": Call(ids=_thing("full", "session_id")),
    "join_session_waitlist_together": Call(
        ids=_thing("full", "session_id"),
        body=lambda calls: {"participant_ids": [str(calls.admin.participant.pk), str(calls.ids["guest_id"])]},
    ),
    "receive_webhook": Call(headers=_event, raw=lambda calls: signed_event(calls.things["charge"])[1]),
    "preview_share_policy": Call(body=lambda calls: _coach(calls) | {"amount": None}),
    "post_share_policy": Call(
        body=lambda calls: _coach(calls) | {"amount": None, "active_from": None, "active_until": None}
    ),
    "post_split_rule": Call(
        body=lambda calls: _coach(calls) | {"active_from": None, "active_until": None, "service_id": None}
    ),
    "post_sponsorship": Call(
        body=lambda calls: {
            "sponsor_id": str(calls.people["member"].pk),
            "amount": None,
            "active_from": None,
            "active_until": None,
        }
    ),
    "post_sponsored_people": Call(body=lambda calls: {"emails": [calls.things["sponsor_email"]]}),
    "put_sponsorship_pot": Call(body=lambda calls: {"pot": 950_000}),
    "create_top_up": Call(body=lambda calls: PAID),
    "set_own_auto_top_up": Call(
        body=lambda calls: {"is_on": True, "method_id": str(calls.ids["method_id"]), "low_below": 500}
    ),
    "create_grant": Call(body=lambda calls: {"owner_id": str(calls.people["member"].pk)}),
    "get_share_policy": Call(ids=_thing("share", "policy_id")),
    "post_share_policy_end": Call(ids=_thing("share", "policy_id"), body=lambda calls: {"at": None}),
    "create_people_import": Call(file=lambda calls: ("people.csv", PEOPLE_FILE)),
    "create_sessions_import": Call(file=lambda calls: ("plan.ics", calendar_file("plan", "Yoga", 90)), fields=_coach),
    "create_sessions_import_confirmation": Call(ids=_thing("plan", "import_id")),
    "create_session": Call(body=_coach),
    "plan_series": Call(body=_coach),
    "create_series": Call(body=_coach),
    "complete_session": Call(ids=_thing("past", "session_id")),
    "mark_session_attended": Call(ids=_thing("past", "session_id")),
    "mark_intro_attendance": Call(ids=_thing("intro_begun", "intro_id")),
    "mark_booking_attendance": Call(ids=_thing("came", "booking_id")),
    "list_session_attendance": Call(ids=_thing("running", "session_id")),
    "put_review": Call(ids=lambda calls: {"booking_id": calls.things["own_attended"].pk}),
    "put_session_note": Call(
        ids=lambda calls: {"session_id": calls.things["own_session"].pk}, body=lambda calls: {"booking_id": None}
    ),
    "list_session_notes": Call(ids=lambda calls: {"session_id": calls.things["own_session"].pk}),
    "create_session_file": Call(
        file=lambda calls: ("slides.pdf", b"%PDF-1.7"), fields=lambda calls: {"kind": "slides"}
    ),
    "put_video_room": Call(ids=_thing("running", "session_id")),
    "post_session_join": Call(ids=lambda calls: {"session_id": calls.things["own_running"].pk}),
    "delete_video_room": Call(ids=_thing("booked", "session_id")),
    "receive_video_event": Call(
        ids=lambda calls: {"provider": "plugnmeet"},
        headers=lambda calls: room_event()[0],
        raw=lambda calls: room_event()[1],
    ),
    "put_check_in": Call(ids=_thing("expected", "booking_id")),
    "put_check_out": Call(ids=_thing("here", "booking_id")),
    "delete_check_in": Call(ids=_thing("here", "booking_id")),
    "create_cancellation": Call(body=lambda calls: {"waiver": "", "agreed_back": None}),
    "put_booking_session": Call(
        ids=_thing("own_movable", "booking_id"), body=lambda calls: {"session_id": str(calls.things["next"].pk)}
    ),
    "get_booking_move": Call(ids=_thing("own_movable", "booking_id")),
    "put_booking_waiver": Call(ids=_thing("absent", "booking_id")),
    "edit_following_sessions": Call(ids=_thing("weekly", "session_id")),
    "get_following_cancellation": Call(ids=_thing("weekly", "session_id")),
    "cancel_following_sessions": Call(ids=_thing("weekly", "session_id")),
    "create_invite_acceptance": Call(body=lambda calls: {"email": None}),
    "close_one_day": Call(body=lambda calls: {"day": str(calls.things["close"].day)}),
    "export_journal": Call(query=lambda calls: "?since=2026-01-01&until=2026-12-31"),
    "create_payout": Call(body=lambda calls: {"account_id": str(calls.ids["payout_account_id"]), "source": "earnings"}),
    "create_payout_cancellation": Call(ids=_thing("own_payout", "payout_id")),
    "create_payout_arrival": Call(ids=_thing("payout_sent", "payout_id")),
    "create_payout_failure": Call(ids=_thing("payout_to_fail", "payout_id")),
    "create_payout_rejection": Call(ids=_thing("payout_to_reject", "payout_id")),
    "create_payout_sending": Call(ids=_thing("payout_approved", "payout_id")),
    "create_refund": Call(
        body=lambda calls: {
            "line_id": str(calls.things["own_line"].pk),
            "payment_id": None,
            "amount": 100,
            "to": "wallet",
        }
    ),
    "create_given_refund": Call(
        body=lambda calls: {
            "line_id": str(calls.things["line"].pk),
            "payment_id": None,
            "amount": 100,
            "to": "wallet",
        }
    ),
    "get_refundable": Call(query=lambda calls: f"?line_id={calls.things['line'].pk}"),
    "create_refund_approval": Call(body=lambda calls: {"amount": 100, "to": "wallet"}),
    "create_refund_withdrawal": Call(ids=_thing("own_refund", "refund_id")),
    "create_refund_rejection": Call(ids=_thing("refund_to_reject", "refund_id")),
    "create_refund_arrival": Call(ids=_thing("refund_by_hand", "refund_id")),
    "create_refund_sending": Call(ids=_thing("refund_failed", "refund_id")),
    "create_refund_diversion": Call(ids=_thing("refund_failed", "refund_id")),
    "create_payout_batch_arrival": Call(ids=_thing("batch_sent", "batch_id")),
    "delete_top_up": Call(ids=_thing("own_top_up", "payment_id")),
    "delete_payout_account": Call(ids=_thing("spare_account", "payout_account_id")),
    "delete_payout_batch": Call(ids=_thing("batch_to_drop", "batch_id")),
    "make_reconciliation": Call(
        body=lambda calls: {"since": calls.things["open_day"], "until": calls.things["open_day"]}
    ),
    "create_calendar_conflict_theirs": Call(ids=_thing("own_conflict", "conflict_id")),
    "receive_calendar_notification": Call(headers=_channel),
    "list_busy_times": Call(query=lambda calls: "?since=2030-01-01T00:00:00Z&until=2030-02-01T00:00:00Z"),
    "post_service": Call(body=lambda calls: {"coach_ids": [str(calls.people["coach"].pk)]}),
    "search_everything": Call(query=lambda calls: "?q=yoga"),
    "update_me": Call(body=lambda calls: {"headline": None, "bio": None}),
}


def name_needs_key(name: str) -> bool:
    return any(one.name == "Idempotency-Key" for one in OPERATIONS[name].parameters)


def make_calls(world: World) -> Calls:
    """The business, and what only its admin may ask for: they also book and pay like everybody."""
    admin, member, coach = (world.people[part] for part in ("admin", "member", "coach"))
    things = world.things | _own_seats(admin, member, coach)
    new_feed_address(admin, by=admin)
    device = UserSession.objects.create(user=admin, session_key="elsewhere", ip="192.0.2.1", user_agent="Firefox")
    named = {
        "session_id": "session", "user_id": "user", "booking_id": "confirmed", "charge_id": "charge",
        "payment_id": "transfer", "series_id": "series", "delivery_id": "delivery", "message_id": "message",
        "invite_id": "invite", "import_id": "import", "key_id": "key", "record_id": "record", "policy_id": "cancelling",
        "method_id": "own_method", "grant_id": "grant", "rule_id": "split_rule",
        "sponsorship_id": "sponsorship", "person_id": "sponsored",
        "account_id": "credit", "transfer_id": "moved", "day_close_id": "close",
        "payout_account_id": "own_account", "payout_id": "payout", "batch_id": "batch", "refund_id": "refund",
        "coach_id": "coach", "reconciliation_id": "compared", "service_id": "service", "difference_id": "difference",
        "location_id": "location", "room_id": "room", "time_off_id": "time_off", "travel_id": "travel",
        "resource_id": "resource", "intro_id": "intro", "embed_id": "embed",
    }  # fmt: skip
    ids = {name: things[thing].pk for name, thing in named.items()} | {
        "order_id": things["confirmed"].line.order_id,
        "credit_id": make_credit(admin, 500).pk,
        "notification_id": make_notification(admin).pk,
        "guest_id": add_guests(["Guest"], by=admin)[0].pk,
        "feed_id": CalendarFeed.objects.get(user=admin).pk,
        "calendar_id": make_calendar(admin).pk,
        "conflict_id": things["own_conflict"].pk,
        "device_id": device.pk,
        "token": things["token"],
        "day": "2031-03-05",
        "provider": "sandbox",
    }
    return Calls(world.people, things, ids)


def _own_running(admin: User) -> Session:
    """A session under way in which the admin has a place, by a link."""
    session = make_begun(member=admin).session
    Session.objects.filter(pk=session.pk).update(join_link="https://meet.example/1")
    return session


def _own_session(admin: User) -> Session:
    """A session that the admin teaches themselves: what is only for its coach."""
    grant_role(admin, role="coach", by=admin)
    return make_session(admin)


def _own_seats(admin: User, member: User, coach: User) -> dict[str, Any]:
    """Places of the admin's: offered, not yet paid, at the bank, and booked."""
    offered = make_session(capacity=1)
    taken = make_booking(offered, member)
    offer = join_waitlist(offered, participant=admin.participant, by=admin)
    cancel_booking(taken, by=member)
    asked = make_booking(make_session(), admin, card=NEEDS_CONFIRMATION)
    asking = Payment.objects.get(order_id=asked.line.order_id)
    make_earnings(admin, 5_000)
    return {
        "own_conflict": make_conflict(make_session(admin, starts_in=timedelta(days=90))),
        "own_method": add_payment_method(admin, provider="sandbox", source=SUCCEEDS, by=admin),
        "own_account": make_payout_account(admin),
        "own_payout": make_payout(admin),
        "own_top_up": top_up(admin, amount=1_500, provider="transfer", by=admin),
        "own_running": _own_running(admin),
        "own_attended": make_attended(member=admin),
        "own_session": _own_session(admin),
        "own_movable": make_booking(
            make_session(coach, starts_in=timedelta(days=95), policy=make_cancellation_policy(reschedules=9)),
            admin,
        ),
        "own_line": make_bought(member=admin),
        "own_refund": make_request(make_bought(member=admin), 500),
        "offer": offer,
        "held": make_booking(make_session(), admin, card=DECLINED),
        "confirmed": make_booking(make_session(coach, starts_in=timedelta(days=80)), admin),
        "charge": SandboxCharge.objects.get(key=str(asking.pk)),
    }
