"""The one row that says which business this is."""

from tenpo.core.kept import Kept
from tenpo.core.models import Business


@Kept
def current_business() -> Business:
    """The business of this installation; made with its defaults at the first question."""
    return Business.objects.first() or Business.objects.get_or_create(only=True)[0]


def forget_business() -> None:
    """Read the row afresh at the next question; whoever changes it calls this."""
    current_business.forget()
