"""What is measured: each operation once over, and for a while by many at once."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from tenpo.bench import tpcb
from tenpo.bench.caller import Callers
from tenpo.bench.fill import Caller, Place, pots, signed_in_cookie
from tenpo.bench.load import Sample, send
from tenpo.bench.scratch import HOST, Scratch
from tenpo.ledger.actions import Pot
from tenpo.ledger.models import Account
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.runtime import postgres

NAMES = (
    "booking", "card", "bookings", "sessions", "page", "transfer", "deliver", "slots", "any-slots",
    "transfer-in-database", "transfer-with-fee", "batch",
)  # fmt: skip
LIST_ROWS = 50
# More than any machine books, so that no slot runs dry.
MOST_BOOKINGS_A_SECOND = 1_500
# Below the limit of tries of one person (`tenpo.core.limits`).
BOOKINGS_PER_CALLER = 50

# Scripts of pgbench: a transfer alone, one with the fee that is taken of it, and many in one call. Keys and ids come
# with the call and in the order of time, as those of the application do: `key`, and as many numbers after it as a batch
# is long, are nobody else's.
_BEGIN = """
\\set n random(1, {last})
\\set turn :turn + 1
\\set key (:turn * {clients} + :client_id) * {batch}
\\set next :key + 1
"""
_SCRIPTS = {
    "transfer-in-database": """
        SELECT ledger_post(ARRAY['ffffffff' || lpad(:key, 24, '0')]::uuid[], '{credit_spend}', ARRAY[debit],
            ARRAY[credit], '{1}', ARRAY['line-' || :key], ARRAY[lpad(:key, 32, '0')]::uuid[], '{NULL}', pots)
        FROM bench_pot WHERE n = :n;""",
    "transfer-with-fee": """
        SELECT ledger_post(ARRAY['ffffffff' || lpad(:key, 24, '0'), 'ffffffff' || lpad(:next, 24, '0')]::uuid[],
            '{credit_spend,fee}', ARRAY[debit, fees], ARRAY[credit, provider], '{1,1}',
            ARRAY['line-' || :key, 'line-' || :next], ARRAY[lpad(:key, 32, '0'), lpad(:next, 32, '0')]::uuid[],
            '{NULL,NULL}', pots)
        FROM bench_pot WHERE n = :n;""",
    "batch": """
        SELECT ledger_post(array_agg(('ffffffff' || lpad(id, 24, '0'))::uuid), array_agg(text 'credit_spend'),
            array_agg(debit), array_agg(credit), array_agg(1::bigint), array_agg('line-' || id),
            array_agg(lpad(id, 32, '0')::uuid), array_agg(NULL::uuid), min(pots))
        FROM bench_pot, LATERAL (SELECT (:key::bigint + n - :n)::text AS id) WHERE n BETWEEN :n AND :n + :batch - 1;""",
}
BATCH = 100
# As many as PostgreSQL lets in.
MOST_CLIENTS = 100
# More than one client can do.
TURNS_A_SECOND = 10_000


@dataclass(frozen=True)
class Operation:
    """One thing that is measured.

    `one` is a request for it, or the name of a function in `works`; None when only the server itself does it. `many`
    lets so many clients do it for so many seconds.
    """

    name: str
    what: str
    many: Callable[[int, int], Sample]
    one: Callable[[], str] | None = None
    # By so many clients, whatever the others are measured by.
    at_once: int | None = None


class Bookings:
    """Requests that each book another pair of person and session, so that none is refused and none is a repeat."""

    def __init__(self, callers: list[Caller], sessions: list[UUID], body: dict[str, str]) -> None:
        self._callers, self._sessions, self._body = callers, sessions, body
        self._next = 0

    def take(self) -> str:
        """The next request."""
        turn, place = divmod(self._next, len(self._callers))
        caller = self._callers[place]
        session = self._sessions[(turn + place) % len(self._sessions)]
        self._next += 1
        body = json.dumps({"session_id": str(session), **self._body})
        return request("POST", "/api/v1/bookings", key=caller.key, body=body, once=str(uuid4()))

    def left(self) -> int:
        """How many more can be taken before somebody reaches the limit of tries."""
        return len(self._callers) * BOOKINGS_PER_CALLER - self._next

    def preview(self, number: int) -> list[str]:
        """The requests that come next, without taking them."""
        before = self._next
        found = [self.take() for _ in range(min(number, self.left()))]
        self._next = before
        return found

    def skip(self, number: int) -> None:
        """Count requests of a preview as taken."""
        self._next += number


def request(method: str, path: str, *, key: str = "", cookie: str = "", body: str = "", once: str = "") -> str:
    """A whole HTTP request."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "User-Agent: tenpo-bench"]
    if key:
        head.append(f"Authorization: Bearer {key}")
    if cookie:
        head.append(f"Cookie: {cookie}")
    if once:
        head.append(f"Idempotency-Key: {once}")
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*head, "", body])


