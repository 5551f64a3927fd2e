"""The port Signer, with its wrapped keys in memory and in PostgreSQL, its keyring on the log in memory."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import JWKRegistry
from joserfc.jws import JWSRegistry
from tests.support.key_stores import KeyStores, stores

from grantlog.adapters.crypto import signer as module
from grantlog.adapters.crypto.jose import ALGORITHMS, sign_compact
from grantlog.adapters.crypto.root_keys import RootKeys
from grantlog.adapters.crypto.signer import STALE_SECONDS, KeyringSigner
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.adapters.memory.clock import ManualClock
from grantlog.adapters.memory.event_log import MemoryEventLog
from grantlog.core.decision import Decision, Envelope, Refused
from grantlog.core.identifiers import Micros, StreamId, after
from grantlog.core.keyring import decide
from grantlog.core.keyring.state import KeyringState, evolve
from grantlog.ports import Append, Appended, Loaded, PublicKey, UnavailableError

__all__ = ["stores"]

# RFC 9864 renames EdDSA to Ed25519; clients of today ask for the old name, and that is what we offer.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")
ROOT = RootKeys([b"r" * 32])


class Keyring:
    """The keyring stream, as an operator writes it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.log = MemoryEventLog(clock)
        self.loads = 0
        self.gone = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = asyncio.Event()
        self._stream = self.log.mint()
        self._state: KeyringState | None = None
        real = self.log.load

        async def load(stream: StreamId) -> Loaded:
            self.loads += 1
            self.asked.set()
            if self.gone:
                raise UnavailableError("gone")
            await self.answers.wait()
            return await real(stream)

        self.log.load = load  # type: ignore[method-assign]  # a log that counts, and can be gone

    async def _append(self, decision: Decision[Refused | None]) -> None:
        assert decision.answer is None
        version = 1 if self._state is None else self._state.version + 1
        event: Any = decision.event
        self._state = evolve(self._state, event, version)
        verdict = await self.log.append(
            Append(
                stream=self._stream,
                version=version,
                event=event,
                state=self._state,
                envelope=Envelope("server", f"{version}"),
                gate=decision.gate,
                names=decision.names,
            )
        )
        assert isinstance(verdict, Appended)

    async def publish(self, key: PublicKey, activates_at: Micros | None = None) -> None:
        now = self.clock.now()
        command = decide.Publish(kid=key.kid, alg=key.alg, jwk=key.jwk, activates_at=activates_at or now)
        await self._append(decide.publish(self._state, command, now))

    async def retire(self, kid: str, at: Micros) -> None:
        await self._append(decide.retire(self._state, kid, at))

    async def compromise(self, kid: str) -> None:
        await self._append(decide.compromise(self._state, kid))


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(ManualClock())


@pytest.fixture
async def threads() -> AsyncIterator[BoundedThreads]:
    pool = BoundedThreads("signing", workers=1, queue=64)
    yield pool
    await pool.close()


@pytest.fixture
def signer(keyring: Keyring, stores: KeyStores, threads: BoundedThreads) -> KeyringSigner:
    return KeyringSigner(keyring.log, stores.wrapped_keys, ROOT, threads)


def verify(text: str, published: PublicKey) -> Any:
    key = JWKRegistry.import_key({**published.jwk})
    return jws.deserialize_compact(text, key, registry=JWSRegistry(algorithms=list(ALGORITHMS)))


