from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import Exact, IsNull, Regex
from django.utils.translation import gettext_lazy as _

from tenpo.core.models import CURRENCY_LENGTH, BaseModel
from tenpo.people.models import User

if TYPE_CHECKING:
    from tenpo.core.models import Viewer


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person sees what they own; admins see the books."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def credits_of(self, owner: User) -> Self:
        """The owner's credits in the order in which they are spent: the one that expires first, then the oldest."""
        return self.filter(kind=Account.Kind.CREDIT, owner=owner).order_by(F("expires_at").asc(nulls_last=True), "id")


# How an account of money outside is called, by the name of the provider or of the way to pay out that it bears.
PLACES = {
    "sandbox": _("Test cards"),
    "stripe": _("Stripe"),
    "payroll": _("Payroll"),
    "transfer": _("Bank transfers"),
    "sepa": _("Paid out by bank file"),
    "paypal": _("Paid out by PayPal"),
    "crypto": _("Paid out in cryptocurrency"),
    "manual": _("Paid out by hand"),
}


def title_of(kind: str, name: str) -> str:
    """What an account is called. The occasion of a credit is nothing to be read."""
    label = str(Account.Kind(kind).label)
    if kind != Account.Kind.PROVIDER:
        return label
    return str(PLACES[name]) if name in PLACES else f"{label}: {name}"


# What a person owns, and what somebody owes: the one has a balance under a lock, the other is a sum.
GUARDED = ["credit", "granted", "wallet", "earnings"]
OWING = ["owed", "sponsor"]


def one_of(words: list[str]) -> str:
    """The pattern of a text that is one of these words."""
    return f"^({'|'.join(words)})$"


class Account(BaseModel):
    """One pot in the ledger: what somebody owns, or one side of the business.

    What a person owns is guarded: its balance is kept under a lock and never goes below zero. The business's own sides
    have no balance here, because one row that every sale touches would make all sales wait; theirs is a sum.
    """

    class Kind(models.TextChoices):
        CREDIT = "credit", _("Credit")
        GRANTED = "granted", _("Money given")
        WALLET = "wallet", _("Wallet")
        EARNINGS = "earnings", _("Earnings")
        OWED = "owed", _("Earnings to give back")
        SPONSOR = "sponsor", _("Owed by a sponsor")
        RESERVED = "reserved", _("Set aside for open orders")
        COMPANY = "company", _("Company share")
        PROVIDER = "provider", _("Money at a payment provider")
        SALES = "sales", _("Sales")
        FEES = "fees", _("Provider fees")
        GRANTS = "grants", _("Money given away")
        PAYOUTS = "payouts", _("Held for payouts")
        REFUNDS = "refunds", _("Held for refunds")
        DISPUTES = "disputes", _("Taken back by banks")

    kind = models.CharField(max_length=12, choices=Kind)
    owner = models.ForeignKey(User, models.PROTECT, null=True, db_index=False, related_name="accounts")
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    # The payment that a credit comes from, or the sponsorship that is owed for; a plain id, since those stand above.
    source_id = models.UUIDField(null=True)
    # Tells apart what the other columns do not: the payment provider, the occasion of a credit.
    name = models.CharField(max_length=60, blank=True)
    expires_at = models.DateTimeField(null=True)
    balance = models.BigIntegerField(null=True)
    # The account's whole name in one text: what it is found by, and what makes it one. `ledger_post` gives it, by
    # `ledger_code`; a generated column would be read and planned anew whenever a balance changes.
    code = models.TextField(unique=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="account_never_below_zero", condition=Q(balance=None) | Q(balance__gte=0)),
            # As short as they can be: PostgreSQL plans all checks of a row anew for each change of a balance.
            models.CheckConstraint(
                name="account_has_a_balance_if_guarded",
                condition=Exact(IsNull(F("balance"), False), Regex(F("kind"), one_of(GUARDED))),
            ),
            models.CheckConstraint(
                name="account_has_an_owner_if_a_persons",
                condition=Exact(IsNull(F("owner"), False), Regex(F("kind"), one_of([*GUARDED, *OWING]))),
            ),
            models.CheckConstraint(
                name="account_credit_knows_its_source", condition=~Q(kind="credit") | Q(source_id__isnull=False)
            ),
        ]
        # The balance is in no index, so that a new one is written beside the old one in its page, and nowhere else.
        indexes = [models.Index(name="account_by_owner", fields=["owner", "currency"])]

    def __str__(self) -> str:
        return title_of(self.kind, self.name)


