"""What the key or certificate of a sender does to the tokens that are issued to it (RFC 9449, RFC 8705, FAPI 2.0)."""

from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import Confirmation
from grantlog.core.grant.state import GrantState
from grantlog.core.protocol.errors import invalid_request
from grantlog.flows.service import Service


def confirmation_for(service: Service, client: ClientState, proven: Confirmation | None) -> Confirmation | None:
    """What access tokens of this request are bound to; None: bearer tokens. Raises invalid_request."""
    # FAPI 2.0 Security Profile 5.3.2.1: "shall only issue sender-constrained access tokens"
    if proven is None and service.policy.fapi2_for(client.metadata.profile):
        raise invalid_request("a DPoP proof or a client certificate is required", "sender_unconstrained")
    return proven


def refresh_confirmation(client: ClientState, proven: Confirmation | None) -> Confirmation | None:
    """What a refresh token of this request is bound to: a confidential client's is bound to its authentication already."""
    # RFC 9449 5: "Refresh tokens issued to confidential clients (those having established authentication credentials with
    # the authorization server) are not bound to the DPoP proof public key because they are already sender-constrained"
    return proven if client.metadata.public else None


def rotates(service: Service, client: ClientState, state: GrantState, proven: Confirmation | None) -> bool:
    """Whether the refresh token of this grant is spent by its use, by this sender."""
    # FAPI 2.0 Security Profile 5.3.2.1: "shall not use refresh token rotation except in extraordinary circumstances"
    if service.policy.fapi2_for(client.metadata.profile):
        return False
    if client.metadata.rotate_refresh_tokens or proven is None:
        return True
    # RFC 9700 4.14.2: a public client's refresh token has to be sender-constrained or rotated; this one is not bound yet
    unbound = state.refresh is not None and state.refresh.confirmation is None
    return client.metadata.public and unbound
