"""Key pairs of the demo: of the client that is held to FAPI 2.0, and of the issuer whose assertions count."""

import json
import secrets
from typing import Any

from joserfc.jwk import ECKey, KeyParameters

KEYS = ("fapi_key", "issuer_key")
"""The names under which they are remembered, private parts and all."""


def new_key() -> str:
    """A fresh ES256 key pair as JSON."""
    about: KeyParameters = {"kid": f"demo-{secrets.token_hex(4)}", "alg": "ES256", "use": "sig"}
    return json.dumps(ECKey.generate_key("P-256", about, private=True).as_dict(private=True))


def private_jwk(text: str) -> dict[str, Any]:
    """A remembered key pair as a JWK."""
    jwk: dict[str, Any] = json.loads(text)
    return jwk


def public_jwks(text: str) -> dict[str, Any]:
    """Its public part, as a set of one."""
    return {"keys": [{name: value for name, value in private_jwk(text).items() if name != "d"}]}
