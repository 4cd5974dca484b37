"""How a payment was paid, in the reader's words: with a payment stands what its provider said, in English."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

DOTS = " ••••"
# What providers say, and what they are called where they have said nothing yet.
SAID = {
    "Payroll": _("Payroll"),
    "payroll": _("Payroll"),
    "Bank transfer": _("Bank transfer"),
    "transfer": _("Bank transfer"),
    "Card": _("Card"),
    "sandbox": _("Card"),
    "stripe": _("Card (Stripe)"),
}
WITHIN = {
    "Payroll": pgettext_lazy("inside a sentence", "payroll"),
    "Bank transfer": pgettext_lazy("inside a sentence", "bank transfer"),
}


def say_method(kept: str) -> str:
    """ "Card •••• 4242" as the reader calls it; the name of a brand stays."""
    name, dots, number = kept.partition(DOTS)
    return f"{SAID.get(name, name)}{dots}{number}"


def say_method_within(kept: str) -> str:
    """The same inside a sentence: "by bank transfer"."""
    return str(WITHIN.get(kept) or say_method(kept))
