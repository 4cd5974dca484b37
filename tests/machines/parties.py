"""The machine of lines: people with guests wait together, are passed over, are offered seats, and do what they like."""

from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tenpo.checkout.actions import buying
from tenpo.core.business import forget_business
from tenpo.core.models import Business as BusinessRow
from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.people.models import Participant, Role
from tenpo.schedule.actions import cancellations, lapsing, sessions, waitlist
from tenpo.schedule.models import Booking, Session
from tests.machines import party_model
from tests.machines.booking_nouns import OFFER, SEATED
from tests.machines.machine import START, Machine, make_people
from tests.machines.party_model import CODES, RULES, Lines
from tests.machines.rows import Reading, at

# Who comes alone, who brings two, and who brings three.
PEOPLE = (1, 1, 1, 1, 3, 3, 4)
READING = Reading(
    sessions=("status, capacity, seats_taken, seats_kept", "schedule_session"),
    places=(
        "session_id, participant_id, booked_by_id, state, ending, held_until, passed_over, party",
        "schedule_booking",
    ),
)

which = st.integers(0, 5)
somebody = st.integers(0, len(PEOPLE) - 1)
capacities = st.sampled_from([1, 3, 4, 4, 5])
starts_in = st.sampled_from([24 * 20, 24 * 20, 50, 14]).map(lambda hours: timedelta(hours=hours))


