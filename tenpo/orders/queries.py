"""What a price comes to for somebody now."""

from collections.abc import Collection, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import JSONObject

from tenpo.core import clock
from tenpo.core.compiled import Compiled, Param, Question
from tenpo.core.inserts import fresh_ids
from tenpo.ledger.models import Account
from tenpo.orders.models import Line, SharePolicy, SplitRule, SplitRuleQuerySet
from tenpo.orders.policies import company_share, sponsor_share
from tenpo.orders.sponsor_models import SponsoredPerson, Sponsorship
from tenpo.payments.refund_models import RefundTerms, RefundTo
from tenpo.people.models import User

# What decides the company's share.
TERMS = ("id", "percent", "amount", "cap", "currency")
# What decides who earns.
RULE = ("id", "business_percent", "creator_percent", "teacher_percent")
# What decides a sponsor's share: what it has for the buyer, and by which terms.
FUNDING = ("id", "user_id", "sponsorship_id", "most", "spent")
FUNDING_TERMS = ("name", "sponsor_id", "percent", "amount", "cap", "pot", "spent", "currency", "kinds")
POT = ("id", "kind", "owner_id", "currency", "source_id", "name", "expires_at", "balance")
# What pays before a card does, in this order.
SPENT_FIRST = (Account.Kind.CREDIT, Account.Kind.GRANTED, Account.Kind.WALLET)
# An order's own and its payment's; and of each thing in it its line's, and that of what is bought.
IDS_OF_ORDER, IDS_OF_LINE = 2, 2


# The rules of who earns of something: where whoever made it teaches it, and where somebody else does.
type SplitRules = dict[SplitRule.TaughtBy, SplitRule | None]
# By which policy a company pays, and by which rules people earn.
type Terms = tuple[SharePolicy | None, SplitRules]
TAUGHT_BY = (SplitRule.TaughtBy.CREATOR, SplitRule.TaughtBy.OTHER)

# What adds up where several things are bought at once.
SUMMED = ("price", "company_share", "sponsor_share", "credit_spent", "wallet_spent", "own_share")


@dataclass(frozen=True)
class Sold:
    """What is sold, as rules of who earns ask: a kind of line, and of which thing that is offered it is, if of any."""

    kind: str = Line.Kind.SESSION
    offered_id: UUID | None = None


@dataclass(frozen=True)
class Quote:
    """Who pays which part of a price (minor units); `spends` says how much of which credit, money given and wallet.

    `wallet_left` is what the wallet has, whether or not it is asked to pay. `sponsored` is whom the sponsor funds: the
    buyer, with what there was for them.
    """

    price: int
    currency: str
    company_share: int
    credit_spent: int
    own_share: int
    sponsor_share: int = 0
    sponsor_name: str = ""
    wallet_spent: int = 0
    wallet_left: int = 0
    policy: SharePolicy | None = None
    # Those that hold now, and the one of them by which it is divided, once it is said who made it (`taught_by`).
    split_rules: SplitRules = field(default_factory=dict)
    split_rule: SplitRule | None = None
    # Where the own share goes when it is cancelled.
    back_to: str = RefundTo.CREDIT
    sponsored: SponsoredPerson | None = None
    spends: list[tuple[Account, int]] = field(default_factory=list)
    # Those that an order of it will have: the order's, its line's, that of what is bought, its payment's.
    ids: tuple[UUID, ...] = ()

    def taught_by(self, whom: SplitRule.TaughtBy) -> "Quote":
        """The same, divided by the rule that holds where it is taught by whoever made it, or by somebody else."""
        return replace(self, split_rule=self.split_rules.get(whom))

    @property
    def sponsorship(self) -> Sponsorship | None:
        """The budget that pays the sponsor's share."""
        return self.sponsored.sponsorship if self.sponsored else None


def quote(
    *,
    price: int,
    currency: str,
    coach_id: UUID,
    buyer: User,
    kind: Line.Kind = Line.Kind.SESSION,
    use_wallet: bool = True,
    at: datetime | None = None,
) -> Quote:
    """What `buyer` would pay for `price`: what company and sponsor leave of it, less what the buyer owns.

    The company's share is by the policy in force; a coach's own policy goes before the one for everybody. Of several
    sponsors one pays: the first that has something for the buyer. What they own is spent in this order: credits, the
    one that expires first before the others; money given; and the wallet. One statement, which also brings the ids that
    an order of it will have.
    """
    [found] = quotes(
        [price], currency=currency, coach_id=coach_id, buyer=buyer, kind=kind, use_wallet=use_wallet, at=at
    )
    return found


