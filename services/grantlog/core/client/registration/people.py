"""What people see of a client, where they are taken besides the answer, and which software it is."""

import re
from typing import Any

from grantlog.core.client.registration.rules import Rules
from grantlog.core.protocol import redirect_uri
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.members import Document, flag, invalid, printable, text, texts
from grantlog.core.protocol.redirect_uri import ApplicationType

NAME_LIMIT = 200
_PAGES = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?")


def read_people(document: Document, rules: Rules, kind: ApplicationType) -> dict[str, Any]:
    """The members of ClientMetadata about pages, logout and software. Raises invalid_client_metadata."""
    logout = text(document, "backchannel_logout_uri")
    if logout is not None and not rules.is_outside(logout):
        raise invalid("backchannel_logout_uri must be an https URL", "registration_backchannel_logout_uri")
    return {
        "name": _name(document),
        "origins": _origins(document),
        **{name: _page(document, name) for name in _PAGES},
        "post_logout_redirect_uris": _after_logout(document, kind),
        "backchannel_logout_uri": logout,
        # OIDC Back-Channel Logout 2.2: "If omitted, the default value is false."
        "backchannel_logout_session_required": flag(document, "backchannel_logout_session_required"),
        # OIDC Registration 2: "URI using the https scheme that a third party can use to initiate a login"
        "initiate_login_uri": _page(document, "initiate_login_uri"),
        "software_id": printable(document, "software_id"),
        "software_version": printable(document, "software_version"),
    }


def _name(document: Document) -> str:
    name = text(document, "client_name") or ""
    # it is shown to people: nothing in it may reorder or hide what stands around it
    if len(name) > NAME_LIMIT or not name.isprintable():
        raise invalid("client_name is too long or cannot be shown", "registration_name")
    return name


def _page(document: Document, name: str) -> str | None:
    uri = text(document, name)
    if uri is not None and not redirect_uri.check_https(uri):
        raise invalid(f"{name} must be an https URL", f"registration_{name}")
    return uri


def _after_logout(document: Document, kind: ApplicationType) -> tuple[str, ...]:
    uris = texts(document, "post_logout_redirect_uris")
    try:
        return tuple(redirect_uri.check_registered(uri, kind) for uri in uris)
    except ProtocolError as wrong:
        raise invalid("post_logout_redirect_uris must be as redirect_uris are", wrong.reason) from wrong


def _origins(document: Document) -> tuple[str, ...]:
    origins = texts(document, "allowed_cors_origins")
    for origin in origins:
        found = _ORIGIN.fullmatch(origin)
        local = redirect_uri.LOOPBACK | {"localhost"}
        if (
            found is None
            or not redirect_uri.sound_host(found["host"])
            or (found["scheme"] == "http" and found["host"] not in local)
        ):
            raise invalid("allowed_cors_origins must be https origins", "registration_origin")
    return origins
