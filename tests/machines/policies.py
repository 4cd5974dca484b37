"""The booking machine, where policies say more than windows: what is free, who is let off, what may be moved."""

from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tenpo.orders.tests.make import make_cancellation_policy
from tenpo.schedule.actions import cancellations, misses, rescheduling
from tenpo.schedule.models import Booking
from tests.machines import booking_nouns as nouns
from tests.machines.booking import (
    WINDOWS,
    BookingMachine,
    capacities,
    hosts,
    prices,
    somebody,
    starts_in,
    ways,
    which,
)
from tests.machines.booking_nouns import COACHES
from tests.machines.machine import START
from tests.machines.policy_model import CODES, RULES, Policies

# What comes about too seldom by chance: each run begins with one of these, in the session that is planned first.
STORIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "none": [],
    "let off": [
        ("book_the_newest", {"participant": 0, "way": ("sandbox", "succeeds")}),
        ("do_not_come", {"completes": True, "then": "waive", "host": "coach"}),
        ("waive", {"which": 0, "host": "coach"}),
        ("waive", {"which": 0, "host": "member"}),
    ],
    "came after all": [
        ("book_the_newest", {"participant": 1, "way": ("sandbox", "succeeds")}),
        ("waive", {"which": 0, "host": "coach"}),
        ("do_not_come", {"completes": True, "then": "came", "host": "coach"}),
    ],
    "late, and late again": [
        ("book_the_newest", {"participant": 0, "way": ("sandbox", "succeeds")}),
        ("cancel", {"which": 0, "by": None}),
        ("book_the_newest", {"participant": 0, "way": ("sandbox", "succeeds")}),
        ("cancel", {"which": 0, "by": None}),
        ("book_the_newest", {"participant": 0, "way": ("sandbox", "succeeds")}),
        ("cancel_for_somebody", {"which": 0, "host": "coach", "how": "off"}),
    ],
    "there and back": [
        ("book_the_newest", {"participant": 2, "way": ("sandbox", "succeeds")}),
        ("go_to_another_session", {"hours": 70, "dearer": 0, "back": True}),
        ("cancel", {"which": 0, "by": None}),
    ],
    "not there": [
        ("book_the_newest", {"participant": 2, "way": ("sandbox", "succeeds")}),
        ("go_to_another_session", {"hours": 70, "dearer": 1, "back": False}),
        ("want_to_be_in_two_places", {"way": ("sandbox", "succeeds")}),
        ("reschedule", {"which": 0, "to": 0, "by": None}),
        ("cancel", {"which": 0, "by": None}),
        ("reschedule", {"which": 0, "to": 1, "by": None}),
    ],
}


# What is compared besides.
MISSED = ("miss__kind", "miss__outcome", "miss__percent", "reschedules")
# What can be tried whatever is booked.
ALWAYS = ("waive", "cancel", "reschedule")