def let_it_grow_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves the signer's own clock, and nobody else's."""
    late = time.monotonic() + STALE_SECONDS + 1
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: late))


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_published_key_signs_and_its_public_part_verifies(
    signer: KeyringSigner, keyring: Keyring, alg: str
) -> None:
    key = await signer.generate(alg)
    await keyring.publish(key)
    await signer.refresh()
    text, kid = await signer.sign(alg, {"iss": "us", "exp": 2**33, "aud": ["a", "b"]}, "at+jwt")
    published = {each.kid: each for each in signer.public_keys()}
    assert kid == key.kid
    verified = verify(text, published[kid])
    assert verified.payload == b'{"iss":"us","exp":8589934592,"aud":["a","b"]}'
    assert verified.headers() == {"alg": alg, "kid": kid, "typ": "at+jwt"}


async def test_without_a_keyring_nothing_is_published_and_nothing_signs(signer: KeyringSigner) -> None:
    await signer.refresh()
    assert signer.public_keys() == ()
    with pytest.raises(UnavailableError, match="ES256"):
        await signer.sign("ES256", {}, "JWT")


async def test_a_generated_key_does_not_sign_before_the_keyring_names_it(
    signer: KeyringSigner, keyring: Keyring
) -> None:
    await keyring.publish(await signer.generate("EdDSA"))
    await signer.generate("ES256")
    await signer.refresh()
    assert [key.alg for key in signer.public_keys()] == ["EdDSA"]
    with pytest.raises(UnavailableError):
        await signer.sign("ES256", {}, "JWT")


async def test_the_next_key_is_published_before_it_signs_and_the_old_one_stays_until_it_retires(
    signer: KeyringSigner, keyring: Keyring
) -> None:
    start = keyring.clock.now()
    old, new = await signer.generate("ES256"), await signer.generate("ES256")
    await keyring.publish(old)
    await keyring.publish(new, after(start, 300))
    await keyring.retire(old.kid, after(start, 900))
    await signer.refresh()

    async def seen() -> tuple[str, list[str]]:
        return (await signer.sign("ES256", {}, "JWT"))[1], [key.kid for key in signer.public_keys()]

    assert await seen() == (old.kid, [old.kid, new.kid])
    keyring.clock.advance(300)
    assert await seen() == (new.kid, [old.kid, new.kid])
    keyring.clock.advance(600)
    assert await seen() == (new.kid, [new.kid])


async def test_a_compromised_key_neither_signs_nor_is_published_after_a_refresh(
    signer: KeyringSigner, keyring: Keyring
) -> None:
    key = await signer.generate("ES256")
    await keyring.publish(key)
    await signer.refresh()
    await signer.sign("ES256", {}, "JWT")
    await keyring.compromise(key.kid)
    await signer.refresh()
    assert list(signer.public_keys()) == []
    assert signer._private == {}
    with pytest.raises(UnavailableError):
        await signer.sign("ES256", {}, "JWT")


async def test_a_destroyed_key_is_gone_from_the_store_and_from_the_process(
    signer: KeyringSigner, keyring: Keyring, stores: KeyStores
) -> None:
    key = await signer.generate("ES256")
    await keyring.publish(key)
    await signer.refresh()
    await signer.destroy(key.kid)
    await signer.destroy(key.kid)
    assert await stores.wrapped_keys.get([key.kid]) == {}
    await signer.refresh()
    with pytest.raises(UnavailableError):
        await signer.sign("ES256", {}, "JWT")


async def test_a_private_key_is_stored_only_under_the_root_key(
    signer: KeyringSigner, keyring: Keyring, stores: KeyStores, threads: BoundedThreads
) -> None:
    key = await signer.generate("ES256")
    await keyring.publish(key)
    wrapped = (await stores.wrapped_keys.get([key.kid]))[key.kid]
    assert b"BEGIN" not in wrapped
    assert bytes.fromhex("2a8648ce3d0201") not in wrapped  # id-ecPublicKey, as it stands in every PKCS #8 of one
    stranger = KeyringSigner(keyring.log, stores.wrapped_keys, RootKeys([b"x" * 32]), threads)
    await stranger.refresh()
    with pytest.raises(UnavailableError):
        await stranger.sign("ES256", {}, "JWT")


async def test_a_wrapped_key_in_another_keys_place_does_not_sign(
    signer: KeyringSigner, keyring: Keyring, stores: KeyStores
) -> None:
    """Who can write the table must not choose which key signs under a name."""
    key, other = await signer.generate("ES256"), await signer.generate("ES256")
    await keyring.publish(key)
    boxes = await stores.wrapped_keys.get([key.kid, other.kid])
    assert await stores.wrapped_keys.replace(key.kid, boxes[key.kid], boxes[other.kid])
    await signer.refresh()
    with pytest.raises(UnavailableError):
        await signer.sign("ES256", {}, "JWT")


async def test_a_stale_keyring_is_read_again_before_it_signs(
    signer: KeyringSigner, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await signer.generate("ES256")
    await keyring.publish(key)
    await signer.sign("ES256", {}, "JWT")
    await keyring.compromise(key.kid)
    await signer.sign("ES256", {}, "JWT")  # not noticed yet
    let_it_grow_stale(monkeypatch)
    with pytest.raises(UnavailableError, match="no signing key"):
        await signer.sign("ES256", {}, "JWT")


async def test_while_the_log_is_gone_a_fresh_keyring_signs_and_a_stale_one_does_not(
    signer: KeyringSigner, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keyring.publish(await signer.generate("ES256"))
    await signer.refresh()
    keyring.gone = True
    with pytest.raises(UnavailableError):
        await signer.refresh()
    await signer.sign("ES256", {}, "JWT")
    assert len(signer.public_keys()) == 1
    let_it_grow_stale(monkeypatch)
    with pytest.raises(UnavailableError, match="gone"):
        await signer.sign("ES256", {}, "JWT")


async def test_callers_of_one_moment_share_a_read_and_none_gets_one_that_had_begun(
    signer: KeyringSigner, keyring: Keyring
) -> None:
    await keyring.publish(await signer.generate("ES256"))
    await signer.refresh()
    before = keyring.loads
    keyring.answers.clear()
    keyring.asked.clear()
    asked = [asyncio.create_task(signer.refresh())]
    await keyring.asked.wait()
    asked += [asyncio.create_task(signer.refresh()) for _ in range(20)]
    await asyncio.sleep(0)
    keyring.answers.set()
    await asyncio.gather(*asked)
    assert keyring.loads == before + 2


async def test_unwrapped_keys_are_kept_from_one_refresh_to_the_next(signer: KeyringSigner, keyring: Keyring) -> None:
    key = await signer.generate("RS256")
    await keyring.publish(key)
    await signer.refresh()
    held = signer._private[key.kid]
    await signer.refresh()
    assert signer._private[key.kid] is held


@pytest.mark.parametrize(("alg", "on_the_loop"), [("ES256", True), ("EdDSA", True), ("RS256", False), ("PS256", False)])
async def test_rsa_signs_off_the_event_loop_and_the_others_on_it(
    signer: KeyringSigner, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, alg: str, on_the_loop: bool
) -> None:
    await keyring.publish(await signer.generate(alg))
    await signer.refresh()
    where: list[int] = []

    def watched(*arguments: Any) -> str:
        where.append(threading.get_ident())
        return sign_compact(*arguments)

    monkeypatch.setattr(module, "sign_compact", watched)
    await signer.sign(alg, {}, "JWT")
    assert (where == [threading.get_ident()]) is on_the_loop


async def test_the_loop_runs_on_while_rsa_signs_and_a_full_queue_is_unavailable(
    keyring: Keyring, stores: KeyStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = KeyringSigner(keyring.log, stores.wrapped_keys, ROOT, BoundedThreads("signing", workers=1, queue=1))
    await keyring.publish(await small.generate("RS256"))
    await small.refresh()
    hold = threading.Event()

    def slow(*_arguments: Any) -> str:
        hold.wait(10)
        return "signed"

    monkeypatch.setattr(module, "sign_compact", slow)
    waiting = [asyncio.create_task(small.sign("RS256", {}, "JWT")) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    with pytest.raises(UnavailableError, match="full"):
        await small.sign("RS256", {}, "JWT")
    hold.set()
    assert [text for text, _ in await asyncio.gather(*waiting)] == ["signed", "signed"]


async def test_the_signer_does_not_show_its_keys(signer: KeyringSigner, keyring: Keyring) -> None:
    await keyring.publish(await signer.generate("ES256"))
    await signer.refresh()
    for shown in (repr(signer), repr(vars(signer))):
        assert repr(b"r" * 32)[2:-1] not in shown
        assert "PRIVATE KEY" not in shown
