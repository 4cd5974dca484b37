"""The rules of who earns what, in plain Python: by what is sold, by who teaches it and who made it, and anew later."""

from collections.abc import Collection, Sequence
from datetime import datetime

from tests.machines.booking_nouns import largest_remainder
from tests.machines.machine import Refused
from tests.machines.money_model import Money
from tests.machines.money_nouns import ADMINS, Session, Split, SplitRule

# What must come of it in some run of the machine, with what stands in `payout_model`.
RULES = ("decide_split_rule", "end_split_rule", "name_creator", "name_beside", "stand_in")
CODES = ("coach_taken", "takes_part")


class Splits(Money):
    """Who gives what is sold, and how it is divided between those who teach it, whoever made it, and the business."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.split_rules: list[SplitRule] = []

    # The rules

    def decide_split_rule(self, rule: SplitRule, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if sum(rule.percents) != 100 or (rule.service is not None and not rule.kind):
            raise Refused("invalid")
        if rule.starts < self.now:
            raise Refused("starts_in_past")
        if rule.ends is not None and rule.ends <= rule.starts:
            raise Refused("ends_too_early")
        self.split_rules.append(rule)

    def end_split_rule(self, rule: SplitRule, *, by: int) -> None:
        if by not in ADMINS:
            raise Refused("forbidden")
        if rule.ends is not None and rule.ends <= max(self.now, rule.starts):
            raise Refused("over")
        rule.ends = max(self.now, rule.starts)

    def rule_for(self, session: Session, at: datetime) -> SplitRule | None:
        """The lead's own rule before one for all, one for a service before one for a kind before one for anything, then
        the lower place, then what began last, then the newest.
        """
        whom = "creator" if session.is_given_by_its_creator else "other"
        holding = [
            (
                rule.coach is None, rule.service is None, not rule.kind, rule.place, -rule.starts.timestamp(), -number,
                rule,
            )
            for number, rule in enumerate(self.split_rules)
            if rule.holds(at)
            if rule.coach in (None, session.coach) and rule.service in (None, session.service)
            if rule.taught_by in ("", whom)
        ]  # fmt: skip
        return min(holding)[-1] if holding else None

    # The parts

    def divide(self, session: Session, rule: SplitRule | None, payers: Collection[int | None]) -> list[Split]:
        """Whoever made it and is among those who teach it shares both parts with them, each the same; otherwise theirs
        is a royalty.

        Whoever buys, or pays for it as a sponsor, earns nothing of it: that is the business's.
        """
        if rule is None or not session.price:
            return []
        _business, creator, teacher = rule.percents
        shares = [("royalty", [session.made_by], creator), ("teacher", session.coaches, teacher)]
        if session.is_given_by_its_creator:
            shares = [("creator", session.coaches, creator + teacher)]
        shares = [share for share in shares if share[2] and set(share[1]) - set(payers)]
        of_business = 100 - sum(percent for _part, _people, percent in shares)
        left, *amounts = largest_remainder(
            session.price, [of_business, *(percent for _part, _people, percent in shares)]
        )
        splits = []
        for (part, people, _percent), amount in zip(shares, amounts, strict=True):
            for who, theirs in zip(people, largest_remainder(amount, [1] * len(people)), strict=True):
                if who in payers:
                    left += theirs
                else:
                    splits.append(Split(who, theirs, part))
        if not splits or not (of_business or left):
            return splits
        return [Split(None, left, "business"), *splits]

    # Who gives it, and who made it

    def name_creator(self, session: Session, creator: int | None, *, by: int) -> None:
        """By an admin; a coach names themselves where nobody is named."""
        if by not in (*ADMINS, *session.coaches):
            raise Refused("forbidden")
        if creator == session.creator:
            return
        if by not in ADMINS and (creator != by or session.creator is not None):
            raise Refused("forbidden")
        self._check_planned(session)
        was = session.is_given_by_its_creator
        session.creator = creator
        self._redivide(session, was)

    def name_beside(self, session: Session, beside: Sequence[int], *, by: int) -> None:
        """By its lead until it begins; by an admin until it took place."""
        if by not in (*ADMINS, *session.coaches):
            raise Refused("forbidden")
        if [session.coach, *beside] == session.coaches:
            return
        if by not in ADMINS and (by != session.coach or session.starts_at <= self.now):
            raise Refused("forbidden")
        self.stand_in(session, [session.coach, *beside])

    def stand_in(self, session: Session, coaches: list[int]) -> None:
        """Those give it from now on, the lead first: none who takes part in it, or gives another one meanwhile."""
        if coaches == session.coaches:
            return
        self._check_planned(session)
        added = set(coaches) - set(session.coaches)
        if any(b.session is session and b.buyer in added and b.state != "cancelled" for b in self.bookings):
            raise Refused("takes_part")
        if any(self._is_meanwhile(other, session) and added & {*other.coaches} for other in self.sessions):
            raise Refused("coach_taken")
        was = session.is_given_by_its_creator
        session.coaches = coaches
        self._redivide(session, was)

    def _check_planned(self, session: Session) -> None:
        if session.status != "planned":
            raise Refused("over")

    def _is_meanwhile(self, other: Session, session: Session) -> bool:
        is_at_once = other.starts_at < session.ends_at and session.starts_at < other.ends_at
        return other is not session and other.status != "cancelled" and is_at_once

    def _redivide(self, session: Session, was_given_by_its_creator: bool) -> None:
        """What was sold keeps its rule; another kind of rule holds where somebody else teaches it than made it and did
        not before, or the other way round. What went back of it lies on all parts alike.
        """
        for booking in self.bookings:
            gone_back = session.price - sum(booking.left())
            if booking.session is not session or booking.is_void or gone_back == session.price:
                continue
            if session.is_given_by_its_creator != was_given_by_its_creator:
                booking.rule = self.rule_for(session, booking.ordered_at)
            booking.splits = self.divide(session, booking.rule, booking.payers)
            parts = largest_remainder(gone_back, [split.amount for split in booking.splits])
            for split, back in zip(booking.splits, parts, strict=True):
                split.back = back