class PolicyMachine(BookingMachine):
    model: Policies
    runs, runs_until_found = 45, 80

    def __init__(self) -> None:
        super().__init__()
        self.model = Policies(START)
        self.windows = {
            windows: make_cancellation_policy(
                *windows, no_show_percent=rules.no_show, grace_count=rules.grace, grace_days=rules.days,
                reschedules=rules.moves, reschedule_hours=rules.move_hours,
            )
            for windows in WINDOWS
            for rules in [nouns.RULES_OF[windows]]
        }  # fmt: skip

    def found(self) -> dict[str, Any]:
        return {**super().found(), "missed": list(Booking.objects.order_by("id").values_list(*MISSED))}

    def expected(self) -> dict[str, Any]:
        nothing = (None, None, None)
        return {**super().expected(), "missed": [(*(b.miss or nothing), b.moves) for b in self.model.bookings]}

    @classmethod
    def outcomes(cls) -> set[str]:
        return {*super().outcomes(), *RULES, *CODES}

    @classmethod
    def never_reached(cls) -> set[str]:
        """What the booking machine comes to, it comes to by itself."""
        return {*RULES, *CODES} - cls._came()

    @initialize(
        capacity=capacities,
        price=prices,
        starts_in=starts_in,
        windows=st.sampled_from(WINDOWS),
        story=st.sampled_from(list(STORIES)),
    )
    def begin(self, capacity: int, price: int, starts_in: timedelta, windows: nouns.Windows, story: str) -> None:
        self.plan_session(0, "coach", capacity, price, starts_in, windows)
        for name, said in STORIES[story]:
            self.they_agree()
            if (name in ALWAYS and self.model.bookings) or name == "book_the_newest" or self._any("confirmed"):
                getattr(self, name)(**said)

    @precondition(lambda self: self._any("confirmed"))
    @rule(which=which, host=hosts, how=st.sampled_from(["for", "off"]))
    def cancel_for_somebody(self, which: int, host: str, how: str) -> None:
        booking, row = self._booking(which, "confirmed")
        by = self._host(host, booking.session)
        waiver = "Ill" if how == "off" else ""
        self.both(
            partial(self.model.cancel, booking, by=by, how=how),
            lambda: cancellations.cancel_booking(row, by=self.people[by], for_member=how == "for", waiver=waiver),
        )

    @precondition(lambda self: self._any("confirmed"))
    @rule(completes=st.sampled_from([True, True, False]), then=st.sampled_from(["waive", "came"]), host=hosts)
    def do_not_come(self, completes: bool, then: str, host: str) -> None:
        """Nobody comes to a session; it is completed, and its host lets somebody off, or was mistaken."""
        session = next(booking.session for booking in reversed(self.model.bookings) if booking.state == "confirmed")
        row = self.rows.session(self.model.sessions.index(session))
        self._move_to(max(self.clock.now, session.ends_at))
        absent = self.model.of(session, "confirmed")
        for booking in self.model.of(session, "cancelled")[:1] + absent:
            self._mark(booking, "no_show", session.coach)
            self.they_agree()
        if completes:
            self._complete(session, row, session.coach)
            self.they_agree()
        if then == "waive":
            self._waive(absent[0], self._host(host, session))
        else:
            self._mark(absent[0], "attended", session.coach)

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, host=hosts)
    def waive(self, which: int, host: str) -> None:
        booking, _row = self._booking(which, "no_show")
        self._waive(booking, self._host(host, booking.session))

    def _waive(self, booking: nouns.Booking, by: int) -> None:
        row = self._row(booking)
        self.both(
            partial(self.model.waive, booking, by=by),
            lambda: misses.waive_no_show(row, reason="Ill", by=self.people[by]),
        )

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, to=which, by=somebody)
    def reschedule(self, which: int, to: int, by: int | None) -> None:
        booking, _row = self._booking(which, "confirmed")
        session, _its_row = self._session(to)
        self._reschedule(booking, session, booking.buyer if by is None else by)

    @precondition(lambda self: self._any("confirmed") and len(self.model.sessions) < 6)
    @rule(hours=st.sampled_from([3, 26, 70]), dearer=st.sampled_from([0, 0, 0, 1]), back=st.booleans())
    def go_to_another_session(self, hours: int, dearer: int, back: bool) -> None:
        """Its coach plans another one, at the same price or not, and somebody moves there; perhaps back."""
        booking = next(booking for booking in reversed(self.model.bookings) if booking.state == "confirmed")
        old, planned = booking.session, len(self.model.sessions)
        price = booking.price + dearer
        self.plan_session(COACHES.index(old.coach), "coach", 1, price, timedelta(hours=hours), old.windows)
        self.they_agree()
        if len(self.model.sessions) > planned:
            self._reschedule(booking, self.model.sessions[-1], booking.buyer)
            if back:
                self.they_agree()
                self._reschedule(booking, old, booking.buyer)

    def _reschedule(self, booking: nouns.Booking, to: nouns.Session, by: int) -> None:
        row, target = self._row(booking), self.rows.session(self.model.sessions.index(to))
        self.both(
            partial(self.model.reschedule, booking, to, by=by),
            lambda: rescheduling.reschedule_booking(row, to=target, by=self.people[by]),
        )

    @precondition(lambda self: self._any("confirmed") and len(self.model.sessions) < 6)
    @rule(way=ways)
    def want_to_be_in_two_places(self, way: Any) -> None:
        """The other coach plans something at the same time, and somebody who is taken wants to book it too."""
        booking = next(booking for booking in reversed(self.model.bookings) if booking.state == "confirmed")
        session, other = booking.session, 1 - COACHES.index(booking.session.coach)
        planned = len(self.model.sessions)
        self.plan_session(other, "coach", 1, session.price, session.starts_at - self.clock.now, session.windows)
        self.they_agree()
        if len(self.model.sessions) > planned:
            who, row = booking.participant, self.rows.session(planned)
            self._book(self.model.sessions[planned], row, who, who, way, "right", 1)
