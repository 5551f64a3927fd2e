"""Whose tokens are bound to what, and whose refresh tokens stay (RFC 9449 section 5, FAPI 2.0, RFC 9700 section 4.14.2)."""

from dataclasses import replace

import pytest
from tests.support.given import given
from tests.support.grants import CLIENT, KEY, NOW, authorized, redeemed
from tests.support.memory_service import memory_process

from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.state import ClientState
from grantlog.core.grant.events import Confirmation
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows.sender_constraint import confirmation_for, refresh_confirmation, rotates

CONFIDENTIAL = ClientMetadata(name="c")
STAYS = replace(CONFIDENTIAL, rotate_refresh_tokens=False)
PUBLIC = replace(CONFIDENTIAL, token_endpoint_auth_method="none")
PUBLIC_STAYS = replace(PUBLIC, rotate_refresh_tokens=False)
FAPI = replace(CONFIDENTIAL, profile="fapi2")


def client(metadata: ClientMetadata) -> ClientState:
    return ClientState(version=1, client_id=CLIENT, metadata=metadata, secrets=(), registered_at=NOW)


def grant(bound: Confirmation | None) -> GrantState:
    state = given(evolve, authorized(), redeemed(confirmation=bound))
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("metadata", "bound", "proven", "expected"),
    [
        (CONFIDENTIAL, None, KEY, True),
        (CONFIDENTIAL, None, None, True),
        (STAYS, None, KEY, False),
        (STAYS, None, None, True),
        (PUBLIC, KEY, KEY, True),
        (PUBLIC_STAYS, None, KEY, True),
        (PUBLIC_STAYS, None, None, True),
        (PUBLIC_STAYS, KEY, KEY, False),
        (FAPI, None, KEY, False),
        (FAPI, None, None, False),
    ],
)
async def test_a_refresh_token_is_rotated_or_bound(
    metadata: ClientMetadata, bound: Confirmation | None, proven: Confirmation | None, expected: bool
) -> None:
    async with memory_process() as process:
        assert rotates(process.service, client(metadata), grant(bound), proven) is expected


async def test_before_there_is_a_refresh_token_the_first_proof_decides() -> None:
    born = given(evolve, authorized())
    assert born is not None
    async with memory_process() as process:
        assert not rotates(process.service, client(PUBLIC_STAYS), born, KEY)
        assert rotates(process.service, client(PUBLIC_STAYS), born, None)


async def test_under_fapi2_nothing_is_rotated_and_nobody_gets_a_bearer_token() -> None:
    async with memory_process(profile="fapi2") as process:
        assert not rotates(process.service, client(CONFIDENTIAL), grant(None), KEY)
        assert confirmation_for(process.service, client(CONFIDENTIAL), KEY) == KEY
        with pytest.raises(ProtocolError) as caught:
            confirmation_for(process.service, client(CONFIDENTIAL), None)
        assert caught.value.error == "invalid_request"


async def test_a_client_alone_is_held_to_it() -> None:
    async with memory_process() as process:
        with pytest.raises(ProtocolError):
            confirmation_for(process.service, client(FAPI), None)
        assert confirmation_for(process.service, client(CONFIDENTIAL), None) is None


def test_only_public_clients_refresh_tokens_are_bound() -> None:
    assert refresh_confirmation(client(PUBLIC), KEY) == KEY
    assert refresh_confirmation(client(CONFIDENTIAL), KEY) is None
