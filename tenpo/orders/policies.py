"""Pure rules: what company and sponsor pay of a price, and how what comes back is divided between those who paid."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from tenpo.core.money import apportion, percent_of
from tenpo.orders.models import Line, SharePolicy, Split, SplitRule
from tenpo.orders.sponsor_models import SponsoredPerson, Sponsorship
from tenpo.payments.refund_models import RefundTo


def company_share(policy: SharePolicy | None, price: int) -> int:
    """The company's part of `price`, both in minor units: percent (half up), at most the cap, or a fixed amount.

    Never more than the price.
    """
    return _part_by(policy, price) if policy is not None else 0


def _part_by(terms: SharePolicy | Sponsorship, price: int) -> int:
    if terms.percent is not None:
        share = percent_of(price, terms.percent)
        if terms.cap is not None:
            share = min(share, terms.cap)
    else:
        share = terms.amount or 0
    return min(share, price)


def sponsor_share(person: SponsoredPerson, price: int, kind: str) -> int:
    """What a sponsorship pays of `price` for somebody (minor units): percent, at most the cap, or a fixed amount.

    Never more than the price or than what it still has for them, and nothing for a kind of thing that it is not for.
    """
    terms = person.sponsorship
    if terms.kinds and kind not in terms.kinds:
        return 0
    share = _part_by(terms, price)
    return share if person.left is None else min(share, person.left)


@dataclass(frozen=True)
class PartsBack:
    """Parts of a line by who paid them, in minor units: the company, credits, the wallet, from outside, a sponsor."""

    company: int
    credit: int
    wallet: int
    own: int
    sponsor: int = 0

    @property
    def whole(self) -> int:
        """All of it, whoever gets it."""
        return self.company + self.credit + self.wallet + self.own + self.sponsor

    @property
    def buyers(self) -> int:
        """What of it is the buyer's."""
        return self.credit + self.wallet + self.own


def parts_left(line: Line) -> PartsBack:
    """What of a paid line has not gone back yet."""
    return PartsBack(
        company=line.company_share - line.company_back,
        credit=line.credit_spent - line.credit_back,
        wallet=line.wallet_spent - line.wallet_back,
        own=line.own_share - line.own_back,
        sponsor=line.sponsor_share - line.sponsor_back,
    )


def parts_given(line: Line) -> PartsBack:
    """What of a line went back, all in all."""
    return PartsBack(line.company_back, line.credit_back, line.wallet_back, line.own_back, line.sponsor_back)


def parts_back(line: Line, percent: int) -> PartsBack:
    """Divide `percent` of what is left of a paid line between those who paid it; nobody gets more than they gave."""
    left = parts_left(line)
    credit, wallet, own = apportion(percent_of(left.buyers, percent), [left.credit, left.wallet, left.own])
    company, sponsor = percent_of(left.company, percent), percent_of(left.sponsor, percent)
    return PartsBack(company, credit, wallet, own, sponsor)


def parts_of(left: PartsBack, amount: int) -> PartsBack:
    """Divide an amount, at most all of `left`, in proportion to it (largest remainder).

    So what goes back little by little comes to exactly the whole, for each who paid.
    """
    return PartsBack(*apportion(amount, [left.company, left.credit, left.wallet, left.own, left.sponsor]))


@dataclass(frozen=True)
class GivenBack:
    """What somebody gets back, by where it goes, in minor units."""

    company: int = 0
    credit: int = 0
    wallet: int = 0
    method: int = 0
    sponsor: int = 0

    @classmethod
    def of(cls, parts: PartsBack, to: str) -> Self:
        """Each part goes to where it came from; what was paid from outside, to where it was said to."""
        own = {place: parts.own if to == place else 0 for place in RefundTo}
        return cls(
            company=parts.company,
            credit=parts.credit + own[RefundTo.CREDIT],
            wallet=parts.wallet + own[RefundTo.WALLET],
            method=own[RefundTo.METHOD],
            sponsor=parts.sponsor,
        )

    @property
    def buyers(self) -> int:
        """What comes back to whoever bought it, wherever to (minor units)."""
        return self.credit + self.wallet + self.method


def taught_by_whom(creator_id: UUID, taught_by: Collection[UUID]) -> SplitRule.TaughtBy:
    """Whether whoever made it is among those who teach it, as rules of who earns ask."""
    return SplitRule.TaughtBy.CREATOR if creator_id in taught_by else SplitRule.TaughtBy.OTHER


def split_line(
    price: int,
    rule: SplitRule | None,
    *,
    creator_id: UUID,
    taught_by: Sequence[UUID],
    bought_by: Collection[UUID | None] = (),
) -> list[Split]:
    """Who earns which part of `price` by a rule, not saved yet; the parts sum to it (largest remainder).

    What those who teach it together earn is divided among them in equal parts, the lead first where a unit is left.

    Nothing is divided without a rule, nor where all of it is the business's. Nobody earns of what they bought: whoever
    else paid a part of it, it would become money that they can have paid out. Their part is the business's.
    """
    if rule is None or price == 0:
        return []
    part = Split.Part
    if taught_by_whom(creator_id, taught_by) == SplitRule.TaughtBy.CREATOR:
        theirs = [(part.CREATOR, taught_by, rule.creator_percent + rule.teacher_percent)]
    else:
        theirs = [(part.ROYALTY, [creator_id], rule.creator_percent), (part.TEACHER, taught_by, rule.teacher_percent)]
    theirs = [share for share in theirs if share[2] and not set(share[1]) <= set(bought_by)]
    left = 100 - sum(percent for _part, _who, percent in theirs)
    of_business, *of_people = apportion(price, [left, *(percent for _part, _who, percent in theirs)])
    splits = []
    for (kind, people, percent), amount in zip(theirs, of_people, strict=True):
        equal = [1] * len(people)
        for who, earned, of_100 in zip(people, apportion(amount, equal), apportion(percent, equal), strict=True):
            if who in bought_by:
                left, of_business = left + of_100, of_business + earned
            else:
                splits.append(Split(part=kind, recipient_id=who, percent=of_100, amount=earned))
    if not splits:
        return splits
    # Of what whoever bought it would earn, an amount may be the business's that is not a percent of its own.
    is_theirs = left or of_business
    return [Split(part=part.BUSINESS, percent=left, amount=of_business), *splits] if is_theirs else splits
