"""Introspection on memory ports: who may not ask any more is told nothing, however close it was."""

from asyncio import gather
from collections.abc import Awaitable
from typing import Any

import pytest
from tests.support.world import API, memory_world

from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.errors import InvalidClientError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import introspect as flow
from grantlog.flows.clients import register, suspend


async def test_a_batch_of_a_resource_server_that_is_suspended_meanwhile_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with memory_world() as world:
        metadata = ClientMetadata(
            name="guard", grant_types=("client_credentials",), response_types=(), introspects=(API,)
        )
        guard = await register(world.service, metadata, world.origin())
        client_id = guard.state.client_id
        form = Parameters({"client_id": client_id, "client_secret": guard.secret or ""})
        token = (await world.family())["access_token"]

        async def ask() -> Any:
            return await flow.introspect_batch(world.service, (token,), form, Proofs(), world.origin())

        assert [answer["active"] for answer in await ask()] == [True]

        async def suspended_first(*answers: Awaitable[Any]) -> Any:
            await suspend(world.service, client_id, "test", world.origin())
            return await gather(*answers)

        monkeypatch.setattr(flow, "gather", suspended_first)
        with pytest.raises(InvalidClientError):
            await ask()
