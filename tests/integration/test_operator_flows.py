"""What operators do with accounts and clients; on memory ports."""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from tests.support.memory_service import MemoryProcess, memory_process, memory_stores

from grantlog.core.account.state import AccountState
from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.state import live_secret_hashes
from grantlog.core.decision import Origin
from grantlog.core.identifiers import ClientId, after
from grantlog.core.protocol.errors import InvalidClientError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.token_text import checksum
from grantlog.flows import accounts, clients
from grantlog.flows.authenticate import authenticate
from grantlog.flows.operators import CommandRefusedError, operator_origin
from grantlog.flows.service import Service
from grantlog.ports import PasswordCheck, Rejected, UnavailableError

SECRET = "correct horse battery staple"
CONFIDENTIAL = ClientMetadata(name="Shop", redirect_uris=("https://shop.example/callback",))
PUBLIC = ClientMetadata(name="App", token_endpoint_auth_method="none", redirect_uris=("https://app.example/callback",))


@pytest.fixture
async def process() -> AsyncIterator[MemoryProcess]:
    async with memory_process() as one:
        yield one


@pytest.fixture
def service(process: MemoryProcess) -> Service:
    return process.service


def asked(service: Service) -> Origin:
    return operator_origin(service, "operator:test")


def stored(process: MemoryProcess) -> bytes:
    """Everything that stands on the log."""
    return b"".join(row.row.payload + row.row.envelope + row.row.state for row in process.log.rows)


# --------------------------------------------------------------------------- accounts


async def test_a_new_account_is_found_by_its_username_however_it_is_spelt(service: Service) -> None:
    account = await accounts.create_account(service, "Alice@Example.org", SECRET, asked(service))
    for spelling in ("alice@example.org", "ALICE@EXAMPLE.ORG", "\uff21lice@example.org"):
        assert await accounts.find_account(service, spelling) == account
    for other in ("alice", "bob@example.org", "", " ", "alice@example.org\x00", "x" * 400):
        assert await accounts.find_account(service, other) is None
    assert await service.ports.passwords.check(account, SECRET) == PasswordCheck(ok=True, epoch=0)


async def test_nothing_personal_stands_on_the_log_in_clear(process: MemoryProcess) -> None:
    service = process.service
    profile = {"name": "Alice Liddell", "email": "alice@example.org"}
    account = await accounts.create_account(service, "alice.liddell", SECRET, asked(service), profile)
    log = stored(process).lower()
    for text in (b"alice", b"liddell", b"example.org", SECRET.encode(), sha256(b"alice.liddell").digest()):
        assert text not in log
        assert urlsafe_b64encode(text).rstrip(b"=").lower() not in log
    state = (await service.ports.log.load(account)).state
    assert isinstance(state, AccountState)
    assert await accounts.read_profile(service, account, state) == {**profile, "username": "alice.liddell"}


async def test_the_profile_of_an_erased_person_is_gone(service: Service) -> None:
    account = await accounts.create_account(service, "alice", SECRET, asked(service))
    state = (await service.ports.log.load(account)).state
    await service.ports.data_keys.erase(account)
    assert await accounts.read_profile(service, account, state) is None


async def test_a_username_is_taken_once_however_it_is_spelt(process: MemoryProcess) -> None:
    service = process.service
    account = await accounts.create_account(service, "alice", SECRET, asked(service))
    with pytest.raises(CommandRefusedError, match="taken"):
        await accounts.create_account(service, "ALICE", "another one", asked(service))
    assert await service.ports.passwords.check(account, SECRET) == PasswordCheck(ok=True, epoch=0)
    assert len(await process.vault.page(None, 9)) == 1


async def test_of_two_who_want_one_username_at_once_one_gets_it_and_the_other_leaves_nothing() -> None:
    stores = await memory_stores()
    async with memory_process(stores) as one, memory_process(stores) as two:
        outcomes = await asyncio.gather(
            accounts.create_account(one.service, "alice", SECRET, asked(one.service)),
            accounts.create_account(two.service, "Alice", SECRET, asked(two.service)),
            return_exceptions=True,
        )
        lost = [outcome for outcome in outcomes if isinstance(outcome, CommandRefusedError)]
        assert [refused.refused.reason for refused in lost] == ["username_taken"]
        assert [account for account, _ in await stores.vault.page(None, 9)] == [
            outcome for outcome in outcomes if not isinstance(outcome, BaseException)
        ]


