"""What a device answers when it is asked for a passkey: looked at before allauth takes it for well formed."""

from typing import Any

from allauth.mfa.webauthn.internal.auth import AuthenticationResponse, RegistrationResponse

from tenpo.core.api import read_json


def is_answer(credential: object, *, is_new: bool) -> bool:
    """Whether a device could have answered so: with a passkey that it made (`is_new`), or by one that it has."""
    try:
        found: Any = read_json(credential.encode()) if isinstance(credential, str) else credential
        return _is_made_of_text(found) and _is_whole(found, is_new=is_new)
    except Exception:  # noqa: BLE001 (it takes apart what strangers send, and has no error of its own for all it finds)
        return False


def _is_made_of_text(found: Any) -> bool:
    """In JSON, bytes are text. Where a number stands instead, the library would make so many bytes."""
    texts = [found["rawId"], *(value for name, value in found["response"].items() if name != "transports")]
    return all(text is None or isinstance(text, str) for text in texts)


def _is_whole(found: Any, *, is_new: bool) -> bool:
    if not is_new:
        return _says_where(AuthenticationResponse.from_dict(found).response.client_data)
    made = RegistrationResponse.from_dict(found).response
    return _says_where(made.client_data) and made.attestation_object.auth_data.credential_data is not None


def _says_where(client_data: Any) -> bool:
    return isinstance(client_data.origin, str)
