"""``GET`` and ``POST /userinfo`` (OpenID Connect Core section 5.3), and the metadata of that resource (RFC 9728)."""

from aiohttp import web

from grantlog.core.protocol import protected_resource
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.protected_resource import PresentedToken, Scheme, read_token
from grantlog.core.protocol.requests import Parameters, read_form, read_query, require_form
from grantlog.core.protocol.resource import own_resources
from grantlog.core.protocol.supported import signing_algs
from grantlog.core.protocol.userinfo import SCOPE
from grantlog.flows import userinfo as flow
from grantlog.flows.sender import nonce_headers
from grantlog.web.answers import json_answer
from grantlog.web.client_request import authorization, proofs, read_body
from grantlog.web.keys import CLIENT_ORIGINS, SERVICE


async def userinfo(request: web.Request) -> web.Response:
    """The claims about the user of an access token."""
    scheme: Scheme = "Bearer"
    try:
        presented = await _presented(request)
        scheme = presented.scheme
        told = await flow.tell(request.app[SERVICE], presented, proofs(request))
    except ProtocolError as error:
        policy = request.app[SERVICE].policy
        _, resource = own_resources(policy.issuer)
        raise protected_resource.challenged(
            error,
            scheme,
            algs=_algs(request),
            metadata_url=protected_resource.metadata_url(resource),
            scope=SCOPE,
        ) from None
    request[CLIENT_ORIGINS] = told.client.metadata.origins
    fresh = nonce_headers(request.app[SERVICE]) if scheme == "DPoP" else None
    return web.Response(body=told.body, content_type=told.media_type, headers=fresh)


async def _presented(request: web.Request) -> PresentedToken:
    query = read_query(request.rel_url.raw_query_string)
    form = Parameters({})
    # RFC 6750 2.2: "The entity-body [...] single-part", "application/x-www-form-urlencoded", and the method is not GET
    if request.method == "POST" and "Content-Type" in request.headers and request.body_exists:
        require_form(request.headers.get("Content-Type"))
        form = read_form(await read_body(request))
    return read_token(authorization(request), form, query)


async def metadata_of_issuer(request: web.Request) -> web.Response:
    """RFC 9728 section 3, of the resource that tokens name as their audience."""
    return _metadata(request, 0)


async def metadata_of_userinfo(request: web.Request) -> web.Response:
    """The same resource by the URL of its endpoint, as its challenge names it."""
    return _metadata(request, 1)


def _metadata(request: web.Request, which: int) -> web.Response:
    policy = request.app[SERVICE].policy
    return json_answer(
        protected_resource.metadata(
            own_resources(policy.issuer)[which],
            issuer=policy.issuer,
            dpop_algs=_algs(request),
            signing_algs=_algs(request),
            mtls=policy.mtls_base_url is not None,
        )
    )


def _algs(request: web.Request) -> tuple[str, ...]:
    """What we sign by, and take proofs by: as the metadata of the server has it."""
    return signing_algs(fapi2=request.app[SERVICE].policy.profile == "fapi2")
