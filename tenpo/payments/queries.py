from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils.module_loading import import_string

from tenpo.core import clock
from tenpo.core.business import current_business
from tenpo.core.kept import Kept
from tenpo.core.limits import PAYOUTS_TOGETHER_DAYS
from tenpo.ledger.models import Account, Transfer
from tenpo.ledger.queries import WALLET, balance_of
from tenpo.payments.models import Dispute, Payment, Payout, PayoutBatch, PayoutTerms, RefundTerms
from tenpo.payments.payout_methods import METHODS
from tenpo.payments.provider_models import PaymentMethod
from tenpo.payments.providers import PROVIDERS, offered_providers
from tenpo.payments.wallet_models import AutoTopUp
from tenpo.people.models import User


def manual_providers() -> list[str]:
    """The providers whose money an admin marks as paid."""
    return [name for name, provider in PROVIDERS.items() if provider.is_marked_by_hand]


def unmarked(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Those of `payments` that wait for an admin to see the money."""
    return payments.filter(state=Payment.State.PENDING, provider__in=manual_providers())


def ready_methods(user: User) -> list[PaymentMethod]:
    """What somebody keeps and can pay with here, what they chose first."""
    offered = [name for name, provider in offered_providers().items() if provider.keeps_methods]
    methods = PaymentMethod.objects.ready().filter(user=user, provider__in=offered)
    return list(methods.order_by("-is_default", "-id"))


def auto_top_up_of(user: User) -> AutoTopUp:
    """How somebody's wallet is filled by itself; switched off, with the usual amounts, while they decided nothing.

    The amounts are no less and no more than the business lets be paid in at once.
    """
    if found := AutoTopUp.objects.select_related("method").filter(user=user).first():
        return found
    business, usual = current_business(), AutoTopUp(user=user)
    usual.currency = business.currency
    usual.amount = min(max(usual.amount, business.top_up_least), business.top_up_most)
    usual.daily_cap = max(usual.daily_cap, usual.amount)
    return usual


def wallets_to_look_after() -> list[User]:
    """Whose wallet wants something done now: to be filled by itself, or to be told that it is low. One statement.

    Those that wait after a failure, or are being filled already, want nothing.
    """
    now = clock.now()
    pots = Account.objects.filter(owner=OuterRef("user"), currency=OuterRef("currency"), kind__in=WALLET)
    left = Subquery(pots.order_by().values("owner").annotate(sum=Sum("balance")).values("sum"))
    under_way = Payment.objects.open().filter(payer=OuterRef("user"), is_automatic=True)
    is_due = Q(is_on=True, left__lt=F("threshold")) & (Q(paused_until=None) | Q(paused_until__lte=now))
    is_low = Q(low_since=None, left__lt=F("low_below"))
    is_full_again = Q(low_since__isnull=False, left__gte=F("low_below"))
    rows = AutoTopUp.objects.watching().filter(user__disabled_at=None, currency=current_business().currency)
    wanting = rows.annotate(left=Coalesce(left, 0)).filter((is_due | is_low) & ~Exists(under_way) | is_full_again)
    return [one.user for one in wanting.select_related("user").order_by("id")]


def live_payment(order_id: UUID) -> Payment | None:
    """The one payment of an order that is under way or succeeded."""
    return Payment.objects.filter(order_id=order_id, state__in=[*Payment.OPEN, Payment.State.SUCCEEDED]).first()


def disputed_by(payer: User) -> Payment | None:
    """The newest payment of theirs that their bank wants back, or took back: not one of which every dispute was won."""
    disputes = Dispute.objects.filter(payment=OuterRef("pk"))
    is_over = Exists(disputes) & ~Exists(disputes.exclude(state=Dispute.State.WON))
    rows = Payment.objects.filter(~is_over, payer=payer, disputed_at__isnull=False)
    return rows.order_by("-disputed_at", "-id").first()


def borne_by_business(payment: Payment) -> dict[Dispute, int]:
    """What the business bears of each dispute that a payment lost, in minor units, where it is anything."""
    if payment.disputed_at is None:
        return {}
    lost = list(payment.disputes.filter(state=Dispute.State.LOST).order_by("id"))
    is_sales = Q(debit__kind=Account.Kind.SALES) | Q(credit__kind=Account.Kind.SALES)
    change = Case(When(kind=Transfer.Kind.DISPUTE_LOSS, then=F("amount")), default=-F("amount"))
    kinds = [Transfer.Kind.DISPUTE_LOSS, Transfer.Kind.DISPUTE_GAIN]
    moved = Transfer.objects.filter(is_sales, kind__in=kinds, subject_id__in=[one.pk for one in lost])
    borne = dict(moved.values_list("subject_id").annotate(sum=Sum(change)))
    return {one: borne[one.pk] for one in lost if borne.get(one.pk, 0) > 0}


@dataclass(frozen=True)
class DisputedEarning:
    """A payment that its payer's bank wants back, and what somebody gives back if it is lost (minor units)."""

    payment: Payment
    earned: int


def disputed_earnings(payee: User, currency: str) -> list[DisputedEarning]:
    """What of somebody's earnings is of payments that banks want back, undecided; found by `DISPUTED_EARNINGS`."""
    found: list[DisputedEarning] = import_string(settings.DISPUTED_EARNINGS)(payee, currency)
    return found


def payout_terms() -> PayoutTerms:
    """What the business decided about payouts; the defaults while nobody has."""
    return PayoutTerms.objects.first() or PayoutTerms()


def disabled_in(batch: PayoutBatch) -> list[str]:
    """Who stands in a file that nobody handed on, and was disabled since: by their names."""
    waiting = batch.payouts.filter(state=Payout.State.APPROVED, payee__disabled_at__isnull=False)
    return list(dict.fromkeys(str(payout.payee) for payout in waiting.select_related("payee").order_by("id")))


def is_large(amount: int, terms: PayoutTerms | None = None) -> bool:
    """Whether two admins approve so much (minor units)."""
    second_amount = (terms or payout_terms()).second_amount
    return second_amount is not None and amount >= second_amount


def needs_two(payout: Payout, lately: int) -> bool:
    """Whether two admins approve it, with what one alone approved `lately` for its payee (minor units).

    What needed two when it was asked for still does, whatever the terms say now.
    """
    return payout.needs_second or is_large(payout.amount + lately)


def lately_approved() -> Q:
    """The payouts that were approved so lately that they count with the next one, whatever an admin says of them since.

    One that was sent by hand or by a file, and is said not to have arrived, or is rejected after all, may have left. Of
    what leaves by itself its method knows.
    """
    since = clock.now() - timedelta(days=PAYOUTS_TOGETHER_DAYS)
    by_itself = [name for name, way in METHODS.items() if way.sends_itself]
    return Q(approved_at__gt=since) & ~Q(state__in=Payout.WENT_BACK, method__in=by_itself)


def approved_alone(payouts: Iterable[Payout]) -> int:
    """What one admin alone approved of these, in minor units; what two approved was looked at by two."""
    return sum(one.amount for one in payouts if one.state != Payout.State.ASKED and one.seconded_by_id is None)


@Kept
def refund_terms() -> RefundTerms:
    """What the business decided about refunds; the defaults while nobody has."""
    return RefundTerms.objects.first() or RefundTerms()


@dataclass(frozen=True)
class Payable:
    """What somebody can have paid out of one source now (minor units): the balance, less what they owe of it."""

    source: Payout.Source
    currency: str
    balance: int
    owed: int

    @property
    def left(self) -> int:
        return max(0, self.balance - self.owed)


def payable(user: User, source: str, currency: str) -> Payable:
    """What somebody can have paid out of their earnings or their wallet. Two statements at most."""
    (balance,) = balance_of(user, currency, [Account.Kind(source)]).values()
    owed = owed_by(user, currency) if source == Payout.Source.EARNINGS else 0
    return Payable(Payout.Source(source), currency, balance, owed)


def owed_by(user: User, currency: str) -> int:
    """What somebody still has to give back of earnings that were paid out before their sale was refunded."""
    change = Case(When(debit__kind=Account.Kind.OWED, then=F("amount")), default=-F("amount"))
    is_theirs = Q(debit__kind=Account.Kind.OWED, debit__owner=user) | Q(
        credit__kind=Account.Kind.OWED, credit__owner=user
    )
    owed: int = Transfer.objects.filter(is_theirs, currency=currency).aggregate(sum=Coalesce(Sum(change), 0))["sum"]
    return owed


def earned_since(user: User, currency: str, since: datetime) -> int:
    """What somebody earned at or after a moment, however much of it went back since."""
    earned = Transfer.objects.filter(
        kind=Transfer.Kind.EARNING, credit__owner=user, currency=currency, created_at__gte=since
    )
    total: int = earned.aggregate(sum=Coalesce(Sum("amount"), 0))["sum"]
    return total
