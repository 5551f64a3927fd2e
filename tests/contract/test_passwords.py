"""The port Passwords, on its table in memory and in PostgreSQL."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from tests.support.key_stores import KeyStores, memory_stores, postgres_stores, stores

from grantlog.adapters.crypto.passwords import ArgonPasswords
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.postgres.pool import Pool, open_pool
from grantlog.core.identifiers import StreamId
from grantlog.ports import PasswordCheck, UnavailableError

__all__ = ["stores"]

SECRET = "correct horse battery staple"
WRONG = PasswordCheck(ok=False, epoch=0)
RIGHT = PasswordCheck(ok=True, epoch=0)


class Listening(Pool):
    """A pool that hears what is asked."""

    def __init__(self, raw: Any) -> None:
        super().__init__(raw)
        self.asked: list[str] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with super().connection() as connection:
            with connection.query_logger(lambda query: self.asked.append(query.query)):
                yield connection


@pytest.fixture
def threads() -> BoundedThreads:
    return BoundedThreads("passwords", workers=2, queue=8)


@pytest.fixture
def passwords(stores: KeyStores, threads: BoundedThreads) -> ArgonPasswords:
    return cheap(stores, threads)


@pytest.fixture
def account() -> StreamId:
    return StreamId(uuid4())


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were verified against."""
    seen: list[str] = []
    real = PasswordHasher.verify

    def verify(self: PasswordHasher, text: str, password: str | bytes) -> bool:
        seen.append(text)
        return real(self, text, password)

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    return seen


def cheap(stores: KeyStores, threads: BoundedThreads, passes: int = 1) -> ArgonPasswords:
    return ArgonPasswords(stores.password_hashes, threads, memory_kib=8, passes=passes, lanes=1)


async def test_the_right_password_fits_and_no_other(passwords: ArgonPasswords, account: StreamId) -> None:
    await passwords.set(account, SECRET)
    assert await passwords.check(account, SECRET) == RIGHT
    for other in (SECRET + " ", " " + SECRET, SECRET.upper(), SECRET[:-1], "", "\x00", SECRET + "\x00"):
        assert await passwords.check(account, other) == WRONG


async def test_an_account_has_its_own_password(passwords: ArgonPasswords, account: StreamId) -> None:
    other = StreamId(uuid4())
    await passwords.set(account, SECRET)
    await passwords.set(other, "another one")
    assert await passwords.check(other, SECRET) == WRONG


async def test_an_unknown_account_and_one_without_a_password_have_no_right_one(
    passwords: ArgonPasswords, account: StreamId
) -> None:
    for nobody in (None, account):
        for password in (SECRET, ""):
            assert await passwords.check(nobody, password) == WRONG


async def test_a_new_password_takes_the_place_of_the_old(passwords: ArgonPasswords, account: StreamId) -> None:
    await passwords.set(account, "the old one")
    await passwords.set(account, SECRET)
    assert await passwords.check(account, "the old one") == WRONG
    assert await passwords.check(account, SECRET) == RIGHT


async def test_who_knows_the_password_puts_another_in_its_place(passwords: ArgonPasswords, account: StreamId) -> None:
    assert not await passwords.change(account, "", SECRET), "there is none"
    await passwords.set(account, "the old one")
    assert not await passwords.change(account, "not the old one", SECRET)
    assert not await passwords.change(account, "x" * 1025, SECRET)
    with pytest.raises(ValueError, match="empty"):
        await passwords.change(account, "the old one", "")
    assert await passwords.check(account, "the old one") == RIGHT
    assert await passwords.change(account, "the old one", SECRET)
    assert await passwords.check(account, SECRET) == RIGHT
    assert await passwords.check(account, "the old one") == WRONG


async def test_what_was_set_meanwhile_is_not_replaced(passwords: ArgonPasswords, account: StreamId) -> None:
    """An operator gives an account whose password is known to somebody else another one: that somebody is not faster."""
    await passwords.set(account, "the old one")
    both = [passwords.change(account, "the old one", new) for new in ("one", "two")]
    assert sorted(await asyncio.gather(*both)) == [False, True]


