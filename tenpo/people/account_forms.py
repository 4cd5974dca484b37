"""allauth's forms that ask again who somebody is: what they had typed stands there when they come back.

Not in `people.forms`, which allauth itself reads while it makes these.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from allauth.account.forms import AddEmailForm, ConfirmEmailVerificationCodeForm, ReauthenticateForm
from allauth.core import context as allauth_context
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateCodeForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms
from django.core.validators import MaxLengthValidator

from tenpo.people.http import typed_before
from tenpo.people.middleware import TYPED_LENGTH

# What a browser makes of a new passkey, with whatever its maker says of it: some kB.
CREDENTIAL_LENGTH = 64 * 1024


def _at_most[F: type[forms.Form]](**lengths: int) -> Callable[[F], F]:
    """Give texts of allauth's an end, which have none."""

    def limited(form: F) -> F:
        for name, length in lengths.items():
            field = deepcopy(form.base_fields[name])
            assert isinstance(field, forms.CharField), name
            field.max_length = length
            field.validators.append(MaxLengthValidator(length))
            form.base_fields[name] = field
        return form

    return limited


class _Waiting(forms.Form):
    """A form in which waits what somebody had typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {**self.initial, **typed_before(allauth_context.request)}


class _AskedFirst(forms.Form):
    """A page that asks for one thing: whoever comes there may type at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        next(iter(self.fields.values())).widget.attrs["autofocus"] = True


@_at_most(password=TYPED_LENGTH)
class AgainForm(_AskedFirst, ReauthenticateForm):  # type: ignore[misc]
    """The password of somebody who is signed in."""


@_at_most(code=TYPED_LENGTH)
class AgainCodeForm(_AskedFirst, ReauthenticateCodeForm):  # type: ignore[misc]
    """A code instead."""


class AddressForm(_Waiting, AddEmailForm):  # type: ignore[misc]
    """Another address to sign in with."""


@_at_most(code=TYPED_LENGTH)
class AddressCodeForm(_Waiting, ConfirmEmailVerificationCodeForm):  # type: ignore[misc]
    """The code that was mailed to it."""


class CredentialField(forms.JSONField):
    """What a browser makes of a new passkey. Its length is that of the text: what is read of it may be a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.max_length = CREDENTIAL_LENGTH

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > CREDENTIAL_LENGTH:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid", params={"value": ""})
        return super().to_python(value)


@_at_most(name=TYPED_LENGTH)
class PasskeyForm(_Waiting, AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey."""

    credential = CredentialField(widget=forms.HiddenInput)


@_at_most(name=TYPED_LENGTH)
class PasskeyNameForm(_Waiting, EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a passkey."""
