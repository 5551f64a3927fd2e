"""The port DataKeys, with its vault in memory and in PostgreSQL."""

import asyncio
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_stores import KeyStores, memory_stores, postgres_stores, stores

from grantlog.adapters.crypto import data_keys as module
from grantlog.adapters.crypto.boxes import unwrap
from grantlog.adapters.crypto.data_keys import CACHE_SECONDS, VaultDataKeys
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.memory.data_keys import MemoryDataKeys
from grantlog.adapters.postgres.pool import open_pool
from grantlog.core.identifiers import StreamId
from grantlog.ports import UnavailableError

__all__ = ["stores"]

OLD, NEW = b"o" * 32, b"n" * 32
PROFILE = b'{"email":"alice@example.com"}'


@pytest.fixture
def keys(stores: KeyStores) -> VaultDataKeys:
    return VaultDataKeys(stores.vault, RootKeys([OLD]))


@pytest.fixture
def account() -> StreamId:
    return StreamId(uuid4())


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


async def test_what_was_protected_is_revealed(keys: VaultDataKeys, account: StreamId) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    assert b"alice" not in box
    assert await keys.reveal(account, b"profile", box) == PROFILE


async def test_another_process_reveals_it_too(keys: VaultDataKeys, account: StreamId, stores: KeyStores) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    assert await VaultDataKeys(stores.vault, RootKeys([OLD])).reveal(account, b"profile", box) == PROFILE


async def test_it_is_bound_to_account_and_context(keys: VaultDataKeys, account: StreamId) -> None:
    other = StreamId(uuid4())
    box = await keys.protect(account, b"profile", PROFILE)
    await keys.protect(other, b"profile", PROFILE)
    assert await keys.reveal(other, b"profile", box) is None
    assert await keys.reveal(account, b"address", box) is None
    assert await keys.reveal(account, b"profil", box) is None


async def test_any_change_to_the_box_is_noticed(keys: VaultDataKeys, account: StreamId) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    for place in range(len(box)):
        changed = bytearray(box)
        changed[place] ^= 1
        assert await keys.reveal(account, b"profile", bytes(changed)) is None, place
    for size in range(len(box)):
        assert await keys.reveal(account, b"profile", box[:size]) is None


@given(st.binary(max_size=120))
def test_junk_reveals_nothing_and_never_raises(box: bytes) -> None:
    account = StreamId(uuid4())

    async def reveal() -> bytes | None:
        keys = MemoryDataKeys()
        await keys.protect(account, b"profile", PROFILE)
        return await keys.reveal(account, b"profile", box)

    assert asyncio.run(reveal()) is None


async def test_an_account_without_a_key_reveals_nothing(keys: VaultDataKeys, account: StreamId) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    assert await keys.reveal(StreamId(uuid4()), b"profile", box) is None


async def test_an_erased_account_is_revealed_no_more(keys: VaultDataKeys, account: StreamId) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    await keys.erase(account)
    assert await keys.reveal(account, b"profile", box) is None
    await keys.erase(account)
    again = await keys.protect(account, b"profile", b"somebody new")
    assert await keys.reveal(account, b"profile", box) is None
    assert await keys.reveal(account, b"profile", again) == b"somebody new"


async def test_other_processes_forget_an_erased_account_within_five_minutes(
    keys: VaultDataKeys, account: StreamId, stores: KeyStores, clock: Clock
) -> None:
    other = VaultDataKeys(stores.vault, RootKeys([OLD]))
    box = await keys.protect(account, b"profile", PROFILE)
    assert await other.reveal(account, b"profile", box) == PROFILE
    await keys.erase(account)
    clock.now += CACHE_SECONDS
    assert await other.reveal(account, b"profile", box) is None
    assert CACHE_SECONDS <= 300