async def test_a_forgotten_password_does_not_fit(passwords: ArgonPasswords, account: StreamId) -> None:
    await passwords.set(account, SECRET)
    await passwords.remove(account)
    await passwords.remove(account)
    assert await passwords.check(account, SECRET) == WRONG


async def test_the_epoch_of_the_gate_comes_with_the_check(
    passwords: ArgonPasswords, account: StreamId, stores: KeyStores
) -> None:
    await passwords.set(account, SECRET)
    await stores.close_gate(account)
    assert await passwords.check(account, SECRET) == PasswordCheck(ok=True, epoch=1)
    assert await passwords.check(account, "wrong") == PasswordCheck(ok=False, epoch=1)


async def test_every_refusal_costs_one_verification(
    passwords: ArgonPasswords, account: StreamId, verifications: list[str]
) -> None:
    """Else the time of the answer tells who has an account, or which passwords are worth a try."""
    await passwords.set(account, SECRET)
    for whose, password in ((account, "wrong"), (None, SECRET), (StreamId(uuid4()), SECRET), (account, "x" * 1025)):
        verifications.clear()
        assert await passwords.check(whose, password) == WRONG
        assert len(verifications) == 1
        assert verifications[0].split("$")[2:4] == ["v=19", "m=8,t=1,p=1"]


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("caf\u00e9", "cafe\u0301"),  # composed, decomposed
        ("a\u00a0b\u3000c", "a b c"),  # no-break and ideographic space
        ("\u212b", "\u00e5".upper()),  # the angstrom sign is the letter
    ],
)
async def test_the_same_characters_typed_on_another_keyboard_fit(
    passwords: ArgonPasswords, account: StreamId, chosen: str, typed: str
) -> None:
    """RFC 8265 section 4.2.2."""
    await passwords.set(account, chosen)
    assert await passwords.check(account, typed) == RIGHT
    await passwords.set(account, typed)
    assert await passwords.check(account, chosen) == RIGHT


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [("\uff21", "A"), ("\ufb01", "fi"), ("\u017f", "s"), ("stra\u00dfe", "strasse"), ("A", "a"), ("a  b", "a b")],
)
async def test_characters_that_differ_to_a_person_differ(
    passwords: ArgonPasswords, account: StreamId, chosen: str, typed: str
) -> None:
    """No compatibility forms, no folding: nobody's password is weaker than it looks."""
    await passwords.set(account, chosen)
    assert await passwords.check(account, typed) == WRONG


@pytest.mark.parametrize("longest", ["x" * 1024, "\u00e9" * 512, "\U0001f600" * 256])
async def test_a_password_has_at_most_1024_bytes(passwords: ArgonPasswords, account: StreamId, longest: str) -> None:
    await passwords.set(account, longest)
    assert await passwords.check(account, longest) == RIGHT
    assert await passwords.check(account, longest + "x") == WRONG
    with pytest.raises(ValueError, match="1024 bytes"):
        await passwords.set(account, longest + "x")
    assert await passwords.check(account, longest) == RIGHT


@pytest.mark.parametrize("impossible", ["", "tab\there", "line\nfeed", "nul\x00", "\x7f", "\x85", "half\ud800"])
async def test_what_cannot_be_typed_cannot_be_set(
    passwords: ArgonPasswords, account: StreamId, impossible: str
) -> None:
    with pytest.raises(ValueError, match="a password") as refused:
        await passwords.set(account, impossible)
    if impossible:
        assert ascii(impossible)[1:-1] not in ascii(str(refused.value))
    assert type(refused.value) is ValueError
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    assert await passwords.check(account, impossible) == WRONG


async def test_only_an_argon2id_hash_is_stored(passwords: ArgonPasswords, account: StreamId, stores: KeyStores) -> None:
    await passwords.set(account, SECRET)
    text, epoch = await stores.password_hashes.read(account)
    assert text is not None
    assert text.startswith("$argon2id$v=19$")
    assert SECRET not in text
    assert epoch == 0


