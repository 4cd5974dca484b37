"""A device with a passkey, for tests: it answers as a browser would."""

import json
from hashlib import sha256
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from tenpo.people.models import User

HOST = "localhost"
LOGIN = "/account/2fa/webauthn/login/"
_FLAG = AuthenticatorData.FLAG


class Passkey:
    """A passkey that signs its owner in alone."""

    def __init__(self, owner: User, name: str = "My phone") -> None:
        self.owner = owner
        self.secret = generate_private_key(SECP256R1())
        self.id = name.encode()
        self.row: Authenticator = WebAuthn.add(owner, name, made_for(b"", self.secret, self.id)).instance

    def sign_in(self, client: Client) -> Any:
        """Answer what the page of signing in asks."""
        headers = {"accept": "application/json", "host": HOST, "x-requested-with": "XMLHttpRequest"}
        asked = client.get(LOGIN, headers=headers).json()["request_options"]["publicKey"]
        said = _client_data("webauthn.get", asked["challenge"])
        seen = AuthenticatorData.create(_host_hash(), _FLAG.UP | _FLAG.UV, 1)
        answer = {
            "clientDataJSON": websafe_encode(said),
            "authenticatorData": websafe_encode(seen),
            "signature": websafe_encode(self.secret.sign(seen + said.hash, ECDSA(SHA256()))),
            "userHandle": websafe_encode(str(self.owner.pk).encode()),
        }
        credential = json.dumps({**_named(self.id), "response": answer, "clientExtensionResults": {}})
        return client.post(LOGIN, {"credential": credential}, headers={"host": HOST})


def made_for(challenge: bytes | str, secret: EllipticCurvePrivateKey, id_: bytes) -> dict[str, Any]:
    """What a device answers that made a new passkey."""
    key = ES256.from_cryptography_key(secret.public_key())  # type: ignore[no-untyped-call]
    data = AttestedCredentialData.create(bytes(16), id_, key)
    seen = AuthenticatorData.create(_host_hash(), _FLAG.UP | _FLAG.UV | _FLAG.AT, 0, data)
    made = {
        "clientDataJSON": websafe_encode(_client_data("webauthn.create", challenge)),
        "attestationObject": websafe_encode(AttestationObject.create("none", seen, {})),
    }
    return {**_named(id_), "response": made, "clientExtensionResults": {"credProps": {"rk": True}}}


def _named(id_: bytes) -> dict[str, str]:
    name = websafe_encode(id_)
    return {"id": name, "rawId": name, "type": "public-key"}


def _host_hash() -> bytes:
    return sha256(HOST.encode()).digest()


def _client_data(kind: str, challenge: bytes | str) -> CollectedClientData:
    return CollectedClientData.create(kind, challenge, f"http://{HOST}")
