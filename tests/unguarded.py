"""The web server with one guard taken out, for controls: `python -m tests.unguarded GUARD`.

A guard is changed in the process before it serves; the product knows nothing of it. Where the harm would need luck,
whoever passes the missing guard waits there for the other one, so that a control does not depend on the machine.
"""

import importlib
import io
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

WAIT_SECONDS = 20
# Held as an advisory lock by a transaction that waits, so that a test can see it.
WAITING = 1_848
# Of two who meet; the worker processes are forked after this, so it is one for all of them.
_meeting = multiprocessing.get_context("fork").Barrier(2)


def part(name: str) -> Any:
    """A module of Tenpo, loose enough to be changed; asked for once Django is set up."""
    return importlib.import_module(f"tenpo.{name}")


def meet() -> None:
    """Wait until another request is here as well."""
    try:
        _meeting.wait(WAIT_SECONDS)
    except threading.BrokenBarrierError:
        _meeting.reset()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait inside a transaction for what another process does, once a test sees that somebody waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [WAITING])
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


def seats() -> None:
    """Seats are taken without asking whether one is free."""
    actions = part("schedule.actions.seats")
    asked = "AND s.seats_taken + %s <= s.capacity"
    assert asked in actions._TAKE_SEATS
    actions._TAKE_SEATS = actions._TAKE_SEATS.replace(asked, "AND %s > 0")


def count_of_seats() -> None:
    """A seat is given back by writing down a number that was read before, without a lock."""
    cancellations, session_model = part("schedule.actions.cancellations"), part("schedule.models").Session

    def free_seats_of(_bookings: Any, sessions: Any) -> None:
        meet()
        for session in sessions.values():
            session_model.objects.filter(pk=session.pk).update(seats_taken=session.seats_taken - 1)

    cancellations.lock_sessions_of = lambda booking: session_model.objects.in_bulk([booking.session_id])
    cancellations.free_seats_of = free_seats_of


def offer() -> None:
    """An offer is taken without locks, by somebody who looked at it before it lapsed."""
    buying, models = part("checkout.actions.buying"), part("schedule.models")
    quotes = buying.quotes

    def late_quotes(prices: Any, **wanted: Any) -> Any:
        wait_until(lambda: not models.Booking.objects.filter(booked_by=wanted["buyer"], state="offered").exists())
        return quotes(prices, **wanted)

    buying.lock_session = lambda session_id: models.Session.objects.get(pk=session_id)
    models.BookingQuerySet.select_for_update = lambda self, **_locks: self.all()
    buying.quotes = late_quotes


def payment() -> None:
    """Money finds its booking without a lock, and acts on what it saw before the hold was let go."""
    settling, models = part("checkout.actions.settling"), part("schedule.models")

    def bookings_of(payment: Any) -> Any:
        rows = models.Booking.objects.select_related("session", "line__order", "booked_by")
        booking = rows.get(line__order_id=payment.order_id)
        wait_until(lambda: not models.Booking.objects.filter(pk=booking.pk, state="held").exists())
        return [booking]

    settling._lock_bookings_of = bookings_of


def price() -> None:
    """Credit counts as there although somebody else is spending it, and nothing else makes one person's calls wait."""
    buying, seats = part("checkout.actions.buying"), part("schedule.actions.seats")
    quotes = buying.quotes
    lock = "FOR NO KEY UPDATE"
    assert lock in seats._TAKE_SEATS
    seats._TAKE_SEATS = seats._TAKE_SEATS.replace(lock, "")

    def stale_quotes(prices: Any, **wanted: Any) -> Any:
        found = quotes(prices, **wanted)
        meet()
        return found

    buying.quotes = stale_quotes


def slots() -> None:
    """Nobody waits for whoever books with the same coach, in the same room or for the same person."""
    actions = part("schedule.actions.slots")
    find_slots, lock = actions.find_slots, "FOR NO KEY UPDATE"
    # To count that a coach's time changes is a lock as well.
    counting, asking = actions._LOCK.index(",\n    counted AS"), actions._LOCK.index("SELECT {columns}")
    assert lock in actions._LOCK
    actions._LOCK = (actions._LOCK[:counting] + actions._LOCK[asking:]).replace(f"{lock} OF r", "").replace(lock, "")

    def find_and_wait(*asked: Any, **how: Any) -> Any:
        found = find_slots(*asked, **how)
        meet()
        return found

    actions.find_slots = find_and_wait


def idempotency() -> None:
    """Every call works, whatever its key."""
    idempotency, new_id = part("access.actions.idempotency"), part("core.tokens").new_id
    part("access.api_auth").run_once = lambda *, work, **_call: work(idempotency.Call(new_id(), is_again=False))


def invite() -> None:
    """An invite is looked at, and answered, without a lock."""
    invites, models, tokens = part("people.actions.invites"), part("people.models"), part("core.tokens")

    def look(token: str) -> Any:
        found = models.Invite.objects.open().get(token_hash=tokens.hash_token(token))
        meet()
        return found

    invites._lock_open = look


def tries() -> None:
    """Codes are counted where allauth does; of the rest, the first try counts, and further ones read and then write."""
    limits, count_model = part("core.limits"), part("core.models").RateCount
    counters = (part("people.middleware"), part("people.tries"), part("core.networks"))
    middleware, idempotency = part("people.middleware"), part("access.actions.idempotency")
    middleware.CODE_VIEWS.clear()
    middleware.FACTOR_VIEWS.clear()
    hit, counting = limits.hit, limits.counting

    def read_then_write(name: str, *parts: object) -> Any:
        _, parameters = counting(name, *parts)
        found = count_model.objects.filter(key=parameters["limit_key"]).first()
        if found is None or name not in ("sign-in-account", "account-mail", "pay-user"):
            return hit(name, *parts)
        meet()
        count_model.objects.filter(pk=found.pk).update(count=found.count + 1)
        limits.check_count(name, found.count + 1, 1)
        return limits.Try(found.key, found.window_starts_at)

    def run_once(*, actor: Any, limit: str = "", work: Callable[[Any], Any], **call: Any) -> Any:
        """Claims in one statement, and counts in others."""

        def counted_work(claimed: Any) -> Any:
            if limit:
                read_then_write(limit, actor.pk)
            return work(claimed)

        return once(actor=actor, work=counted_work, **call)

    once = idempotency.run_once
    for counter in counters:
        assert counter.hit is hit
        counter.hit = read_then_write
    part("access.api_auth").run_once = run_once


def limits() -> None:
    """Nobody is told that they try too often."""
    numbers = part("core.limits")
    for name, limit in numbers.LIMITS.items():
        numbers.LIMITS[name] = numbers.Limit(1_000_000, limit.seconds)


def wholeness() -> None:
    """A body counts as whole wherever it ends."""
    front = part("runtime.front")

    async def read_body(_scope: Any, protocol: Any) -> Any:
        return io.BytesIO(b"".join([piece async for piece in protocol]))

    front.Front._read_body = staticmethod(read_body)


GUARDS: dict[str, Callable[[], None]] = {
    guard.__name__: guard
    for guard in (seats, slots, count_of_seats, offer, payment, price, idempotency, invite, tries, limits, wholeness)
}


if __name__ == "__main__":
    part("config.rsgi")  # sets Django up, as `web` does
    GUARDS[sys.argv[1]]()
    part("cli.processes").web()
