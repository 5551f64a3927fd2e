"""The second factor on memory ports: RFC 6238's own vectors, races, epochs, and what waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from tests.support.world import World, memory_world

from grantlog.core.account import factors
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.identifiers import MICROS, Micros, StreamId, seconds
from grantlog.core.protocol.acr import MFA, PWD
from grantlog.flows import accounts, passkeys, recovery, second_factor, totp
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.factor_reset import reset_second_factor
from grantlog.flows.handle import handle, plain
from grantlog.flows.login import LoginRefused, SecondFactorNeeded, log_in
from grantlog.flows.passkey_login import log_in_by_passkey
from grantlog.flows.second_factor import Goal, NotProven
from grantlog.flows.sessions import end_session, find_session

RFC_KEY = b"12345678901234567890"
PASSWORD = "correct horse battery staple"
GOAL = Goal("a transaction", "a browser")


@dataclass
class Person:
    """Somebody with an account and an authenticator app."""

    world: World
    account: StreamId

    async def state(self) -> AccountState:
        state = (await self.world.service.ports.log.load(self.account)).state
        assert isinstance(state, AccountState)
        return state

    def code(self, offset: int = 0) -> str:
        step = seconds(self.world.service.ports.log.now()) // totp.STEP + offset
        code: str = totp._totp(RFC_KEY).generate_otp(step)
        return code

    async def log_in(self) -> LoggedIn | SecondFactorNeeded | LoginRefused:
        return await log_in(self.world.service, "alice", PASSWORD, None, self.world.origin(), goal=GOAL)

    async def prove(self, code: str, goal: Goal = GOAL) -> LoggedIn | NotProven | None:
        step = await second_factor.find(self.world.service, goal)
        assert step is not None
        return await second_factor.prove(self.world.service, step, "totp", code, self.world.origin())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_world() as made:
        yield made


@pytest.fixture
async def alice(world: World) -> Person:
    service = world.service
    account = await accounts.create_account(service, "alice", PASSWORD, world.origin())
    factor = service.ports.log.mint()
    await service.ports.kept.keep(factor, totp.PURPOSE, RFC_KEY)
    add = factors.Add(factor=factor, kind="totp", counter=0)
    await handle(
        service,
        account,
        evolve,
        plain(lambda state: factors.add(state, account, add, service.ports.log.now())),
        world.origin(),
    )
    return Person(world, account)


@pytest.mark.parametrize(
    ("moment", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238_appendix_b(moment: int, eight_digits: str) -> None:
    assert totp.matching_step(RFC_KEY, eight_digits[-6:], Micros(moment * MICROS)) == moment // 30


@pytest.mark.parametrize("offset", [-2, -1, 0, 1, 2])
def test_a_code_fits_its_step_and_those_beside_it(offset: int) -> None:
    now = Micros(1_760_000_000 * MICROS)
    code = totp._totp(RFC_KEY).generate_otp(1_760_000_000 // 30 + offset)
    found = totp.matching_step(RFC_KEY, code, now)
    assert found == (1_760_000_000 // 30 + offset if abs(offset) <= 1 else None)


def test_the_uri_is_what_authenticators_read() -> None:
    uri = totp.provisioning_uri(RFC_KEY, "alice@example.com", "login.example")
    assert uri.startswith("otpauth://totp/login.example:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    assert "issuer=login.example" in uri
    assert totp.as_text(RFC_KEY) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


async def test_a_login_is_half_done_until_the_code_is_right(alice: Person) -> None:
    assert isinstance(await alice.log_in(), SecondFactorNeeded)
    assert isinstance(await alice.prove("000000"), NotProven)
    done = await alice.prove(alice.code())
    assert isinstance(done, LoggedIn)
    assert done.session.state.acr == MFA
    assert second_factor.meets(done.session, (MFA,))
    assert await find_session(alice.world.service, done.session_cookie) is not None
    assert await second_factor.find(alice.world.service, GOAL) is None


async def test_one_code_given_many_times_at_once_counts_once(alice: Person) -> None:
    goals = [Goal(f"transaction {number}", "a browser") for number in range(5)]
    proven = Proven(alice.account, 1, ("pwd",))
    steps = [await second_factor.ask(alice.world.service, proven, goal) for goal in goals]
    code = alice.code()
    outcomes = await asyncio.gather(
        *(
            second_factor.prove(alice.world.service, step, "totp", code, alice.world.origin(f"192.0.2.{number}"))
            for number, step in enumerate(steps)
        )
    )
    assert sum(isinstance(outcome, LoggedIn) for outcome in outcomes) == 1


async def test_two_good_codes_for_one_step_make_one_session(alice: Person) -> None:
    await alice.log_in()
    step = await second_factor.find(alice.world.service, GOAL)
    assert step is not None
    first = await second_factor.prove(alice.world.service, step, "totp", alice.code(-1), alice.world.origin())
    second = await second_factor.prove(alice.world.service, step, "totp", alice.code(), alice.world.origin())
    assert isinstance(first, LoggedIn)
    assert second is None


async def test_the_epoch_of_the_password_travels_to_the_session(alice: Person) -> None:
    service = alice.world.service
    await alice.log_in()
    await accounts.set_password(service, "alice", "another password", "test", alice.world.origin())
    done = await alice.prove(alice.code())
    assert isinstance(done, LoggedIn)
    assert await find_session(service, done.session_cookie) is None


async def test_a_step_belongs_to_one_browser(alice: Person) -> None:
    await alice.log_in()
    assert await second_factor.find(alice.world.service, Goal(GOAL.tx, "another browser")) is None
    assert await second_factor.find(alice.world.service, Goal("another transaction", GOAL.browser)) is None


async def _one_factor(alice: Person) -> LoggedIn:
    service = alice.world.service
    epoch = service.gates.epoch("account", str(alice.account))
    return await admit(service, Proven(alice.account, epoch, ("pwd",), auth_time=1000), alice.world.origin())


async def test_a_step_up_keeps_when_the_password_was_typed(alice: Person) -> None:
    service, admitted = alice.world.service, await _one_factor(alice)
    assert not second_factor.meets(admitted.session, (MFA,))
    assert await second_factor.can_meet(service, alice.account, (MFA,))
    step = await second_factor.step_up(service, admitted.session, None, GOAL)
    assert step is not None
    done = await second_factor.prove(service, step, "totp", alice.code(), alice.world.origin(), admitted.session_cookie)
    assert isinstance(done, LoggedIn)
    assert done.session.state.auth_time == 1000
    assert await second_factor.step_up(service, done.session, None, GOAL) is None


async def test_a_session_that_was_logged_out_is_stepped_up_no_more(alice: Person) -> None:
    service, admitted = alice.world.service, await _one_factor(alice)
    step = await second_factor.step_up(service, admitted.session, None, GOAL)
    assert step is not None
    await end_session(service, admitted.session, alice.world.origin())
    other = await _one_factor(alice)
    for cookie in (admitted.session_cookie, other.session_cookie, None):
        again = await second_factor.ask(service, step.proven, GOAL, step.session)
        assert await second_factor.find(service, GOAL) == again
        done = await second_factor.prove(service, again, "totp", alice.code(), alice.world.origin(), cookie)
        assert done is None
        assert await second_factor.find(service, GOAL) is None


async def test_nobody_steps_up_without_a_factor(world: World) -> None:
    account = await accounts.create_account(world.service, "bob", PASSWORD, world.origin())
    admitted = await admit(world.service, Proven(account, 0, ("pwd",)), world.origin())
    assert await second_factor.step_up(world.service, admitted.session, None, GOAL) is None
    assert not await second_factor.can_meet(world.service, account, (MFA,))
    assert await second_factor.can_meet(world.service, account, (PWD,))
    assert not await second_factor.enrolled(world.service, world.service.ports.log.mint())


async def test_what_a_page_can_ask_for_is_what_is_enrolled(alice: Person) -> None:
    service = alice.world.service
    await alice.log_in()
    step = await second_factor.find(service, GOAL)
    assert step is not None
    asked = await second_factor.asked(service, step)
    assert (asked.totp, asked.recovery_codes, asked.passkey_options) == (True, False, None)
    nobody = second_factor.Step(Proven(service.ports.log.mint(), 0, ("pwd",)), GOAL)
    assert not (await second_factor.asked(service, nobody)).totp
    refused = await second_factor.prove(service, nobody, "totp", "000000", alice.world.origin())
    assert isinstance(refused, NotProven)


async def test_a_code_without_its_kept_key_proves_nothing(alice: Person) -> None:
    service = alice.world.service
    await service.ports.kept.forget((await alice.state()).factors[0].id, totp.PURPOSE)
    assert not await totp.prove(service, alice.account, alice.code(), alice.world.origin())


async def test_a_reset_leaves_nothing_that_proves_anything(alice: Person) -> None:
    service = alice.world.service
    codes = recovery.new_codes(service)
    hashes = tuple(recovery.hash_of(service, alice.account, code) for code in codes)
    rule = plain(lambda state: factors.make_recovery_codes(state, alice.account, hashes))
    await handle(service, alice.account, evolve, rule, alice.world.origin())
    session = (await _one_factor(alice)).session
    for _ in range(2):
        await reset_second_factor(service, "alice", alice.world.origin())
        state = await alice.state()
        assert (state.factors, state.recovery_codes) == ((), ())
    assert service.gates.epoch("account", str(alice.account)) > second_factor.epoch_of(session)
    assert not await recovery.prove(service, alice.account, codes[0], alice.world.origin())
    assert isinstance(await alice.log_in(), LoggedIn)


async def test_codes_are_fifty_bits_without_look_alikes(world: World) -> None:
    codes = [code for _ in range(20) for code in recovery.new_codes(world.service)]
    assert len(set(codes)) == len(codes)
    assert not set("".join(codes)) & set("ilou")
    account = world.service.ports.log.mint()
    assert recovery.hash_of(world.service, account, "0011a-bcdef") == recovery.hash_of(
        world.service, account, " OoIL A BCDEF"
    )
    assert recovery.hash_of(world.service, account, "x") != recovery.hash_of(
        world.service, world.service.ports.log.mint(), "x"
    )


@pytest.mark.parametrize(
    ("issuer", "rp_id"),
    [
        ("https://login.example", "login.example"),
        ("https://login.example:8443/issuer", "login.example"),
        ("http://localhost:8000", "localhost"),
        ("http://login.example", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
        ("http://127.0.0.1:8000", None),
    ],
)
async def test_browsers_know_passkeys_of_names_only(world: World, issuer: str, rp_id: str | None) -> None:
    service = replace(world.service, policy=replace(world.service.policy, issuer=issuer))
    assert passkeys.relying_party(service) == rp_id


async def test_where_there_are_no_passkeys_none_logs_in(alice: Person) -> None:
    known = alice.world.service
    service = replace(known, policy=replace(known.policy, issuer="http://127.0.0.1:8000"))
    refused = await log_in_by_passkey(service, "{}", None, alice.world.origin(), goal=GOAL)
    assert refused == LoginRefused()
    assert passkeys.read_registration(service, "{}", b"") is None
    assert await passkeys.prove(service, alice.account, "{}", b"", alice.world.origin()) is None
    assert await passkeys.prove(service, service.ports.log.mint(), "{}", b"", alice.world.origin()) is None
