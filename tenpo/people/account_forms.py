"""allauth's forms that ask again who somebody is: what they had typed stands there when they come back.

Not in `people.forms`, which allauth itself reads while it makes these.
"""

from typing import Any

from allauth.account.forms import AddEmailForm, ConfirmEmailVerificationCodeForm
from allauth.core import context as allauth_context
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms

from tenpo.people.http import typed_before


class _Waiting(forms.Form):
    """A form in which waits what somebody had typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {**self.initial, **typed_before(allauth_context.request)}


class AddressForm(_Waiting, AddEmailForm):  # type: ignore[misc]
    """Another address to sign in with."""


class AddressCodeForm(_Waiting, ConfirmEmailVerificationCodeForm):  # type: ignore[misc]
    """The code that was mailed to it."""


class PasskeyForm(_Waiting, AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""


class PasskeyNameForm(_Waiting, EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a passkey."""