def quotes(
    prices: Sequence[int],
    *,
    currency: str,
    coach_id: UUID,
    buyer: User,
    kind: Line.Kind = Line.Kind.SESSION,
    use_wallet: bool = True,
    at: datetime | None = None,
    asked: Question | None = None,
    coach_ids: Sequence[UUID] = (),
    offered_id: UUID | None = None,
) -> list[Quote]:
    """The same for what `buyer` takes at once, in one order: what one of it spends is not there for the next.

    `offered_id` is what all of it is of, such as a service: a rule of who earns may be for that alone. `coach_ids` say
    whose each of it is, by whose policy and rule it goes, where that is not `coach_id` for all; one statement more
    where there are several. No statement where it was `asked` together with something else, see `quote_question`.
    """
    at = at or clock.now()
    if asked is not None and asked.answer is not None:
        terms, by_creator, by_other, back_to, funding, left, ids = asked.answer
        ids = [UUID(each) for each in ids]
    else:
        sold = Sold(kind, offered_id)
        values = _values(len(prices), currency=currency, coach_id=coach_id, buyer=buyer, at=at, sold=sold)
        [(terms, by_creator, by_other, back_to, funding, left, ids)] = _TERMS_AND_POTS(**values)
    by_coach = {coach_id: _read_terms(terms, by_creator, by_other)}
    if others := {*coach_ids} - {coach_id}:
        by_coach |= _terms_of(others, currency=currency, at=at, sold=Sold(kind, offered_id))
    pots = [_account(pot) for pot in left]
    wallet = sum(pot.balance or 0 for pot in pots if pot.kind != Account.Kind.CREDIT)
    if not use_wallet:
        pots = [pot for pot in pots if pot.kind == Account.Kind.CREDIT]
    sponsored = [_sponsored(one) for one in funding]
    order_id, *of_lines, payment_id = ids
    found: list[Quote] = []
    whose = coach_ids or [coach_id] * len(prices)
    for price, whose_id, *of_line in zip(prices, whose, of_lines[::2], of_lines[1::2], strict=True):
        policy, split_rules = by_coach[whose_id]
        if found:
            pots, sponsored = _left_after(found[-1], pots, sponsored)
        one = split_price(price=price, currency=currency, policy=policy, pots=pots, sponsored=sponsored, kind=kind)
        found.append(
            replace(
                one, ids=(order_id, *of_line, payment_id), wallet_left=wallet, split_rules=split_rules,
                back_to=back_to or RefundTo.CREDIT,
            )
        )  # fmt: skip
    return found


def _terms_of(coach_ids: Collection[UUID], *, currency: str, at: datetime, sold: Sold) -> dict[UUID, Terms]:
    """The policy and the rules that hold for each of some coaches: one statement."""
    whose = cast("UUID", OuterRef("pk"))
    rows = User.objects.filter(pk__in=coach_ids).values_list("pk", *_terms_and_rules(currency, whose, at, sold))
    return {coach_id: _read_terms(*found) for coach_id, *found in rows}


def _read_terms(terms: dict[str, Any] | None, *rules: dict[str, Any] | None) -> Terms:
    """A policy and the rules as JSON has them."""
    policy = SharePolicy(**{**terms, "id": UUID(terms["id"])}) if terms else None
    found = [SplitRule(**{**rule, "id": UUID(rule["id"])}) if rule else None for rule in rules]
    return policy, dict(zip(TAUGHT_BY, found, strict=True))


def _left_after(
    one: Quote, pots: Sequence[Account], sponsored: Sequence[SponsoredPerson]
) -> tuple[list[Account], list[SponsoredPerson]]:
    """What there is for the next thing once one was paid: its own copies, so that nothing changes under the first."""
    spent = {account.pk: amount for account, amount in one.spends}
    pots = [copy(pot) for pot in pots]
    for pot in pots:
        pot.balance = (pot.balance or 0) - spent.get(pot.pk, 0)
    sponsored = [copy(person) for person in sponsored]
    for person in sponsored:
        person.sponsorship = copy(person.sponsorship)
        if one.sponsored is not None and one.sponsored.pk == person.pk:
            person.spent += one.sponsor_share
        if one.sponsorship is not None and one.sponsorship.pk == person.sponsorship_id:
            person.sponsorship.spent += one.sponsor_share
    return pots, sponsored