def test_the_default_cost_is_owasps() -> None:
    """19 MiB, two passes, one lane."""
    hasher = ArgonPasswords(memory_stores().password_hashes, BoundedThreads("p", workers=1, queue=1))._hasher
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism, hasher.type.name) == (19 * 1024, 2, 1, "ID")


async def test_a_login_renews_a_hash_of_other_parameters(
    passwords: ArgonPasswords, account: StreamId, stores: KeyStores, threads: BoundedThreads
) -> None:
    await passwords.set(account, SECRET)
    dearer = cheap(stores, threads, passes=2)
    assert await dearer.check(account, "wrong") == WRONG
    assert "t=1" in ((await stores.password_hashes.read(account))[0] or "")
    assert await dearer.check(account, SECRET) == RIGHT
    assert "t=2" in ((await stores.password_hashes.read(account))[0] or "")
    assert await dearer.check(account, SECRET) == RIGHT


async def test_renewing_never_undoes_a_password_that_was_set_meanwhile(
    account: StreamId, stores: KeyStores, threads: BoundedThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cheap(stores, threads).set(account, "the old one")
    dearer = cheap(stores, threads, passes=2)
    real = ArgonPasswords._renew

    async def overtaken(self: ArgonPasswords, whose: StreamId, old: str, new: str) -> None:
        await dearer.set(account, SECRET)
        await real(self, whose, old, new)

    monkeypatch.setattr(ArgonPasswords, "_renew", overtaken)
    await dearer.check(account, "the old one")
    assert await dearer.check(account, SECRET) == RIGHT


async def test_a_garbled_hash_fits_nothing(passwords: ArgonPasswords, account: StreamId, stores: KeyStores) -> None:
    for garbled in ("", "plain", "$argon2id$v=19$m=8,t=1,p=1$AAAA", "$2b$12$" + "a" * 53):
        await stores.password_hashes.write(account, garbled)
        for password in (garbled, SECRET, ""):
            assert await passwords.check(account, password) == WRONG


async def test_a_full_pool_refuses_at_once_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stores, gate = memory_stores(), threading.Event()

    def slow(_self: PasswordHasher, _text: str, _password: str | bytes) -> bool:
        gate.wait(10)
        raise VerificationError

    monkeypatch.setattr(PasswordHasher, "verify", slow)
    passwords = cheap(stores, BoundedThreads("passwords", workers=1, queue=2))
    waiting = [asyncio.create_task(passwords.check(None, SECRET)) for _ in range(3)]
    await asyncio.sleep(0.01)  # the loop runs while the thread is held
    assert not any(task.done() for task in waiting)
    with pytest.raises(UnavailableError):
        await passwords.check(None, SECRET)
    with pytest.raises(UnavailableError):
        await passwords.set(StreamId(uuid4()), SECRET)
    gate.set()
    assert await asyncio.gather(*waiting) == [WRONG] * 3
    assert await passwords.check(None, SECRET) == WRONG


async def test_hash_and_epoch_are_read_by_one_statement(
    postgres_url: str, account: StreamId, threads: BoundedThreads
) -> None:
    """Two statements would let a password change pass between them, and an old password stamp a session that lives."""
    async with open_pool(postgres_url, name="test", size=1) as pool:
        listening = Listening(pool.raw)
        passwords = cheap(postgres_stores(listening), threads)
        await passwords.set(account, SECRET)
        listening.asked.clear()
        await passwords.check(account, SECRET)
    assert len([query for query in listening.asked if "password" in query or "gate" in query]) == 1


async def test_a_database_that_is_gone_is_unavailable_not_a_wrong_password(
    postgres_url: str, account: StreamId, threads: BoundedThreads
) -> None:
    async with open_pool(postgres_url, name="test", size=1) as pool:
        passwords = cheap(postgres_stores(pool), threads)
    for asking in (passwords.check(account, SECRET), passwords.check(None, SECRET), passwords.set(account, SECRET)):
        with pytest.raises(UnavailableError):
            await asking
