"""The booking machine: three members, an admin and two coaches do to Tenpo and to the model whatever comes to mind.

A new rule is one method here (what is done to both) and one in the model (what must come of it), which lists it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tenpo.access.actions.idempotency import Answer, Call, run_once
from tenpo.checkout.actions import buying, settling
from tenpo.checkout.actions.paying_again import pay_booking
from tenpo.core.business import forget_business
from tenpo.core.models import Business as BusinessRow
from tenpo.core.tests.make import make_account_to_pay_to
from tenpo.orders.actions import policies
from tenpo.orders.models import SharePolicy
from tenpo.orders.tests.make import make_cancellation_policy, make_credit
from tenpo.payments.models import Payment, SandboxCharge
from tenpo.payments.providers import sandbox
from tenpo.people.models import Participant, Role
from tenpo.schedule.actions import attendance, cancellations, lapsing, sessions, waitlist
from tenpo.schedule.models import Booking, Session
from tests.machines import booking_nouns as nouns
from tests.machines.booking_model import CODES, RULES, Business
from tests.machines.booking_nouns import ADMIN, COACHES, MEMBERS
from tests.machines.booking_rows import Rows, expected_of, newest
from tests.machines.machine import START, Machine, code_of, make_people

WINDOWS: list[nouns.Windows] = [((48, 100), (24, 50), (0, 0)), ((1, 33), (0, 10)), ((0, 100),)]
CARDS = {
    "succeeds": sandbox.SUCCEEDS,
    "declined": sandbox.DECLINED,
    "asks": sandbox.NEEDS_CONFIRMATION,
    "late": sandbox.SUCCEEDS_LATE,
    "silent": sandbox.NEVER_ANSWERS,
}

everybody = st.sampled_from([*MEMBERS, ADMIN, *COACHES])
members = st.sampled_from(MEMBERS)
# Mostly who may, now and then somebody who may not.
hosts = st.sampled_from(["coach", "coach", "coach", "coach", "admin", "admin", "other coach", "member"])
somebody = st.sampled_from([*[None] * 24, *MEMBERS, ADMIN, *COACHES])
ways = st.sampled_from([*[("sandbox", card) for card in CARDS], ("payroll", ""), ("transfer", ""), ("", "")])
agreements = st.sampled_from(["right", "right", "right", "unsaid", "wrong"])
# Counted from the newest, so that small numbers are what matters most.
which = st.integers(0, 7)
prices = st.sampled_from([0, 1, 999, 3_000, 10_001])
capacities = st.sampled_from([1, 1, 1, 2, 3])
starts_in = st.sampled_from([50, 24 * 20, 25, 2]).map(lambda hours: timedelta(hours=hours))
terms = st.one_of(
    st.fixed_dictionaries(
        {"percent": st.sampled_from([1, 33, 50, 100]), "cap": st.none() | st.sampled_from([1, 1_500])}
    ),
    st.fixed_dictionaries({"amount": st.sampled_from([1, 1_000, 20_000])}),
)


class BookingMachine(Machine):
    seed = 3
    rows: Rows  # read anew after each step

    def __init__(self) -> None:
        super().__init__()
        self.model = Business(START)
        make_account_to_pay_to()
        BusinessRow.objects.update(
            hold_minutes=nouns.HOLD // timedelta(minutes=1),
            manual_hold_days=nouns.HOLD_BY_HAND.days,
            offer_hours=nouns.OFFER // timedelta(hours=1),
            credit_months=nouns.CREDIT_MONTHS,
        )
        forget_business()
        self.people = make_people(*(None for _ in MEMBERS), Role.ADMIN, *(Role.COACH for _ in COACHES))
        self.windows = {windows: make_cancellation_policy(*windows) for windows in WINDOWS}
        self.shares: list[SharePolicy] = []

    @classmethod
    def outcomes(cls) -> set[str]:
        return {*RULES, *CODES}

    def found(self) -> dict[str, Any]:
        self.rows = Rows()
        return self.rows.found(self.people)

    def expected(self) -> dict[str, Any]:
        return expected_of(self.model)

    # What is there at first

    @initialize(
        credits=st.lists(st.tuples(members, st.sampled_from([1, 700, 5_000]), st.integers(1, 3)), max_size=4),
        capacity=capacities,
        price=prices,
        starts_in=starts_in,
        windows=st.sampled_from(WINDOWS),
    )
    def begin(self, credits: Any, capacity: int, price: int, starts_in: timedelta, windows: nouns.Windows) -> None:
        for owner, amount, days in credits:
            make_credit(self.people[owner], amount, expires_in_days=days)
            self.predict(partial(self.model.earlier_payment, owner, amount, START + timedelta(days=days)))
        self.plan_session(0, "coach", capacity, price, starts_in, windows)

    # Time

    @rule(by=st.sampled_from([timedelta(minutes=2), timedelta(minutes=16), timedelta(hours=5), timedelta(hours=30)]))
    def wait(self, by: timedelta) -> None:
        self._move_to(self.clock.now + by)

    @rule(which=st.integers(0, 4), seconds=st.sampled_from([-1, 0, 1]))
    def wait_until_something_ends(self, which: int, seconds: int) -> None:
        moments = self.model.moments()
        if moments:
            at = moments[which % len(moments)] + timedelta(seconds=seconds)
            self._move_to(max(at, self.clock.now))

    def _move_to(self, at: datetime) -> None:
        self.clock.move_to(at)
        self.model.now = at

    # Sessions

    @precondition(lambda self: len(self.model.sessions) < 6)
    @rule(
        coach=st.integers(0, 1),
        host=hosts,
        capacity=capacities,
        price=prices,
        starts_in=starts_in,
        windows=st.sampled_from(WINDOWS),
    )
    def plan_session(
        self, coach: int, host: str, capacity: int, price: int, starts_in: timedelta, windows: nouns.Windows
    ) -> None:
        starts_at = self.clock.now + starts_in
        wanted = nouns.Session(COACHES[coach], starts_at, 60, capacity, price, windows)
        by = self._host(host, wanted)
        self.both(
            partial(self.model.plan_session, wanted, by=by),
            lambda: sessions.create_session(
                self.people[wanted.coach],
                by=self.people[by],
                title="Session",
                place="Room 1",
                time_zone="Europe/Berlin",
                starts_at=starts_at,
                minutes=60,
                capacity=capacity,
                price=price,
                cancellation_policy=self.windows[windows],
            ),
        )

    @rule(
        which=which,
        host=hosts,
        changes=st.one_of(
            st.fixed_dictionaries({"capacity": capacities}),
            st.fixed_dictionaries({"price": prices}),
            st.fixed_dictionaries({"windows": st.sampled_from(WINDOWS)}),
            st.fixed_dictionaries({"later": st.sampled_from([-24 * 21, -24, -1, 1, 30])}),
        ),
    )
    def edit_session(self, which: int, host: str, changes: dict[str, Any]) -> None:
        session, row = self._session(which)
        by = self._host(host, session)
        wanted, changed = dict(changes), dict(changes)
        if "later" in changes:
            wanted = changed = {"starts_at": session.starts_at + timedelta(hours=changes["later"])}
        if "windows" in changes:
            changed = {"cancellation_policy": self.windows[changes["windows"]]}
        self.both(
            partial(self.model.edit_session, session, by=by, **wanted),
            lambda: sessions.edit_session(row, by=self.people[by], **changed),
        )

    @rule(moves=st.booleans(), ago=st.sampled_from([timedelta(), timedelta(seconds=1), timedelta(days=1)]))
    def choose_a_time_that_is_over(self, moves: bool, ago: timedelta) -> None:
        """For another session, or for one that was to come."""
        if not moves:
            self.plan_session(0, "coach", 1, 999, -ago, WINDOWS[0])
            return
        session, row = self._session(0)
        starts_at = self.clock.now - ago
        self.both(
            partial(self.model.edit_session, session, by=ADMIN, starts_at=starts_at),
            lambda: sessions.edit_session(row, by=self.people[ADMIN], starts_at=starts_at),
        )

    @rule(which=which)
    def shrink_below_what_is_taken(self, which: int) -> None:
        """Where two seats or more are taken; else by as much as can be."""
        session, row = self._session(which)
        capacity = max(1, self.model.taken(session) - 1)
        self.both(
            partial(self.model.edit_session, session, by=ADMIN, capacity=capacity),
            lambda: sessions.edit_session(row, by=self.people[ADMIN], capacity=capacity),
        )

    @rule(which=which, host=hosts, took_place=st.booleans())
    def close_session(self, which: int, host: str, took_place: bool) -> None:
        session, row = self._session(which)
        by = self._host(host, session)
        if took_place:
            self._complete(session, row, by)
        else:
            self._call_off(session, row, by)

    def _call_off(self, session: nouns.Session, row: Session, by: int) -> None:
        self.both(
            partial(self.model.cancel_session, session, by=by),
            lambda: cancellations.cancel_session(row, reason="Ill", by=self.people[by]),
        )

    def _complete(self, session: nouns.Session, row: Session, by: int) -> None:
        self.both(
            partial(self.model.complete_session, session, by=by),
            lambda: sessions.complete_session(row, by=self.people[by]),
        )

    @precondition(lambda self: self._any("confirmed") and len(self.model.sessions) < 6)
    @rule(came=st.booleans(), is_late=st.sampled_from([False, False, True]))
    def meet(self, came: bool, is_late: bool) -> None:
        """A session takes place, and its coach notes who came, in time or too late; then plans the next one."""
        session = next(booking.session for booking in reversed(self.model.bookings) if booking.state == "confirmed")
        row = self.rows.session(self.model.sessions.index(session))
        over_at = session.ends_at + (nouns.ATTENDANCE_OPEN + timedelta(seconds=1)) * is_late
        self._move_to(max(self.clock.now, over_at))
        self._mark_all(session, row, session.coach)
        for booking in self.model.of(session, "confirmed", "attended")[:1]:
            self._mark(booking, "attended" if came else "no_show", session.coach)
        self._complete(session, row, session.coach)
        self._call_off(session, row, session.coach)
        self.plan_session(0, "coach", 1, session.price, timedelta(hours=50), session.windows)

    # Booking

    @rule(
        which=which,
        participant=members,
        by_admin=st.sampled_from([False, False, False, True]),
        way=ways,
        agreed=agreements,
        sent=st.integers(1, 2),
    )
    def book(self, which: int, participant: int, by_admin: bool, way: Any, agreed: str, sent: int) -> None:
        session, row = self._session(which)
        self._book(session, row, participant, ADMIN if by_admin else participant, way, agreed, sent)

    @rule(participant=members, way=st.sampled_from([("sandbox", "succeeds"), ("transfer", ""), ("sandbox", "late")]))
    def book_the_newest(self, participant: int, way: Any) -> None:
        """What is done most, so that seats become scarce."""
        session, row = self._session(0)
        self._book(session, row, participant, participant, way, "right", 1)

    @rule(participant=members)
    def get_in_somehow(self, participant: int) -> None:
        """Book the newest session or, where it is full, stand in line for it."""
        session, row = self._session(0)
        self._get_in(session, row, participant, ("sandbox", "declined"))

    def _get_in(self, session: nouns.Session, row: Session, participant: int, way: Any) -> None:
        if self.model.taken(session) < session.capacity:
            self._book(session, row, participant, participant, way, "right", 1)
        else:
            self._join(session, row, participant, participant)

    @rule(
        then=st.sampled_from(["take", "take", "decline", "lapse"]),
        way=st.sampled_from([("sandbox", "succeeds"), ("sandbox", "late"), ("transfer", "")]),
    )
    def pass_a_seat_on(self, then: str, way: Any) -> None:
        """Everybody wants the newest session; one gives the seat back, and the next in line takes it or does not."""
        session, row = self._session(0)
        for member in MEMBERS:
            self._get_in(session, row, member, ("sandbox", "succeeds"))
            self.they_agree()
        for booking in self.model.of(session, "held", "confirmed")[:1]:
            self._cancel(booking)
            self.they_agree()
        for booking in self.model.of(session, "offered")[:1]:
            if then == "take":
                self._take_offer(booking, booking.buyer, way, "right")
            elif then == "decline":
                self._cancel(booking)
            else:
                assert booking.held_until
                self._move_to(max(booking.held_until, self.clock.now))
                self.run_job("release")

    @rule(which=which, participant=members, by=everybody, way=ways)
    def book_for_somebody(self, which: int, participant: int, by: int, way: Any) -> None:
        session, row = self._session(which)
        self._book(session, row, participant, by, way, "unsaid", 1)

    def _book(
        self, session: nouns.Session, row: Session, participant: int, by: int, way: Any, agreed: str, sent: int
    ) -> None:
        """However often one request is sent under one key, it counts once and is answered the same."""
        provider, card = way
        own = self._agreed(agreed, session, by)
        key = uuid4().hex

        def work(call: Call) -> Answer:
            code = code_of(
                lambda: buying.book_session(
                    row,
                    participant=self._participant(participant),
                    by=self.people[by],
                    provider=provider,
                    source=CARDS.get(card, ""),
                    agreed=own,
                    call=call,
                )
            )
            return Answer(409 if code else 201, code)

        answers = [run_once(actor=self.people[by], route="book", key=key, body=b"", work=work) for _ in range(sent)]
        expected = self.predict(
            partial(self.model.book, session, participant, by=by, provider=provider, card=card, agreed=own)
        )
        assert [answer.body for answer in answers] == [expected] * sent
        assert [answer.replayed for answer in answers] == [False, True][:sent]

    @rule(which=which, participant=members, by_admin=st.booleans())
    def join_waitlist(self, which: int, participant: int, by_admin: bool) -> None:
        session, row = self._session(which)
        self._join(session, row, participant, ADMIN if by_admin else participant)

    def _join(self, session: nouns.Session, row: Session, participant: int, by: int) -> None:
        self.both(
            partial(self.model.join_waitlist, session, participant, by=by),
            lambda: waitlist.join_waitlist(row, participant=self._participant(participant), by=self.people[by]),
        )

    @precondition(lambda self: self._any("waitlisted", "offered"))
    @rule(which=which, by=somebody, way=ways, agreed=agreements)
    def take_offer(self, which: int, by: int | None, way: Any, agreed: str) -> None:
        booking, _row = self._booking(which, "offered")
        self._take_offer(booking, booking.buyer if by is None else by, way, agreed)

    def _take_offer(self, booking: nouns.Booking, buyer: int, way: Any, agreed: str) -> None:
        row = self._row(booking)
        provider, card = way
        own = self._agreed(agreed, booking.session, buyer)
        self.both(
            partial(self.model.take_offer, booking, by=buyer, provider=provider, card=card, agreed=own),
            lambda: buying.take_offer(
                row, by=self.people[buyer], provider=provider, source=CARDS.get(card, ""), agreed=own
            ),
        )

    @precondition(lambda self: self._any("held"))
    @rule(which=which, by=somebody, way=ways)
    def pay_again(self, which: int, by: int | None, way: Any) -> None:
        booking, _row = self._booking(which, "held")
        self._pay_again(booking, booking.buyer if by is None else by, way)

    @rule(participant=members, way=ways)
    def pay_while_the_bank_thinks(self, participant: int, way: Any) -> None:
        """Book, and pay once more before the bank has said what became of the first payment."""
        session, row = self._session(0)
        self._book(session, row, participant, participant, ("sandbox", "late"), "right", 1)
        self.they_agree()
        for booking in self.model.of(session, "held")[-1:]:
            self._pay_again(booking, booking.buyer, way)

    @rule(participant=members, way=ways)
    def pay_when_the_seat_is_gone(self, participant: int, way: Any) -> None:
        """Book with a card that is declined, and come back too late."""
        session, row = self._session(0)
        self._book(session, row, participant, participant, ("sandbox", "declined"), "right", 1)
        self.they_agree()
        for booking in self.model.of(session, "held")[-1:]:
            assert booking.held_until
            self._move_to(max(booking.held_until, self.clock.now))
            self._pay_again(booking, booking.buyer, way)

    def _pay_again(self, booking: nouns.Booking, buyer: int, way: Any) -> None:
        row = self._row(booking)
        provider, card = way
        self.both(
            partial(self.model.pay_again, booking, by=buyer, provider=provider, card=card),
            lambda: pay_booking(row, by=self.people[buyer], provider=provider, source=CARDS.get(card, "")),
        )

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, by=somebody)
    def cancel(self, which: int, by: int | None) -> None:
        booking, row = self._booking(which, "waitlisted", *nouns.SEATED)
        who = booking.buyer if by is None else by
        self.both(
            partial(self.model.cancel, booking, by=who),
            lambda: cancellations.cancel_booking(row, by=self.people[who]),
        )

    @precondition(lambda self: self._any("waitlisted"))
    @rule(which=which)
    def give_up_a_wanted_seat(self, which: int) -> None:
        """So that offers are made."""
        waiting, _row = self._booking(0, "waitlisted")
        seated = self.model.of(waiting.session, *nouns.SEATED)
        if seated:  # none is, where all gave up a session that has begun
            self._cancel(seated[which % len(seated)])

    def _cancel(self, booking: nouns.Booking) -> None:
        row = self._row(booking)
        self.both(
            partial(self.model.cancel, booking, by=booking.buyer),
            lambda: cancellations.cancel_booking(row, by=self.people[booking.buyer]),
        )

    # Money

    @precondition(lambda self: any(payment.at_bank for payment in self.model.payments))
    @rule(which=which, succeeds=st.booleans())
    def bank_decides(self, which: int, succeeds: bool) -> None:
        payment, row = self._payment(which, lambda payment: bool(payment.at_bank))
        charge = SandboxCharge.objects.get(key=str(row.pk))
        self.both(
            partial(self.model.decide, payment, succeeds=succeeds),
            lambda: settling.decide_sandbox_charge(charge.pk, succeeds=succeeds),
        )

    @precondition(lambda self: self.model.payments)
    @rule(which=which, by=st.sampled_from([*[ADMIN] * 6, 0, COACHES[0]]))
    def mark_paid(self, which: int, by: int) -> None:
        payment, row = self._payment(which, lambda payment: payment.provider in nouns.BY_HAND or which == 7)
        self.both(
            partial(self.model.mark_paid, payment, by=by),
            lambda: settling.mark_paid(row, by=self.people[by]),
        )

    @rule(
        by=st.sampled_from([*[ADMIN] * 7, 0]),
        coach=st.sampled_from([None, *COACHES]),
        starts=st.sampled_from([0, 0, 0, 0, 24, -1]),
        lasts=st.sampled_from([None, None, None, 48, 0]),
        terms=terms,
    )
    def decide_share(self, by: int, coach: int | None, starts: int, lasts: int | None, terms: dict[str, Any]) -> None:
        active_from = self.clock.now + timedelta(hours=starts)
        active_until = None if lasts is None else active_from + timedelta(hours=lasts)
        share = nouns.Share(
            coach, terms.get("percent"), terms.get("amount"), terms.get("cap"), active_from, active_until
        )
        self.both(
            partial(self.model.decide_share, share, by=by),
            lambda: self.shares.append(
                policies.create_share_policy(
                    name="Share",
                    terms=policies.ShareTerms(**terms),
                    by=self.people[by],
                    coach=None if coach is None else self.people[coach],
                    active_from=active_from,
                    active_until=active_until,
                )
            ),
        )

    @precondition(lambda self: self.shares)
    @rule(which=which, by=st.sampled_from([*[ADMIN] * 7, 0]))
    def end_share(self, which: int, by: int) -> None:
        index = -1 - which % len(self.shares)
        self.both(
            partial(self.model.end_share, self.model.shares[index], by=by),
            lambda: policies.end_share_policy(self.shares[index], by=self.people[by]),
        )

    # Who came

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, host=hosts, state=st.sampled_from(["attended", "no_show", "confirmed"]))
    def mark(self, which: int, host: str, state: str) -> None:
        booking, _row = self._booking(which, "confirmed", "attended", "no_show")
        self._mark(booking, state, self._host(host, booking.session))

    def _mark(self, booking: nouns.Booking, state: str, by: int) -> None:
        row = self._row(booking)
        self.both(
            partial(self.model.mark, booking, state, by=by),
            lambda: attendance.mark_attendance(row, state=Booking.State(state), by=self.people[by]),
        )

    @rule(which=which, host=hosts)
    def mark_all(self, which: int, host: str) -> None:
        session, row = self._session(which)
        self._mark_all(session, row, self._host(host, session))

    def _mark_all(self, session: nouns.Session, row: Session, by: int) -> None:
        self.both(
            partial(self.model.mark_all, session, by=by),
            lambda: attendance.mark_all_attended(row, by=self.people[by]),
        )

    @rule(job=st.sampled_from(["release", "reconcile", "complete"]))
    def run_job(self, job: str) -> None:
        predicted, done = {
            "release": (partial(self.model.release_lapsed), lapsing.release_lapsed_everywhere),
            "reconcile": (partial(self.model.reconcile), settling.reconcile_payments),
            "complete": (partial(self.model.complete_past_sessions), sessions.complete_past_sessions),
        }[job]
        self.both(predicted, done)

    # Who and what is meant

    def _any(self, *states: str) -> bool:
        return any(booking.state in states for booking in self.model.bookings)

    def _host(self, host: str, session: nouns.Session) -> int:
        other = next(coach for coach in COACHES if coach != session.coach)
        return {"coach": session.coach, "admin": ADMIN, "other coach": other, "member": MEMBERS[0]}[host]

    def _participant(self, member: int) -> Participant:
        return self.people[member].participant

    def _session(self, which: int) -> tuple[nouns.Session, Session]:
        """Mostly one that can be booked, if there is any."""
        upcoming = [s.status == "planned" and s.starts_at > self.clock.now for s in self.model.sessions]
        index = newest(upcoming, which) if which < 6 else which % len(upcoming)
        return self.model.sessions[index], self.rows.session(index)

    def _booking(self, which: int, *states: str) -> tuple[nouns.Booking, Booking]:
        """Mostly one of the bookings in these states, if there are any; else one of all."""
        index = newest([booking.state in states or which == 7 for booking in self.model.bookings], which)
        return self.model.bookings[index], self.rows.booking(index)

    def _row(self, booking: nouns.Booking) -> Booking:
        return self.rows.booking(self.model.bookings.index(booking))

    def _payment(self, which: int, wanted: Callable[[nouns.Payment], bool]) -> tuple[nouns.Payment, Payment]:
        index = newest([wanted(payment) for payment in self.model.payments], which)
        return self.model.payments[index], self.rows.payment(index)

    def _agreed(self, agreed: str, session: nouns.Session, buyer: int) -> int | None:
        """What the buyer saw: what the model says, another price, or nothing."""
        _company, _spent, own = self.model.quote(session, buyer)
        return {"right": own, "wrong": own + 1, "unsaid": None}[agreed]
