"""``/jwks``: the public keys that verify what we signed (RFC 7517 section 5)."""

from aiohttp import web

from grantlog.web.answers import json_answer
from grantlog.web.keys import SERVICE


async def jwks(request: web.Request) -> web.Response:
    """Every key that is next, current or retiring."""
    keys = request.app[SERVICE].ports.signer.public_keys()
    return json_answer({"keys": [{**key.jwk, "kid": key.kid, "alg": key.alg, "use": "sig"} for key in keys]})
