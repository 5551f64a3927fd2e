"""Everything that is keyed, opened as a process opens it: on one PostgreSQL, or with a vault of its own."""

import asyncio
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest

from grantlog.adapters.crypto import opening
from grantlog.adapters.crypto.opening import open_crypto
from grantlog.adapters.crypto.root_keys import RootKeyError, RootKeys
from grantlog.adapters.memory.event_log import MemoryEventLog
from grantlog.adapters.postgres.pool import open_pool
from grantlog.core.identifiers import StreamId
from grantlog.ports import PasswordCheck, UnavailableError

ROOT = RootKeys([b"r" * 32])


async def test_what_one_process_keyed_another_opens(postgres_url: str) -> None:
    account = StreamId(uuid4())
    async with open_pool(postgres_url, name="test", size=2) as pool:
        async with open_crypto(ROOT, MemoryEventLog(), pool, pool) as one:
            box = await one.data_keys.protect(account, b"profile", b"text")
            await one.passwords.set(account, "a password")
            hashed = one.secrets.keyed_hash("username", b"alice")
            sealed = one.secrets.seal(b"s" * 32, b"context", b"answer")
        async with open_crypto(ROOT, MemoryEventLog(), pool, pool) as two:
            assert await two.data_keys.reveal(account, b"profile", box) == b"text"
            assert await two.passwords.check(account, "a password") == PasswordCheck(ok=True, epoch=0)
            assert two.secrets.keyed_hash("username", b"alice") == hashed
            assert two.secrets.unseal(b"s" * 32, b"context", sealed) == b"answer"
            assert (await two.key_wrapping.rewrap()).current == 4, "two encryption keys are among them"


async def test_the_wrong_root_keys_do_not_open_and_leave_no_thread(postgres_url: str) -> None:
    async with open_pool(postgres_url, name="test", size=2) as pool:
        async with open_crypto(ROOT, MemoryEventLog(), pool, pool):
            pass
        with pytest.raises(RootKeyError):
            async with open_crypto(RootKeys([b"x" * 32]), MemoryEventLog(), pool, pool):
                raise AssertionError("it opened")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("grantlog-")]


async def test_a_process_reads_the_keyring_again_and_again_whatever_goes_wrong(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "REFRESH_SECONDS", 0.001)
    async with (
        open_pool(postgres_url, name="test", size=2) as pool,
        open_crypto(ROOT, MemoryEventLog(), pool, pool) as crypto,
    ):
        outcomes: list[Callable[[], None]] = [_fail, _fail, lambda: None, _fail, lambda: None]
        done = asyncio.Event()

        async def refresh() -> None:
            if not outcomes:
                done.set()
                return
            outcomes.pop()()

        monkeypatch.setattr(crypto.signer, "refresh", refresh)
        async with asyncio.timeout(10):
            await done.wait()


def _fail() -> None:
    raise UnavailableError("gone")
