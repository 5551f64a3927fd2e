"""Our own protected resource, the UserInfo endpoint: its metadata (RFC 9728), and how it challenges (RFC 6750, RFC 9449)."""

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from grantlog.core.protocol.errors import REALM, InvalidTokenError, ProtocolError, invalid_request
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.scope import OIDC_SCOPES

WELL_KNOWN = "/.well-known/oauth-protected-resource"
Scheme = Literal["Bearer", "DPoP"]
_STATUS = {"invalid_request": 400, "insufficient_scope": 403}
"""RFC 6750 section 3.1; what else is wrong is wrong with the token or its proof, and 401."""


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """An access token as it came, and by which scheme. Not printed."""

    scheme: Scheme
    text: str = field(repr=False)


def read_token(authorization: str | None, form: Parameters, query: Parameters) -> PresentedToken:
    """The one access token of a request. Raises InvalidTokenError where there is none, invalid_request for any other way."""
    # RFC 9700 4.3.2: "Clients MUST NOT pass access tokens in a URI query parameter"; OAuth 2.1 section 5.1 leaves it out
    if query.get("access_token") is not None:
        raise invalid_request("an access token may not stand in a URL", "token_in_query")
    in_body = form.get("access_token")
    if authorization is None:
        if in_body is None:
            raise InvalidTokenError("token_missing", presented=False)
        return PresentedToken("Bearer", in_body)
    # RFC 6750 2: "Clients MUST NOT use more than one method to transmit the token in each request."
    if in_body is not None:
        raise invalid_request("the access token came in more than one way", "token_twice")
    scheme, _, text = authorization.partition(" ")
    text = text.strip(" ")
    if scheme.lower() == "bearer" and text:
        return PresentedToken("Bearer", text)
    if scheme.lower() == "dpop" and text:
        return PresentedToken("DPoP", text)
    raise InvalidTokenError("token_scheme", presented=False)


def challenged(
    error: ProtocolError, scheme: Scheme, *, algs: tuple[str, ...], metadata_url: str, scope: str
) -> ProtocolError:
    """The same error as a protected resource tells it: with a challenge by the scheme that was tried, and the other one."""
    members = [f'realm="{REALM}"']
    # RFC 6750 3.1: "If the request lacks any authentication information [...] the resource server SHOULD NOT include an
    # error code or other error information."
    if error.reason not in {"token_missing", "token_scheme"}:
        members += [f'error="{error.error}"', f'error_description="{error.description}"']
    if error.error == "insufficient_scope":
        members.append(f'scope="{scope}"')
    # RFC 9728 5.1: "resource_metadata: The URL of the protected resource metadata"
    members.append(f'resource_metadata="{metadata_url}"')
    # RFC 9449 7.1: "algs" names the JWS algorithms of proofs that are accepted, with blanks between them
    proof = f'algs="{" ".join(algs)}"'
    tried = ", ".join(members)
    challenge = f"DPoP {tried}, {proof}" if scheme == "DPoP" else f"Bearer {tried}, DPoP {proof}"
    return ProtocolError(
        error.error,
        error.description,
        error.reason,
        status=_STATUS.get(error.error, 401) if error.status < 429 else error.status,
        headers={**error.headers, "WWW-Authenticate": challenge},
    )


def metadata_path(resource: str) -> str:
    """The path of the metadata of one of our resources."""
    # RFC 9728 3.1: "inserting a well-known URI string into the protected resource's resource identifier between the host
    # component and the path and/or query components, if any"
    return WELL_KNOWN + urlsplit(resource).path


def metadata_url(resource: str) -> str:
    """The URL of the metadata of one of our resources."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{metadata_path(resource)}"


def metadata(
    resource: str,
    *,
    issuer: str,
    dpop_algs: tuple[str, ...],
    signing_algs: tuple[str, ...],
    mtls: bool,
) -> dict[str, Any]:
    """RFC 9728 section 2. ``resource``: the issuer, or the UserInfo endpoint itself.

    RFC 9728 3.3: "The resource value returned MUST be identical to the protected resource's resource identifier value into
    which the well-known URI path suffix was inserted", and, where a challenge named the document, to the URL that was asked.
    """
    return {
        "resource": resource,
        "resource_name": "UserInfo",
        "authorization_servers": [issuer],
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": list(OIDC_SCOPES),
        "bearer_methods_supported": ["header", "body"],
        "resource_signing_alg_values_supported": list(signing_algs),
        "tls_client_certificate_bound_access_tokens": mtls,
        "dpop_signing_alg_values_supported": list(dpop_algs),
        "dpop_bound_access_tokens_required": False,
    }
