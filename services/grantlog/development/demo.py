"""What the demo is made of: resources, scopes, and secrets that are random in every checkout."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from grantlog.adapters.crypto.root_keys import DEVELOPMENT
from grantlog.adapters.embedded.files import write_private
from grantlog.core.client.events import ClientMetadata
from grantlog.development.layout import Kept, Layout

API_SCOPES = ("api:read", "api:write")
OPENID_SCOPES = ("openid", "profile", "email", "offline_access")
RESOURCES = (
    ("https://api.example.com/", "opaque"),
    ("https://billing.example.com/", "opaque"),
    ("https://jwt.example.com/", "jwt"),
)
LOOPBACK_REDIRECT = "http://127.0.0.1/callback"
"""RFC 8252 section 7.3: any port of the loopback address is meant."""
HTTPS_REDIRECT = "https://client.example/callback"
NATIVE_REDIRECT = "com.example.demo:/callback"
LEASE_SECONDS = "2"


@dataclass(frozen=True, slots=True)
class DemoClient:
    """One client of the demo. ``key`` is the name under which its credentials are remembered."""

    key: str
    metadata: ClientMetadata


CONFIDENTIAL = DemoClient(
    "web",
    ClientMetadata(
        name="Demo web application",
        redirect_uris=(LOOPBACK_REDIRECT, HTTPS_REDIRECT),
        grant_types=("authorization_code", "refresh_token", "client_credentials"),
        scope=(*API_SCOPES, *OPENID_SCOPES),
    ),
)
PUBLIC = DemoClient(
    "native",
    ClientMetadata(
        name="Demo native application",
        token_endpoint_auth_method="none",  # a method's name
        redirect_uris=(LOOPBACK_REDIRECT, NATIVE_REDIRECT),
        grant_types=("authorization_code", "refresh_token"),
        scope=(*API_SCOPES, *OPENID_SCOPES),
        application_type="native",
    ),
)
CLIENTS = (CONFIDENTIAL, PUBLIC)


def resource_server(issuer: str) -> DemoClient:
    """The resource server of the demo: it may introspect tokens for every demo resource and for the issuer."""
    audiences = (*(uri for uri, _ in RESOURCES), issuer)
    metadata = ClientMetadata(name="Demo resource server", grant_types=(), response_types=(), introspects=audiences)
    return DemoClient("resource_server", metadata)


USERS = (("user", "demo"), ("console", "operator"))
"""(name in credentials.json, user name)."""


def keep_secrets(layout: Layout, kept: Kept) -> Mapping[str, str]:
    """The secrets of this checkout, made on the first run."""
    standing = kept.read()
    fresh = {
        "initial_access_token": secrets.token_urlsafe(32),
        "user_password": secrets.token_urlsafe(12),
        "console_password": secrets.token_urlsafe(12),
    }
    kept.remember(**{name: value for name, value in fresh.items() if name not in standing})
    if not layout.root_keys.exists():
        key = base64.urlsafe_b64encode(DEVELOPMENT + secrets.token_bytes(32 - len(DEVELOPMENT))).rstrip(b"=").decode()
        write_private(layout.root_keys, key + "\n")
    return kept.read()


def resources_setting() -> str:
    """``GRANTLOG_RESOURCES``: every resource of the demo knows the same scopes."""
    return json.dumps([{"uri": uri, "scopes": API_SCOPES, "token_format": form} for uri, form in RESOURCES])
