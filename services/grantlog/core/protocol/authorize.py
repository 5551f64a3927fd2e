"""What ``/authorize`` asks of a request before anybody logs in: one table of checks, in their order.

Until the redirect URI is proven, an error is shown to the user and never sent anywhere (RFC 6749 section 4.1.2.1).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol import (
    authorization_profile,
    pkce,
    prompt,
    redirect_uri,
    request_claims,
    resource,
    response,
    scope,
)
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.requests import Parameters

STATE_LIMIT = 2048
NONCE_LIMIT = 512
HINT_LIMIT = 320
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """As much of a client as the checks look at."""

    client_id: ClientId
    redirect_uris: tuple[str, ...]
    scope: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    resources: tuple[str, ...] = ()
    """None: all that are configured."""
    suspended: bool = False
    token_endpoint_auth_method: str = "client_secret_basic"
    profile: str | None = None
    pkce_optional: bool = False
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    default_max_age: int | None = None
    default_acr_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that may be shown to a user. Plain values only: it is stored while he logs in."""

    client_id: ClientId
    redirect_uri: str
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    """What the request named; none: the token request or the scope decides."""
    state: str | None
    nonce: str | None
    code_challenge: str
    """Empty where the profile or an operator let a confidential client leave PKCE out."""
    prompt: tuple[str, ...]
    max_age: int | None
    login_hint: str | None
    response_mode: str
    """``query``, ``fragment``, ``form_post``, or one of them with ``.jwt`` (JARM)."""
    acr_values: tuple[str, ...] = ()
    essential_acr: tuple[str, ...] = ()
    """``claims.id_token.acr`` where it is essential: one of them, or the request fails."""
    hinted_subject: str | None = None
    """Who has to be logged in: ``sub`` of a verified ``id_token_hint`` or of ``claims``; somebody else is login_required."""
    claims: str = ""
    """The ``claims`` parameter as compact JSON; empty: not sent."""
    ui_locales: tuple[str, ...] = ()
    display: str = "page"
    details: str = ""
    """``authorization_details`` as compact JSON, its members in their order; empty: none."""
    dpop_jkt: str | None = None
    """SHA-256 thumbprint of the DPoP key that the code will be bound to (RFC 9449 section 10)."""
    pushed: str = ""
    """Which pushed request this is (RFC 9126): its answer is given once. Empty: it was not pushed."""


class AuthorizationError(ProtocolError):
    """A refused authorization request.

    ``redirect_uri`` is there where it is proven, so that the client may be told; None: only the user may be.
    """

    def __init__(
        self,
        cause: ProtocolError,
        *,
        redirect_uri: str | None = None,
        state: str | None = None,
        response_mode: str = response.DEFAULT_MODE,
        silent: bool = False,
    ) -> None:
        super().__init__(cause.error, cause.description, cause.reason, status=cause.status, headers=cause.headers)
        self.redirect_uri = redirect_uri
        self.state = state
        self.response_mode = response_mode
        self.silent = silent
        """Whether the request said that nobody is to be shown a page (``prompt=none``)."""


