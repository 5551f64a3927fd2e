"""Which grants a client uses, where it is answered, and what it may ask for (RFC 7591 section 2)."""

from typing import Any

from grantlog.core.client.registration.rules import Rules, audiences
from grantlog.core.protocol import redirect_uri, supported
from grantlog.core.protocol import scope as scopes
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.members import Document, invalid, one_of, some_of, text, texts
from grantlog.core.protocol.redirect_uri import ApplicationType
from grantlog.core.protocol.response import RESPONSE_TYPES

APPLICATION_TYPES: tuple[ApplicationType, ...] = ("web", "native")
_CONFIDENTIAL = {
    # RFC 6749 4.4: "The client credentials grant type MUST only be used by confidential clients."
    "client_credentials": "registration_public_client_credentials",
    # RFC 8693 5: without client authentication anybody who finds a token could have it exchanged
    supported.TOKEN_EXCHANGE: "registration_public_token_exchange",
}


def read_flow(document: Document, rules: Rules, method: str) -> dict[str, Any]:
    """The members of ClientMetadata that say what a client does. Raises invalid_client_metadata, invalid_redirect_uri."""
    introspects = _introspects(document, rules)
    # OIDC Registration 2: "The default, if omitted, is 'web'."
    kind = one_of(document, "application_type", APPLICATION_TYPES, "web")
    # RFC 7591 2: the default is authorization_code; a resource server asks about tokens, and asks for none
    usual = () if introspects else ("authorization_code",)
    grants = some_of(document, "grant_types", supported.grant_types(rules.policy), usual)
    _check_grants(grants, method)
    # RFC 7591 2: the default is ["code"]; of a client without the code grant it would be inconsistent (section 2.1)
    types = RESPONSE_TYPES if "authorization_code" in grants else ()
    if some_of(document, "response_types", RESPONSE_TYPES, types) != types:
        raise invalid("response_types and grant_types are not consistent", "registration_response_types")
    details = tuple(known.type for known in rules.policy.details_types)
    return {
        "redirect_uris": _redirect_uris(document, kind, required=bool(types)),
        "grant_types": grants,
        "response_types": types,
        "application_type": kind,
        "scope": _scope(document, rules.scopes),
        "introspects": introspects,
        # RFC 9396 10: "Indicates what authorization details types the client uses."
        "authorization_details_types": some_of(document, "authorization_details_types", details, ()),
    }


def _check_grants(grants: tuple[str, ...], method: str) -> None:
    if "refresh_token" in grants and not {"authorization_code", supported.DEVICE_CODE} & set(grants):
        raise invalid("refresh_token needs a grant that gives one", "registration_refresh_alone")
    if method == "none":
        for grant, reason in _CONFIDENTIAL.items():
            if grant in grants:
                raise invalid("a public client cannot use one of these grant_types", reason)


def _redirect_uris(document: Document, kind: ApplicationType, *, required: bool) -> tuple[str, ...]:
    uris = texts(document, "redirect_uris", error="invalid_redirect_uri")
    # RFC 7591 2: "Clients using flows with redirection MUST register their redirection URI values."
    if required and not uris:
        raise ProtocolError("invalid_redirect_uri", "redirect_uris is missing", "registration_redirect_uris")
    return tuple(redirect_uri.check_registered(uri, kind) for uri in uris)


def _scope(document: Document, known: tuple[str, ...]) -> tuple[str, ...]:
    value = text(document, "scope")
    if value is None:
        # RFC 7591 2: "If omitted, an authorization server MAY register a client with a default set of scopes."
        return known
    try:
        return scopes.within(scopes.parse(value), known)
    except ProtocolError as wrong:
        raise invalid("scope is malformed or not known", wrong.reason) from wrong


def _introspects(document: Document, rules: Rules) -> tuple[str, ...]:
    """``resource_server_for``, our own member: a resource server, which may introspect the tokens of these resources."""
    value = document.get("resource_server_for")
    named = texts({"resource_server_for": [value] if isinstance(value, str) else value}, "resource_server_for")
    if any(uri not in audiences(rules.policy) for uri in named):
        raise invalid("resource_server_for names a resource that is not known", "registration_resource_unknown")
    if any(uri not in rules.resource_servers for uri in named):
        raise invalid("resource_server_for is not this client's to choose", "registration_resource_server_for")
    return named
