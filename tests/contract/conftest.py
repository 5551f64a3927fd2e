"""Every suite here runs on memory and on the real server."""

from collections.abc import AsyncIterator

import pytest
from tests.support.logs import Store, empty, memory_store, postgres_store


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield memory_store()
        return
    url: str = request.getfixturevalue("module_postgres_url")
    await empty(url)
    async with postgres_store(url) as opened:
        yield opened
