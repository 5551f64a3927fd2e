"""RFC 7592: a client reads, replaces and removes its own registration, by its registration access token."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from grantlog.core.client import decide
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.registration import Rules, read_registration
from grantlog.core.client.state import ClientState, live_secret_hashes
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.client_auth import CLIENT_ID_LIMIT, matches, secret_digest
from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError, from_refused
from grantlog.core.protocol.members import invalid, text
from grantlog.flows import clients
from grantlog.flows.authenticate import SEALED, count_failure, refuse_throttled
from grantlog.flows.operators import CommandRefusedError
from grantlog.flows.register_client import RULE, count_registration, read_object, token_digest, with_statement
from grantlog.flows.registration_answer import registration_answer
from grantlog.flows.sector_identifier import check_sector
from grantlog.flows.service import Service
from grantlog.flows.software_statements import decided, read_vouched

ISSUED = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")
OPERATORS = (
    "profile",
    "pkce_optional",
    "resources",
    "access_token_format",
    "may_exchange",
    "rotate_refresh_tokens",
)
"""Members of ClientMetadata that no registration reads: they stay as an operator left them."""


async def read_client(
    service: Service, client_id: str | None, authorization: str | None, origin: Origin
) -> Mapping[str, Any]:
    """RFC 7592 section 2.1: the registration as it stands. Raises InvalidTokenError, UnavailableError."""
    return registration_answer(service, await _managed(service, client_id, authorization, origin))


async def replace_client(
    service: Service, client_id: str | None, document: object, authorization: str | None, origin: Origin
) -> Mapping[str, Any]:
    """RFC 7592 section 2.2: replaces the registration as a whole; what is left out goes back to its default.

    Raises ProtocolError (invalid_token, and all of a registration), UnavailableError.
    """
    state = await _managed(service, client_id, authorization, origin)
    if state.suspended:
        raise ProtocolError("access_denied", "the client is suspended", "registration_suspended")
    members = read_object(document)
    await _check_named(service, state, members)
    vouched = await read_vouched(service, members)
    standing = state.metadata
    rules = Rules(policy=service.policy, fapi2=standing.profile == "fapi2", resource_servers=standing.introspects)
    metadata = read_registration(decided(members, vouched), rules)
    metadata = replace(metadata, **{name: getattr(standing, name) for name in OPERATORS})
    metadata = with_statement(metadata, vouched) if vouched is not None else _still_as_vouched(standing, metadata)
    await count_registration(service, origin)
    await check_sector(service, metadata)
    try:
        changed = await clients.update(service, state.client_id, _restrained(metadata), origin)
    except CommandRefusedError as refused:
        raise from_refused(refused.refused) from None
    return registration_answer(service, changed)


async def remove_client(service: Service, client_id: str | None, authorization: str | None, origin: Origin) -> None:
    """RFC 7592 section 2.3: removes the client; when this returns, all that was issued to it is dead everywhere.

    Raises InvalidTokenError, UnavailableError.
    """
    state = await _managed(service, client_id, authorization, origin)
    await clients.remove(service, state.client_id, origin)


async def _managed(service: Service, client_id: str | None, authorization: str | None, origin: Origin) -> ClientState:
    """The client whose registration access token was presented."""
    await refuse_throttled(service, RULE, origin.subscriber)
    try:
        digest = token_digest(authorization)
    except InvalidTokenError:
        await count_failure(service, RULE, origin.subscriber)
        raise
    state = await _find(service, client_id)
    # RFC 7592 2.1: "If the client does not exist on this server, the server MUST respond with HTTP 401 Unauthorized"
    if state is None or not decide.may_manage(state, digest):
        await count_failure(service, RULE, origin.subscriber)
        raise InvalidTokenError("registration_token_wrong")
    return state


async def _find(service: Service, client_id: str | None) -> ClientState | None:
    """As the log has it now: a token that was replaced a moment ago is dead here as well."""
    if client_id is None or len(client_id) > CLIENT_ID_LIMIT:
        return None
    try:
        return await clients.find(service, ClientId(client_id))
    except CommandRefusedError:
        return None


async def _check_named(service: Service, state: ClientState, members: Mapping[str, Any]) -> None:
    # RFC 7592 2.2: "The client MUST include its 'client_id' field in the request, and it MUST be the same as its currently
    # issued client identifier."
    if members.get("client_id") != state.client_id:
        raise invalid("client_id must be that of the client", "registration_client_id")
    # RFC 7592 2.2: "The updated client metadata fields request MUST NOT include the 'registration_access_token',
    # 'registration_client_uri', 'client_secret_expires_at', or 'client_id_issued_at' fields"
    if any(name in members for name in ISSUED):
        raise invalid("members that only the server decides must be left out", "registration_issued_members")
    # RFC 7592 2.2: "If the client includes the 'client_secret' field in the request, the value of this field MUST match the
    # currently issued client secret for that client. The client MUST NOT be allowed to overwrite its existing client secret
    # with its own chosen value."
    secret = text(members, "client_secret")
    if secret is not None and not await _is_secret(service, state, secret):
        raise invalid("client_secret is not that of the client", "registration_client_secret")


async def _is_secret(service: Service, state: ClientState, secret: str) -> bool:
    if state.metadata.token_endpoint_auth_method == SEALED:
        known = await service.clients.find(state.client_id)
        kept = None if known is None else await service.ports.kept.recall(known.stream, SEALED)
        return kept is not None and matches(secret, (secret_digest(kept.decode()),)) is not None
    return matches(secret, live_secret_hashes(state, service.ports.log.now())) is not None


def _still_as_vouched(standing: ClientMetadata, metadata: ClientMetadata) -> ClientMetadata:
    """Without a statement the client keeps what one said of it, or had none: what people see stays what somebody checked."""
    same = all(
        getattr(standing, name) == getattr(metadata, name)
        for name in ("name", "redirect_uris", "scope", "grant_types", "software_id")
    )
    if standing.software_statement_issuer is not None and not same:
        raise ProtocolError(
            "unapproved_software_statement", "this needs a software statement that says so", "statement_missing"
        )
    return replace(
        metadata,
        software_statement_issuer=standing.software_statement_issuer,
        verified=standing.verified and same,
    )


def _restrained(metadata: ClientMetadata) -> ClientMetadata:
    """An operator's exception ends with the reason for it."""
    return replace(
        metadata,
        pkce_optional=metadata.pkce_optional and not metadata.public,
        rotate_refresh_tokens=metadata.rotate_refresh_tokens or not metadata.sender_constrained,
    )
