"""How Stripe is asked: by its own library, at a pinned version, with a time limit; and what its errors mean here."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from tenpo.core.money import minor_digits
from tenpo.payments.providers.base import ProviderTimeout

if TYPE_CHECKING:
    from stripe import StripeClient

# What Stripe's answers look like; a newer library alone changes nothing.
API_VERSION = "2026-10-28.endive"
CONNECT_SECONDS, ANSWER_SECONDS = 5, 20
# Where Stripe's smallest unit is another one than a hundredth. It differs from the usual ones (CLDR) for some.
NO_DIGITS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DIGITS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])

log = structlog.get_logger()


def stripe_api() -> "StripeClient":
    """The library's client, which is loaded when somebody needs it: that takes a second."""
    return _client(settings.STRIPE_KEY, settings.STRIPE_API)


@lru_cache(maxsize=4)
def _client(key: str, address: str) -> "StripeClient":
    import stripe  # noqa: PLC0415 (only where it is switched on)

    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": address},
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, ANSWER_SECONDS)),
        # Whoever asks again does so later, and under the same key.
        max_network_retries=0,
    )


@contextmanager
def asking_stripe() -> Iterator[None]:
    """What does not say whether anything happened is a ProviderTimeout; what Stripe refuses is left as it is."""
    import stripe  # noqa: PLC0415 (as above)

    try:
        yield
    except (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError, stripe.IdempotencyError) as error:
        raise ProviderTimeout from error


@contextmanager
def looking_at_stripe() -> Iterator[None]:
    """The same for a question that changes nothing: a key that is refused tells nothing of what happened either."""
    import stripe  # noqa: PLC0415 (as above)

    try:
        with asking_stripe():
            yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        log.exception("stripe_refuses_the_key")
        raise ProviderTimeout from error


def under(key: str) -> Any:
    """The option by which a repeat of the same call does nothing."""
    return {"idempotency_key": key}


def to_stripe(amount: int, currency: str) -> int:
    """An amount in Stripe's smallest unit."""
    shift = _digits(currency) - minor_digits(currency)
    found = shifted(amount, shift)
    assert from_stripe(found, currency) == amount, "an amount that Stripe cannot say"
    return found


def from_stripe(amount: int, currency: str) -> int:
    """An amount of Stripe's in ours."""
    shift = minor_digits(currency.upper()) - _digits(currency.upper())
    return shifted(amount, shift)


def shifted(amount: int, digits: int) -> int:
    """An amount with so many digits more behind the point, or fewer."""
    factor = int(10 ** abs(digits))
    return amount * factor if digits >= 0 else round(amount / factor)


def _digits(currency: str) -> int:
    return 0 if currency in NO_DIGITS else 3 if currency in THREE_DIGITS else 2
