"""The stores of keys, the index key and rewrapping: the same in memory and in PostgreSQL."""

import asyncio
from uuid import UUID, uuid4

import pytest
from tests.support.key_stores import KeyStores, stores

from grantlog.adapters.crypto import rewrap as module
from grantlog.adapters.crypto.boxes import is_newest, unwrap, wrap
from grantlog.adapters.crypto.data_keys import VaultDataKeys
from grantlog.adapters.crypto.index_key import load_index_key
from grantlog.adapters.crypto.kept_secrets import WrappedKeptSecrets
from grantlog.adapters.crypto.rewrap import RootKeyWrapping
from grantlog.adapters.crypto.root_keys import RootKeyError, RootKeys
from grantlog.adapters.crypto.stores import WrappedKey
from grantlog.core.identifiers import StreamId
from grantlog.ports import Rewrapped, UnavailableError

__all__ = ["stores"]

OLD, NEW = RootKeys([b"o" * 32]), RootKeys([b"n" * 32])
BOTH = RootKeys([b"n" * 32, b"o" * 32])


async def test_a_wrapped_key_is_added_once(stores: KeyStores) -> None:
    assert await stores.wrapped_keys.add(WrappedKey("k", "signing", b"first"))
    assert not await stores.wrapped_keys.add(WrappedKey("k", "signing", b"second"))
    assert await stores.wrapped_keys.get(["k", "unknown"]) == {"k": b"first"}
    assert await stores.wrapped_keys.get([]) == {}


async def test_a_removed_wrapped_key_is_gone(stores: KeyStores) -> None:
    await stores.wrapped_keys.add(WrappedKey("k", "signing", b"first"))
    await stores.wrapped_keys.remove("k")
    await stores.wrapped_keys.remove("k")
    assert await stores.wrapped_keys.get(["k"]) == {}


async def test_wrapped_keys_come_in_pages(stores: KeyStores) -> None:
    for kid in "cabd":
        await stores.wrapped_keys.add(WrappedKey(kid, "signing", kid.encode()))
    first = await stores.wrapped_keys.page("", 3)
    assert [key.kid for key in first] == ["a", "b", "c"]
    assert await stores.wrapped_keys.page("c", 3) == [WrappedKey("d", "signing", b"d")]
    assert list(await stores.wrapped_keys.page("d", 3)) == []


async def test_a_wrapped_key_is_replaced_only_if_it_is_what_was_read(stores: KeyStores) -> None:
    await stores.wrapped_keys.add(WrappedKey("k", "signing", b"first"))
    assert not await stores.wrapped_keys.replace("k", b"other", b"second")
    assert not await stores.wrapped_keys.replace("unknown", b"first", b"second")
    assert await stores.wrapped_keys.replace("k", b"first", b"second")
    assert await stores.wrapped_keys.page("", 9) == [WrappedKey("k", "signing", b"second")]


async def test_the_vault_keeps_the_first_key_of_an_account(stores: KeyStores) -> None:
    account = StreamId(uuid4())
    assert await stores.vault.get(account) is None
    assert await stores.vault.add(account, b"first") == b"first"
    assert await stores.vault.add(account, b"second") == b"first"
    assert await stores.vault.get(account) == b"first"


async def test_the_vault_comes_in_pages_and_is_replaced_by_compare_and_set(stores: KeyStores) -> None:
    accounts = [StreamId(UUID(int=number)) for number in (1, 2, 3)]
    for account in reversed(accounts):
        await stores.vault.add(account, account.bytes)
    assert [each for each, _ in await stores.vault.page(None, 2)] == accounts[:2]
    assert await stores.vault.page(accounts[1], 2) == [(accounts[2], accounts[2].bytes)]
    assert not await stores.vault.replace(accounts[0], b"other", b"new")
    assert await stores.vault.replace(accounts[0], accounts[0].bytes, b"new")
    assert await stores.vault.get(accounts[0]) == b"new"


async def test_an_erased_account_leaves_no_row_and_is_not_brought_back_by_rewrapping(stores: KeyStores) -> None:
    account = StreamId(uuid4())
    await stores.vault.add(account, b"first")
    await stores.vault.remove(account)
    assert not await stores.vault.replace(account, b"first", b"second")
    assert await stores.vault.get(account) is None


async def test_a_password_hash_is_replaced_only_if_it_is_what_was_read(stores: KeyStores) -> None:
    account = StreamId(uuid4())
    await stores.password_hashes.write(account, "first")
    assert not await stores.password_hashes.replace(account, "other", "second")
    assert await stores.password_hashes.replace(account, "first", "second")
    assert await stores.password_hashes.read(account) == ("second", 0)


