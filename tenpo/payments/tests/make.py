"""Money that people earned or put in, ways to pay it out to them, and payouts in each state."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.utils import timezone

from tenpo.checkout.tests.make import make_booking
from tenpo.core.tokens import new_id
from tenpo.ledger.actions import Posting, Pot, post_transfers
from tenpo.ledger.models import Account, Transfer
from tenpo.orders.models import Split, SplitRule
from tenpo.payments.actions.payout_accounts import add_payout_account, update_payout_terms
from tenpo.payments.actions.payouts import approve_payout, ask_for_payout
from tenpo.payments.models import Payment, Payout, PayoutAccount, PayoutTerms
from tenpo.payments.queries import payable
from tenpo.people.models import User
from tenpo.people.tests.make import make_admin, make_coach, make_member
from tenpo.schedule.actions.sessions import complete_session
from tenpo.schedule.models import Session
from tenpo.schedule.tests.make import make_session, set_times

IBANS = ("DE89370400440532013000", "AT611904300234573201", "NL91ABNA0417164300", "FR1420041010050500013M02606")
BANK = {"bank_iban": "DE02120300000000202051", "bank_bic": "BYLADEM1001"}
DETAILS = {
    "sepa": {"iban": IBANS[0]},
    "paypal": {"email": "mia@example.com"},
    "crypto": {"network": "ethereum", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
    "manual": {"note": "With my salary"},
}
_numbers = count(1)


def make_earnings(user: User, amount: int) -> None:
    """Earnings as a split gives them: of a session that somebody booked, and that has taken place."""
    coach = make_coach()
    SplitRule.objects.create(
        coach=coach, name="All", business_percent=0, creator_percent=100, teacher_percent=0,
        active_from=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    session = make_session(coach, price=amount)
    make_booking(session, make_member())
    # Whoever earns need not be a coach whom everybody sees.
    Split.objects.filter(line__subject_id=session.pk).update(recipient=user)
    begins = timezone.now() - timedelta(days=30)
    set_times(Session.objects.filter(pk=session.pk), starts_at=begins, ends_at=begins + timedelta(hours=1))
    complete_session(session, by=make_admin())


def make_wallet_money(user: User, amount: int) -> None:
    """Money in a wallet, as a top-up puts it there."""
    paid = Payment.objects.create(
        payer=user, purpose=Payment.Purpose.TOP_UP, provider="sandbox", amount=amount, currency="EUR",
        description="Top-up", state=Payment.State.SUCCEEDED, paid_at=timezone.now(),
    )  # fmt: skip
    ends = Pot(Account.Kind.PROVIDER, "EUR", name="sandbox"), Pot(Account.Kind.WALLET, "EUR", user.pk)
    with transaction.atomic():
        post_transfers([Posting(Transfer.Kind.TOP_UP, *ends, amount, f"payment:{paid.pk}", paid.pk)])


def make_owed(user: User, amount: int) -> None:
    """Earnings to give back, as a refund leaves them that comes after they were paid out."""
    _post(Transfer.Kind.CLAWBACK, Pot(Account.Kind.OWED, "EUR", user.pk), Pot(Account.Kind.SALES, "EUR"), amount)


def make_terms(**changes: Any) -> PayoutTerms:
    """Terms by which everything is paid out, but for what `changes` say."""
    return update_payout_terms(
        by=None, **({"pays_crypto": True, "pays_wallets": True, "minimum": 100} | BANK | changes)
    )


def make_payout_account(
    owner: User, method: str = "manual", *, is_usable: bool = True, **changes: Any
) -> PayoutAccount:
    """A way to be paid; usable at once, unless it is said that it is new."""
    wanted: dict[str, Any] = {"method": method, "holder": owner.name, "details": DETAILS[method]} | changes
    account = add_payout_account(owner, by=owner, **wanted)
    if is_usable:
        PayoutAccount.objects.filter(pk=account.pk).update(usable_from=timezone.now() - timedelta(days=1))
    return PayoutAccount.objects.get(pk=account.pk)


def make_payout(payee: User, *, amount: int = 2_000, method: str = "manual", source: str = "earnings") -> Payout:
    """A payout that was asked for, of money that has just come."""
    if not PayoutTerms.objects.exists():
        make_terms()
    account = PayoutAccount.objects.live().filter(owner=payee, method=method).first()
    {"earnings": make_earnings, "wallet": make_wallet_money}[source](payee, amount)
    return ask_for_payout(account or make_payout_account(payee, method), source=source, amount=amount, by=payee)


def make_approved(payee: User, **wanted: Any) -> Payout:
    return approve_payout(make_payout(payee, **wanted), by=make_admin())


def earnings_left(user: User) -> int:
    """What somebody has of earnings, in minor units."""
    return payable(user, Payout.Source.EARNINGS, "EUR").balance


def moved(payout: Payout) -> dict[str, int]:
    """What a payout moved: each transfer's kind, and its amount."""
    return dict(Transfer.objects.filter(subject_id=payout.pk).values_list("kind", "amount"))


def _post(kind: Transfer.Kind, debit: Pot, credit: Pot, amount: int) -> None:
    with transaction.atomic():
        post_transfers([Posting(kind, debit, credit, amount, f"made:{next(_numbers)}:{new_id()}", new_id())])
