"""The rules of waiting together in plain Python, as people would say them; nothing of Tenpo is called here.

People, sessions and places are numbers, in the order in which they came to be. Everything is free of charge: what
places cost is the booking machine's. A rule either changes the model or raises `Refused` and changes nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.machines.booking_nouns import OFFER, SEATED
from tests.machines.machine import Refused

PASSED_OVER = 2
KEPT_UNTIL = timedelta(hours=6)

# What must come of it in some run of the machine, as in `booking_model`.
RULES = ("plan", "join", "book", "take", "cancel", "edit", "call_off", "complete", "release")
CODES = (
    "already_booked", "capacity_below_taken", "completed", "full", "not_full", "not_over", "not_planned", "offer_over",
    "over", "party_too_large", "started",
)  # fmt: skip


@dataclass
class Session:
    starts_at: datetime
    capacity: int
    status: str = "planned"
    kept: int = 0

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(hours=1)


@dataclass
class Place:
    session: int
    participant: int
    buyer: int
    state: str
    party: int | None = None
    ending: str = ""
    held_until: datetime | None = None
    passed_over: int = 0


class Lines:
    """Sessions, places, and the rules that change them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.sessions: list[Session] = []
        self.places: list[Place] = []

    def of(self, number: int, *states: str) -> list[Place]:
        return [place for place in self.places if place.session == number and place.state in states]

    def left(self, number: int) -> int:
        session = self.sessions[number]
        return session.capacity - len(self.of(number, *SEATED)) - session.kept

    def together(self, number: int) -> list[int]:
        """Those of a place's party that are where it is."""
        place = self.places[number]
        if place.party is None:
            return [number]
        return [n for n, one in enumerate(self.places) if (one.party, one.state) == (place.party, place.state)]

    # What people do

    def plan(self, session: Session) -> None:
        self.sessions.append(session)

    def join(self, number: int, people: Sequence[int], *, by: int) -> None:
        with self._or_nothing():
            self._check_open(number)
            self._let_go(number)
            if self.left(number) >= len(people):
                raise Refused("not_full")
            if len(people) > self.sessions[number].capacity:
                raise Refused("party_too_large")
            self._check_not_there(number, people)
            party = len(self.places) if len(people) > 1 else None
            self.places += [Place(number, one, by, "waitlisted", party) for one in people]

    def book(self, number: int, people: Sequence[int], *, by: int) -> None:
        """What ran out is let go for whoever finds it in the way, and stays so when the booking is refused."""
        try:
            self._check_bookable(number, people)
        except Refused as refusal:
            if refusal.code not in ("full", "already_booked") or not self._let_go(number):
                raise
            self._check_bookable(number, people)
        self.places += [Place(number, one, by, "confirmed") for one in people]

    def take(self, number: int) -> None:
        place = self.places[number]
        self._check_open(place.session)
        if place.state != "offered" or not place.held_until or place.held_until <= self.now:
            raise Refused("offer_over")
        for one in self.together(number):
            self.places[one].state, self.places[one].held_until = "confirmed", None

    def cancel(self, number: int, *, by_host: bool, whole: bool) -> None:
        """An offer is let go by all; of those who wait one leaves, or all."""
        place = self.places[number]
        if place.state == "cancelled":
            return
        if self.sessions[place.session].starts_at <= self.now:
            raise Refused("started")
        goes_whole = place.state == "offered" or (place.state == "waitlisted" and whole)
        gone = self.together(number) if goes_whole else [number]
        came = 1 if place.state == "confirmed" else 0
        for one in gone:
            self._end(self.places[one], "host" if by_host else "member")
        self._deal(place.session, came)

    def edit(self, number: int, capacity: int) -> None:
        session = self.sessions[number]
        if capacity == session.capacity:
            return
        if session.status != "planned":
            raise Refused("over")
        if capacity < len(self.of(number, *SEATED)):
            raise Refused("capacity_below_taken")
        came, session.kept = session.kept + max(0, capacity - session.capacity), 0
        session.capacity = capacity
        self._deal(number, came)

    def call_off(self, number: int) -> None:
        session = self.sessions[number]
        if session.status == "completed":
            raise Refused("completed")
        if session.status == "planned":
            if self.now >= session.ends_at:
                raise Refused("over")
            session.status, session.kept = "cancelled", 0
            for place in self.of(number, "waitlisted", *SEATED):
                self._end(place, "host")

    def complete(self, number: int) -> None:
        session = self.sessions[number]
        if session.status == "cancelled":
            raise Refused("not_planned")
        if session.status == "planned":
            if self.now < session.ends_at:
                raise Refused("not_over")
            session.status, session.kept = "completed", 0

    def release(self) -> None:
        """The job of every minute."""
        for number in range(len(self.sessions)):
            self._let_go(number)

    # What follows from it

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        before = deepcopy((self.sessions, self.places))
        try:
            yield
        except Refused:
            self.sessions, self.places = before
            raise

    def _check_open(self, number: int) -> None:
        if self.sessions[number].status != "planned":
            raise Refused("not_planned")
        if self.sessions[number].starts_at <= self.now:
            raise Refused("started")

    def _check_not_there(self, number: int, people: Sequence[int]) -> None:
        if any(place.participant in people for place in self.of(number, "waitlisted", *SEATED)):
            raise Refused("already_booked")

    def _check_bookable(self, number: int, people: Sequence[int]) -> None:
        self._check_open(number)
        if self.left(number) < len(people):
            raise Refused("full")
        self._check_not_there(number, people)

    def _end(self, place: Place, ending: str) -> None:
        place.state, place.ending, place.held_until = "cancelled", ending, None

    def _let_go(self, number: int) -> bool:
        """Offers that ran out, and what is kept for too long; whether there was any of it."""
        session = self.sessions[number]
        lapsed = [p for p in self.of(number, "offered") if p.held_until and p.held_until <= self.now]
        for place in lapsed:
            self._end(place, "offer_lapsed")
        is_over = session.kept > 0 and self.now >= session.starts_at - KEPT_UNTIL
        if lapsed or is_over:
            self._deal(number, 0)
        return bool(lapsed) or is_over

    def _deal(self, number: int, came: int) -> None:
        """First come, first served, party by party; who is passed over twice has the next seats kept that come free.

        Only what somebody had comes free: neither what lay open before nor an offer that nobody took.
        """
        session = self.sessions[number]
        came, session.kept = came + session.kept, 0
        if session.status != "planned" or session.starts_at <= self.now:
            return
        parties: dict[int, list[Place]] = {}
        for place_number, place in enumerate(self.places):
            if place.session == number and place.state == "waitlisted":
                parties.setdefault(place_number if place.party is None else place.party, []).append(place)
        until = self.now + min(OFFER, (session.starts_at - self.now) / 2)
        passed: list[list[Place]] = []
        for party in parties.values():
            left = self.left(number)
            if len(party) <= left:
                for place in party:
                    place.state, place.held_until = "offered", until
                self._pass_over(passed)
                passed = []
            elif left and came and self._is_due(session, party):
                session.kept = min(left, came)
                came -= session.kept
            elif left:
                passed.append(party)
        if came and self.left(number):
            self._pass_over(passed)

    def _pass_over(self, parties: Sequence[Sequence[Place]]) -> None:
        for party in parties:
            for place in party:
                place.passed_over = min(place.passed_over + 1, PASSED_OVER)

    def _is_due(self, session: Session, party: Sequence[Place]) -> bool:
        is_early = self.now < session.starts_at - KEPT_UNTIL
        return is_early and len(party) <= session.capacity and party[0].passed_over >= PASSED_OVER
