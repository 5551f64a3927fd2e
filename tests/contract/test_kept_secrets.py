"""The contract of KeptSecrets, on both of its tables."""

from uuid import uuid4

import pytest
from tests.support.key_stores import KeyStores
from tests.support.key_stores import stores as stores  # noqa: PLC0414  # a fixture

from grantlog.adapters.crypto.kept_secrets import WrappedKeptSecrets
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.stores import KeptRow
from grantlog.ports import KeptSecrets, UnavailableError

ROOT, OTHER = RootKeys([b"\x01" * 32]), RootKeys([b"\x02" * 32])


@pytest.fixture
def kept(stores: KeyStores) -> KeptSecrets:
    return WrappedKeptSecrets(stores.kept, ROOT)


async def test_a_secret_is_recalled_by_owner_and_purpose(kept: KeptSecrets) -> None:
    owner, other = uuid4(), uuid4()
    await kept.keep(owner, "totp", b"first")
    await kept.keep(owner, "client_secret_jwt", b"second")
    assert await kept.recall(owner, "totp") == b"first"
    assert await kept.recall(owner, "client_secret_jwt") == b"second"
    assert await kept.recall(other, "totp") is None
    assert await kept.recall(owner, "other") is None


async def test_the_newest_is_kept_instead_of_the_one_before(kept: KeptSecrets) -> None:
    owner = uuid4()
    await kept.keep(owner, "totp", b"first")
    await kept.keep(owner, "totp", b"second")
    assert await kept.recall(owner, "totp") == b"second"


async def test_what_is_forgotten_is_gone_and_may_be_forgotten_again(kept: KeptSecrets) -> None:
    owner = uuid4()
    await kept.keep(owner, "totp", b"first")
    await kept.forget(owner, "totp")
    await kept.forget(owner, "totp")
    assert await kept.recall(owner, "totp") is None


async def test_nothing_stands_in_clear(stores: KeyStores, kept: KeptSecrets) -> None:
    owner = uuid4()
    await kept.keep(owner, "totp", b"a secret of some length")
    box = await stores.kept.get(owner, "totp")
    assert box is not None
    assert b"secret" not in box


async def test_a_box_that_was_moved_to_another_row_opens_no_more(stores: KeyStores, kept: KeptSecrets) -> None:
    owner, other = uuid4(), uuid4()
    await kept.keep(owner, "totp", b"first")
    box = await stores.kept.get(owner, "totp")
    assert box is not None
    for row in (KeptRow(other, "totp", box), KeptRow(owner, "other", box)):
        await stores.kept.put(row)
        with pytest.raises(UnavailableError):
            await kept.recall(row.owner, row.purpose)


async def test_a_root_key_that_is_missing_is_an_outage_and_not_a_loss(stores: KeyStores, kept: KeptSecrets) -> None:
    owner = uuid4()
    await kept.keep(owner, "totp", b"first")
    with pytest.raises(UnavailableError):
        await WrappedKeptSecrets(stores.kept, OTHER).recall(owner, "totp")


async def test_rows_come_in_pages_and_are_replaced_by_compare_and_set(stores: KeyStores) -> None:
    owners = sorted(uuid4() for _ in range(2))
    rows = [KeptRow(owner, purpose, b"box") for owner in owners for purpose in ("a", "b")]
    for row in reversed(rows):
        await stores.kept.put(row)
    assert list(await stores.kept.page(None, 3)) == rows[:3]
    assert list(await stores.kept.page(rows[2], 3)) == rows[3:]
    assert not await stores.kept.replace(KeptRow(owners[0], "a", b"other"), b"new")
    assert await stores.kept.replace(rows[0], b"new")
    assert await stores.kept.get(owners[0], "a") == b"new"
    await stores.kept.remove(owners[0], "a")
    assert not await stores.kept.replace(KeptRow(owners[0], "a", b"new"), b"newer")
