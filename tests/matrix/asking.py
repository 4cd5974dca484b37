"""Asking one route as one actor: the answer, what it changed, and how much work it was."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.shortcuts import resolve_url
from django.test import Client

from tenpo.config import streams
from tenpo.core.business import current_business
from tests.matrix.bodies import BODIES, EXAMPLES, files_of
from tests.matrix.table import Row
from tests.world import PEOPLE, World, missing, named

# What may be written about any request: that it came, not what it did.
BOOKKEEPING = ("access_idempotencykey", "core_cache", "core_ratecount", "people_visit", "usersessions_usersession")
_WRITES = """
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables
    WHERE relname <> ALL (%s)
"""
NAME = re.compile(r"\{(=?)(\w+)\}")


@dataclass(frozen=True)
class Answer:
    """What came back: as a cell of the table, and whole, without what differs between any two answers."""

    cell: str
    status: int
    text: str
    headers: dict[str, str]
    statements: int

    @property
    def whole(self) -> tuple[Any, ...]:
        return self.cell, self.text, self.headers, self.statements


def ask(world: World, row: Row, actor: str, *, is_missing: bool = False) -> Answer:
    """Send a row's request as an actor, for its thing or for one that is missing; then undo whatever it did."""
    if row.path == "/stream":
        return ask_stream(world, actor)
    used: list[str] = []

    def fill(match: re.Match[str]) -> str:
        stays, name = match.groups()
        used.append(named(world.things[name]))
        return missing(world.things[name]) if is_missing and not stays else named(world.things[name])

    send = partial(_send, row, actor, world, partial(NAME.sub, fill))
    # Kept in the process once it is read: the first to ask would have more to do than the others.
    current_business()
    with transaction.atomic():
        response, statements, has_written = _watched(send)
        text = b"".join(response.streaming_content if response.streaming else [response.content]).decode(
            errors="replace"
        )
        transaction.set_rollback(True)
    hide = partial(_plain, used=[*used, *map(missing, world.things.values())])
    headers = {name: hide(value) for name, value in response.items() if name != "X-Request-Id"}
    cell = _cell(response.status_code, headers.get("Location", "")) + ("+" if has_written else "")
    return Answer(cell, response.status_code, hide(text), headers, statements)


def ask_stream(world: World, actor: str) -> Answer:
    """Ask `GET /stream`, which is no request of Django's: whom it takes the caller for, and what it would say first."""
    counted = partial(streams._signed_in_user, world.cookies.get(actor, ""))
    user, statements, has_written = _watched(counted)
    said = streams._events(streams._news(user, after=str(UUID(int=0)), ids=[])) if user else ""
    cell = ("200" if user else "401") + ("+" if has_written else "")
    return Answer(cell, int(cell[:3]), said, {}, statements)


def has_name(row: Row) -> bool:
    """Whether a row speaks of a thing that could be missing."""
    sent = json.dumps([row.address, _body(row)], default=str)
    return any(not stays for stays, _ in NAME.findall(sent))


def thing_of(world: World, row: Row) -> Any:
    """The thing that a row asks for."""
    sent = json.dumps([row.address, _body(row)], default=str)
    return next(world.things[name] for stays, name in NAME.findall(sent) if not stays)


def _send(row: Row, actor: str, world: World, fill: Callable[[str], str]) -> Any:
    client = Client(raise_request_exception=False)
    headers = {}
    if actor in PEOPLE:
        client.cookies[settings.SESSION_COOKIE_NAME] = world.cookies[actor]
    elif actor != "anon":
        headers["Authorization"] = f"Bearer {world.keys[actor]}"
    if row.method != "GET":
        headers["Idempotency-Key"] = str(uuid4())
    files = files_of(row.path)
    body = json.loads(fill(json.dumps(_body(row))))
    address = fill(row.address.split("#")[0])
    if row.method == "GET":
        return client.get(address, headers=headers)
    if (row.is_page and row.path.startswith("/_allauth/")) or not (row.is_page or files):
        return client.generic(row.method, address, json.dumps(body), "application/json", headers=headers)
    return getattr(client, row.method.lower())(address, {**body, **files}, headers=headers)


def _body(row: Row) -> dict[str, Any]:
    plain = re.sub(r"\{(\w+)\}", "{}", row.address)
    for known in (BODIES, EXAMPLES):
        for key, body in known.items():
            method, address = key.split(" ", 1)
            if method == row.method and re.sub(r"\{(\w+)\}", "{}", address) == plain:
                return dict(body)
    return {}


def _watched(send: Callable[[], Any]) -> tuple[Any, int, bool]:
    count = 0

    def counted(execute: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    before = _writes()
    with connection.execute_wrapper(counted):
        response = send()
    return response, count, _writes() != before


def _writes() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_WRITES, [list(BOOKKEEPING)])
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def _cell(status: int, location: str) -> str:
    return "in" if status == 302 and location.startswith(resolve_url(settings.LOGIN_URL)) else str(status)


def _plain(text: str, used: list[str]) -> str:
    """A text without the ids that were asked for, and without what is random in every answer."""
    for id_ in sorted(used, key=len, reverse=True):
        # A number may stand anywhere; as an id it stands in an address.
        text = re.sub(rf"(?<=/){id_}(?=/)", "<id>", text) if id_.isdigit() else text.replace(id_, "<id>")
    text = re.sub(r"nonce(-|=\")[\w+/=-]+", "<nonce>", text)
    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken(?:&quot;|"): ?(?:&quot;|"))\w+', "<token>", text)
