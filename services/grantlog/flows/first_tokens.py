"""The first tokens of a family that a person allowed: for a code (RFC 6749) or a device code (RFC 8628)."""

from grantlog import metrics
from grantlog.core.grant.events import CodeRedeemed
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import Micros
from grantlog.flows import mint
from grantlog.flows.sender_constraint import confirmation_for, refresh_confirmation, rotates
from grantlog.flows.service import Service
from grantlog.flows.token_profile import profile_of_request
from grantlog.flows.token_request import TokenRequest

PARAMETERS = frozenset({"resource", "authorization_details"})
"""What a grant file has to name for this."""


async def first_tokens(
    service: Service, request: TokenRequest, place: mint.Place, state: GrantState, now: Micros
) -> tuple[CodeRedeemed, bytes]:
    """The event that redeems the code of ``state``, and the body of the answer. Nothing has happened before its append.

    Raises ProtocolError invalid_request, invalid_scope, invalid_target, invalid_authorization_details; UnavailableError.
    """
    client, proven = request.client.client.state, request.sender.confirmation
    confirmation = confirmation_for(service, client, proven)
    profile = await profile_of_request(service, client, state, request.parameters, (), confirmation)
    about = mint.about_grant(client, state)
    access_text, access = await mint.access_token(service, place, about, profile, now, state.expires_at)
    refresh_text, refresh = None, None
    if "refresh_token" in client.metadata.grant_types:
        refresh_text, refresh = mint.refresh_token(
            service,
            place,
            now,
            state.expires_at,
            refresh_confirmation(client, proven),
            rotates=rotates(service, client, state, proven),
        )
    identity = None
    if "openid" in state.scope:
        identity = await mint.identity_token(service, about, access_text, now, with_nonce=True)
    body = mint.answer(access_text, access, refresh=refresh_text, identity=identity)
    return CodeRedeemed(access_token=access, refresh_token=refresh, redeemed_at=now), body


def count_issued(state: GrantState, grant_type: str) -> None:
    """Counts what a redemption has issued."""
    metrics.TOKENS_ISSUED.labels("access_token", grant_type).inc()
    if state.refresh is not None:
        metrics.TOKENS_ISSUED.labels("refresh_token", grant_type).inc()
    if "openid" in state.scope:
        metrics.TOKENS_ISSUED.labels("id_token", grant_type).inc()
