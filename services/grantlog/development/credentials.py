"""``credentials.json``, and what is printed once everything is ready."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grantlog.adapters.embedded.files import write_private
from grantlog.core.client.events import ClientMetadata
from grantlog.development.catalogue import (
    API_SCOPES,
    BILLING_SCOPES,
    OPENID_SCOPES,
    PAYMENT_EXAMPLE,
    RESOURCES,
    TRUSTED_ISSUER,
)
from grantlog.development.layout import Layout
from grantlog.development.try_next import lines_to_try
from grantlog.settings import PREFIX

TOLD = "  # told"
"""Ends a line of ``environment`` that the run did not make up itself."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One client as it was seeded."""

    client_id: str
    client_secret: str | None
    metadata: ClientMetadata
    jwk: Mapping[str, Any] | None = None
    """The private key by which it signs."""

    def __repr__(self) -> str:
        return f"Planted({self.client_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything a tester needs."""

    issuer: str
    metrics: str
    introspection: str
    initial_access_token: str
    users: Mapping[str, tuple[str, str]]
    """``user`` and ``console``: (user name, password)."""
    clients: Sequence[Planted]
    resource_server: Planted
    registered: Mapping[str, Any]
    """What a resource server was told that registered itself."""
    issuer_key: Mapping[str, Any]
    """The private key of the issuer whose assertions and software statements count."""

    def __repr__(self) -> str:
        return f"Credentials({self.issuer})"

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "issuer": self.issuer,
            "metrics": self.metrics,
            "introspection": self.introspection,
            "initial_access_token": self.initial_access_token,
            **{role: {"username": name, "password": word} for role, (name, word) in self.users.items()},
            "clients": [_client(each) for each in self.clients],
            "resource_server": {
                "client_id": self.resource_server.client_id,
                "client_secret": self.resource_server.client_secret,
            },
            "rs_metadata": dict(self.registered),
            "trusted_issuer": {"issuer": TRUSTED_ISSUER, "jwk": dict(self.issuer_key)},
            "scopes": [*API_SCOPES, *BILLING_SCOPES, *OPENID_SCOPES],
            "resources": [uri for uri, _ in RESOURCES],
            "rar_example": dict(PAYMENT_EXAMPLE),
        }


def without_own(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what the last run has put into its ``environment``: its stores are gone, or are ours to start.

    What that run had been told itself stays: who says the same again means it.
    """
    try:
        lines = (layout.root / "environment").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return dict(environ)
    own = {word for line in lines if not line.endswith(TOLD) for word in shlex.split(line)[1:]}
    return {name: value for name, value in environ.items() if f"{name}={value}" not in own}


def write_environment(layout: Layout, environment: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """The settings of this run for a shell, so that ``grantlog`` commands can be tried on it: ``. .dev/environment``.

    ``environ``: what the run was told; such lines are marked.
    """
    ours = {name: value for name, value in sorted(environment.items()) if name.startswith(PREFIX)}
    lines = [
        f"export {name}={shlex.quote(value)}{TOLD if environ.get(name) == value else ''}\n"
        for name, value in ours.items()
    ]
    write_private(layout.root / "environment", "".join(lines))


def write_credentials(layout: Layout, credentials: Credentials) -> None:
    """Writes the document, and a curl configuration for each secret: so none ever stands on a command line."""
    write_private(layout.credentials, json.dumps(credentials.document(), indent=2) + "\n")
    confidential = next(each for each in credentials.clients if each.client_secret is not None)
    for name, planted in (("client", confidential), ("resource-server", credentials.resource_server)):
        # Both are base64url, so neither curl's quotes nor RFC 6749 section 2.3.1 changes them.
        write_private(
            layout.root / f"{name}.curl", f'user = "{planted.client_id}:{planted.client_secret}"\nsilent\nshow-error\n'
        )


def summary_text(credentials: Credentials, shown_directory: str) -> str:
    """The short table: where, who, and three commands to try next."""
    user, password = credentials.users["user"]
    lines = [
        "",
        f"  Issuer          {credentials.issuer}",
        f"  Introspection   {credentials.introspection}/introspect   (a process of its own)",
        f"  Metrics         {credentials.metrics}",
        f"  User            {user} / {password}",
        *(f"  Client          {each.client_id:<24} {each.metadata.name}" for each in credentials.clients),
        f"  Resource server {credentials.resource_server.client_id}",
        f"  All secrets     {shown_directory}/credentials.json     logs: {shown_directory}/logs/",
        "",
        *lines_to_try(credentials.issuer, credentials.introspection, shown_directory, _ids(credentials)),
        "Ctrl-C stops everything; the data stays.",
    ]
    return "\n".join(lines)


def _ids(credentials: Credentials) -> Mapping[str, str]:
    return {each.metadata.name: each.client_id for each in credentials.clients}


def _client(planted: Planted) -> dict[str, object]:
    """In the words of RFC 7591 section 2."""
    return {
        "client_id": planted.client_id,
        "client_secret": planted.client_secret,
        "name": planted.metadata.name,
        "redirect_uris": list(planted.metadata.redirect_uris),
        "grant_types": list(planted.metadata.grant_types),
        "token_endpoint_auth_method": planted.metadata.token_endpoint_auth_method,
        "scope": " ".join(planted.metadata.scope),
        "post_logout_redirect_uris": list(planted.metadata.post_logout_redirect_uris),
        "dpop_bound_access_tokens": planted.metadata.dpop_bound_access_tokens,
        "profile": planted.metadata.profile,
        **({} if planted.jwk is None else {"jwk": dict(planted.jwk)}),
    }
