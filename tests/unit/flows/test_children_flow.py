"""Exchanged families on memory ports: what a denial that was not acknowledged leaves to the retry, and who counts once."""

from collections.abc import AsyncIterator
from json import loads
from typing import Any

import pytest
from tests.support.world import API, SCOPES, World, memory_world

from grantlog.core.client.events import ClientMetadata
from grantlog.core.decision import Origin
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.flows.clients import NewClient, register
from grantlog.flows.token import token
from grantlog.ports import Projection, UnavailableError

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_world() as made:
        yield made


async def service_of(world: World) -> NewClient:
    metadata = ClientMetadata(
        name="Orders", grant_types=(EXCHANGE,), response_types=(), scope=SCOPES, introspects=(API,)
    )
    return await register(world.service, metadata, Origin(request_id="register", address=""))


async def exchanged(world: World, client: NewClient, text: str) -> str:
    form = {
        "grant_type": EXCHANGE,
        "subject_token": text,
        "subject_token_type": ACCESS,
        "client_id": client.state.client_id,
        "client_secret": client.secret or "",
    }
    answer: dict[str, Any] = loads(await token(world.service, Parameters(form), Proofs(), world.origin()))
    access: str = answer["access_token"]
    return access


@pytest.mark.parametrize("what", ["access_token", "refresh_token"])
async def test_a_retry_of_an_unacknowledged_revocation_still_tells_every_reader_of_the_children(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    first = await world.family()
    child = await exchanged(world, await service_of(world), first["access_token"])
    assert await world.active(child)
    projection = world.process.projection
    heard: list[int] = []
    real = projection.raise_gates

    async def deaf(head: Projection, sequence: int) -> bool:
        heard.append(sequence)
        return False if len(heard) == 1 else await real(head, sequence)

    monkeypatch.setattr(projection, "raise_gates", deaf)
    with pytest.raises(UnavailableError):
        await world.revoke(first[what])
    await world.revoke(first[what])
    assert len(heard) == 2
    assert not await world.active(child)


async def test_a_client_that_is_told_no_gets_no_child_and_leaves_none(world: World) -> None:
    first = await world.family()
    service = await service_of(world)
    await world.revoke(first["refresh_token"])
    before = len(await world.service.ports.tail.follow(0, 1000))
    with pytest.raises(Exception, match="invalid_request"):
        await exchanged(world, service, first["access_token"])
    assert len(await world.service.ports.tail.follow(0, 1000)) == before


async def test_a_family_without_children_closes_no_gate(world: World) -> None:
    first = await world.family()
    sequence = world.service.gates.sequence
    await world.revoke(first["refresh_token"])
    assert world.service.gates.sequence == sequence
    assert (await world.service.ports.log.gates_after(0)).sequence == sequence
