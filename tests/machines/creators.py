"""A part of the money machine: who gives what is sold, and who made it, also once it is sold."""

from functools import partial
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tenpo.schedule.actions import seats, sessions
from tests.machines import money_nouns as nouns
from tests.machines.booking import WINDOWS
from tests.machines.money import MANY, cards, coaches, prices, somebody, which
from tests.machines.money_nouns import ADMINS, COACHES, MEMBERS
from tests.machines.sales import SellingMachine, creators, services

# Who gives it from now on: somebody else alone, the other one as well, or its lead alone.
ACTS = ("stands in", "joins", "leaves")


class CreatingMachine(SellingMachine):
    @precondition(lambda self: self.model.sessions)
    @rule(which=which, creator=st.sampled_from([None, *COACHES]), by=somebody)
    def name_creator(self, which: int, creator: int | None, by: int | None) -> None:
        session, _row = self._session(which)
        self._name_creator(session, creator, ADMINS[0] if by is None else by)

    def _name_creator(self, session: nouns.Session, creator: int | None, by: int) -> None:
        row = self._session_row(session)
        person = None if creator is None else self.people[creator]
        self.do(
            partial(self.model.name_creator, session, creator, by=by),
            lambda: sessions.edit_session(row, by=self.people[by], creator=person),
        )

    @precondition(lambda self: self.model.sessions)
    @rule(which=which, act=st.sampled_from(ACTS), by=somebody)
    def hand_over(self, which: int, act: str, by: int | None) -> None:
        session, _row = self._session(which)
        self._hand_over(session, act, session.coach if by is None else by)

    def _hand_over(self, session: nouns.Session, act: str, by: int) -> None:
        """Another one stands in as the system has it; who gives it together is said by its lead, or an admin."""
        row = self._session_row(session)
        others = [coach for coach in COACHES if coach != session.coach]
        if act == "stands in":
            self.do(partial(self.model.stand_in, session, others), lambda: self._stand_in(row, others))
            return
        beside = others if act == "joins" else []
        self.do(
            partial(self.model.name_beside, session, beside, by=by),
            lambda: sessions.edit_session(row, by=self.people[by], beside=[self.people[one] for one in beside]),
        )

    def _stand_in(self, row: Any, coach_ids: list[int]) -> None:
        with transaction.atomic():
            session = seats.lock_session(row.pk)
            sessions.change_session(session, {"coach_ids": [self.people[one].pk for one in coach_ids]}, by=None)

    def _session_row(self, session: nouns.Session) -> Any:
        return self.rows.row("sessions", self.model.sessions.index(session))

    @precondition(lambda self: len(self.model.sessions) < MANY)
    @rule(
        coach=coaches,
        creator=creators,
        service=services,
        price=prices,
        card=cards,
        has_own_rules=st.booleans(),
        acts=st.lists(st.sampled_from([*ACTS, "maker", "other", "nobody", "ends", "back"]), max_size=3),
        buyer=st.sampled_from([None, None, *COACHES]),
        took_place=st.sampled_from([True, True, False]),
    )
    def sell_what_somebody_made(
        self, coach: int, creator: int | None, service: int | None, price: int, card: str, has_own_rules: bool,
        acts: list[str], buyer: int | None, took_place: bool,
    ) -> None:  # fmt: skip
        """By rules for whoever made it and teaches it, and for others; then others give it, or are said to have made
        it, and some of it goes back, before it takes place.
        """
        kind, of = ("session", service) if has_own_rules else ("", None)
        for taught_by, percents in (("creator", (15, 85, 0)), ("other", (15, 15, 70))):
            self.decide_split_rule(ADMINS[0], None, taught_by, 100, percents, 0, None, kind, of)
            self.they_agree()
        self.plan_session(coach, price, 25, WINDOWS[2], creator, service)
        session = self.model.sessions[-1]
        for who in (*MEMBERS, *([] if buyer is None else [buyer])):
            self._book(session, who, "sandbox", card)
        named = {"maker": session.coach, "other": COACHES[session.coach == COACHES[0]], "nobody": None}
        for act in acts:
            if act in ACTS:
                self._hand_over(session, act, ADMINS[1])
            elif act in named:
                self._name_creator(session, named[act], ADMINS[0])
            elif act == "ends":
                self.end_split_rule(1, ADMINS[0])
            else:
                self._give_back_some(session)
        if took_place:
            self._move_to(max(self.clock.now, session.ends_at))
        self._close(session, session.coach, took_place=took_place)

    def _give_back_some(self, session: nouns.Session) -> None:
        """Of one place of a session some goes back; which the machine of refunds knows how to."""
        raise NotImplementedError