def all_operations(here: Scratch, place: Place, callers: Callers) -> list[Operation]:
    """Everything that is measured, in its order."""
    half = len(place.callers) // 2
    covered = Bookings(place.callers[:half], place.covered, {})
    by_card = Bookings(place.callers[half:], place.by_card, {"provider": "sandbox", "source": SUCCEEDS})
    key, cookie = place.reader.key, signed_in_cookie(place.reader.user)
    return [
        _booking(here, "booking", "Book a seat that the company pays", covered),
        _booking(here, "card", "Book a seat and pay it by card", by_card),
        _reading(here, "bookings", "List 50 bookings", request("GET", f"/api/v1/bookings?limit={LIST_ROWS}", key=key)),
        _reading(here, "sessions", "List 50 sessions", request("GET", f"/api/v1/sessions?limit={LIST_ROWS}", key=key)),
        _reading(here, "page", "The page of one's bookings", request("GET", "/bookings/", cookie=cookie)),
        _function(callers, "transfer", "Post a transfer as an action does"),
        _function(callers, "deliver", "Deliver a message of the outbox"),
        _function(callers, "slots", "Find the slots of one coach, 30 days", at_once=1),
        _function(callers, "any-slots", f"Find when any of {place.coaches} coaches is free, 30 days", at_once=1),
        *_in_database(here),
    ]


def _booking(here: Scratch, name: str, what: str, bookings: Bookings) -> Operation:
    def many(clients: int, seconds: int) -> Sample:
        requests = bookings.preview(MOST_BOOKINGS_A_SECOND * seconds)
        sample = send(HOST, here.port, requests, clients=clients, seconds=seconds, expected=201, repeats=False)
        bookings.skip(sample.done + sample.failed)
        return sample

    return Operation(name, what, many, bookings.take)


def _reading(here: Scratch, name: str, what: str, one: str) -> Operation:
    def many(clients: int, seconds: int) -> Sample:
        return send(HOST, here.port, [one], clients=clients, seconds=seconds, expected=200, repeats=True)

    return Operation(name, what, many, lambda: one)


def _function(callers: Callers, name: str, what: str, *, at_once: int | None = None) -> Operation:
    def many(clients: int, seconds: int) -> Sample:
        return callers.run(name, clients=clients, seconds=seconds)

    return Operation(name, what, many, lambda: name, at_once)


def _in_database(here: Scratch) -> list[Operation]:
    """What the database alone could post: the ceiling of every way to call it."""
    mine = pots()
    with here.as_superuser() as admin:
        admin.execute(
            "CREATE TABLE bench_pot (n integer PRIMARY KEY, debit text NOT NULL, credit text NOT NULL,"
            " fees text NOT NULL, provider text NOT NULL, pots text NOT NULL)"
        )
        admin.execute(f"GRANT SELECT ON bench_pot TO {postgres.APP}")
        rows = []
        for number, debit in enumerate(mine, start=1):
            sales, fees = (Pot(kind, debit.currency) for kind in (Account.Kind.SALES, Account.Kind.FEES))
            provider = Pot(Account.Kind.PROVIDER, debit.currency, name="sandbox")
            ends = [debit, sales, fees, provider]
            rows.append([number, *(pot.code for pot in ends), json.dumps([pot.as_json() for pot in ends])])
        with admin.cursor() as cursor:
            cursor.executemany("INSERT INTO bench_pot VALUES (%s, %s, %s, %s, %s, %s)", rows)
    batch = min(BATCH, len(mine))
    what = {
        "transfer-in-database": ("Post a transfer from pgbench, without an application", 1),
        "transfer-with-fee": ("The same with its fee: two transfers in one posting", 1),
        "batch": (f"The same, {batch} transfers in one call; each counts", batch),
    }
    return [
        _script(here, name, text, counts, last=len(mine) - (batch - 1 if name == "batch" else 0), batch=batch)
        for name, (text, counts) in what.items()
    ]


def _script(here: Scratch, name: str, what: str, counts: int, *, last: int, batch: int) -> Operation:
    """A script of pgbench, of which a transaction `counts` so many times; it begins with any pot up to the `last`."""
    path = here.data_dir.parent / f"{name}.sql"
    beginning = _BEGIN.format(last=last, clients=MOST_CLIENTS, batch=BATCH)
    path.write_text(beginning + _SCRIPTS[name].replace(":batch", str(batch)) + "\n")
    path.chmod(0o644)

    def many(clients: int, seconds: int) -> Sample:
        # Nobody comes to where the next slot begins.
        turn = int(time.time() * TURNS_A_SECOND)
        found = tpcb.run_script(here, path, clients=clients, seconds=seconds, turn=turn)
        latency = found.p50_ms / counts if found.p50_ms is not None else None
        return replace(found, done=found.done * counts, rate=found.rate * counts, p50_ms=latency)

    # A batch is measured by two clients: more of them would wait for each other's pots.
    return Operation(name, what, many, at_once=2 if counts > 1 else None)