def together(found: Sequence[Quote]) -> Quote:
    """What several come to at once, to be shown: who pays which part of their sum.

    It has a policy where that is one: dates of several coaches may go by one each.
    """
    sums = {name: sum(getattr(one, name) for one in found) for name in SUMMED}
    names = dict.fromkeys(one.sponsor_name for one in found if one.sponsor_name)
    policies = {one.policy.pk: one.policy for one in found if one.policy}
    policy = next(iter(policies.values())) if len(policies) == 1 else None
    return replace(found[0], **sums, sponsor_name=", ".join(names), policy=policy)


def frozen_quote(line: Line) -> Quote:
    """The price of a line, and who pays it, as it was when it was ordered; it comes with its order."""
    return Quote(
        price=line.price,
        currency=line.order.currency,
        company_share=line.company_share,
        sponsor_share=line.sponsor_share,
        sponsor_name=line.sponsorship.name if line.sponsorship else "",
        credit_spent=line.credit_spent,
        wallet_spent=line.wallet_spent,
        own_share=line.own_share,
        back_to=line.back_to,
    )


def quote_question(
    places: int, *, currency: str, coach_id: UUID, buyer: User, offered_id: UUID | None = None
) -> Question:
    """What the quotes of so many places ask the database, to be asked together with something else."""
    sold = Sold(Line.Kind.SESSION, offered_id)
    values = _values(places, currency=currency, coach_id=coach_id, buyer=buyer, at=clock.now(), sold=sold)
    return _TERMS_AND_POTS.question(7, **values)


def _values(places: int, *, currency: str, coach_id: UUID, buyer: User, at: datetime, sold: Sold) -> dict[str, object]:
    number = IDS_OF_ORDER + IDS_OF_LINE * places
    return {
        "buyer": buyer.pk, "currency": currency, "coach": coach_id, "now": at, "number": number, "kind": sold.kind,
        "offered": sold.offered_id,
    }  # fmt: skip


def _terms_and_pots() -> Any:
    currency, now = cast("str", Param("currency")), cast("datetime", Param("now"))
    sold = Sold(cast("str", Param("kind")), cast("UUID", Param("offered")))
    funding = funding_of(cast("User", Param("buyer")), currency, now)
    about = {name: name for name in FUNDING}
    terms = {f"of_{name}": f"sponsorship__{name}" for name in FUNDING_TERMS}
    pots = spendable_pots(cast("User", Param("buyer")), currency, now)
    return User.objects.filter(pk=Param("buyer")).values_list(
        *_terms_and_rules(currency, cast("UUID", Param("coach")), now, sold),
        Subquery(RefundTerms.objects.values("cancellation_to")[:1]),
        ArraySubquery(funding.values(funding=JSONObject(**about, **terms))),
        ArraySubquery(pots.values(pot=JSONObject(**{name: name for name in POT}))),
        fresh_ids(Param("number")),
    )


def _terms_and_rules(currency: str, coach_id: UUID, at: datetime, sold: Sold) -> list[Subquery]:
    """What decides the company's share of what a coach gives, and what decides who earns, whoever made it."""
    policies = policies_in_force(currency=currency, coach_id=coach_id, at=at)
    rules = [split_rules_in_force(whom, coach_id=coach_id, at=at, sold=sold) for whom in TAUGHT_BY]
    return [
        Subquery(policies.values(terms=JSONObject(**{name: name for name in TERMS}))[:1]),
        *(Subquery(each.values(rule=JSONObject(**{name: name for name in RULE}))[:1]) for each in rules),
    ]


_TERMS_AND_POTS = Compiled(_terms_and_pots)


def _account(pot: dict[str, Any]) -> Account:
    """An account as JSON has it."""
    ids = {name: pot[name] and UUID(pot[name]) for name in ("id", "owner_id", "source_id")}
    expires_at = datetime.fromisoformat(pot["expires_at"]) if pot["expires_at"] else None
    return Account(**{**pot, **ids, "expires_at": expires_at})


