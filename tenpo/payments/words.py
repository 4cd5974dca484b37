"""How ways to pay, and what becomes of them, are said."""

from django.utils.translation import gettext as _

FAILURES = {
    "card_declined": lambda: _("The card was declined. It is not kept."),
    "unknown_card": lambda: _("We do not know this card. It is not kept."),
    "not_entered": lambda: _("No card was entered."),
}


def say_method_failure(code: str) -> str:
    """Why a way to pay was not kept, for whoever wanted it."""
    return FAILURES[code]() if code in FAILURES else _("That did not work. Nothing is kept.")