async def test_what_was_stored_stays_when_nobody_knows_whether_the_account_was_born(
    process: MemoryProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the append was lost: it may stand on the log, and then needs its keys."""

    async def lost(_row: object) -> Rejected:
        raise UnavailableError("lost")

    monkeypatch.setattr(process.log, "append", lost)
    with pytest.raises(UnavailableError):
        await accounts.create_account(process.service, "alice", SECRET, asked(process.service))
    assert len(await process.vault.page(None, 9)) == 1


@pytest.mark.parametrize("username", ["", " ", " alice", "al\nice", "\ud800", "x" * 400, "a\u200bb"])
async def test_what_cannot_be_a_username_is_refused(process: MemoryProcess, username: str) -> None:
    with pytest.raises(CommandRefusedError, match="cannot be a username"):
        await accounts.create_account(process.service, username, SECRET, asked(process.service))
    assert process.log.rows == []


async def test_what_cannot_be_a_password_makes_no_account(process: MemoryProcess) -> None:
    for password in ("", "x" * 1025, "new\nline"):
        with pytest.raises(ValueError, match="password"):
            await accounts.create_account(process.service, "alice", password, asked(process.service))
    assert process.log.rows == []
    assert await accounts.find_account(process.service, "alice") is None


async def test_a_new_password_closes_the_gate_above_everything_from_before(service: Service) -> None:
    account = await accounts.create_account(service, "alice", SECRET, asked(service))
    assert await accounts.set_password(service, "Alice", "a new one", "operator", asked(service)) == account
    assert await service.ports.passwords.check(account, SECRET) == PasswordCheck(ok=False, epoch=1)
    assert await service.ports.passwords.check(account, "a new one") == PasswordCheck(ok=True, epoch=1)
    assert service.gates.epoch("account", str(account)) == 1


async def test_the_hash_is_replaced_before_the_gate_closes(
    process: MemoryProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a login by the old password between the two would stamp the new epoch, and live."""
    service = process.service
    account = await accounts.create_account(service, "alice", SECRET, asked(service))
    seen: list[PasswordCheck] = []
    append = process.log.append

    async def watched(row: object) -> object:
        seen.append(await service.ports.passwords.check(account, SECRET))
        return await append(row)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(process.log, "append", watched)
    await accounts.set_password(service, "alice", "a new one", "operator", asked(service))
    assert seen == [PasswordCheck(ok=False, epoch=0)]


async def test_locking_closes_the_gate_once_and_unlocking_leaves_it_closed(service: Service) -> None:
    account = await accounts.create_account(service, "alice", SECRET, asked(service))
    for _ in range(2):
        assert await accounts.lock(service, "alice", "stolen laptop", asked(service)) == account
        assert (await service.ports.log.load(account)).state.locked
        assert service.gates.epoch("account", str(account)) == 1
    for _ in range(2):
        await accounts.unlock(service, "alice", "found", asked(service))
        assert not (await service.ports.log.load(account)).state.locked
        assert service.gates.epoch("account", str(account)) == 1
    assert (await service.ports.log.load(account)).version == 3


async def test_a_lock_that_readers_may_not_know_of_is_unavailable_and_the_retry_tells_them(
    process: MemoryProcess,
) -> None:
    service = process.service
    account = await accounts.create_account(service, "alice", SECRET, asked(service))
    process.projection.down = True
    with pytest.raises(UnavailableError):
        await accounts.lock(service, "alice", "operator", asked(service))
    assert (await service.ports.log.load(account)).state.locked
    process.projection.down = False
    await accounts.lock(service, "alice", "operator", asked(service))
    assert (await service.ports.log.load(account)).version == 2
    told = (await process.projection.read(account)).gate_sequence
    assert told == (await service.ports.log.head()).gate_sequence


async def test_an_unknown_account_is_refused(service: Service) -> None:
    for command in (
        accounts.set_password(service, "nobody", SECRET, "operator", asked(service)),
        accounts.lock(service, "nobody", "operator", asked(service)),
        accounts.unlock(service, "nobody", "operator", asked(service)),
        accounts.known_account(service, "nobody"),
    ):
        with pytest.raises(CommandRefusedError, match="not known"):
            await command


# --------------------------------------------------------------------------- clients


async def test_a_confidential_client_gets_a_secret_that_only_it_knows(process: MemoryProcess) -> None:
    service = process.service
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    assert made.secret is not None
    assert live_secret_hashes(made.state, service.ports.log.now()) == (sha256(made.secret.encode()).digest(),)
    assert made.secret.encode() not in stored(process)
    assert made.secret not in repr(made)
    found = await service.clients.find(made.state.client_id)
    assert found is not None
    assert found.state == made.state


async def test_a_secret_is_recognised_by_scanners(service: Service) -> None:
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    found = re.fullmatch(r"gl_cs_([A-Za-z0-9_-]{43})([0-9A-Za-z]{6})", made.secret or "")
    assert found is not None
    assert found[2] == checksum(found[1])


async def test_a_public_client_has_no_secret(service: Service) -> None:
    made = await clients.register(service, PUBLIC, asked(service))
    assert made.secret is None
    assert made.state.secrets == ()
    with pytest.raises(CommandRefusedError, match="secret"):
        await clients.rotate_secret(service, made.state.client_id, asked(service))


async def test_client_ids_are_made_up_or_given_and_taken_once(service: Service) -> None:
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    assert re.fullmatch(r"c[A-Za-z0-9_-]{20}", made.state.client_id)
    given = await clients.register(service, CONFIDENTIAL, asked(service), ClientId("shop"))
    assert given.state.client_id == "shop"
    with pytest.raises(CommandRefusedError, match="taken"):
        await clients.register(service, PUBLIC, asked(service), ClientId("shop"))


@pytest.mark.parametrize("client_id", ["sh\u00f6p", "a\nb", "x" * 257, "\x7f"])
async def test_a_client_id_is_printable_ascii(process: MemoryProcess, client_id: str) -> None:
    """RFC 6749 appendix A.1."""
    with pytest.raises(CommandRefusedError, match="printable"):
        await clients.register(process.service, CONFIDENTIAL, asked(process.service), ClientId(client_id))
    assert process.log.rows == []


async def test_two_secrets_overlap_and_never_three(process: MemoryProcess) -> None:
    service = process.service
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    client_id = made.state.client_id
    second = await clients.rotate_secret(service, client_id, asked(service), overlap=60)
    assert second.previous_until == after(process.clock.now(), 60)
    third = await clients.rotate_secret(service, client_id, asked(service), overlap=60)
    found = await service.clients.find(client_id)
    assert found is not None

    def digests(*texts: str) -> tuple[bytes, ...]:
        return tuple(sha256(text.encode()).digest() for text in texts)

    assert live_secret_hashes(found.state, service.ports.log.now()) == digests(second.text, third.text)
    process.clock.advance(60)
    assert live_secret_hashes(found.state, service.ports.log.now()) == digests(third.text)
    assert third.text not in repr(third)


async def test_without_an_overlap_the_old_secret_is_dead_at_once(service: Service) -> None:
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    fresh = await clients.rotate_secret(service, made.state.client_id, asked(service), overlap=0)
    found = await service.clients.find(made.state.client_id)
    assert found is not None
    assert len(live_secret_hashes(found.state, service.ports.log.now())) == 1
    assert fresh.previous_until is None


async def test_another_process_sees_a_new_secret_when_it_sees_the_gate() -> None:
    stores = await memory_stores()
    async with memory_process(stores) as one, memory_process(stores) as two:
        made = await clients.register(one.service, CONFIDENTIAL, asked(one.service))
        await two.service.clients.find(made.state.client_id)
        assert two.service.clients.remembered(made.state.client_id) is not None
        await clients.rotate_secret(one.service, made.state.client_id, asked(one.service))
        await two.service.gates.catch_up((await stores.log.head()).gate_sequence)
        found = await two.service.clients.find(made.state.client_id)
        assert found is not None
        assert len(found.state.secrets) == 2


async def test_a_new_secret_is_believed_by_a_process_that_has_heard_of_nothing() -> None:
    stores = await memory_stores()
    async with memory_process(stores) as one, memory_process(stores) as two:
        made = await clients.register(one.service, CONFIDENTIAL, asked(one.service))
        client_id = made.state.client_id

        async def proves(secret: str | None) -> bool:
            parameters = Parameters({"client_id": client_id, "client_secret": secret or ""})
            try:
                await authenticate(two.service, "token", parameters, Proofs(), Origin("request", "192.0.2.1"))
            except InvalidClientError:
                return False
            return True

        assert await proves(made.secret)
        fresh = await clients.rotate_secret(one.service, client_id, asked(one.service), overlap=0)
        assert await proves(fresh.text)
        assert not await proves(made.secret)
        assert not await proves("gl_cs_wrong")
        await clients.suspend(one.service, client_id, "leak", asked(one.service))
        await clients.resume(one.service, client_id, asked(one.service))
        assert await proves(fresh.text)


async def test_suspending_closes_the_gate_once_and_resuming_leaves_it_closed(service: Service) -> None:
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    client_id = made.state.client_id
    for _ in range(2):
        assert (await clients.suspend(service, client_id, "leak", asked(service))).suspended
        assert service.gates.epoch("client", client_id) == 1
    for _ in range(2):
        assert not (await clients.resume(service, client_id, asked(service))).suspended
        assert service.gates.epoch("client", client_id) == 1


async def test_a_registration_is_replaced_as_a_whole(service: Service) -> None:
    made = await clients.register(service, CONFIDENTIAL, asked(service))
    changed = ClientMetadata(name="Other shop", redirect_uris=("https://other.example/callback",))
    state = await clients.update(service, made.state.client_id, changed, asked(service))
    assert state.metadata == changed
    found = await service.clients.find(made.state.client_id)
    assert found is not None
    assert found.state.metadata == changed


async def test_an_unknown_client_is_refused(service: Service) -> None:
    nobody = ClientId("nobody")
    for command in (
        clients.suspend(service, nobody, "leak", asked(service)),
        clients.resume(service, nobody, asked(service)),
        clients.update(service, nobody, CONFIDENTIAL, asked(service)),
        clients.rotate_secret(service, nobody, asked(service)),
    ):
        with pytest.raises(CommandRefusedError, match="not known"):
            await command


async def test_two_commands_are_never_taken_for_one(service: Service) -> None:
    assert asked(service).request_id != asked(service).request_id