async def test_racing_processes_agree_on_one_index_key(stores: KeyStores) -> None:
    keys = await asyncio.gather(*(load_index_key(stores.wrapped_keys, OLD) for _ in range(8)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await load_index_key(stores.wrapped_keys, BOTH) == keys[0]


async def test_a_root_key_list_of_another_database_stops_the_boot(stores: KeyStores) -> None:
    await load_index_key(stores.wrapped_keys, OLD)
    with pytest.raises(RootKeyError, match="does not open"):
        await load_index_key(stores.wrapped_keys, NEW)


async def test_rewrapping_carries_everything_to_the_newest_root_key(
    stores: KeyStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    index_key = await load_index_key(stores.wrapped_keys, OLD)
    for number in range(7):
        kid = f"kid-{number}"
        await stores.wrapped_keys.add(WrappedKey(kid, "signing", wrap(OLD, "signing", kid.encode(), b"private")))
    accounts = [StreamId(uuid4()) for _ in range(7)]
    before = VaultDataKeys(stores.vault, OLD)
    boxes = [await before.protect(account, b"profile", account.bytes) for account in accounts]

    kept = WrappedKeptSecrets(stores.kept, OLD)
    for account in accounts:
        await kept.keep(account, "totp", account.bytes)
    await kept.keep(accounts[0], "other", b"other")

    assert await RootKeyWrapping(BOTH, stores.wrapped_keys, stores.vault, stores.kept).rewrap() == Rewrapped(23, 0, 0)
    assert await RootKeyWrapping(BOTH, stores.wrapped_keys, stores.vault, stores.kept).rewrap() == Rewrapped(0, 23, 0)

    assert await load_index_key(stores.wrapped_keys, NEW) == index_key
    for key in await stores.wrapped_keys.page("kid", 9):
        assert is_newest(NEW, key.wrapped)
        assert unwrap(NEW, "signing", key.kid.encode(), key.wrapped) == b"private"
    now = VaultDataKeys(stores.vault, NEW)
    for account, box in zip(accounts, boxes, strict=True):
        assert await now.reveal(account, b"profile", box) == account.bytes
        assert await WrappedKeptSecrets(stores.kept, NEW).recall(account, "totp") == account.bytes


async def test_what_no_listed_root_key_opens_is_counted_and_left_alone(stores: KeyStores) -> None:
    box = wrap(OLD, "signing", b"k", b"private")
    await stores.wrapped_keys.add(WrappedKey("k", "signing", box))
    assert await RootKeyWrapping(NEW, stores.wrapped_keys, stores.vault, stores.kept).rewrap() == Rewrapped(0, 0, 1)
    assert await stores.wrapped_keys.get(["k"]) == {"k": box}


async def test_rewrapping_goes_on_where_it_was_interrupted(stores: KeyStores, monkeypatch: pytest.MonkeyPatch) -> None:
    for kid in "abcd":
        await stores.wrapped_keys.add(WrappedKey(kid, "signing", wrap(OLD, "signing", kid.encode(), b"private")))
    wrapping = RootKeyWrapping(BOTH, stores.wrapped_keys, stores.vault, stores.kept)
    real, done = stores.wrapped_keys.replace, 0

    async def failing(kid: str, old: bytes, new: bytes) -> bool:
        nonlocal done
        if done == 2:
            raise UnavailableError("gone")
        done += 1
        return await real(kid, old, new)

    monkeypatch.setattr(stores.wrapped_keys, "replace", failing)
    with pytest.raises(UnavailableError):
        await wrapping.rewrap()
    monkeypatch.undo()
    assert await wrapping.rewrap() == Rewrapped(2, 2, 0)


async def test_two_operators_may_rewrap_at_once(stores: KeyStores) -> None:
    for number in range(20):
        kid = f"kid-{number}"
        await stores.wrapped_keys.add(WrappedKey(kid, "signing", wrap(OLD, "signing", kid.encode(), b"private")))
    wrapping = RootKeyWrapping(BOTH, stores.wrapped_keys, stores.vault, stores.kept)
    await asyncio.gather(wrapping.rewrap(), wrapping.rewrap())
    for key in await stores.wrapped_keys.page("", 99):
        assert unwrap(NEW, "signing", key.kid.encode(), key.wrapped) == b"private"
