"""What the demo is made of: clients, users, and secrets that are random in every checkout."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from json import dumps
from typing import Any

from grantlog.adapters.crypto.root_keys import DEVELOPMENT
from grantlog.adapters.embedded.files import write_private
from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.supported import DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from grantlog.development.catalogue import API_SCOPES, BILLING_SCOPES, OPENID_SCOPES, PAYMENT, RESOURCES
from grantlog.development.keys import KEYS, new_key, public_jwks
from grantlog.development.layout import Kept, Layout

LOOPBACK_REDIRECT = "http://127.0.0.1/callback"
"""RFC 8252 section 7.3: any port of the loopback address is meant."""
HTTPS_REDIRECT = "https://client.example/callback"
NATIVE_REDIRECT = "com.example.demo:/callback"
AFTER_LOGOUT = ("http://127.0.0.1/logged-out", "https://client.example/logged-out")
LEASE_SECONDS = "2"
_SCOPE = (*API_SCOPES, *BILLING_SCOPES, *OPENID_SCOPES)


@dataclass(frozen=True, slots=True)
class DemoClient:
    """One client of the demo. ``key`` is the name under which its credentials are remembered."""

    key: str
    metadata: ClientMetadata
    signs_by: str | None = None
    """The remembered key pair by which it proves itself."""


CONFIDENTIAL = DemoClient(
    "web",
    ClientMetadata(
        name="Demo web application",
        redirect_uris=(LOOPBACK_REDIRECT, HTTPS_REDIRECT),
        grant_types=("authorization_code", "refresh_token", "client_credentials"),
        scope=_SCOPE,
        authorization_details_types=(PAYMENT,),
        post_logout_redirect_uris=AFTER_LOGOUT,
    ),
)
PUBLIC = DemoClient(
    "native",
    ClientMetadata(
        name="Demo native application",
        token_endpoint_auth_method="none",  # a method's name
        redirect_uris=(LOOPBACK_REDIRECT, NATIVE_REDIRECT),
        grant_types=("authorization_code", "refresh_token"),
        scope=_SCOPE,
        authorization_details_types=(PAYMENT,),
        post_logout_redirect_uris=("http://127.0.0.1/logged-out",),
        application_type="native",
    ),
)
DEVICE = DemoClient(
    "device",
    ClientMetadata(
        name="Demo television",
        token_endpoint_auth_method="none",  # a method's name
        grant_types=(DEVICE_CODE, "refresh_token"),
        response_types=(),
        scope=_SCOPE,
        application_type="native",
    ),
)
FAPI = DemoClient(
    "fapi",
    ClientMetadata(
        name="Demo bank application",
        token_endpoint_auth_method="private_key_jwt",  # a method's name
        redirect_uris=(LOOPBACK_REDIRECT, HTTPS_REDIRECT),
        grant_types=("authorization_code", "refresh_token", "client_credentials"),
        scope=_SCOPE,
        authorization_details_types=(PAYMENT,),
        post_logout_redirect_uris=AFTER_LOGOUT,
        id_token_signed_response_alg="PS256",
        dpop_bound_access_tokens=True,
        require_pushed_authorization_requests=True,
        profile="fapi2",
    ),
    signs_by="fapi_key",
)
SERVICE = DemoClient(
    "service",
    ClientMetadata(
        name="Demo service",
        grant_types=("client_credentials", TOKEN_EXCHANGE, JWT_BEARER),
        response_types=(),
        scope=(*API_SCOPES, *BILLING_SCOPES),
    ),
)
CLIENTS = (CONFIDENTIAL, PUBLIC, DEVICE, FAPI, SERVICE)
EXCHANGED = ("web", "native")
"""The clients whose tokens the service may exchange."""


def completed(demo: DemoClient, known: Mapping[str, str], client_ids: Mapping[str, str]) -> ClientMetadata:
    """A client's metadata with what is only known in a checkout: its key, and the ids of others."""
    metadata = demo.metadata
    if demo.signs_by is not None:
        metadata = replace(metadata, jwks=dumps(public_jwks(known[demo.signs_by]), separators=(",", ":")))
    if demo.key == SERVICE.key:
        metadata = replace(metadata, may_exchange=tuple(client_ids[name] for name in EXCHANGED))
    return metadata


def resource_server(issuer: str) -> DemoClient:
    """The resource server of the demo: it may introspect tokens for every demo resource and for the issuer."""
    metadata = ClientMetadata(
        name="Demo resource server", grant_types=(), response_types=(), introspects=_audiences(issuer)
    )
    return DemoClient("resource_server", metadata)


def registered_resource_server(issuer: str, *, fapi2: bool, key: str) -> dict[str, Any]:
    """The document by which another one is registered, as anybody may who holds the initial access token (RFC 7591).

    Where the server is held to FAPI 2.0, it proves itself by ``key``, as everybody has to.
    """
    document = {"client_name": "Demo registered resource server", "resource_server_for": list(_audiences(issuer))}
    if not fapi2:
        return document
    return document | {"token_endpoint_auth_method": "private_key_jwt", "jwks": public_jwks(key)}


USERS = (("user", "demo"), ("console", "operator"))
"""(name in credentials.json, user name)."""


def keep_secrets(layout: Layout, kept: Kept) -> Mapping[str, str]:
    """The secrets of this checkout, made on the first run."""
    standing = kept.read()
    fresh = {
        "initial_access_token": secrets.token_urlsafe(32),
        "user_password": secrets.token_urlsafe(12),
        "console_password": secrets.token_urlsafe(12),
        **{name: new_key() for name in KEYS if name not in standing},
    }
    kept.remember(**{name: value for name, value in fresh.items() if name not in standing})
    if not layout.root_keys.exists():
        key = base64.urlsafe_b64encode(DEVELOPMENT + secrets.token_bytes(32 - len(DEVELOPMENT))).rstrip(b"=").decode()
        write_private(layout.root_keys, key + "\n")
    return kept.read()


def _audiences(issuer: str) -> tuple[str, ...]:
    return (*(uri for uri, _ in RESOURCES), issuer)