async def test_racing_processes_agree_on_one_key(account: StreamId, stores: KeyStores) -> None:
    processes = [VaultDataKeys(stores.vault, RootKeys([OLD])) for _ in range(8)]
    boxes = await asyncio.gather(*(each.protect(account, b"profile", PROFILE) for each in processes))
    fresh = VaultDataKeys(stores.vault, RootKeys([OLD]))
    assert [await fresh.reveal(account, b"profile", box) for box in boxes] == [PROFILE] * 8


async def test_keys_open_while_the_old_root_key_is_listed(
    keys: VaultDataKeys, account: StreamId, stores: KeyStores
) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    assert await VaultDataKeys(stores.vault, RootKeys([NEW, OLD])).reveal(account, b"profile", box) == PROFILE


async def test_a_wrong_root_key_list_is_unavailable_and_not_an_erased_person(
    keys: VaultDataKeys, account: StreamId, stores: KeyStores
) -> None:
    box = await keys.protect(account, b"profile", PROFILE)
    wrong = VaultDataKeys(stores.vault, RootKeys([NEW]))
    with pytest.raises(UnavailableError):
        await wrong.reveal(account, b"profile", box)
    with pytest.raises(UnavailableError):
        await wrong.protect(account, b"profile", PROFILE)
    assert await keys.reveal(account, b"profile", box) == PROFILE


async def test_another_accounts_key_put_in_its_place_is_not_used(
    keys: VaultDataKeys, account: StreamId, stores: KeyStores
) -> None:
    """Who can write the vault must not choose by which key a person's data is read."""
    other = StreamId(uuid4())
    await keys.protect(account, b"profile", PROFILE)
    box = await keys.protect(other, b"profile", PROFILE)
    mine, theirs = await stores.vault.get(account), await stores.vault.get(other)
    assert mine is not None
    assert theirs is not None
    assert await stores.vault.replace(account, mine, theirs)
    with pytest.raises(UnavailableError):
        await VaultDataKeys(stores.vault, RootKeys([OLD])).reveal(account, b"profile", box)


async def test_the_same_text_protected_twice_gives_different_boxes(keys: VaultDataKeys, account: StreamId) -> None:
    assert await keys.protect(account, b"profile", PROFILE) != await keys.protect(account, b"profile", PROFILE)


async def test_the_keys_held_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_SIZE", 3)
    keys = VaultDataKeys(memory_stores().vault, RootKeys([OLD]))
    accounts = [StreamId(uuid4()) for _ in range(5)]
    boxes = [await keys.protect(each, b"profile", each.bytes) for each in accounts]
    assert set(keys._held) == set(accounts[-3:])
    for each, box in zip(accounts, boxes, strict=True):
        assert await keys.reveal(each, b"profile", box) == each.bytes


async def test_nothing_held_shows_a_key(keys: VaultDataKeys, account: StreamId, stores: KeyStores) -> None:
    await keys.protect(account, b"profile", PROFILE)
    wrapped = await stores.vault.get(account)
    assert wrapped is not None
    key = unwrap(RootKeys([OLD]), module.PURPOSE, account.bytes, wrapped)
    assert key is not None
    for shown in (repr(keys), repr(keys._held), repr(vars(keys))):
        assert repr(key)[2:-1] not in shown
        assert key.hex() not in shown
        assert repr(OLD)[2:-1] not in shown


async def test_a_vault_that_is_gone_is_unavailable(postgres_url: str, account: StreamId) -> None:
    async with open_pool(postgres_url, name="test", size=1) as pool:
        keys = VaultDataKeys(postgres_stores(pool).vault, RootKeys([OLD]))
        box = await keys.protect(account, b"profile", PROFILE)
    other = StreamId(uuid4())
    assert await keys.reveal(account, b"profile", box) == PROFILE  # the key is still held
    for asking in (keys.protect(other, b"profile", PROFILE), keys.reveal(other, b"profile", box), keys.erase(account)):
        with pytest.raises(UnavailableError):
            await asking
