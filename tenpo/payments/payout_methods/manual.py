"""Money that is handed over as two people agreed."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenpo.payments.models import Payout, PayoutAccount, PayoutTerms
from tenpo.payments.payout_methods.base import SentByHand, details_of
from tenpo.people.models import User

LONGEST = 200


class Manual(SentByHand):
    """Paid as two people agreed: with the salary, in cash, abroad."""

    name = PayoutAccount.Method.MANUAL
    fields = {"note": gettext_lazy("How you are paid")}

    def is_offered(self, terms: PayoutTerms, currency: str) -> bool:
        return True

    def read(self, typed: Mapping[str, str], *, owner: User) -> dict[str, str]:
        note = " ".join(typed.get("note", "").split())
        if not note or len(note) > LONGEST:
            raise ValidationError({"note": _("Say in a few words how you are paid, such as “with my salary”.")})
        return {"note": note}

    def mask(self, details: Mapping[str, str]) -> str:
        """None of what was agreed: somebody may have written the number of an account there."""
        return _("By hand")


def note_of(payout: Payout) -> str:
    """How two people agreed that a payout is paid; empty where it leaves another way."""
    return details_of(payout.account)["note"] if payout.method == PayoutAccount.Method.MANUAL else ""