def _sponsored(found: dict[str, Any]) -> SponsoredPerson:
    """Whom a sponsorship funds, with its terms, as JSON has them."""
    ids = {name: UUID(found[name]) for name in ("id", "user_id", "sponsorship_id")}
    person = SponsoredPerson(**ids, most=found["most"], spent=found["spent"])
    terms = {name: found[f"of_{name}"] for name in FUNDING_TERMS}
    person.sponsorship = Sponsorship(**terms | {"id": ids["sponsorship_id"], "sponsor_id": UUID(terms["sponsor_id"])})
    return person


def funding_of(user: User, currency: str, at: datetime) -> QuerySet[SponsoredPerson]:
    """Who pays something of a price for somebody now, in the order in which they are asked."""
    return SponsoredPerson.objects.funding(at).filter(user=user, sponsorship__currency=currency)


def policies_in_force(*, currency: str, coach_id: UUID, at: datetime) -> QuerySet[SharePolicy]:
    """The share policies that hold for this coach's sessions at a time; the first one decides."""
    candidates = SharePolicy.objects.in_force(at).filter(Q(coach=coach_id) | Q(coach=None), currency=currency)
    return candidates.order_by(F("coach").asc(nulls_last=True))


def split_rules_in_force(
    taught_by: SplitRule.TaughtBy, *, coach_id: UUID, at: datetime, sold: Sold
) -> QuerySet[SplitRule]:
    """The rules of who earns of what this coach teaches at a time; the first one decides."""
    return fitting_split_rules(taught_by, coach_id=coach_id, sold=sold).in_force(at)


def fitting_split_rules(taught_by: SplitRule.TaughtBy, *, coach_id: UUID, sold: Sold) -> SplitRuleQuerySet:
    """The same of all times, in the order in which they decide: this place alone says which.

    A coach's own rule is theirs who teaches it, the lead of several, whoever made it: a royalty is no reason to ask
    for the rule of whom it goes to.
    """
    fitting = SplitRule.objects.filter(
        Q(coach=coach_id) | Q(coach=None), Q(kind="") | Q(kind=sold.kind),
        Q(offered_id=sold.offered_id) | Q(offered_id=None), taught_by__in=["", taught_by],
    )  # fmt: skip
    nearest = (F("coach").asc(nulls_last=True), F("offered_id").asc(nulls_last=True), F("kind").desc())
    return fitting.order_by(*nearest, "place", "-active_from", "-id")


def spendable_pots(owner: User, currency: str, at: datetime) -> QuerySet[Account]:
    """What its owner can pay with now, in the order in which it is spent."""
    kinds = Case(*(When(kind=kind, then=Value(n)) for n, kind in enumerate(SPENT_FIRST)), output_field=IntegerField())
    left = Account.objects.filter(owner=owner, kind__in=SPENT_FIRST, currency=currency, balance__gt=0)
    open_ = left.filter(Q(expires_at=None) | Q(expires_at__gt=at))
    return open_.order_by(kinds, F("expires_at").asc(nulls_last=True), "id")


def split_price(
    *,
    price: int,
    currency: str,
    policy: SharePolicy | None,
    pots: Sequence[Account],
    sponsored: Sequence[SponsoredPerson] = (),
    kind: Line.Kind = Line.Kind.SESSION,
) -> Quote:
    """Divide a price between company, a sponsor, what the buyer owns, and what they still have to pay. Pure."""
    company = company_share(policy, price)
    rest = price - company
    funding = ((one, min(rest, sponsor_share(one, price, kind))) for one in sponsored)
    person, sponsor = next((found for found in funding if found[1]), (None, 0))
    rest -= sponsor
    spends = []
    for account in pots:
        spent = min(rest, account.balance or 0)
        if spent:
            spends.append((account, spent))
            rest -= spent
    credit = sum(spent for account, spent in spends if account.kind == Account.Kind.CREDIT)
    return Quote(
        price=price,
        currency=currency,
        company_share=company,
        sponsor_share=sponsor,
        sponsor_name=person.sponsorship.name if person else "",
        credit_spent=credit,
        wallet_spent=price - company - sponsor - credit - rest,
        own_share=rest,
        policy=policy if company else None,
        sponsored=person,
        spends=spends,
    )
