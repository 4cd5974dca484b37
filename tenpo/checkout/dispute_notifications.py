"""What is told of payments that their payer's bank takes back, and to whom."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.payments.models import Dispute, Payment
from tenpo.people.models import User


def _say_disputed(facts: Facts) -> Words:
    amount = {"person": facts["payer"], "amount": facts.money("amount")}
    return _say(
        facts,
        _("The bank of %(person)s wants %(amount)s back") % amount,
        _(
            "For %(what)s. Answer the dispute at the provider, and give nothing of it back another way until it is "
            "decided: it would be paid twice."
        )
        % {"what": facts["what"]},
    )


def _say_lost(facts: Facts) -> Words:
    each = [_("For %(what)s. What was bought stays; cancel it if it should not.") % {"what": facts["what"]}]
    if facts.number("from_payer"):
        each.append(_("%(amount)s was still in their wallet or credit.") % {"amount": facts.money("from_payer")})
    if facts.number("borne"):
        words = _("%(amount)s had gone back or was spent already: the business bears it.")
        each.append(words % {"amount": facts.money("borne")})
    amount = {"person": facts["payer"], "amount": facts.money("amount")}
    return _say(facts, _("The bank of %(person)s keeps %(amount)s") % amount, " ".join(each))


def _say_won(facts: Facts) -> Words:
    amount = {"person": facts["payer"], "amount": facts.money("amount")}
    title = _("The dispute with %(person)s over %(amount)s is won") % amount
    return _say(facts, title, _("For %(what)s. Nothing is taken back from anybody.") % {"what": facts["what"]})


def _say_returned(facts: Facts) -> Words:
    amount = {"person": facts["payer"], "amount": facts.money("amount")}
    return _say(
        facts,
        _("The bank of %(person)s returned %(amount)s after all") % amount,
        _(
            "For %(what)s. It had been counted as lost: what was taken back from who earned of it, or from the wallet, "
            "stays taken until you give it to them."
        )
        % {"what": facts["what"]},
    )


def _say(facts: Facts, title: str, text: str) -> Words:
    path = path_to("checkout:payment-detail", facts["payment_id"])
    return Words(title=title, text=text, act=_("See the payment"), path=path)


def _say_taken_back(facts: Facts) -> Words:
    return Words(
        title=_("%(amount)s left your wallet or credit") % {"amount": facts.money("amount")},
        text=_("Your bank took back what you had paid for %(what)s, so it is not here any more.")
        % {"what": facts["what"]},
        act=_("See your money"),
        path=path_to("checkout:my-money"),
    )


PAYMENT_DISPUTED = Kind(
    "admin.payment_disputed", gettext_lazy("A bank wants a payment back"), Audience.ADMIN, _say_disputed,
    email_is_optional=False, icon="scale",
)  # fmt: skip
DISPUTE_LOST = Kind(
    "admin.dispute_lost", gettext_lazy("A bank keeps what it took back"), Audience.ADMIN, _say_lost,
    email_is_optional=False, icon="scale",
)  # fmt: skip
DISPUTE_WON = Kind("admin.dispute_won", gettext_lazy("A dispute is won"), Audience.ADMIN, _say_won, icon="scale")
DISPUTE_RETURNED = Kind(
    "admin.dispute_returned", gettext_lazy("A bank returns what was lost"), Audience.ADMIN, _say_returned,
    icon="scale",
)  # fmt: skip
TAKEN_BACK = Kind(
    "payment.taken_back", gettext_lazy("Your bank took back a payment"), Audience.MEMBER, _say_taken_back,
    icon="scale",
)  # fmt: skip

KINDS = (PAYMENT_DISPUTED, DISPUTE_LOST, DISPUTE_WON, DISPUTE_RETURNED, TAKEN_BACK)


def on_payment_disputed(message: OutboxMessage) -> list[Notice]:
    """Every admin: the bank gives some days to answer."""
    payment = Payment.objects.select_related("payer").get(pk=message.subject_id)
    return _to_admins(PAYMENT_DISPUTED, payment, amount=payment.amount)


def on_dispute_lost(message: OutboxMessage) -> list[Notice]:
    """Every admin: what became of it."""
    payload = message.payload
    said = {"amount": payload["amount"], "from_payer": payload["from_payer"], "borne": payload["borne"]}
    return _to_admins(DISPUTE_LOST, _payment_of(message), **said)


def on_dispute_won(message: OutboxMessage) -> list[Notice]:
    """Every admin."""
    dispute = Dispute.objects.get(pk=message.subject_id)
    return _to_admins(DISPUTE_WON, _payment_of(message), amount=dispute.amount)


def on_dispute_returned(message: OutboxMessage) -> list[Notice]:
    """Every admin: somebody decides who gets it."""
    return _to_admins(DISPUTE_RETURNED, _payment_of(message), amount=message.payload["amount"])


def on_taken_back(message: OutboxMessage) -> list[Notice]:
    """Whoever had paid, as what they could spend is less."""
    payment = Payment.objects.get(pk=message.subject_id)
    facts = {"what": payment.said_description, "amount": message.payload["amount"], "currency": payment.currency}
    return [Notice(TAKEN_BACK, payment.payer_id, facts)]


def _payment_of(message: OutboxMessage) -> Payment:
    return Payment.objects.select_related("payer").get(disputes=message.subject_id)


def _to_admins(kind: Kind, payment: Payment, **amounts: int) -> list[Notice]:
    facts = {
        "payment_id": str(payment.pk),
        "payer": str(payment.payer),
        "what": payment.description,
        "currency": payment.currency,
        **amounts,
    }
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(kind, admin, facts) for admin in admins]


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {
    "payment.disputed": on_payment_disputed,
    "payment.taken_back": on_taken_back,
    "dispute.lost": on_dispute_lost,
    "dispute.won": on_dispute_won,
    "dispute.returned": on_dispute_returned,
}
