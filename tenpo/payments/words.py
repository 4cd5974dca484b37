"""How it is said why money did not come, or did not arrive. The codes are ours, or a provider's own."""

from collections.abc import Callable

from django.utils.translation import gettext as _

# Why somebody's money did not come, or their card is not kept.
PAYING: dict[str, Callable[[], str]] = {
    "card_declined": lambda: _("The card was declined."),
    "expired_card": lambda: _("This card has expired."),
    "incorrect_cvc": lambda: _("The security code of the card was wrong."),
    "insufficient_funds": lambda: _("There is not enough money on this card."),
    "processing_error": lambda: _("The bank could not process it."),
    "unknown_card": lambda: _("We do not know this card."),
    "not_confirmed": lambda: _("The payment was not confirmed at the bank."),
    "authentication_required": lambda: _("The bank wants the payer to confirm this payment."),
    "unknown_method": lambda: _("This way to pay is not there any more."),
    "method_gone": lambda: _("The provider does not keep this card any more."),
    "method_removed": lambda: _("This card was removed."),
    "not_offered": lambda: _("This way to pay is not offered any more."),
    "never_started": lambda: _("The payment did not get through."),
    "not_entered": lambda: _("No card was entered."),
    "refused": lambda: _("The provider refused it."),
    "top_up_refunded": lambda: _("Money that had been paid into the wallet was given back."),
    "disputed": lambda: _("The bank wanted a payment back."),
}
# Why money that we sent did not arrive.
SENDING: dict[str, Callable[[], str]] = {
    "account_closed": lambda: _("The account was closed."),
    "account_frozen": lambda: _("The account is frozen."),
    "charge_disputed": lambda: _("The payer's bank wants the payment back. Look at the dispute at the provider."),
    "bank_account_restricted": lambda: _("The bank account does not take this kind of payment."),
    "could_not_process": lambda: _("The bank could not process it."),
    "declined": lambda: _("The bank declined it."),
    "expired_or_canceled_card": lambda: _("The card has expired, or was cancelled."),
    "incorrect_account_holder_name": lambda: _("The name is not the one of the account."),
    "insufficient_funds": lambda: _("There is not enough money at the provider to send it."),
    "invalid_account_number": lambda: _("There is no account with this number."),
    "lost_or_stolen_card": lambda: _("The card was reported as lost or stolen."),
    "no_account": lambda: _("There is no account with this number."),
    "nothing_left": lambda: _("The provider has nothing left of the payment."),
    "receiver_account_locked": lambda: _("The account is locked."),
    "receiver_unregistered": lambda: _("Nobody has an account with this address."),
    "refused": lambda: _("The provider refused it."),
    "returned": lambda: _("The bank sent it back."),
    "reversed": lambda: _("The provider took it back."),
}
# What says something of the card, and not of a payment.
_OF_CARDS = {"card_declined", "expired_card", "incorrect_cvc", "processing_error", "refused", "unknown_card"}
# Said to whoever pays in words of its own.
_TO_PAYER: dict[str, Callable[[], str]] = {
    "authentication_required": lambda: _("The bank wants you to confirm this payment yourself. Nothing was paid."),
    "method_gone": lambda: _("Our payment provider does not keep this card any more. Nothing was paid; enter it anew."),
    "top_up_refunded": lambda: _("Money that had been paid into your wallet was given back."),
    "disputed": lambda: _("Your bank wanted a payment back."),
}


def why_not_paid(code: str) -> str:
    """Why a payment failed, for whoever looks after it; empty for a code that we do not know."""
    return PAYING[code]() if code in PAYING else ""


def why_not_sent(code: str) -> str:
    """Why a refund or a payout did not arrive; empty for a code that we do not know."""
    return SENDING[code]() if code in SENDING else ""


def say_failure(code: str) -> str:
    """Why a payment failed, for whoever wanted to pay."""
    if code in _TO_PAYER:
        return _TO_PAYER[code]()
    return f"{why_not_paid(code) or _('The payment failed.')} {_('Nothing was paid.')}"


def say_method_failure(code: str) -> str:
    """Why a way to pay was not kept, for whoever wanted it."""
    if code == "not_entered":
        return why_not_paid(code)
    if code not in _OF_CARDS:
        return _("That did not work. Nothing is kept.")
    return f"{why_not_paid(code)} {_('It is not kept.')}"
