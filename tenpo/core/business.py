"""The one row that says which business this is, read at most every few seconds by each process."""

import time

from tenpo.core.models import Business

SECONDS_KEPT = 5.0
_kept: tuple[float, Business] | None = None


def current_business() -> Business:
    """The business of this installation; made with its defaults at the first question."""
    global _kept
    if _kept is None or time.monotonic() - _kept[0] > SECONDS_KEPT:
        business = Business.objects.first() or Business.objects.get_or_create(only=True)[0]
        _kept = (time.monotonic(), business)
    return _kept[1]


def forget_business() -> None:
    """Read the row afresh at the next question; whoever changes it calls this."""
    global _kept
    _kept = None