class PartyMachine(Machine):
    app = "schedule"
    runs = runs_until_found = 20
    steps_of_a_run = 25

    def __init__(self) -> None:
        super().__init__()
        self.model = Lines(START)
        BusinessRow.objects.update(offer_hours=OFFER // timedelta(hours=1))
        forget_business()
        *self.people, self.coach = make_people(*(None for _ in PEOPLE), Role.COACH)
        self.policy = make_cancellation_policy()
        guests = [
            Participant(guest_of=host, name=f"Guest {number}")
            for host, size in zip(self.people, PEOPLE, strict=True)
            for number in range(1, size)
        ]
        Participant.objects.bulk_create(guests)
        # Each with those whom they bring, and all of them in one row, by which the model knows them.
        self.parties = [
            [host.participant, *(one for one in guests if one.guest_of_id == host.pk)] for host in self.people
        ]
        self.participants = [one for party in self.parties for one in party]

    @classmethod
    def outcomes(cls) -> set[str]:
        return {*RULES, *CODES}

    def found(self) -> dict[str, Any]:
        self.read = READING()
        sessions_, places = ({row[0]: n for n, row in enumerate(self.read[kind])} for kind in ("sessions", "places"))
        people = {str(one.pk): number for number, one in enumerate(self.participants)}
        buyers = {str(one.pk): number for number, one in enumerate(self.people)}
        return {
            "sessions": [tuple(row[1:]) for row in self.read["sessions"]],
            "places": [
                (
                    sessions_[session], people[who], buyers[buyer], state, ending, at(until), passed,
                    places[party] if party else None,
                )
                for _id, session, who, buyer, state, ending, until, passed, party in self.read["places"]
            ],
        }  # fmt: skip

    def expected(self) -> dict[str, Any]:
        model = self.model
        return {
            "sessions": [
                (one.status, one.capacity, len(model.of(number, *SEATED)) + one.kept, one.kept)
                for number, one in enumerate(model.sessions)
            ],
            "places": [
                (
                    one.session, one.participant, one.buyer, one.state, one.ending, one.held_until, one.passed_over,
                    one.party,
                )
                for one in model.places
            ],
        }  # fmt: skip

    # What is there at first

    @initialize(capacity=capacities, starts_in=starts_in)
    def begin(self, capacity: int, starts_in: timedelta) -> None:
        self.plan_session(capacity, starts_in)
        self.fill(0)

    @precondition(lambda self: len(self.model.sessions) < 3)
    @rule(capacity=capacities, starts_in=starts_in)
    def plan_session(self, capacity: int, starts_in: timedelta) -> None:
        # Each on days of its own: that nobody is in two places at a time is the booking machine's.
        starts_at = self.clock.now + starts_in + timedelta(hours=2 * len(self.model.sessions))
        if any(abs(one.starts_at - starts_at) < timedelta(hours=2) for one in self.model.sessions):
            return
        self.both(
            partial(self.model.plan, party_model.Session(starts_at, capacity)),
            lambda: sessions.create_session(
                self.coach, by=self.coach, title="Session", place="Room 1", time_zone="Europe/Berlin", price=0,
                starts_at=starts_at, minutes=60, capacity=capacity, cancellation_policy=self.policy,
            ),
        )  # fmt: skip

    @rule(which=which)
    def fill(self, which: int) -> None:
        """Whoever comes alone books what is left."""
        number = self._session(which)
        for host in range(4):
            if self.model.left(number) > 0:
                self._book(number, host, 1)
                self.they_agree()

    # What people do

    @rule(which=which, host=somebody, size=st.sampled_from([1, 1, 2, 3, 4]))
    def book(self, which: int, host: int, size: int) -> None:
        self._book(self._session(which), host, size)

    def _book(self, number: int, host: int, size: int) -> None:
        row, people = self._row(number), self.parties[host][:size]
        self.both(
            partial(self.model.book, number, self._numbers(people), by=host),
            lambda: buying.book_places(row, participants=people, by=self.people[host]),
        )

    @rule(which=which, host=somebody, size=st.sampled_from([1, 2, 3, 3, 4]))
    def join(self, which: int, host: int, size: int) -> None:
        number = self._session(which)
        row, people = self._row(number), self.parties[host][:size]
        self.both(
            partial(self.model.join, number, self._numbers(people), by=host),
            lambda: waitlist.join_waitlist_together(row, participants=people, by=self.people[host]),
        )

    @rule(
        sizes=st.lists(st.sampled_from([2, 3, 4]), min_size=1, max_size=2),
        gone=st.integers(1, 5),
        then=st.sampled_from(["take", "let go", "lapse", "", ""]),
    )
    def pass_seats_on(self, sizes: list[int], gone: int, then: str) -> None:
        """Those who bring others wait for the newest session, and somebody alone behind them; seats come free."""
        self.fill(0)
        for host, size in zip((6, 4), sizes, strict=False):
            self.join(0, host, size)
            self.they_agree()
        self.join(0, 5, 1)
        self.they_agree()
        self.give_up_what_is_wanted(0, gone)
        offered = [n for n, one in enumerate(self.model.places) if one.state == "offered"]
        if not offered or not then:
            return
        if then == "lapse":
            self._move_to(max(self.clock.now, self.model.places[offered[0]].held_until or self.clock.now))
            self.release()
        elif then == "take":
            self._take(offered[0])
        else:
            self._cancel(offered[0])

    @precondition(lambda self: self.model.places)
    @rule(which=which)
    def take(self, which: int) -> None:
        self._take(self._place(which, "offered"))

    def _take(self, number: int) -> None:
        row, buyer = self._booking(number), self.people[self.model.places[number].buyer]
        self.both(partial(self.model.take, number), lambda: buying.take_offer(row, by=buyer))

    @precondition(lambda self: self.model.places)
    @rule(
        which=which, state=st.sampled_from(["waitlisted", "offered", "confirmed", "confirmed"]),
        by_host=st.sampled_from([False, False, True]), whole=st.booleans(),
    )  # fmt: skip
    def cancel(self, which: int, state: str, by_host: bool, whole: bool) -> None:
        self._cancel(self._place(which, state), by_host=by_host, whole=whole)

    def _cancel(self, number: int, *, by_host: bool = False, whole: bool = False) -> None:
        row = self._booking(number)
        by = self.coach if by_host else self.people[self.model.places[number].buyer]
        self.both(
            partial(self.model.cancel, number, by_host=by_host, whole=whole),
            lambda: cancellations.cancel_booking(row, by=by, whole_party=whole),
        )

    @rule(which=which, gone=st.integers(1, 3))
    def give_up_what_is_wanted(self, which: int, gone: int) -> None:
        """One seat after the other: so that seats are passed on, kept and offered."""
        number = self._session(which)
        taken = [n for n, one in enumerate(self.model.places) if one.session == number and one.state == "confirmed"]
        for one in taken[:gone]:
            self._cancel(one)
            self.they_agree()

    @rule(which=which, capacity=capacities)
    def edit(self, which: int, capacity: int) -> None:
        self._edit(self._session(which), capacity)

    def _edit(self, number: int, capacity: int) -> None:
        row = self._row(number)
        self.both(
            partial(self.model.edit, number, capacity),
            lambda: sessions.edit_session(row, by=self.coach, capacity=capacity),
        )

    @precondition(lambda self: self.steps > 12)
    @rule(number=st.integers(0, 2), takes_place=st.booleans())
    def close(self, number: int, takes_place: bool) -> None:
        """A session is called off, or takes place; after that nothing of it changes any more."""
        number %= len(self.model.sessions)
        session = self.model.sessions[number]
        if takes_place and session.status == "planned":
            self._move_to(max(self.clock.now, session.ends_at))
            self._complete(number)
            self.they_agree()
            self._edit(number, session.capacity + 1)
        self._call_off(number)
        self._complete(number)

    def _complete(self, number: int) -> None:
        row = self._row(number)
        self.both(partial(self.model.complete, number), lambda: sessions.complete_session(row, by=self.coach))

    def _call_off(self, number: int) -> None:
        row = self._row(number)
        self.both(
            partial(self.model.call_off, number),
            lambda: cancellations.cancel_session(row, reason="Ill", by=self.coach),
        )

    @rule(number=st.integers(0, 2))
    def complete(self, number: int) -> None:
        self._complete(number % len(self.model.sessions))

    # Time

    @rule(hours=st.sampled_from([1, 1, 5, 13]))
    def wait(self, hours: int) -> None:
        self._move_to(self.clock.now + timedelta(hours=hours))

    @rule(which=which, before=st.sampled_from([timedelta(), timedelta(), party_model.KEPT_UNTIL]))
    def wait_for_it(self, which: int, before: timedelta) -> None:
        """Until a session starts or is over, an offer ends, or nothing is kept any more."""
        ends = [place.held_until for place in self.model.places if place.held_until]
        starts = [one.starts_at - before for one in self.model.sessions] + [one.ends_at for one in self.model.sessions]
        moments = [moment for moment in [*sorted(ends), *sorted(starts)] if moment > self.clock.now]
        if moments:
            self._move_to(moments[which % len(moments)])

    def _move_to(self, moment: Any) -> None:
        self.clock.move_to(moment)
        self.model.now = moment

    @rule()
    def release(self) -> None:
        self.both(partial(self.model.release), lapsing.release_lapsed_everywhere)

    # Who and what is meant

    def _numbers(self, people: list[Participant]) -> list[int]:
        return [self.participants.index(one) for one in people]

    def _session(self, which: int) -> int:
        """Mostly one that can be booked."""
        open_ones = [
            n for n, s in enumerate(self.model.sessions) if s.status == "planned" and s.starts_at > self.clock.now
        ]
        numbers = open_ones if open_ones and which < 5 else list(range(len(self.model.sessions)))
        return numbers[which % len(numbers)]

    def _row(self, number: int) -> Session:
        return list(Session.objects.order_by("id"))[number]

    def _place(self, which: int, state: str) -> int:
        """Mostly one in this state, the newest first."""
        found = [number for number, place in enumerate(self.model.places) if place.state == state or which == 5]
        numbers = found or list(range(len(self.model.places)))
        return numbers[-1 - which % len(numbers)]

    def _booking(self, number: int) -> Booking:
        return list(Booking.objects.select_related("participant").order_by("id"))[number]
