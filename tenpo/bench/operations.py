"""What is measured: each operation once over, and for a while by many at once."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from tenpo.bench import tpcb
from tenpo.bench.caller import Callers
from tenpo.bench.fill import POTS, Caller, Place, pots, signed_in_cookie
from tenpo.bench.load import Sample, send
from tenpo.bench.scratch import HOST, Scratch, app_conninfo
from tenpo.ledger.actions import Pot
from tenpo.ledger.models import Account
from tenpo.payments.providers.sandbox import SUCCEEDS
from tenpo.runtime import postgres

NAMES = ("booking", "card", "bookings", "sessions", "page", "transfer", "deliver", "transfer-in-database")
LIST_ROWS = 50
# More than any machine books, so that no slot runs dry.
MOST_BOOKINGS_A_SECOND = 1_500
# Below the limit of tries of one person (`tenpo.core.limits`).
BOOKINGS_PER_CALLER = 50

_POST = """\\set n random(1, :pots)
SELECT ledger_post(jsonb_build_array(jsonb_build_object(
    'kind', 'credit_spend', 'debit', debit, 'credit', credit, 'amount', 1, 'key', gen_random_uuid(),
    'subject', gen_random_uuid(), 'reverses', NULL)))
FROM bench_pot WHERE n = :n;
"""


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
        _raw_transfer(here),
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


def _function(callers: Callers, name: str, what: str) -> Operation:
    def many(clients: int, seconds: int) -> Sample:
        return callers.run(name, clients=clients, seconds=seconds)

    return Operation(name, what, many, lambda: name)


def _raw_transfer(here: Scratch) -> Operation:
    """What the database alone could post: the ceiling of every way to call it."""
    script = here.data_dir.parent / "post.sql"
    mine = pots()[:POTS]
    script.write_text(_POST.replace(":pots", str(len(mine))))
    with here.as_superuser() as admin:
        admin.execute("CREATE TABLE bench_pot (n integer PRIMARY KEY, debit jsonb NOT NULL, credit jsonb NOT NULL)")
        admin.execute(f"GRANT SELECT ON bench_pot TO {postgres.APP}")
        for number, debit in enumerate(mine, start=1):
            credit = Pot(Account.Kind.SALES, debit.currency)
            row = [number, json.dumps(debit.as_json()), json.dumps(credit.as_json())]
            admin.execute("INSERT INTO bench_pot VALUES (%s, %s, %s)", row)
    script.chmod(0o644)

    def many(clients: int, seconds: int) -> Sample:
        return tpcb.run_script(here, script, app_conninfo(here), clients=clients, seconds=seconds)

    return Operation("transfer-in-database", "Post a transfer from pgbench, without an application", many)
