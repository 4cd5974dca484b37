"""What is told about payouts and refunds, and to whom."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.payments.models import Payout, PayoutAccount
from tenpo.payments.refund_notifications import REFUND_KINDS, REFUND_TELLS
from tenpo.people.models import User


def _say_account_added(facts: Facts) -> Words:
    return Words(
        title=_("A new way to be paid: %(account)s") % {"account": facts["account"]},
        text=_(
            "From %(when)s on your money can be paid out there. If this was not you, remove it now, and choose another "
            "password."
        )
        % {"when": facts.when("usable_from")},
        act=_("See where you are paid"),
        path=path_to("payments:payout-account-list"),
    )


def _say_account_chosen(facts: Facts) -> Words:
    return Words(
        title=_("Your earnings go to %(account)s") % {"account": facts["account"]},
        text=_("If this was not you, choose another one, and another password."),
        act=_("See where you are paid"),
        path=path_to("payments:payout-account-list"),
    )


def _say_account_removed(facts: Facts) -> Words:
    return Words(
        title=_("Nothing is paid to %(account)s any more") % {"account": facts["account"]},
        act=_("See where you are paid"),
        path=path_to("payments:payout-account-list"),
    )


def _say_to_approve(facts: Facts) -> Words:
    return Words(
        title=_("%(person)s asks for %(amount)s") % {"person": facts["payee"], "amount": facts.money("amount")},
        text=_("To %(account)s. It leaves once you approve it.") % {"account": facts["account"]},
        act=_("Look at it"),
        path=path_to("payments:payout-review", facts["payout_id"]),
    )


def _say_sent(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s is on its way to you") % {"amount": facts.money("sent_amount")},
        text=_("To %(account)s.") % {"account": facts["account"]},
        act=_("See the payout"),
        path=path_to("payments:payout-detail", facts["payout_id"]),
    )


def _say_done(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s was paid out to you") % {"amount": facts.money("sent_amount")},
        text=_("To %(account)s.") % {"account": facts["account"]},
        act=_("See the payout"),
        path=path_to("payments:payout-detail", facts["payout_id"]),
    )


def _say_not_paid(facts: Facts) -> Words:
    title = (
        _("Your payout came back: %(amount)s")
        if facts["state"] == "failed"
        else _("Your payout was not approved: %(amount)s")
    )
    text = _("The money is yours again.")
    return Words(
        title=title % {"amount": facts.money("amount")},
        text=f"{text} {facts['word']}".strip(),
        act=_("See the payout"),
        path=path_to("payments:payout-detail", facts["payout_id"]),
    )


ACCOUNT_ADDED = Kind(
    "payout_account.added", gettext_lazy("Somebody says where you are paid"), Audience.MEMBER, _say_account_added,
    email_is_optional=False, icon="landmark",
)  # fmt: skip
ACCOUNT_CHOSEN = Kind(
    "payout_account.chosen", gettext_lazy("Somebody chooses where your earnings go"), Audience.MEMBER,
    _say_account_chosen, email_is_optional=False, icon="landmark",
)  # fmt: skip
ACCOUNT_REMOVED = Kind(
    "payout_account.removed", gettext_lazy("A way to be paid is removed"), Audience.MEMBER, _say_account_removed,
    email_is_optional=False, icon="landmark",
)  # fmt: skip
PAYOUT_SENT = Kind(
    "payout.sent", gettext_lazy("A payout is on its way"), Audience.MEMBER, _say_sent, by_email=False, icon="send"
)
PAYOUT_DONE = Kind("payout.done", gettext_lazy("A payout arrived"), Audience.MEMBER, _say_done, icon="banknote")
PAYOUT_NOT_PAID = Kind(
    "payout.not_paid", gettext_lazy("A payout does not work"), Audience.MEMBER, _say_not_paid, email_is_optional=False,
    icon="undo-2",
)  # fmt: skip
PAYOUT_TO_APPROVE = Kind(
    "admin.payout_to_approve", gettext_lazy("A payout waits for its approval"), Audience.ADMIN, _say_to_approve,
    by_email=False, icon="landmark",
)  # fmt: skip

KINDS = (
    ACCOUNT_ADDED, ACCOUNT_CHOSEN, ACCOUNT_REMOVED, PAYOUT_SENT, PAYOUT_DONE, PAYOUT_NOT_PAID, PAYOUT_TO_APPROVE,
    *REFUND_KINDS,
)  # fmt: skip


def _of_account(kind: Kind) -> Callable[[OutboxMessage], list[Notice]]:
    def tell(message: OutboxMessage) -> list[Notice]:
        """Whoever is paid there, and who may not have done it."""
        account = PayoutAccount.objects.get(pk=message.subject_id)
        facts = {"account": account.masked, "usable_from": account.usable_from.isoformat()}
        return [Notice(kind, account.owner_id, facts)]

    return tell


def _of_payout(kind: Kind) -> Callable[[OutboxMessage], list[Notice]]:
    def tell(message: OutboxMessage) -> list[Notice]:
        """Whoever it goes to."""
        payout = _payout(message)
        return [Notice(kind, payout.payee_id, _facts(payout))]

    return tell


def on_asked(message: OutboxMessage) -> list[Notice]:
    """The admins who may approve it. Nobody when it has been decided since."""
    payout = _payout(message)
    if payout.state != Payout.State.ASKED:
        return []
    decided = {payout.payee_id, payout.approved_by_id}
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(PAYOUT_TO_APPROVE, admin, _facts(payout)) for admin in admins if admin not in decided]


def _payout(message: OutboxMessage) -> Payout:
    return Payout.objects.select_related("account", "payee").get(pk=message.subject_id)


def _facts(payout: Payout) -> dict[str, Any]:
    return {
        "payout_id": str(payout.pk),
        "payee": str(payout.payee),
        "amount": payout.amount,
        "sent_amount": payout.sent_amount,
        "currency": payout.currency,
        "account": payout.account.masked,
        "state": payout.state,
        "word": payout.word,
    }


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "payout_account.added": _of_account(ACCOUNT_ADDED),
    "payout_account.chosen": _of_account(ACCOUNT_CHOSEN),
    "payout_account.removed": _of_account(ACCOUNT_REMOVED),
    "payout.asked": on_asked,
    # The first of two: the others are asked once more.
    "payout.approved": on_asked,
    "payout.sent": _of_payout(PAYOUT_SENT),
    "payout.done": _of_payout(PAYOUT_DONE),
    "payout.failed": _of_payout(PAYOUT_NOT_PAID),
    "payout.rejected": _of_payout(PAYOUT_NOT_PAID),
    **REFUND_TELLS,
}
