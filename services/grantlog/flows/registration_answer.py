"""What a client is told of its registration (RFC 7591 section 3.2.1, RFC 7592 section 3)."""

from typing import Any
from urllib.parse import quote

from grantlog.core.client.registration import registered_members
from grantlog.core.client.state import ClientState
from grantlog.core.identifiers import seconds
from grantlog.flows.service import Service


def registration_answer(
    service: Service, state: ClientState, *, secret: str | None = None, token: str | None = None
) -> dict[str, Any]:
    """All that is registered. A ``secret`` and a ``token`` are told when they are made, and known to nobody afterwards."""
    members = registered_members(state.metadata) | {
        "client_id": state.client_id,
        "client_id_issued_at": seconds(state.registered_at),
    }
    if state.registration_token_hash is not None:
        # OpenID Connect Registration 3.2 has the client_id in the query as well
        members["registration_client_uri"] = (
            f"{service.policy.issuer}/register?client_id={quote(state.client_id, safe='')}"
        )
    if secret is not None:
        # RFC 7591 3.2.1: "client_secret_expires_at REQUIRED if 'client_secret' is issued. [...] 0 if it will not expire."
        members |= {"client_secret": secret, "client_secret_expires_at": 0}
    if token is not None:
        members["registration_access_token"] = token
    return members
