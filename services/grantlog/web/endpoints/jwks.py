"""``/jwks``: the public keys that verify what we signed, and to which others encrypt what we read (RFC 7517 section 5)."""

from aiohttp import web

from grantlog.web.answers import json_answer
from grantlog.web.keys import SERVICE


async def jwks(request: web.Request) -> web.Response:
    """Every signing key that is next, current or retiring, and our encryption keys."""
    ports = request.app[SERVICE].ports
    signing = [{**key.jwk, "kid": key.kid, "alg": key.alg, "use": "sig"} for key in ports.signer.public_keys()]
    return json_answer({"keys": [*signing, *ports.verifier.encryption_keys()]})