def no_details(_: str) -> str:
    """Where nobody registered a type of authorization details. Raises invalid_authorization_details."""
    raise ProtocolError(
        "invalid_authorization_details", "authorization_details is not supported", "details_unsupported"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came: the parameters that count, and how they came."""

    parameters: Parameters
    """Those of the request object where there is a good one, else those of the request itself."""
    by_push: bool = False
    """Whether the client pushed them, and proved itself (RFC 9126)."""
    signed: bool = False
    """Whether they are those of a signed request object (RFC 9101)."""
    object_refused: ProtocolError | None = None
    """What is wrong with the request object."""
    details: Callable[[str], str] = no_details
    """Checks ``authorization_details``, and writes them compactly. Raises invalid_authorization_details."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a check looks at."""

    sent: Sent
    client: ClientView
    policy: Policy

    @property
    def parameters(self) -> Parameters:
        """The parameters that count."""
        return self.sent.parameters


Check = Callable[[Given], object]


def validate(sent: Sent, client: ClientView, policy: Policy) -> AuthorizationRequest:
    """The request, after every check of the table. Raises AuthorizationError."""
    given = Given(sent, client, policy)
    fields: dict[str, Any] = {}
    for name, check in CHECKS:
        try:
            value = check(given)
        except ProtocolError as refused:
            raise AuthorizationError(
                refused,
                redirect_uri=fields.get("redirect_uri"),
                state=fields.get("state"),
                response_mode=fields.get("response_mode", response.DEFAULT_MODE),
                silent=sent.parameters.get("prompt") == "none",
            ) from refused
        if name is not None:
            fields[name] = value
    return AuthorizationRequest(**fields)


def _client(given: Given) -> ClientId:
    if given.client.suspended:
        raise ProtocolError("unauthorized_client", "the client is suspended", "client_suspended")
    return given.client.client_id


def _redirect_uri(given: Given) -> str:
    try:
        return _proven_redirect_uri(given)
    except ProtocolError:
        # it stands inside the object that is no good
        if given.sent.object_refused is not None:
            raise given.sent.object_refused from None
        raise


def _proven_redirect_uri(given: Given) -> str:
    registered, requested = given.client.redirect_uris, given.parameters.get("redirect_uri")
    authorization_profile.check_redirect_uri(given.policy, given.client, requested)
    if requested is None:
        # OIDC Core 3.1.2.1: "redirect_uri REQUIRED"
        if len(registered) != 1 or "openid" in (given.parameters.get("scope") or "").split(" "):
            raise invalid_request("redirect_uri is missing", "redirect_uri_missing")
        return registered[0]
    # RFC 6749 3.1.2.4: "If an authorization request fails validation due to a missing, invalid, or mismatching redirection
    # URI, the authorization server [...] MUST NOT automatically redirect the user-agent to the invalid redirection URI."
    if not redirect_uri.matches(requested, registered):
        raise invalid_request("redirect_uri is not registered for this client", "redirect_uri_unknown")
    return requested


def _state(given: Given) -> str | None:
    return _at_most(given, "state", STATE_LIMIT)


def _response_mode(given: Given) -> str:
    return response.check_response_mode(given.parameters.get("response_mode"), _redirect_uri(given))


def _profile(given: Given) -> None:
    authorization_profile.check_client(given.policy, given.client)


def _pushed(given: Given) -> None:
    # RFC 9126 4: that every request has to be pushed may be dictated for all clients or for one; 5 and 6 name the metadata
    # by which server and client say so
    if not given.sent.by_push and authorization_profile.must_push(given.policy, given.client):
        raise invalid_request("the request has to be pushed", "par_required")


def _references(given: Given) -> None:
    # OIDC Core 3.1.2.6: "request_uri_not_supported: The OP does not support use of the request_uri parameter", but for those
    # that the client was given for a pushed request; "registration_not_supported" likewise
    for name in ("request_uri", "registration"):
        if given.parameters.get(name) is not None:
            raise ProtocolError(f"{name}_not_supported", f"the parameter {name} is not supported", f"{name}_sent")


def _request_object(given: Given) -> None:
    if given.sent.object_refused is not None:
        raise given.sent.object_refused
    # RFC 9101 10.5: "require_signed_request_object [...] the authorization server MUST reject the authorization request from
    # the client that does not conform to this specification"
    if given.client.require_signed_request_object and not given.sent.signed:
        raise invalid_request("the request has to be a signed request object", "request_object_required")


def _response_type(given: Given) -> None:
    wanted = response.check_response_type(given.parameters.get("response_type"))
    # RFC 6749 4.1.2.1: "unauthorized_client: The client is not authorized to request an authorization code using this method."
    if wanted not in given.client.response_types or "authorization_code" not in given.client.grant_types:
        raise ProtocolError(
            "unauthorized_client", "the client is not registered for this response_type", "response_type_not_registered"
        )


def _code_challenge(given: Given) -> str:
    return pkce.check_challenge(
        given.parameters.get("code_challenge"),
        given.parameters.get("code_challenge_method"),
        optional=authorization_profile.may_omit_pkce(given.policy, given.client),
    )


def _scope(given: Given) -> tuple[str, ...]:
    asked = scope.within(scope.parse(given.parameters.get("scope")), given.client.scope)
    # RFC 6749 3.3: "If the client omits the scope parameter [...] the authorization server MUST either process the request
    # using a pre-defined default value or fail the request": what the client registered, but who somebody is has to be asked.
    found = asked or tuple(value for value in given.client.scope if value not in scope.OIDC_SCOPES)
    if not found:
        raise scope.invalid_scope("scope is missing", "scope_missing")
    return found


def _resources(given: Given) -> tuple[str, ...]:
    asked = given.parameters.all("resource")
    choice = resource.choose(given.policy.catalog, given.policy.issuer, _scope(given), asked, given.client.resources)
    return choice.audience if asked else ()


def _prompt(given: Given) -> tuple[str, ...]:
    return prompt.parse(given.parameters.get("prompt"))


def _max_age(given: Given) -> int | None:
    asked = prompt.parse_max_age(given.parameters.get("max_age"))
    # OIDC Registration 2: "default_max_age [...] The max_age request parameter overrides this default value."
    return given.client.default_max_age if asked is None else asked


def _claims(given: Given) -> request_claims.RequestedClaims:
    return request_claims.parse(given.parameters.get("claims"))


def _acr_values(given: Given) -> tuple[str, ...]:
    asked = prompt.parse_words("acr_values", given.parameters.get("acr_values"))
    # OIDC Registration 2: "default_acr_values [...] Values specified in the acr_values request parameter or an individual
    # acr Claim request override these default values."
    claims = _claims(given)
    return asked or claims.acr_values or (() if claims.essential_acr else given.client.default_acr_values)


def _ui_locales(given: Given) -> tuple[str, ...]:
    return prompt.parse_words("ui_locales", given.parameters.get("ui_locales"))


def _display(given: Given) -> str:
    return prompt.parse_display(given.parameters.get("display"))


def _details(given: Given) -> str:
    asked = given.parameters.get("authorization_details")
    return "" if asked is None else given.sent.details(asked)


def _dpop_jkt(given: Given) -> str | None:
    asked = given.parameters.get("dpop_jkt")
    # RFC 9449 10: "the JWK Thumbprint of the proof-of-possession public key using the SHA-256 hash function"
    if asked is not None and _THUMBPRINT.fullmatch(asked) is None:
        raise invalid_request("dpop_jkt must be the base64url text of a SHA-256 hash", "dpop_jkt_malformed")
    return asked


def _nonce(given: Given) -> str | None:
    return _at_most(given, "nonce", NONCE_LIMIT)


def _login_hint(given: Given) -> str | None:
    return _at_most(given, "login_hint", HINT_LIMIT)


def _at_most(given: Given, name: str, limit: int) -> str | None:
    value = given.parameters.get(name)
    if value is not None and len(value) > limit:
        raise invalid_request(f"{name} is too long", f"{name}_too_long")
    return value


CHECKS: tuple[tuple[str | None, Check], ...] = (
    ("client_id", _client),
    ("redirect_uri", _redirect_uri),
    # from here on the client may be told, and from its response mode on in the way it wants to be
    ("state", _state),
    ("response_mode", _response_mode),
    (None, _references),
    (None, _request_object),
    (None, _pushed),
    (None, _profile),
    (None, _response_type),
    ("code_challenge", _code_challenge),
    ("scope", _scope),
    ("resources", _resources),
    ("details", _details),
    ("prompt", _prompt),
    ("max_age", _max_age),
    ("nonce", _nonce),
    ("login_hint", _login_hint),
    ("claims", lambda given: _claims(given).text),
    ("essential_acr", lambda given: _claims(given).essential_acr),
    ("hinted_subject", lambda given: _claims(given).subject),
    ("acr_values", _acr_values),
    ("ui_locales", _ui_locales),
    ("display", _display),
    ("dpop_jkt", _dpop_jkt),
)
"""The field of AuthorizationRequest that a check fills (None: it only refuses), and the check."""
