"""``POST /introspect`` (RFC 7662, RFC 9701) and ``POST /introspect/batch``."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from grantlog.core.protocol.introspection import INACTIVE, MEDIA_TYPE, wants_jwt
from grantlog.core.protocol.requests import BATCH_LIMIT, PAIRS_LIMIT, read_batch, read_form
from grantlog.flows import introspect as flow
from grantlog.web.client_request import form_body, proofs
from grantlog.web.keys import ORIGIN, SERVICE

_encode = msgspec.json.encode
_MANY = frozenset({"token"})
_JSON = {"Content-Type": "application/json"}
_JWT = {"Content-Type": MEDIA_TYPE}
_ANYTHING = frozenset({"*/*", "application/json"})
"""What most resource servers accept: nobody needs to look closer."""
_INACTIVE = _encode(INACTIVE)


async def introspect(request: web.Request) -> web.Response:
    """What one token may do at the resource server that asks."""
    parameters = read_form(await form_body(request))
    accept = request.headers.get("Accept", "*/*")
    if accept not in _ANYTHING and wants_jwt(accept):
        text = await flow.introspect_signed(request.app[SERVICE], parameters, proofs(request), request[ORIGIN])
        return web.Response(body=text.encode(), headers=_JWT)
    return _answer(await flow.introspect(request.app[SERVICE], parameters, proofs(request), request[ORIGIN]))


async def introspect_batch(request: web.Request) -> web.Response:
    """What up to 100 tokens may do: an array of answers, in the order of the ``token`` parameters."""
    body = await form_body(request)
    tokens = read_batch(body)
    parameters = read_form(body, repeatable=_MANY, limit=BATCH_LIMIT + PAIRS_LIMIT)
    return _answer(
        await flow.introspect_batch(request.app[SERVICE], tokens, parameters, proofs(request), request[ORIGIN])
    )


def _answer(members: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> web.Response:
    body = _INACTIVE if members is INACTIVE else _encode(members)
    return web.Response(body=body, headers=_JSON)
