"""A part of the money machine: what is sold and divided, given up, called off, and what has taken place."""

from datetime import timedelta
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.checkout.actions import buying, settling
from tenpo.orders.actions import splits
from tenpo.schedule.actions import cancellations, lapsing, sessions
from tenpo.schedule.models import Session
from tests.machines import money_nouns as nouns
from tests.machines.booking import WINDOWS
from tests.machines.booking_nouns import Windows
from tests.machines.money import CARDS, MANY, admins, anybody, cards, coaches, members, prices, shares, somebody, which
from tests.machines.money_nouns import ADMINS, COACHES, MEMBERS
from tests.machines.wallets import FillingMachine

windows = st.sampled_from(WINDOWS)
creators = st.sampled_from([None, None, *COACHES])
services = st.sampled_from([None, None, *nouns.SERVICES])


class SellingMachine(FillingMachine):
    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        price=prices,
        starts_in=st.sampled_from([2, 25, 50]),
        windows=windows,
        creator=creators,
        service=services,
    )
    def plan_session(
        self, coach: int, price: int, starts_in: int, windows: Windows, creator: int | None = None,
        service: int | None = None,
    ) -> None:  # fmt: skip
        ends = [session.ends_at for session in self.model.sessions if coach in session.coaches]
        starts_at = max([*ends, self.clock.now + timedelta(hours=starts_in)])
        by = self.people[coach if creator in (None, coach) else ADMINS[0]]

        def plan() -> None:
            session = sessions.create_session(
                self.people[coach], by=by, title="Session", place="Room 1", time_zone="Europe/Berlin",
                starts_at=starts_at, minutes=60, capacity=8, price=price, cancellation_policy=self.windows[windows],
                creator=None if creator is None else self.people[creator],
            )  # fmt: skip
            if service is not None:
                # As a time that is booked of it would be, which takes its coach's hours and a place.
                Session.objects.filter(pk=session.pk).update(service=self.services[service])

        planned = nouns.Session([coach], starts_at, price, windows, creator, service)
        self.do(partial(self.model.plan_session, planned), plan)

    @precondition(lambda self: self.model.sessions)
    @rule(
        which=which,
        by=st.one_of(members, anybody),
        way=st.one_of(st.tuples(st.just("sandbox"), cards), st.just(("", ""))),
        more=st.sampled_from([0, 0, 0, None, 1]),
        uses_wallet=st.sampled_from([True, True, True, False]),
    )
    def book(self, which: int, by: int, way: tuple[str, str], more: int | None, uses_wallet: bool) -> None:
        """The buyer saw what is left to pay, or nothing, or another price."""
        session, _row = self._session(which)
        own = self.model.quote(session, by, uses_wallet=uses_wallet).own
        self._book(session, by, *way, agreed=None if more is None else own + more, uses_wallet=uses_wallet)

    def _book(
        self, session: nouns.Session, by: int, provider: str, card: str, *, agreed: int | None = None,
        uses_wallet: bool = True,
    ) -> None:  # fmt: skip
        row, who = self.rows.row("sessions", self.model.sessions.index(session)), self.people[by]
        self.do(
            partial(
                self.model.book, session, by=by, provider=provider, card=card, agreed=agreed, uses_wallet=uses_wallet
            ),
            lambda: buying.book_session(
                row, participant=who.participant, by=who, provider=provider, source=CARDS.get(card, ""),
                agreed=agreed, use_wallet=uses_wallet,
            ),
        )  # fmt: skip

    @precondition(lambda self: self.model.bookings)
    @rule(which=which, by=somebody)
    def cancel(self, which: int, by: int | None) -> None:
        booking, _row = self._pick("bookings", which, lambda booking: booking.state != "cancelled")
        self._cancel(booking, booking.buyer if by is None else by)

    def _cancel(self, booking: nouns.Booking, by: int) -> None:
        row = self.rows.row("bookings", self.model.bookings.index(booking))
        self.do(
            partial(self.model.cancel, booking, by=by),
            lambda: cancellations.cancel_booking(row, by=self.people[by]),
        )

    @precondition(lambda self: self.model.sessions)
    @rule(which=which, by=somebody, took_place=st.booleans())
    def close_session(self, which: int, by: int | None, took_place: bool) -> None:
        session, _row = self._session(which)
        self._close(session, session.coach if by is None else by, took_place=took_place)

    def _close(self, session: nouns.Session, by: int, *, took_place: bool) -> None:
        row = self.rows.row("sessions", self.model.sessions.index(session))
        if took_place:
            predicted = partial(self.model.complete_session, session, by=by)
            self.do(predicted, lambda: sessions.complete_session(row, by=self.people[by]))
        else:
            predicted = partial(self.model.cancel_session, session, by=by)
            self.do(predicted, lambda: cancellations.cancel_session(row, reason="Ill", by=self.people[by]))

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        price=prices,
        windows=windows,
        card=cards,
        again=st.booleans(),
        hours=st.sampled_from([1, 25, 49]),
        by=st.sampled_from(["buyer", "coach", "admin", "nobody", "all"]),
    )
    def buy_and_give_up(
        self, coach: int, price: int, windows: Windows, card: str, again: bool, hours: int, by: str
    ) -> None:
        """Everybody wants a session, some of them twice; some hours before it somebody gives up."""
        self.plan_session(coach, price, 50, windows)
        session = self.model.sessions[-1]
        for member in (*MEMBERS, *MEMBERS[:again]):
            # Whoever saw another price sees that first.
            for wrong in (1, 0)[not again :]:
                own = self.model.quote(session, member, uses_wallet=True).own
                self._book(session, member, "sandbox", card, agreed=own + wrong)
        if again:
            self._close(session, coach, took_place=True)
        self._move_to(max(self.clock.now, session.starts_at - timedelta(hours=hours)))
        if by == "all":
            self._close(session, coach, took_place=False)
        for booking in self.model.of_session(session)[:1]:
            self._cancel(booking, {"buyer": booking.buyer, "coach": coach, "nobody": MEMBERS[1]}.get(by, ADMINS[0]))

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(coach=coaches, price=prices, card=cards, is_late=st.booleans())
    def teach(self, coach: int, price: int, card: str, is_late: bool) -> None:
        """Everybody buys a session, and it takes place."""
        self._teach(coach, price, card, is_late=is_late)

    def _teach(self, coach: int, price: int, card: str, *, is_late: bool = False) -> nouns.Session:
        self.plan_session(coach, price, 2, WINDOWS[2])
        session = self.model.sessions[-1]
        for member in MEMBERS:
            self._book(session, member, "sandbox", card)
        self._move_to(max(self.clock.now, session.ends_at))
        if not is_late:
            self.run_job("release")
            self.they_agree()
        self._close(session, coach, took_place=True)
        if is_late:
            self._close(session, coach, took_place=False)
        return session

    @rule(
        by=admins,
        coach=st.sampled_from([None, None, *COACHES]),
        taught_by=st.sampled_from(["", "", "creator", "other"]),
        place=st.sampled_from([100, 100, 1]),
        percents=shares,
        starts=st.sampled_from([0, 0, 0, 24, -1]),
        lasts=st.sampled_from([None, None, 48, 0]),
        kind=st.sampled_from(["", "", "session"]),
        service=st.sampled_from([None, None, None, *nouns.SERVICES]),
    )
    def decide_split_rule(
        self, by: int, coach: int | None, taught_by: str, place: int, percents: tuple[int, int, int], starts: int,
        lasts: int | None, kind: str = "", service: int | None = None,
    ) -> None:  # fmt: skip
        begins = self.clock.now + timedelta(hours=starts)
        ends = None if lasts is None else begins + timedelta(hours=lasts)
        business, creator, teacher = percents
        wanted = nouns.SplitRule(coach, taught_by, place, percents, begins, ends, kind, service)
        self.both(
            partial(self.model.decide_split_rule, wanted, by=by),
            lambda: self.split_rules.append(
                splits.create_split_rule(
                    name="Rule", business_percent=business, creator_percent=creator, teacher_percent=teacher,
                    by=self.people[by], coach=None if coach is None else self.people[coach], taught_by=taught_by,
                    place=place, active_from=begins, active_until=ends, kind=kind,
                    offered_id=None if service is None else self.services[service].pk,
                )
            ),
        )  # fmt: skip

    @precondition(lambda self: self.split_rules)
    @rule(which=which, by=admins)
    def end_split_rule(self, which: int, by: int) -> None:
        index = -1 - which % len(self.split_rules)
        self.both(
            partial(self.model.end_split_rule, self.model.split_rules[index], by=by),
            lambda: splits.end_split_rule(self.split_rules[index], by=self.people[by]),
        )

    @rule(job=st.sampled_from(["release", "reconcile", "complete"]))
    def run_job(self, job: str) -> None:
        predicted, done = {
            "release": (partial(self.model.release_lapsed), lapsing.release_lapsed_everywhere),
            "reconcile": (partial(self.model.reconcile), settling.reconcile_payments),
            "complete": (partial(self.model.complete_past_sessions), sessions.complete_past_sessions),
        }[job]
        self.both(predicted, done)

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(owner=members, amount=st.sampled_from([1, 700]), price=prices)
    def take_back_what_may_be_spent(self, owner: int, amount: int, price: int) -> None:
        self.give_money(owner, amount, ADMINS[0])
        self.plan_session(COACHES[0], price, 25, WINDOWS[0])
        self._book(self.model.sessions[-1], owner, "sandbox", "succeeds")
        self.take_back_grant(0, ADMINS[1])
