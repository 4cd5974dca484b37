"""A part of the money machine: budgets of sponsors, which pay a part of what those whom they name buy."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.core.days import day_here
from tenpo.orders.actions import sponsorships
from tenpo.orders.actions.policies import ShareTerms
from tests.machines import money_nouns as nouns
from tests.machines.booking_nouns import HOLD
from tests.machines.creators import CreatingMachine
from tests.machines.money import MANY, admins, cards, coaches, members, which
from tests.machines.money_nouns import ADMINS, COACHES, MEMBERS
from tests.machines.money_stories import UNTIL_A_DAY_BEFORE

sponsors = st.sampled_from([ADMINS[1], COACHES[0], MEMBERS[1]])
# Percent, amount, cap.
terms = st.sampled_from([(30, None, None), (100, None, None), (33, None, 1_500), (None, 700, None), (50, None, 0)])
pots = st.sampled_from([None, 1_000, 5_000, 0])
parts_of_each = st.sampled_from([None, None, 2_000])


class SponsoringMachine(CreatingMachine):
    @rule(
        sponsor=sponsors,
        terms=terms,
        pot=pots,
        most=parts_of_each,
        starts=st.sampled_from([0, 0, 24, -1]),
        lasts=st.sampled_from([None, None, 48, 0]),
        by=admins,
    )
    def create_sponsorship(
        self, sponsor: int, terms: tuple[int | None, int | None, int | None], pot: int | None, most: int | None,
        starts: int, lasts: int | None, by: int,
    ) -> None:  # fmt: skip
        begins = self.clock.now + timedelta(hours=starts)
        ends = None if lasts is None else begins + timedelta(hours=lasts)
        wanted = nouns.Sponsorship(sponsor, *terms, pot, most, begins, ends)
        self.do(
            partial(self.model.create_sponsorship, replace(wanted), by=by),
            lambda: sponsorships.create_sponsorship(
                sponsor=self.people[sponsor], name="Employer", terms=ShareTerms(*terms),
                budget=sponsorships.Budget(pot, most), active_from=begins, active_until=ends, by=self.people[by],
            ),
        )  # fmt: skip

    @precondition(lambda self: self.model.sponsorships)
    @rule(
        which=which,
        act=st.sampled_from(["add", "remove", "raise", "end", "pay", "pay"]),
        who=members,
        amount=st.sampled_from([1, 700, 10_000, 0]),
        by=admins,
    )
    def work_on_sponsorship(self, which: int, act: str, who: int, amount: int, by: int) -> None:
        one, row = self._pick("sponsorships", which, lambda one: one.ends is None or one.ends > self.clock.now)
        if act == "remove" and who not in one.spent_for:
            return
        pot, person = (one.pot or 0) + amount, self.people[by]
        predicted, done = {
            "add": (
                partial(self.model.add_sponsored, one, who, by=by),
                lambda: sponsorships.add_sponsored_people(row, [self.people[who].email], by=person),
            ),
            "remove": (
                partial(self.model.remove_sponsored, one, who, by=by),
                lambda: sponsorships.remove_sponsored_person(row.people.get(user=self.people[who]), by=person),
            ),
            "raise": (
                partial(self.model.raise_pot, one, pot, by=by), lambda: sponsorships.raise_pot(row, pot=pot, by=person)
            ),
            "end": (
                partial(self.model.end_sponsorship, one, by=by), lambda: sponsorships.end_sponsorship(row, by=person)
            ),
            "pay": (
                partial(self.model.note_sponsor_payment, one, amount, by=by),
                lambda: sponsorships.record_sponsor_payment(row, amount=amount, received_on=day_here(), by=person),
            ),
        }[act]  # fmt: skip
        self.do(predicted, done)

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        sponsor=sponsors,
        terms=terms,
        pot=pots,
        most=parts_of_each,
        coach=coaches,
        card=cards,
        then=st.sampled_from(["nothing", "lapses", "given up", "called off", "takes place"]),
    )
    def buy_by_a_budget(
        self, sponsor: int, terms: tuple[int | None, int | None, int | None], pot: int | None, most: int | None,
        coach: int, card: str, then: str,
    ) -> None:  # fmt: skip
        """Everybody buys by one budget, which may be used up; what is not paid for, or given up, comes back to it."""
        known = len(self.model.sponsorships)
        self.create_sponsorship(sponsor, terms, pot, most, 0, None, ADMINS[0])
        for member in MEMBERS if len(self.model.sponsorships) > known else ():
            self.work_on_sponsorship(0, "add", member, 0, ADMINS[0])
        self.plan_session(coach, 10_001, 25, UNTIL_A_DAY_BEFORE)
        session = self.model.sessions[-1]
        for member in MEMBERS:
            self._book(session, member, "sandbox", card)
        if then == "lapses":
            self._move_to(self.clock.now + 5 * HOLD)
            self.run_job("release")
            self.they_agree()
            self._book(session, MEMBERS[0], "sandbox", "succeeds")
        elif then == "given up":
            for booking in self.model.of_session(session)[:1]:
                self._cancel(booking, booking.buyer)
        elif then == "called off":
            self._close(session, coach, took_place=False)
        elif then == "takes place":
            self._move_to(max(self.clock.now, session.ends_at))
            self._close(session, coach, took_place=True)
