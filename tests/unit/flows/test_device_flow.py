"""A device whose user answers while a store is away, and what its polls are told meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.world import API, SCOPES, World, memory_world

from grantlog.adapters.memory.throttle import MemoryThrottle
from grantlog.core.account.events import Created
from grantlog.core.account.state import evolve
from grantlog.core.client.events import ClientMetadata
from grantlog.core.decision import Origin
from grantlog.core.protocol import device as rules
from grantlog.core.protocol.errors import ProtocolError, TooManyRequestsError
from grantlog.core.protocol.proofs import Proofs
from grantlog.flows import device, device_records
from grantlog.flows.clients import register
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.sessions import Session, begin_session
from grantlog.ports import UnavailableError

RULES = dict.fromkeys(("token", "device_authorization", "introspect", "revoke", "retry", "finding"), "50/minute")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_world() as made:
        throttle = MemoryThrottle(RULES | {"user_code": "2/minute"})
        made.service = replace(made.service, ports=replace(made.service.ports, throttle=throttle))
        metadata = ClientMetadata(name="television", grant_types=(rules.GRANT_TYPE,), response_types=(), scope=SCOPES)
        made.client = await register(made.service, metadata, Origin(request_id="register device", address=""))
        yield made


async def asked(world: World) -> tuple[str, device_records.DeviceRequest]:
    told = await device.ask(world.service, world.parameters(scope=SCOPES[0]), Proofs(), world.origin())
    letters = rules.read_user_code(str(told["user_code"]))
    assert letters is not None
    request = await device_records.by_user_code(world.service, letters)
    assert request is not None
    return str(told["device_code"]), request


async def session(world: World) -> Session:
    log = world.service.ports.log
    account = log.mint()
    born = Created(username_hash=bytes(32), profile=b"", created_at=log.now())
    await begin(world.service, account, evolve, Prepared(event=born, answer=None), world.origin())
    return (await begin_session(world.service, account, 0, bytes(32), world.origin()))[1]


async def poll(world: World, code: str) -> str:
    """The error that a poll is told; empty: tokens."""
    try:
        await world.token(grant_type=rules.GRANT_TYPE, device_code=code)
    except ProtocolError as refused:
        return refused.error
    return ""


async def test_who_allows_while_the_log_is_away_may_try_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    code, request = await asked(world)
    person = await session(world)

    async def away(*_: object) -> None:
        raise UnavailableError("the log is away")

    with monkeypatch.context() as broken:
        broken.setattr(device, "begin", away)
        with pytest.raises(UnavailableError):
            await device.answer(world.service, request, "allow", person, world.origin())
    assert await poll(world, code) == "authorization_pending"
    assert await device_records.by_user_code(world.service, request.user_code) is not None
    assert await device.answer(world.service, request, "allow", person, world.origin())
    assert await poll(world, code) == ""
    assert await poll(world, code) == "invalid_grant"


async def test_a_device_whose_grant_is_being_born_waits(world: World) -> None:
    code, request = await asked(world)
    assert await device_records.decide(world.service, request, "allowed")
    assert await poll(world, code) == "authorization_pending"


async def test_what_takes_longer_than_its_lifetime_has_expired(world: World) -> None:
    code, request = await asked(world)
    world.process.clock.advance(world.service.policy.device_lifetime + 1)
    assert await poll(world, code) == "expired_token"
    assert await device_records.by_user_code(world.service, request.user_code) is None


async def test_what_was_allowed_and_not_fetched_has_expired(world: World) -> None:
    code, request = await asked(world)
    assert await device.answer(world.service, request, "allow", await session(world), world.origin())
    world.process.clock.advance(world.service.policy.device_lifetime + 1)
    assert await poll(world, code) == "expired_token"


async def test_the_grant_stands_on_the_stream_that_the_device_code_names(world: World) -> None:
    code, request = await asked(world)
    person = await session(world)
    assert await device.answer(world.service, request, "allow", person, world.origin())
    state = (await world.service.ports.log.load(request.stream)).state
    assert (state.code.credential, state.code.redirect_uri, state.code.challenge) == ("device_code", "", "")
    assert {stamp.kind for stamp in state.stamps} == {"account", "session", "client", "consent"}
    assert await poll(world, code) == ""
    assert (await world.service.ports.log.load(request.stream)).state.tokens[0].profile.audience == (API,)


async def test_guesses_count_for_the_browser_from_wherever_it_comes(world: World) -> None:
    _, request = await asked(world)
    for number in range(2):
        assert await device.enter(world.service, "BCDF-GHJK", "browser", world.origin(f"192.0.2.{number}")) is None
    with pytest.raises(TooManyRequestsError):
        await device.enter(world.service, request.user_code, "browser", world.origin("192.0.2.9"))
    assert await device.enter(world.service, request.user_code, "another", world.origin("192.0.2.9")) is not None
