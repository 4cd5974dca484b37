"""What is sent with the requests of the table: a body that would be accepted, so that only the caller is in question.

`{name}` is the id of a thing; in the question for a missing one it is the id of nothing. `{=name}` stays.
"""

import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tenpo.config.api import api
from tenpo.core.tests.make import ACCOUNT
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.people.tests.make import PASSWORD
from tenpo.web.views.openapi import Reader
from tests.world import RULE, SECOND_FACTOR_DAY, calendar_file

_SCHEMA: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))
_SHOWN = {f"{one.method} {one.path}": one for one in Reader(_SCHEMA, "https://tenpo.example").operations()}
OPERATIONS = sorted(_SHOWN)
# The example that the API's reference shows of an operation.
EXAMPLES = {name: json.loads(one.example) for name, one in _SHOWN.items() if one.example}
CARD = {"provider": "sandbox", "source": SUCCEEDS}
BY_CARD = {"provider": "sandbox", "test_card": SUCCEEDS, "agreed": 0}
IN_A_FRAME = "{embed_token}/{talk}/{=intro_start}"
OFFER = {"title": "New", "place": "There", "capacity": 4, "price": "10", "join_link": ""}
WHEN = {"day": "2031-03-04", "at": "07:00", "minutes": 30, "time_zone": "Europe/Berlin"}
TERMS = {"capacity": 4, "price": "10", "place": "There"}
SERVICE = {
    "name": "New", "format": "virtual", "durations": "60", "price_basis": "session", "capacity": 1, "people_0": 1,
    "amount_0": "10", "join_link": "https://meet.example/new", "notice_minutes": 240, "window_days": 60,
    "step_minutes": 30, "buffer_before": 0, "buffer_after": 0, "open_to": "members",
}  # fmt: skip
SETTINGS = {
    "name": "New", "currency": "EUR", "time_zone": "UTC", "locale": "en", "accent_hue": 3, "invite_days": 3,
    "hold_minutes": 10, "offer_hours": 3, "manual_hold_days": 3, "credit_months": 3, "second_factor_for": "admins",
    "second_factor_starts_on": SECOND_FACTOR_DAY, "top_up_least": "5", "top_up_most": "50", "wallet_most": "500",
    "offers_bank_transfer": "on", **ACCOUNT,
}  # fmt: skip

