"""How somebody pays for what they book, and what they saw of it."""

from dataclasses import dataclass
from typing import Self, TypedDict

from tenpo.access.actions.idempotency import Call
from tenpo.payments.actions.methods import can_be_kept
from tenpo.people.models import User


class Pays(TypedDict, total=False):
    """What is said of paying, by page and program alike; all of it may be left out where nothing is left to pay.

    `provider` is one of those that are offered. A `source` is what `start_payment` takes: a card that is entered now,
    or the id of a saved method; `keep` says that such a card is kept for later, once it has paid. `agreed` is the own
    share (minor units) that the buyer saw: another one is refused, so nobody pays a price that changed under them.
    A repeat of a `call` that died goes on with what that one had made.
    """

    provider: str
    source: str
    agreed: int | None
    use_wallet: bool
    keep: bool
    call: Call | None


@dataclass(frozen=True)
class Paying:
    """How something is to be paid, what was seen of it, and by whom it is booked; see `Pays`.

    Who pays is who the booking is `booked_by`: staff books in somebody's name (`placing`), and says whether the money
    `has_come` already.
    """

    by: User
    provider: str = ""
    source: str = ""
    agreed: int | None = None
    use_wallet: bool = True
    keeps: bool = False
    has_come: bool = False
    call: Call | None = None

    @classmethod
    def of(cls, by: User, pays: Pays) -> Self:
        """What somebody said of paying; a card is kept where it can be."""
        provider, source = pays.get("provider", ""), pays.get("source", "")
        return cls(
            by=by,
            provider=provider,
            source=source,
            agreed=pays.get("agreed"),
            use_wallet=pays.get("use_wallet", True),
            keeps=pays.get("keep", False) and can_be_kept(by, provider=provider, source=source),
            call=pays.get("call"),
        )
