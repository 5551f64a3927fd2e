"""What ``/authorize`` asks of a request before anybody logs in: one table of checks, in their order.

Until the redirect URI is proven, an error is shown to the user and never sent anywhere (RFC 6749 section 4.1.2.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol import pkce, prompt, redirect_uri, resource, response, scope
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.resource import Catalog

STATE_LIMIT = 2048
NONCE_LIMIT = 512
HINT_LIMIT = 320


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


class AuthorizationError(ProtocolError):
    """A refused authorization request.

    ``redirect_uri`` is there where it is proven, so that the client may be told; None: only the user may be.
    """

    def __init__(self, cause: ProtocolError, *, redirect_uri: str | None = None, state: str | None = None) -> None:
        super().__init__(cause.error, cause.description, cause.reason, status=cause.status, headers=cause.headers)
        self.redirect_uri = redirect_uri
        self.state = state


@dataclass(frozen=True, slots=True)
class Given:
    """What a check looks at."""

    parameters: Parameters
    client: ClientView
    catalog: Catalog
    issuer: str


Check = Callable[[Given], object]


def validate(parameters: Parameters, client: ClientView, catalog: Catalog, issuer: str) -> AuthorizationRequest:
    """The request, after every check of the table. Raises AuthorizationError."""
    given = Given(parameters, client, catalog, issuer)
    fields: dict[str, Any] = {}
    for name, check in CHECKS:
        try:
            value = check(given)
        except ProtocolError as refused:
            proven = fields.get("redirect_uri")
            raise AuthorizationError(refused, redirect_uri=proven, state=fields.get("state")) from refused
        if name is not None:
            fields[name] = value
    return AuthorizationRequest(**fields)


def _client(given: Given) -> ClientId:
    if given.client.suspended:
        raise ProtocolError("unauthorized_client", "the client is suspended", "client_suspended")
    return given.client.client_id


def _redirect_uri(given: Given) -> str:
    registered, requested = given.client.redirect_uris, given.parameters.get("redirect_uri")
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


def _request_object(given: Given) -> None:
    # OIDC Core 6.1: "If the Request Object is not supported [...] the OP MUST return the request_not_supported error"
    for name in ("request", "request_uri", "registration"):
        if given.parameters.get(name) is not None:
            raise ProtocolError(f"{name}_not_supported", f"the parameter {name} is not supported", f"{name}_sent")


def _response_type(given: Given) -> None:
    wanted = response.check_response_type(given.parameters.get("response_type"))
    # RFC 6749 4.1.2.1: "unauthorized_client: The client is not authorized to request an authorization code using this method."
    if wanted not in given.client.response_types or "authorization_code" not in given.client.grant_types:
        raise ProtocolError(
            "unauthorized_client", "the client is not registered for this response_type", "response_type_not_registered"
        )


def _response_mode(given: Given) -> str:
    return response.check_response_mode(given.parameters.get("response_mode"))


def _code_challenge(given: Given) -> str:
    return pkce.check_challenge(given.parameters.get("code_challenge"), given.parameters.get("code_challenge_method"))


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
    choice = resource.choose(given.catalog, given.issuer, _scope(given), asked, given.client.resources)
    return choice.audience if asked else ()


def _prompt(given: Given) -> tuple[str, ...]:
    return prompt.parse(given.parameters.get("prompt"))


def _max_age(given: Given) -> int | None:
    return prompt.parse_max_age(given.parameters.get("max_age"))


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
    # from here on the client may be told
    ("state", _state),
    (None, _request_object),
    (None, _response_type),
    ("response_mode", _response_mode),
    ("code_challenge", _code_challenge),
    ("scope", _scope),
    ("resources", _resources),
    ("prompt", _prompt),
    ("max_age", _max_age),
    ("nonce", _nonce),
    ("login_hint", _login_hint),
)
"""The field of AuthorizationRequest that a check fills (None: it only refuses), and the check."""