BODIES: dict[str, dict[str, Any]] = {
    # Pages
    "POST /me/": {"name": "New name", "time_zone": "Europe/Berlin", "locale": "en"},
    "POST /me/guests/": {"name": "New"},
    "POST /me/guests/{guest}/": {"name": "Newer"},
    "POST /me/calendars/feed/": {"address": "https://example.com/new.ics", "label": "New", "blocks_time": "on"},
    "POST /me/calendars/caldav/": {"address": "https://127.0.0.1/", "username": "maya", "password": "k3y"},
    "POST /me/calendars/{caldav}/#writes": {"label": "Renamed", "writes_sessions": "on"},
    "PATCH /api/v1/calendars/{caldav}#writes": {"writes_sessions": True},
    "POST /me/calendars/{calendar}/": {"label": "Renamed"},
    "POST /book/{service}/{=start}/": {"agreed": 0},
    "POST /book/{service}/{=start}/series/": {
        "weeks": "1", "times": "2", "chosen": "1x2", "dates": ["{=start}", "{=start_after}"], "agreed": 0,
    },
    "POST /teaching/book/{=participant}/services/{service}/{=start}/": {"way": "offer"},
    "POST /teaching/book/{=participant}/sessions/{next}/": {"way": "offer", "hours": "24"},
    "POST /teaching/book/{=participant}/sessions/{next}/#now": {"way": "book", "provider": "payroll", "is_paid": "on"},
    "POST /teaching/requests/{asked}/": {"answer": "yes"},
    "POST /teaching/requests/{asked}/#no": {"answer": "no", "word": "I am away."},
    "POST /book/{talk}/{=intro_start}/": {"agreed": 0, "name": "Nell", "email": "nell@example.com"},
    "POST /intro/{intro_token}/move/": {"start": "{=intro_to}"},
    f"POST /embed/{IN_A_FRAME}/": {"name": "Nell", "email": "nell@example.com", "token": "{=embed_form}"},
    "POST /teaching/embeds/new/": {"name": "New site", "origins": "https://new.example", "theme": "auto"},
    "POST /teaching/embeds/{embed}/": {"name": "Renamed", "origins": "https://new.example", "theme": "auto"},
    "POST /teaching/{intro_session}/visitor/": {"state": "attended"},
    "POST /me/keys/": {"name": "New", "scope": "read", "days": 30},
    "POST /me/money/methods/": {"provider": "sandbox", "test_card": SUCCEEDS},
    "POST /me/notifications/": {"in_app:booking.confirmed": "on"},
    "POST /people/{user}/roles/": {"role": "coach", "act": "grant"},
    "POST /people/{user}/roles/#admin": {"role": "admin", "act": "grant"},
    "POST /people/{user}/roles/#no-role": {"role": "owner", "act": "grant"},
    "POST /invites/new/": {"email": "new@example.com", "role": "member", "days": 3},
    "POST /invites/new/#admin": {"email": "new@example.com", "role": "admin", "days": 3},
    "POST /invite/{token}/": {
        "name": "Fay", "password": "four words put together", "email": "fay.addermark@example.com",
    },
    "POST /money/ledger/numbers/": {"sales": "8400"},
    "POST /money/reconciliation/": {"provider": "sandbox", "since": "{=open_day}", "until": "{=open_day}"},
    "POST /money/reconciliation/differences/{difference}/": {"note": "Booked by hand"},
    "POST /me/money/top-up/": {"amount": "20", "provider": "sandbox", "test_card": SUCCEEDS},
    "POST /me/money/auto-top-up/": {
        "is_on": "on", "threshold": "10", "kind": "fixed", "amount": "30", "daily_cap": "60", "low_below": "5",
    },
    "POST /money/wallets/{user}/": {"amount": "20", "reason": "Sorry"},
    "POST /money/waiting/mark/": {"payment": "{=transfer}"},
    "POST /me/money/payouts/": {"source": "earnings", "amount": "10", "account": "{=payout_account}"},
    "POST /me/money/payouts/accounts/": {"holder": "New", "iban": "DE89370400440532013000"},
    "POST /money/payouts/files/": {"method": "sepa"},
    "POST /money/payouts/files/{batch}/": {"act": "sent"},
    "POST /money/payouts/files/{batch_to_drop}/#drop": {"act": "drop"},
    "POST /money/payouts/files/{batch_sent}/#finish": {"act": "finish"},
    "POST /money/payouts/terms/": {"minimum": "20", "fee": "1", "schedule": "monthly"},
    "POST /money/payouts/{payout}/": {"act": "approve"},
    "POST /money/payouts/{payout_to_reject}/#reject": {"act": "reject", "word": "Not yet"},
    "POST /money/payouts/{payout_approved}/#sent": {"act": "sent"},
    "POST /money/payouts/{payout_sent}/#done": {"act": "done"},
    "POST /money/payouts/{payout_to_fail}/#failed": {"act": "failed", "word": "Closed"},
    "POST /me/money/lines/{line}/refund/": {"amount": "10", "to": "method", "reason": "Ill"},
    "POST /me/money/payments/{top_up}/refund/": {"amount": "1", "reason": "Too much"},
    "POST /money/lines/{line}/refund/": {"amount": "10", "to": "wallet", "word": "Sorry"},
    "POST /money/payments/{top_up}/refund/": {"amount": "1", "word": "Sorry"},
    "POST /money/refunds/terms/": {"ask_days": "30", "automatic_amount": "", "cancellation_to": "wallet"},
    "POST /money/refunds/{refund}/": {"act": "grant", "amount": "5", "to": "wallet", "word": ""},
    "POST /money/refunds/{refund_to_reject}/#reject": {"act": "reject", "word": "Not yet"},
    "POST /money/refunds/{refund_by_hand}/#sent": {"act": "sent"},
    "POST /money/refunds/{refund_failed}/#again": {"act": "again"},
    "POST /money/refunds/{refund_failed}/#wallet": {"act": "wallet"},
    "POST /money/sponsors/new/": {"sponsor": "{=sponsor_email}", "name": "New", "kind": "percent", "percent": 50},
    "POST /sponsorships/{sponsorship}/people/": {"emails": "{=sponsor_email}"},
    "POST /sponsorships/{sponsorship}/budget/": {"pot": "9500"},
    "POST /sponsorships/{sponsorship}/payments/new/": {"amount": "1", "received_on": "2026-11-02"},
    "POST /policies/shares/new/": {"name": "New", "kind": "percent", "percent": 70},
    "POST /policies/splits/new/": {
        "name": "New", "business_percent": 15, "creator_percent": 85, "teacher_percent": 0, "place": 100,
    },
    "POST /policies/cancellation/new/": {"name": "New", "hours_1": 24, "percent_1": 100, "hours_2": 0, "percent_2": 0},
    "POST /sandbox/{charge}/": {"answer": "approve"},
    "POST /sessions/{session}/book/": BY_CARD,
    "POST /bookings/{declined}/pay/": BY_CARD,
    "POST /sessions/{weekly}/book/following/": BY_CARD | {"agreed": 6_000},
    "POST /bookings/{booking}/cancel/following/": {"agreed": 5_000},
    "POST /bookings/{came}/attendance/": {"state": "attended"},
    "POST /bookings/{attended}/review/": {"rating": 5, "comment": "Calm and clear."},
    "POST /teaching/{booked}/notes/": {"about": "", "text": "Knee: no jumps until March."},
    "POST /teaching/{booked}/resources/": {
        "kind": "slides", "name": "New", "is_public": "on",
    },
    "POST /resources/{resource}/act/": {"act": "public"},
    "POST /resources/{resource}/act/#remove": {"act": "remove"},
    "POST /teaching/{running}/video/": {"act": "end"},
    "POST /bookings/{expected}/check-in/": {"act": "in"},
    "POST /bookings/{here}/check-in/#out": {"act": "out"},
    "POST /bookings/{here}/check-in/#undo": {"act": "undo"},
    "POST /bookings/{absent}/waive/": {"reason": "Ill"},
    "POST /bookings/{booking}/move/": {"session": "{=next}", "at": "{=start}"},
    "POST /teaching/new/": {**OFFER, **WHEN},
    "POST /teaching/new/#for-coach": {**OFFER, **WHEN, "coach": "{=coach}"},
    "POST /teaching/series/new/": {**OFFER, **RULE, "agreed": "{=agreed}"},
    "POST /teaching/{booked}/edit/": {**OFFER, **WHEN, "cancellation_policy": "{=usual}"},
    "POST /teaching/{weekly}/following/edit/": OFFER,
    "POST /teaching/series/new/#for-coach": {**OFFER, **RULE, "agreed": "{=agreed}", "coach": "{=coach}"},
    "POST /teaching/{booked}/cancel/": {"reason": "Ill"},
    "POST /teaching/{weekly}/following/cancel/": {"reason": "Ill"},
    "POST /teaching/import/#for-coach": {"coach": "{=coach}"},
    "POST /teaching/import/{plan}/": TERMS,
    "POST /places/new/": {"name": "New", "latitude": "52.5", "longitude": "13.4"},
    "POST /places/{location}/": {"name": "New"},
    "POST /places/{location}/close/": {"act": "close"},
    "POST /places/{location_closed}/close/#reopen": {"act": "reopen"},
    "POST /places/{location}/rooms/": {"room": "New"},
    "POST /places/rooms/{room}/": {"act": "rename", "room_name": "New"},
    "POST /places/rooms/{room}/#close": {"act": "close"},
    "POST /places/rooms/{room_closed}/#reopen": {"act": "reopen"},
    "POST /teaching/hours/{coach}/": {"day_0": 0, "opens_0": "10:00", "closes_0": "12:00"},
    "POST /teaching/hours/{coach}/day/": {"day": "2031-03-04", "opens": "10:00", "closes": "12:00"},
    "POST /teaching/hours/{coach}/day/#clear": {"day": "2031-03-05", "act": "clear"},
    "POST /teaching/hours/{coach}/terms/": {"time_zone": "Europe/Lisbon", "country": "PT"},
    "POST /teaching/hours/{coach}/time-off/": {"first_day": "2031-03-04", "last_day": "2031-03-04"},
    "POST /teaching/time-off/{time_off}/hand-over/": {"session": "{to_hand_over}"},
    "POST /teaching/hours/{coach}/travel/": {
        "starts_on": "2031-03-04", "ends_on": "2031-03-04", "time_zone": "Asia/Tokyo",
    },
    "POST /teaching/services/new/": SERVICE,
    "POST /teaching/services/new/#for-coach": {**SERVICE, "coaches": "{=coach}", "coaches_rule": "chosen"},
    "POST /teaching/services/{service}/edit/": {**SERVICE, "coaches": "{=coach}", "coaches_rule": "chosen"},
    "POST /teaching/services/{service}/offer/": {"act": "withdraw"},
    "POST /teaching/services/{service_withdrawn}/offer/#offer": {"act": "offer"},
    "POST /settings/": SETTINGS,
    "POST /settings/#second-factor": {**SETTINGS, "second_factor_for": "nobody"},
    "POST /settings/#account": {**SETTINGS, "bank_iban": "AT611904300234573201"},
    # Signing in
    "POST /account/login/": {"login": "nobody@example.com", "password": PASSWORD},
    # API
    "POST /api/v1/bookings": {"session_id": "{session}", **CARD},
    "POST /api/v1/group-bookings": {
        "session_id": "{=session}", "participant_ids": ["{=participant}", "{guest}"], **CARD,
    },
    "POST /api/v1/sessions/{full}/group-waitlist": {"participant_ids": ["{=participant}", "{guest}"]},
    "POST /sessions/{full}/waitlist/#with-others": {"party": "on", "names": "Ann"},
    "POST /api/v1/bookings#for-participant": {"session_id": "{=session}", "participant_id": "{participant}", **CARD},
    "POST /api/v1/series-bookings": {
        "session_ids": ["{=weekly}"], "participant_ids": ["{=participant}", "{guest}"], **CARD,
    },
    "POST /api/v1/bookings/{booking_id}/following/cancellation": {},
    "POST /api/v1/bookings/{booking_id}/cancellation": {},
    "POST /api/v1/bookings/{booking_id}/cancellation#waived": {"waiver": "Ill"},
    "PUT /api/v1/bookings/{booking_id}/session": {"session_id": "{=next}"},
    "POST /api/v1/bookings/{booking_id}/payment": CARD,
    "POST /api/v1/bookings/{booking_id}/offer-acceptance": CARD,
    "POST /api/v1/split-rules": {"name": "New", "business_percent": 15, "creator_percent": 85},
    "POST /api/v1/wallet/top-ups": {"amount": 2000, **CARD},
    "POST /api/v1/wallet/grants": {"owner_id": "{user}", "amount": 500, "reason": "Sorry"},
    "PUT /api/v1/auto-top-up": {"is_on": True, "amount": 3_000},
    "POST /api/v1/sponsorships": {"sponsor_id": "{user}", "name": "New", "percent": 50},
    "POST /api/v1/sponsorships/{sponsorship_id}/people": {"emails": ["{=sponsor_email}"]},
    "PUT /api/v1/sponsorships/{sponsorship_id}/pot": {"pot": 950_000},
    "POST /api/v1/sponsorships/{sponsorship_id}/payments": {"amount": 1, "received_on": "2026-11-02"},
    "PATCH /api/v1/me": {"name": "New name"},
    "PATCH /api/v1/business": {"name": "New"},
    "PATCH /api/v1/business#second-factor": {"name": "New", "second_factor_for": "nobody"},
    "PATCH /api/v1/business#account": {"name": "New", "bank_iban": "AT611904300234573201"},
    "PATCH /api/v1/people/{user_id}": {"roles": ["coach"]},
    "PATCH /api/v1/people/{user_id}#admin": {"roles": ["admin"]},
    "POST /api/v1/payouts": {"account_id": "{payout_account}", "source": "earnings", "amount": 1_000},
    "POST /api/v1/refunds": {"line_id": "{line}", "amount": 1_000, "reason": "Ill"},
    "POST /api/v1/given-refunds": {"line_id": "{line}", "amount": 1_000},
    "POST /api/v1/refunds/{refund_id}/approval": {},
    "POST /api/v1/refunds/{refund_id}/diversion": {"to": "wallet"},
    "POST /api/v1/refunds/{refund_id}/rejection": {"word": "Not yet"},
    "POST /api/v1/invites": {"email": "new@example.com"},
    "POST /api/v1/invites#admin": {"email": "new@example.com", "role": "admin"},
    "PATCH /api/v1/sessions/{session_id}": {"place": "There"},
    "PATCH /api/v1/sessions/{session_id}/following": {"place": "There"},
    "PUT /api/v1/coaches/{coach_id}/days/{day}": {"hours": [{"opens": "13:00", "closes": "15:00"}]},
    "POST /api/v1/services#for-coach": {
        "name": "New", "durations": [60], "prices": [{"people": 1, "amount": 9_000}], "location_ids": ["{=location}"],
        "coach_ids": ["{coach}"],
    },
    "POST /api/v1/ledger/days": {"day": "{=open_day}"},
    "POST /api/v1/reconciliations": {"provider": "sandbox", "since": "{=open_day}", "until": "{=open_day}"},
    "POST /api/v1/share-policies": {"name": "New", "percent": 70},
    "POST /api/v1/share-policies/preview": {"percent": 70},
    "POST /api/v1/placements": {"participant_id": "{=participant}", "session_id": "{=next}"},
    "POST /api/v1/placements#time": {
        "participant_id": "{=participant}", "service_id": "{=service}", "starts_at": "{=slot}", "minutes": 60,
    },
    "POST /api/v1/slot-bookings": {"service_id": "{service}", "starts_at": "{=slot}", "minutes": 60},
    "POST /api/v1/group-slot-bookings": {
        "service_id": "{=service}", "starts_at": "{=slot}", "minutes": 60,
        "participant_ids": ["{=participant}", "{guest}"],
    },
    "POST /api/v1/slot-series-bookings": {
        "service_id": "{=service}", "starts_at": ["{=slot}", "{=slot_after}"], "minutes": 60,
        "participant_ids": ["{=participant}", "{guest}"],
    },
    "POST /api/v1/slot-bookings#for-participant": {
        "service_id": "{=service}", "starts_at": "{=slot}", "minutes": 60, "participant_id": "{=participant}",
    },
    "POST /api/v1/bookings/{booking_id}/move": {"starts_at": "{=slot}"},
    "POST /api/v1/sessions": {
        "title": "New", "starts_at": "2031-03-04T06:00:00Z", "minutes": 30, "time_zone": "UTC", "place": "There",
        "capacity": 4, "price": 1_000,
    },
    "POST /api/v1/sessions#for-coach": {
        "title": "New", "starts_at": "2031-03-04T06:00:00Z", "minutes": 30, "time_zone": "UTC", "place": "There",
        "capacity": 4, "price": 1_000, "coach_id": "{coach}",
    },
    "POST /api/v1/imports/sessions/{import_id}/confirmation": {"capacity": 4, "price": 1_000, "place": "There"},
    "PATCH /api/v1/notification-preferences": {
        "items": [{"kind": "booking.confirmed", "channel": "in_app", "is_on": False}]
    },
}  # fmt: skip


def files_of(address: str) -> dict[str, Any]:
    """The file that an upload sends."""
    if address in ("/imports/", "/api/v1/imports/people"):
        return {"file": SimpleUploadedFile("new.csv", b"email,name,role\nnew@example.com,New,member\n")}
    if address in ("/teaching/import/", "/api/v1/imports/sessions"):
        return {"file": SimpleUploadedFile("new.ics", calendar_file("new", "New", 80))}
    if address.endswith("/files") or (address.startswith("/teaching/") and address.endswith("/resources/")):
        return {"file": SimpleUploadedFile("slides.pdf", b"%PDF-1.7")}
    return {}
