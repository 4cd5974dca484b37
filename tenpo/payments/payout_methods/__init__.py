"""Ways to pay people out behind one shape."""

from tenpo.payments.models import PayoutTerms
from tenpo.payments.payout_methods.base import PayoutMethod
from tenpo.payments.payout_methods.crypto import Crypto
from tenpo.payments.payout_methods.manual import Manual
from tenpo.payments.payout_methods.paypal import PayPal
from tenpo.payments.payout_methods.sepa import Sepa
from tenpo.payments.payout_methods.stripe import StripeConnect

_ALL: tuple[PayoutMethod, ...] = (Sepa(), PayPal(), StripeConnect(), Crypto(), Manual())
METHODS: dict[str, PayoutMethod] = {method.name: method for method in _ALL}


def offered_methods(terms: PayoutTerms, currency: str) -> dict[str, PayoutMethod]:
    """How people can be paid here."""
    return {name: one for name, one in METHODS.items() if one.is_offered(terms, currency)}
