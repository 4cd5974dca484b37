"""What of many prices somebody would pay themselves, as lists say it: what company and sponsor leave of each."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tenpo.core import clock
from tenpo.orders.models import SharePolicy
from tenpo.orders.queries import split_price
from tenpo.orders.sponsor_models import SponsoredPerson

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


@dataclass(frozen=True)
class Shares:
    """Who pays what of a price before what the reader owns is spent, in minor units.

    Where that hangs on something that is not known yet it is what is paid at most, of which `least_own` is the least.
    """

    company: int
    own: int
    sponsor: int = 0
    least_own: int | None = None

    @property
    def least(self) -> int:
        return self.own if self.least_own is None else self.least_own

    @property
    def price(self) -> int:
        return self.company + self.sponsor + self.own

    @property
    def left_by_company(self) -> int:
        """What somebody else may know of it: whether a sponsor pays of that is between them and the reader."""
        return self.price - self.company


class Payers:
    """Who pays a part of what `reader` would buy now: two statements, for however many prices.

    A visitor is nobody's yet, and is told the whole price.
    """

    def __init__(self, reader: "Viewer", *, at: datetime | None = None) -> None:
        at = at or clock.now()
        self._policies: list[SharePolicy] = []
        self._sponsored: list[SponsoredPerson] = []
        if reader.is_authenticated:
            self._policies = list(SharePolicy.objects.in_force(at))
            funding = SponsoredPerson.objects.funding(at).filter(user=reader)
            self._sponsored = list(funding.select_related("sponsorship"))

    def shares(self, price: int, *, currency: str, coach_id: UUID) -> Shares:
        """The parts of one price of a coach; a coach's own policy goes before the one for everybody."""
        scopes = {policy.coach_id: policy for policy in self._policies if policy.currency == currency}
        policy = scopes.get(coach_id) or scopes.get(None)
        funding = [one for one in self._sponsored if one.sponsorship.currency == currency]
        found = split_price(price=price, currency=currency, policy=policy, pots=(), sponsored=funding)
        return Shares(company=found.company_share, own=found.own_share, sponsor=found.sponsor_share)

    def shares_with_any(self, price: int, *, currency: str, coach_ids: Iterable[UUID]) -> Shares:
        """The same where it is not chosen yet with which of these coaches: what it costs at most, and at least."""
        each = [self.shares(price, currency=currency, coach_id=one) for one in coach_ids]
        if not each:
            return Shares(company=0, own=price)
        most = max(each, key=lambda shares: shares.own)
        return replace(most, least_own=min(shares.own for shares in each))
