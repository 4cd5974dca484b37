"""What is told of payments that their payer's bank takes back, and to whom."""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.core.models import OutboxMessage
from tenpo.notify.kinds import Audience, Facts, Kind, Notice, Words, path_to
from tenpo.payments.models import Payment
from tenpo.people.models import User


def _say_disputed(facts: Facts) -> Words:
    amount = {"person": facts["payer"], "amount": facts.money("amount")}
    return Words(
        title=_("The bank of %(person)s wants %(amount)s back") % amount,
        text=_(
            "For %(what)s. Answer the dispute at the provider, and give nothing of it back another way until it is "
            "decided: it would be paid twice."
        )
        % {"what": facts["what"]},
        act=_("See the payment"),
        path=path_to("checkout:payment-detail", facts["payment_id"]),
    )


PAYMENT_DISPUTED = Kind(
    "admin.payment_disputed", gettext_lazy("A bank wants a payment back"), Audience.ADMIN, _say_disputed,
    email_is_optional=False, icon="scale",
)  # fmt: skip

KINDS = (PAYMENT_DISPUTED,)


def on_payment_disputed(message: OutboxMessage) -> list[Notice]:
    """Every admin: the bank gives some days to answer."""
    payment = Payment.objects.select_related("payer").get(pk=message.subject_id)
    facts = {
        "payment_id": str(payment.pk),
        "payer": str(payment.payer),
        "what": payment.description,
        "amount": payment.amount,
        "currency": payment.currency,
    }
    admins = User.objects.admins().active().values_list("pk", flat=True)
    return [Notice(PAYMENT_DISPUTED, admin, facts) for admin in admins]


TELLS: dict[str, Callable[[OutboxMessage], list[Notice]]] = {"payment.disputed": on_payment_disputed}
