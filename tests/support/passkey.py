"""A software authenticator (WebAuthn level 2): makes ES256 keys and signs with them, as honestly or not as a test wants."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from secrets import token_bytes
from typing import Any

from cbor2 import dumps as cbor
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from tests.support.browser import Answer

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The same back."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def options_of(page: Answer) -> dict[str, Any]:
    """What a page asks ``navigator.credentials`` for: the first of its forms that does."""
    found = page.text.split('data-options="', 1)[1].split('"', 1)[0]
    options: dict[str, Any] = json.loads(unescape(found))
    return options


@dataclass
class Authenticator:
    """One key of one account at one site. What a test changes is what it lies about."""

    origin: str
    rp_id: str
    counter: int = 1
    """Goes up with each signature; 0: it has none."""
    flags: int = PRESENT | VERIFIED
    user_handle: bytes | None = None
    cross_origin: bool = False
    credential_id: bytes = field(default_factory=lambda: token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any], **changes: Any) -> str:
        """What ``navigator.credentials.create`` gives for these options, as the page's script writes it."""
        self.user_handle = decoded(options["user"]["id"])
        client = self._client_data("webauthn.create", options, changes)
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self._cose()
        data = self._authenticator_data(self.flags | ATTESTED) + attested
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._written({"clientDataJSON": encoded(client), "attestationObject": encoded(cbor(attestation))})

    def get(self, options: dict[str, Any], **changes: Any) -> str:
        """What ``navigator.credentials.get`` gives for these options."""
        if self.counter:
            self.counter += 1
        client = self._client_data("webauthn.get", options, changes)
        data = self._authenticator_data(self.flags)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": encoded(client),
            "authenticatorData": encoded(data),
            "signature": encoded(signature),
        }
        if self.user_handle is not None:
            response["userHandle"] = encoded(self.user_handle)
        return self._written(response)

    def _client_data(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
        usual = {
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return json.dumps(usual | changes).encode()

    def _authenticator_data(self, flags: int) -> bytes:
        return sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        # RFC 9053 7.1.1: kty EC2, alg ES256, crv P-256, x, y
        return cbor({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})

    def _written(self, response: dict[str, str]) -> str:
        name = encoded(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
