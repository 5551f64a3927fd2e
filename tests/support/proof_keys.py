"""A DPoP key in a client's hands, and proofs by it (RFC 9449 section 4.2)."""

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_urlsafe
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm


class ProofKey:
    """A key of P-256, made anew."""

    def __init__(self) -> None:
        self._private = generate_private_key(SECP256R1())
        public = ECAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        self.jwk = {name: public[name] for name in ("crv", "kty", "x", "y")}
        canonical = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        self.jkt = _base64url(sha256(canonical.encode()).digest())

    def proof(self, method: str, url: str, access_token: str | None = None, **changes: Any) -> Mapping[str, str]:
        """The header ``DPoP`` for one request; ``changes`` replace claims."""
        claims = {"jti": token_urlsafe(12), "htm": method, "htu": url, "iat": int(time())}
        if access_token is not None:
            claims["ath"] = _base64url(sha256(access_token.encode()).digest())
        headers = {"typ": "dpop+jwt", "jwk": self.jwk}
        return {"DPoP": jwt.encode(claims | changes, self._private, algorithm="ES256", headers=headers)}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
