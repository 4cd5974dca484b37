"""The measurement: operations and TPC-B in turns, so that whatever else the machine does falls on both alike.

Every figure that counts is a ratio: how many operations are done a second for each transaction of TPC-B, by the same
number of clients, right before and after. Of the rounds' ratios the median is told, with the lowest and the highest.
"""

import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from tenpo import __version__
from tenpo.bench import tpcb
from tenpo.bench.caller import callers
from tenpo.bench.closeup import Closeup, look_at
from tenpo.bench.fill import COACHES, POTS, add_rows, fill_base
from tenpo.bench.load import Sample
from tenpo.bench.operations import BOOKINGS_PER_CALLER, MOST_BOOKINGS_A_SECOND, Operation, all_operations
from tenpo.bench.scratch import Scratch, web_server
from tenpo.core.invariants import find_faults

GROWTH = 10
# Those that are measured with every number of clients, and before the rows grow; the others with the middle one only.
EVERYWHERE = {"booking", "bookings", "sessions", "transfer", "transfer-with-fee"}

type Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long and how much: `rows` is N, the number of bookings before they grow tenfold."""

    clients: tuple[int, ...] = (1, 8, 32)
    rounds: int = 3
    seconds: int = 1
    rows: int = 1_000
    scale: int = 50
    only: frozenset[str] = frozenset()

    def chosen(self, operations: Sequence[Operation], *, everywhere: bool) -> list[Operation]:
        """Those that are measured for a while."""
        mine = [one for one in operations if not self.only or one.name in self.only]
        return [one for one in mine if one.name in EVERYWHERE] if everywhere else mine

    @property
    def middle(self) -> int:
        """The number of clients with which everything is measured."""
        return sorted(self.clients)[len(self.clients) // 2]


def measure(here: Scratch, plan: Plan, say: Say) -> dict[str, Any]:
    """Fill the installation, measure, and return everything as JSON can hold it."""
    load_before = round(os.getloadavg()[0], 2)
    say("Making the tables of TPC-B")
    tpcb.prepare(here, scale=plan.scale)
    say(f"Filling in {plan.rows:,} bookings")
    place = fill_base(callers=_callers_needed(plan), coaches=min(COACHES, plan.rows), pots=min(POTS, 10 * plan.rows))
    add_rows(place, plan.rows)
    _settle(here)
    with callers() as processes, web_server(here):
        operations = all_operations(here, place, processes)
        small = _close_ups(here, operations, say)
        few = _in_turns(here, plan, plan.chosen(operations, everywhere=True), 1, say, "N rows")
        say(f"Filling in {plan.rows * (GROWTH - 1):,} more")
        add_rows(place, plan.rows * (GROWTH - 1))
        _settle(here)
        large = _close_ups(here, operations, say)
        by_clients = {}
        for clients in sorted({1, *plan.clients}):
            chosen = plan.chosen(operations, everywhere=clients != plan.middle)
            by_clients[clients] = _in_turns(here, plan, chosen, clients, say, "10 N rows")
    say("Looking for faults")
    return {
        "tenpo": __version__,
        "at": timezone.now().isoformat(timespec="seconds"),
        "plan": {"rounds": plan.rounds, "seconds": plan.seconds, "rows": plan.rows, "tpcb_scale": plan.scale},
        "machine": {
            "cores": os.cpu_count(),
            "load_before": load_before,
            "load_after": round(os.getloadavg()[0], 2),
        },
        "postgresql": _server_settings(here),
        "tpcb": {str(clients): turns.anchor_out() for clients, turns in by_clients.items()},
        "operations": [_told(one, by_clients, few, small.get(one.name), large.get(one.name)) for one in operations],
        "faults": [finding.as_json() for finding in find_faults()],
    }


class Turns:
    """What some rounds with one number of clients showed."""

    def __init__(self) -> None:
        self.anchors: list[Sample] = []
        self.samples: dict[str, list[Sample]] = defaultdict(list)
        self.ratios: dict[str, list[float]] = defaultdict(list)
        self.times: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, before: Sample, sample: Sample, after: Sample) -> None:
        """Take in one slot of an operation, and the slots of TPC-B on both sides of it."""
        anchor = (before.rate + after.rate) / 2
        self.samples[name].append(sample)
        self.ratios[name].append(sample.rate / anchor)
        if sample.rate:
            self.times[name].append(anchor / sample.rate)

    def anchor_out(self) -> dict[str, float]:
        """How many transactions TPC-B did a second."""
        rates = sorted(round(sample.rate, 1) for sample in self.anchors)
        return {
            "rate": round(statistics.median(rates), 1),
            "lowest": round(min(rates), 1),
            "highest": round(max(rates), 1),
        }

    def out(self, name: str) -> dict[str, Any]:
        """The medians of one operation."""
        ratios, samples = self.ratios[name], self.samples[name]
        return {
            "ratio": round(statistics.median(ratios), 4),
            "lowest": round(min(ratios), 4),
            "highest": round(max(ratios), 4),
            "rate": round(statistics.median(sample.rate for sample in samples), 1),
            "p50_ms": _median([sample.p50_ms for sample in samples]),
            "p95_ms": _median([sample.p95_ms for sample in samples]),
            "done": sum(sample.done for sample in samples),
            "failed": sum(sample.failed for sample in samples),
        }


def _in_turns(here: Scratch, plan: Plan, operations: Sequence[Operation], clients: int, say: Say, note: str) -> Turns:
    """TPC-B, operation, TPC-B, operation, … for some rounds; each operation beside the TPC-B before and after it."""
    turns = Turns()
    for number in range(plan.rounds):
        before = tpcb.run_tpcb(here, clients=clients, seconds=plan.seconds)
        turns.anchors.append(before)
        for operation in operations:
            at_once = operation.at_once or clients
            say(f"{operation.what} ({at_once} at once, {note}, round {number + 1} of {plan.rounds})")
            if at_once != clients:
                turns.add(operation.name, *_beside(here, operation, at_once, plan.seconds))
                continue
            sample = operation.many(clients, plan.seconds)
            after = tpcb.run_tpcb(here, clients=clients, seconds=plan.seconds)
            turns.anchors.append(after)
            turns.add(operation.name, before, sample, after)
            before = after
    return turns


def _beside(here: Scratch, operation: Operation, clients: int, seconds: int) -> tuple[Sample, Sample, Sample]:
    """An operation between two slots of TPC-B, by a number of clients of its own."""
    before = tpcb.run_tpcb(here, clients=clients, seconds=seconds)
    sample = operation.many(clients, seconds)
    return before, sample, tpcb.run_tpcb(here, clients=clients, seconds=seconds)


def _close_ups(here: Scratch, operations: Sequence[Operation], say: Say) -> dict[str, Closeup]:
    say("Counting statements and pages")
    return {operation.name: look_at(here, operation) for operation in operations if operation.one}


def _told(
    operation: Operation, by_clients: dict[int, Turns], few: Turns, small: Closeup | None, large: Closeup | None
) -> dict[str, Any]:
    name = operation.name
    earlier, later = few.times.get(name), by_clients[1].times.get(name)
    time = round(statistics.median(later) / statistics.median(earlier), 2) if earlier and later else None
    return {
        "name": name,
        "what": operation.what,
        "clients": {str(clients): turns.out(name) for clients, turns in by_clients.items() if name in turns.ratios},
        "statements": large.statements if large else None,
        "round_trips": large.round_trips if large else None,
        "buffers": large.buffers if large else None,
        "growth": {"time": time, "buffers": round(large.buffers / small.buffers, 2) if large and small else None},
        "texts": large.texts if large else [],
    }


def _callers_needed(plan: Plan) -> int:
    """So many people that nobody reaches their limit of tries, whatever the machine can do."""
    slots = plan.rounds * (len(plan.clients) + 2)
    return 2 * (1 + MOST_BOOKINGS_A_SECOND * plan.seconds * slots // 4 // BOOKINGS_PER_CALLER)


def _settle(here: Scratch) -> None:
    """What autovacuum and the checkpointer would do by themselves, done before anything is measured."""
    with here.as_superuser() as admin:
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")


def _server_settings(here: Scratch) -> dict[str, str]:
    names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
    with here.as_superuser() as admin:
        return {name: str(admin.execute(f"SHOW {name}").fetchall()[0][0]) for name in names}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 2) if known else None
