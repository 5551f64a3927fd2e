"""A refresh from the token endpoint's flow to introspection, on memory ports (OAuth 2.1 section 4.3)."""

from asyncio import gather
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.world import VERIFIER, World, memory_world

from grantlog.core.decision import GateChange
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows.client_directory import ClientDirectory
from grantlog.flows.clients import rotate_secret
from grantlog.flows.gate_watch import GateWatch


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_world() as made:
        yield made


async def refused(world: World, **parameters: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        await world.token(**parameters)
    return caught.value.reason


async def test_a_retry_gets_the_same_answer_and_the_family_does_not_fork(world: World) -> None:
    first = await world.family()

    answers = await gather(
        *(world.token(grant_type="refresh_token", refresh_token=first["refresh_token"]) for _ in range(4))
    )

    assert all(answer == answers[0] for answer in answers)
    assert await world.active(answers[0]["access_token"])


async def test_a_second_tab_with_another_scope_gets_its_own_access_token_under_the_same_successor(world: World) -> None:
    first = await world.family()
    one = await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])

    two = await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"], scope="api:read")
    again = await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"], scope="api:read")

    assert two["refresh_token"] == one["refresh_token"]
    assert two["access_token"] != one["access_token"]
    assert two["scope"] == "api:read"
    assert again == two


async def test_a_replay_after_the_successor_was_used_kills_every_token_of_the_family(world: World) -> None:
    first = await world.family()
    second = await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    third = await world.token(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert await world.active(third["access_token"])

    assert await refused(world, grant_type="refresh_token", refresh_token=first["refresh_token"]) == "refresh_reused"

    assert not any([await world.active(each["access_token"]) for each in (first, second, third)])
    assert await refused(world, grant_type="refresh_token", refresh_token=third["refresh_token"]) == "grant_revoked"


async def test_a_replay_outside_the_window_kills_and_inside_repeats(world: World) -> None:
    first = await world.family()
    await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    world.process.clock.advance(9.9)
    await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    world.process.clock.advance(0.2)

    assert await refused(world, grant_type="refresh_token", refresh_token=first["refresh_token"]) == "refresh_reused"


async def test_retries_of_one_token_are_limited(world: World) -> None:
    first = await world.family()
    request = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    for _ in range(6):
        await world.token(**request)

    assert await refused(world, **request) == "throttled"


async def test_nothing_is_issued_below_a_closed_gate(world: World) -> None:
    first = await world.family()
    await world.close_gate(GateChange("account", "alice", closes=True))

    assert not await world.active(first["access_token"])
    assert await refused(world, grant_type="refresh_token", refresh_token=first["refresh_token"]) == "account_revoked"


async def test_a_revoked_access_token_is_dead_and_its_siblings_live(world: World) -> None:
    first = await world.family()
    second = await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])

    await world.revoke(first["access_token"])

    assert not await world.active(first["access_token"])
    assert await world.active(second["access_token"])


async def test_a_revoked_refresh_token_takes_the_family_with_it_even_when_it_was_spent(world: World) -> None:
    first = await world.family()
    second = await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])

    await world.revoke(first["refresh_token"])

    assert not await world.active(second["access_token"])


async def test_a_replayed_code_revokes_only_with_every_proof(world: World) -> None:
    code = await world.code()
    first = await world.token(grant_type="authorization_code", code=code, code_verifier=VERIFIER)

    wrong = {"grant_type": "authorization_code", "code": code, "code_verifier": "x" * 43}
    assert await refused(world, **wrong) == "pkce_mismatch"
    assert await world.active(first["access_token"])

    right = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    assert await refused(world, **right) == "code_replayed"
    assert not await world.active(first["access_token"])


async def test_a_secret_that_was_withdrawn_elsewhere_gets_nothing_even_from_a_process_that_has_not_heard(
    world: World,
) -> None:
    """The redemption itself brings the news; what it issued is never handed out."""
    first = await world.family()
    beside = replace(world.service, gates=GateWatch(world.service.ports.log))
    beside = replace(beside, clients=ClientDirectory(beside.ports.log, beside.gates))
    await rotate_secret(beside, world.client.state.client_id, world.origin(), overlap=0)

    reason = await refused(world, grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert reason == "client_secret_wrong"


async def test_the_log_says_which_client_asked(world: World) -> None:
    first = await world.family()
    await world.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    await world.revoke(first["refresh_token"])

    log = world.process.log
    rows = await world.service.ports.tail.follow(0, 100)
    actors = {
        row.type: recorded.envelope.actor
        for row in rows
        if (recorded := await log.event_at(row.stream, row.version)) is not None and row.type.startswith("grant.")
    }
    client = f"client:{world.client.state.client_id}"
    assert {actors[name] for name in ("grant.code_redeemed", "grant.refresh_token_rotated", "grant.revoked")} == {
        client
    }


async def test_made_up_clients_of_one_address_share_a_bucket_and_known_clients_are_not_held_back_by_it(
    world: World,
) -> None:
    await world.family()
    reasons = []
    for number in range(60):
        with pytest.raises(ProtocolError) as caught:
            await world.token(grant_type="client_credentials", client_id=f"made-up-{number}")
        reasons.append(caught.value.reason)

    assert reasons[0] == "client_unknown"
    assert reasons[-1] == "throttled"
    assert (await world.token(grant_type="client_credentials"))["token_type"] == "Bearer"