class TransferQuerySet(models.QuerySet["Transfer"]):
    def visible_to(self, user: "Viewer") -> Self:
        """Each person sees what moved on their own accounts; admins see the books."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_admin else self.filter(Q(debit__owner=user) | Q(credit__owner=user))

    def touching(self, account_id: UUID) -> Self:
        """Those from or to one account."""
        return self.filter(Q(debit=account_id) | Q(credit=account_id))


class Transfer(BaseModel):
    """A whole positive amount from one account to another; never changed, undone only by a reversal.

    A debit takes from what somebody owns and a credit adds to it, so every transfer balances by construction.
    """

    class Kind(models.TextChoices):
        COMPANY_SHARE = "company_share", _("Company share")
        COMPANY_RELEASE = "company_release", _("Company share released")
        PAYMENT = "payment", _("Payment")
        FEE = "fee", _("Provider fee")
        FEE_BACK = "fee_back", _("Provider fee that came back")
        CREDIT_RESERVE = "credit_reserve", _("Credit set aside")
        CREDIT_UNRESERVE = "credit_unreserve", _("Credit returned unspent")
        CREDIT_SPEND = "credit_spend", _("Credit spent")
        CREDIT_ISSUE = "credit_issue", _("Credit given")
        CREDIT_RESTORE = "credit_restore", _("Credit given back")
        CREDIT_BACK = "credit_back", _("Credit taken back for a refund")
        TOP_UP = "top_up", _("Top-up")
        GRANT = "grant", _("Money given")
        GRANT_BACK = "grant_back", _("Money given, taken back")
        WALLET_RESERVE = "wallet_reserve", _("Wallet set aside")
        WALLET_UNRESERVE = "wallet_unreserve", _("Wallet returned unspent")
        WALLET_SPEND = "wallet_spend", _("Wallet spent")
        WALLET_RESTORE = "wallet_restore", _("Wallet given back")
        WALLET_REFUND = "wallet_refund", _("Refund to the wallet")
        REFUND_HOLD = "refund_hold", _("Refund set aside")
        REFUND_RELEASE = "refund_release", _("Refund not sent")
        REFUND = "refund", _("Refund")
        REFUND_BACK = "refund_back", _("Refund that came back")
        DISPUTE = "dispute", _("Taken back by a bank")
        DISPUTE_BACK = "dispute_back", _("Returned by a bank")
        DISPUTE_LOSS = "dispute_loss", _("Lost to a bank")
        DISPUTE_GAIN = "dispute_gain", _("Returned after it was lost")
        EARNING = "earning", _("Earning")
        EARNING_BACK = "earning_back", _("Earning taken back")
        CLAWBACK = "clawback", _("Earning to give back")
        CLAWBACK_SETTLE = "clawback_settle", _("Earning given back")
        PAYOUT_HOLD = "payout_hold", _("Payout set aside")
        PAYOUT_RELEASE = "payout_release", _("Payout given back")
        PAYOUT = "payout", _("Payout")
        PAYOUT_FEE = "payout_fee", _("Payout fee")
        PAYOUT_BACK = "payout_back", _("Payout that came back")
        SPONSOR_SHARE = "sponsor_share", _("Sponsor share")
        SPONSOR_RELEASE = "sponsor_release", _("Sponsor share released")
        SPONSOR_PAID = "sponsor_paid", _("Paid by a sponsor")

    # No foreign keys of the database: `ledger_post`, which alone writes here, has just read both accounts, and nobody
    # may delete one. Asked at each commit, they took a lock on `sales` for everybody, and a sixth of a transfer's time.
    debit = models.ForeignKey(Account, models.PROTECT, db_index=False, db_constraint=False, related_name="debits")
    credit = models.ForeignKey(Account, models.PROTECT, db_index=False, db_constraint=False, related_name="credits")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=CURRENCY_LENGTH)
    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=160, unique=True)
    # What caused it (an order line, a payment); a plain id, since those stand above the ledger.
    subject_id = models.UUIDField()
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, db_index=False, db_constraint=False, related_name="reversals"
    )

    objects = TransferQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="transfer_amount_is_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="transfer_has_two_ends", condition=~Q(debit=F("credit"))),
            models.UniqueConstraint(
                name="transfer_reversed_once", fields=["reverses"], condition=Q(reverses__isnull=False)
            ),
        ]
        indexes = [
            models.Index(name="transfer_by_debit", fields=["debit", "-id"], include=["amount"]),
            models.Index(name="transfer_by_credit", fields=["credit", "-id"], include=["amount"]),
            models.Index(name="transfer_by_subject", fields=["subject_id"]),
            models.Index(name="transfer_by_kind", fields=["kind", "created_at"], include=["amount"]),
            # Costs a transfer next to nothing: rows come in the order of their time, so a few pages are one entry.
            BrinIndex(name="transfer_by_time", fields=["created_at"], pages_per_range=32, autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"
