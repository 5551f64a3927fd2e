"""We as the client of another OpenID provider (OpenID Connect Core section 3.1, Discovery 1.0): what is asked, and every
check of what comes back. No I/O; signatures are proven before the claims come here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode, urlsplit

from grantlog.core.protocol.claims import ATTRIBUTES, STANDARD, check_profile
from grantlog.core.protocol.jwt_text import MalformedJwtError
from grantlog.core.protocol.jwt_time import check_times, numeric_date
from grantlog.core.protocol.policy import UpstreamProvider

TOKEN_LIFETIME = 86_400
"""Seconds that an ID token may be good for."""
SUBJECT_LIMIT = 255
"""OpenID Connect Core section 2: ``sub`` "MUST NOT exceed 255 ASCII characters in length"."""
_NEVER_COPIED = frozenset({*ATTRIBUTES, "updated_at"})
"""Roles, groups and entitlements are what an operator here gives, and nobody else."""


class UpstreamError(Exception):
    """The other provider, or somebody in its name, answered what cannot count; ``reason`` is private and stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """As much of a provider's metadata as a login needs."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    sends_issuer: bool
    """``authorization_response_iss_parameter_supported`` (RFC 9207 section 3)."""
    by_post: bool
    """Whether it takes a secret in the body only."""


def configuration_uri(issuer: str) -> str:
    """Where a provider's metadata is (OpenID Connect Discovery section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_metadata(issuer: str, members: Mapping[str, Any]) -> ProviderMetadata:
    """A provider's metadata. Raises UpstreamError."""
    # OpenID Connect Discovery 4.3: "The issuer value returned MUST be identical to the Issuer URL that was used as the prefix
    # to /.well-known/openid-configuration"
    if members.get("issuer") != issuer:
        raise UpstreamError("upstream_metadata_issuer")
    methods = members.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return ProviderMetadata(
        authorization_endpoint=_url(issuer, members, "authorization_endpoint"),
        token_endpoint=_url(issuer, members, "token_endpoint"),
        jwks_uri=_url(issuer, members, "jwks_uri"),
        sends_issuer=members.get("authorization_response_iss_parameter_supported") is True,
        by_post=isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods,
    )


def _url(issuer: str, members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        raise UpstreamError(f"upstream_metadata_{name}") from None
    # in clear only where the issuer itself is: on a developer's machine
    known = parts.scheme in {"https", urlsplit(issuer).scheme} and bool(parts.netloc)
    if not isinstance(value, str) or not known or not value.isprintable():
        raise UpstreamError(f"upstream_metadata_{name}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One login that was begun: what proves that an answer is to it."""

    redirect_uri: str
    state: str
    nonce: str
    code_challenge: str
    fresh: bool
    """The person has to authenticate there now, also if a session is open."""


def authorization_url(provider: UpstreamProvider, metadata: ProviderMetadata, wanted: Wanted) -> str:
    """Where the browser is sent. State, nonce and PKCE are always sent, whatever the provider supports."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": wanted.redirect_uri,
        "scope": provider.scope,
        "state": wanted.state,
        "nonce": wanted.nonce,
        "code_challenge": wanted.code_challenge,
        "code_challenge_method": "S256",
    }
    if wanted.fresh:
        asked["prompt"] = "login"
    joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
    return metadata.authorization_endpoint + joint + urlencode(asked)


def check_answer_issuer(issuer: str, metadata: ProviderMetadata, sent: str | None, *, alone: bool) -> None:
    """Who answered is who was asked (RFC 9207 section 2.4). ``alone``: no other provider is configured.

    Raises UpstreamError.
    """
    # RFC 9207 2.4: "If the value does not match the expected issuer identifier, clients MUST reject the authorization
    # response"; "Clients that interact with authorization servers supporting this specification MUST [...] reject
    # responses without the iss parameter"
    if sent is not None and sent != issuer:
        raise UpstreamError("upstream_mix_up")
    # RFC 9700 4.4.2: where a client interacts with several servers, it "MUST prevent mix-up attacks"
    if sent is None and (metadata.sends_issuer or not alone):
        raise UpstreamError("upstream_issuer_missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an ID token has to say."""

    issuer: str
    client_id: str
    nonce: str
    at_hash: str | None
    """Of the access token that came with it; None: none came."""
    now: float


def check_id_token(claims: Mapping[str, Any], expected: Expected) -> str:
    """``sub``, after every check of OpenID Connect Core section 3.1.3.7 but the signature. Raises UpstreamError."""
    if claims.get("iss") != expected.issuer:
        raise UpstreamError("upstream_token_iss")
    _check_audience(claims, expected.client_id)
    try:
        check_times(claims, expected.now, lifetime=TOKEN_LIFETIME)
        issued_at = numeric_date(claims, "iat")
    except MalformedJwtError as wrong:
        raise UpstreamError(f"upstream_token_{wrong.reason}") from None
    if issued_at is None:
        raise UpstreamError("upstream_token_iat")
    # 3.1.3.7 11: "If a nonce value was sent in the Authentication Request, a nonce Claim MUST be present and its value checked"
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise UpstreamError("upstream_token_nonce")
    # 3.1.3.8: at_hash is OPTIONAL here; what is there has to be right
    told = claims.get("at_hash")
    if told is not None and told != expected.at_hash:
        raise UpstreamError("upstream_token_at_hash")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isascii() or not 0 < len(subject) <= SUBJECT_LIMIT:
        raise UpstreamError("upstream_token_sub")
    return subject


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    # 3.1.3.7 3: "The ID Token MUST be rejected if the ID Token does not list the Client as a valid audience, or if it contains
    # additional audiences not trusted by the Client."
    if audience not in (client_id, [client_id]):
        raise UpstreamError("upstream_token_aud")
    if claims.get("azp", client_id) != client_id:
        raise UpstreamError("upstream_token_azp")


def authenticated_at(claims: Mapping[str, Any], now: int) -> int | None:
    """When the person authenticated there, where that was before ``now``; None: nobody says."""
    told = claims.get("auth_time")
    if isinstance(told, bool) or not isinstance(told, int) or not 0 < told <= now:
        return None
    return told


def profile_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    """What a new account takes over of the person: standard claims, each that can be one.

    An e-mail address or telephone number counts as verified only where the provider says so.
    """
    taken: dict[str, Any] = {}
    for name in STANDARD:
        if name in claims and name not in _NEVER_COPIED:
            try:
                taken |= check_profile({name: claims[name]})
            except ValueError:
                continue
    return taken
