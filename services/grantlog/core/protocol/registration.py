"""Dynamic client registration (RFC 7591): what a client may say about itself, and how it is told back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from grantlog.core.protocol import redirect_uri
from grantlog.core.protocol import scope as scopes
from grantlog.core.protocol.client_auth import METHODS, Method
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.metadata import GRANT_TYPES, SIGNING_ALGS
from grantlog.core.protocol.redirect_uri import ApplicationType
from grantlog.core.protocol.resource import SigningAlg
from grantlog.core.protocol.response import RESPONSE_TYPES

NAME_LIMIT = 200
LIST_LIMIT = 20
TEXT_LIMIT = 2048
APPLICATION_TYPES: tuple[ApplicationType, ...] = ("web", "native")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")
_Page = Literal["client_uri", "logo_uri", "policy_uri", "tos_uri"]
T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRequest:
    """The metadata of a client that wants to be registered (RFC 7591 section 2), validated and with its defaults."""

    name: str
    """``client_name``; empty where it has none."""
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    token_endpoint_auth_method: Method
    scope: tuple[str, ...]
    application_type: ApplicationType
    id_token_signed_response_alg: SigningAlg
    origins: tuple[str, ...]
    """``allowed_cors_origins``, our own member: browser origins that CORS lets in."""
    client_uri: str | None
    logo_uri: str | None
    policy_uri: str | None
    tos_uri: str | None


def read_registration(document: object, known_scopes: tuple[str, ...]) -> RegistrationRequest:
    """A registration from parsed JSON; members that nobody knows are ignored (RFC 7591 section 2).

    ``contacts`` is one of them: it names persons, and the log keeps nothing of persons in clear.

    ``known_scopes``: all that exist; also the default. Raises invalid_client_metadata and invalid_redirect_uri.
    """
    if not isinstance(document, Mapping):
        raise _invalid("the body must be a JSON object", "registration_not_an_object")
    # RFC 7591 2: "If unspecified or omitted, the default is 'client_secret_basic'"
    method = _one_of(document, "token_endpoint_auth_method", METHODS, "client_secret_basic")
    # OIDC Registration 2: "The default, if omitted, is 'web'."
    kind = _one_of(document, "application_type", APPLICATION_TYPES, "web")
    grants = _some_of(document, "grant_types", GRANT_TYPES, ("authorization_code",))
    _check_grants(grants, method)
    # RFC 7591 2: the default is ["code"]; of a client without the code grant it would be inconsistent (section 2.1)
    types = RESPONSE_TYPES if "authorization_code" in grants else ()
    if _some_of(document, "response_types", RESPONSE_TYPES, types) != types:
        raise _invalid("response_types and grant_types are not consistent", "registration_response_types")
    return RegistrationRequest(
        name=_name(document),
        redirect_uris=_redirect_uris(document, kind, required=bool(types)),
        grant_types=grants,
        response_types=types,
        token_endpoint_auth_method=method,
        scope=_scope(document, known_scopes),
        application_type=kind,
        # OIDC Registration 2: "The default, if omitted, is RS256."
        id_token_signed_response_alg=_one_of(
            document, "id_token_signed_response_alg", cast("tuple[SigningAlg, ...]", SIGNING_ALGS), "RS256"
        ),
        origins=_origins(document),
        client_uri=_page(document, "client_uri"),
        logo_uri=_page(document, "logo_uri"),
        policy_uri=_page(document, "policy_uri"),
        tos_uri=_page(document, "tos_uri"),
    )


def response_members(
    request: RegistrationRequest, *, client_id: str, client_secret: str | None, issued_at: int
) -> dict[str, Any]:
    """RFC 7591 section 3.2.1: all registered metadata, and what the client is called from now on. Times are NumericDates."""
    members: dict[str, Any] = {
        "client_id": client_id,
        "client_id_issued_at": issued_at,
        "redirect_uris": list(request.redirect_uris),
        "grant_types": list(request.grant_types),
        "response_types": list(request.response_types),
        "token_endpoint_auth_method": request.token_endpoint_auth_method,
        "scope": scopes.write(request.scope),
        "application_type": request.application_type,
        "id_token_signed_response_alg": request.id_token_signed_response_alg,
    }
    optional = {
        "client_name": request.name,
        "allowed_cors_origins": list(request.origins),
        "client_uri": request.client_uri,
        "logo_uri": request.logo_uri,
        "policy_uri": request.policy_uri,
        "tos_uri": request.tos_uri,
    }
    members |= {name: value for name, value in optional.items() if value}
    if client_secret is not None:
        # RFC 7591 3.2.1: "client_secret_expires_at REQUIRED if 'client_secret' is issued. [...] 0 if it will not expire."
        members |= {"client_secret": client_secret, "client_secret_expires_at": 0}
    return members


def _check_grants(grants: tuple[str, ...], method: Method) -> None:
    if "refresh_token" in grants and "authorization_code" not in grants:
        raise _invalid("refresh_token needs authorization_code", "registration_refresh_alone")
    # RFC 6749 4.4: "The client credentials grant type MUST only be used by confidential clients."
    if "client_credentials" in grants and method == "none":
        raise _invalid("a public client cannot use client_credentials", "registration_public_client_credentials")


def _name(document: Mapping[str, object]) -> str:
    name = _text(document, "client_name") or ""
    # it is shown to people: nothing in it may reorder or hide what stands around it
    if len(name) > NAME_LIMIT or not name.isprintable():
        raise _invalid("client_name is too long or cannot be shown", "registration_name")
    return name


def _redirect_uris(document: Mapping[str, object], kind: ApplicationType, *, required: bool) -> tuple[str, ...]:
    uris = _texts(document, "redirect_uris", error="invalid_redirect_uri")
    # RFC 7591 2: "Clients using flows with redirection MUST register their redirection URI values."
    if required and not uris:
        raise ProtocolError("invalid_redirect_uri", "redirect_uris is missing", "registration_redirect_uris")
    return tuple(redirect_uri.check_registered(uri, kind) for uri in uris)


def _scope(document: Mapping[str, object], known: tuple[str, ...]) -> tuple[str, ...]:
    text = _text(document, "scope")
    if text is None:
        # RFC 7591 2: "If omitted, an authorization server MAY register a client with a default set of scopes."
        return known
    try:
        return scopes.within(scopes.parse(text), known)
    except ProtocolError as wrong:
        raise _invalid("scope is malformed or not known", wrong.reason) from wrong


def _origins(document: Mapping[str, object]) -> tuple[str, ...]:
    origins = _texts(document, "allowed_cors_origins")
    for origin in origins:
        found = _ORIGIN.fullmatch(origin)
        local = redirect_uri.LOOPBACK | {"localhost"}
        if (
            found is None
            or not redirect_uri.sound_host(found["host"])
            or (found["scheme"] == "http" and found["host"] not in local)
        ):
            raise _invalid("allowed_cors_origins must be https origins", "registration_origin")
    return origins


def _page(document: Mapping[str, object], name: _Page) -> str | None:
    uri = _text(document, name)
    if uri is not None and not redirect_uri.check_https(uri):
        raise _invalid(f"{name} must be an https URL", f"registration_{name}")
    return uri


def _text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise _invalid(f"{name} must be a string, and not too long", f"registration_{name}")
    return value


def _texts(document: Mapping[str, object], name: str, *, error: str = "invalid_client_metadata") -> tuple[str, ...]:
    """An array of strings, each once."""
    value = document.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > LIST_LIMIT:
        raise ProtocolError(error, f"{name} must be an array of at most {LIST_LIMIT} strings", f"registration_{name}")
    if any(not isinstance(item, str) or len(item) > TEXT_LIMIT or not item.isprintable() for item in value):
        raise ProtocolError(error, f"{name} must hold printable strings, and none too long", f"registration_{name}")
    return tuple(dict.fromkeys(value))


def _one_of(document: Mapping[str, object], name: str, known: tuple[T, ...], default: T) -> T:
    text = _text(document, name)
    if text is None:
        return default
    for value in known:
        if value == text:
            return value
    raise _invalid(f"{name} has a value that is not supported", f"registration_{name}")


def _some_of(
    document: Mapping[str, object], name: str, known: tuple[str, ...], default: tuple[str, ...]
) -> tuple[str, ...]:
    if document.get(name) is None:
        return default
    values = _texts(document, name)
    if any(value not in known for value in values):
        raise _invalid(f"{name} has a value that is not supported", f"registration_{name}")
    return values


def _invalid(description: str, reason: str) -> ProtocolError:
    """RFC 7591 section 3.2.2: "The value of one of the client metadata fields is invalid"."""
    return ProtocolError("invalid_client_metadata", description, reason)
