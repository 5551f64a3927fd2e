"""Sessions of one browser: who logs in again goes on, somebody else begins anew, and ending one ends what goes on with it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from tests.support.world import World, memory_world

from grantlog.core.identifiers import ClientId, StreamId
from grantlog.core.protocol.acr import MFA
from grantlog.flows.sessions import (
    CONTINUED_FOR,
    Session,
    begin_session,
    end_session,
    find_session,
    proven_session,
    sid_of,
)


@dataclass
class Browser:
    """A browser that keeps the newest session cookie."""

    world: World
    cookie: str | None = None

    async def log_in(self, account: StreamId) -> Session:
        """Somebody proves who he is in this browser."""
        self.cookie, session = await begin_session(
            self.world.service, account, 0, b"device", self.world.origin(), former=self.cookie
        )
        return session


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_world() as made:
        yield made


async def alive(world: World, cookie: str | None) -> bool:
    return await find_session(world.service, cookie) is not None


async def test_a_first_session_is_its_own_root(world: World) -> None:
    browser = Browser(world)
    session = await browser.log_in(world.service.ports.log.mint())
    assert session.root == session.stream
    assert [stamp.kind for stamp in session.stamps] == ["account", "session"]
    assert [stamp.kind for stamp in session.account_stamps] == ["account"]


async def test_who_logs_in_again_goes_on_under_a_new_id_and_one_logout_ends_both(world: World) -> None:
    browser, account = Browser(world), world.service.ports.log.mint()
    first = await browser.log_in(account)
    old = browser.cookie
    second = await browser.log_in(account)
    third = await browser.log_in(account)
    assert len({first.stream, second.stream, third.stream}) == 3
    assert {second.root, third.root} == {first.stream}
    assert third.stamps == first.stamps
    assert await alive(world, old)
    await end_session(world.service, third, world.origin())
    assert not await alive(world, old)
    assert not await alive(world, browser.cookie)
    # its holder can still be told from anybody else: a second try has to wait for the same acknowledgement
    assert await proven_session(world.service, browser.cookie) is not None


async def test_somebody_else_in_the_same_browser_ends_the_session_before(world: World) -> None:
    browser = Browser(world)
    await browser.log_in(world.service.ports.log.mint())
    old = browser.cookie
    session = await browser.log_in(world.service.ports.log.mint())
    assert session.root == session.stream
    assert not await alive(world, old)
    assert await alive(world, browser.cookie)


async def test_a_session_that_is_over_is_not_gone_on_with(world: World) -> None:
    browser, account = Browser(world), world.service.ports.log.mint()
    first = await browser.log_in(account)
    await end_session(world.service, first, world.origin())
    second = await browser.log_in(account)
    assert second.root == second.stream
    assert await alive(world, browser.cookie)


async def test_junk_in_the_cookie_is_nobodys_session(world: World) -> None:
    browser = Browser(world, "junk")
    session = await browser.log_in(world.service.ports.log.mint())
    assert session.root == session.stream


async def test_nobody_goes_on_for_ever(world: World) -> None:
    browser, account = Browser(world), world.service.ports.log.mint()
    first = await browser.log_in(account)
    half = world.service.policy.session_lifetime // 2
    for _ in range(CONTINUED_FOR // half - 1):
        world.process.clock.advance(half)
        assert (await browser.log_in(account)).root == first.stream
    before = browser.cookie
    world.process.clock.advance(half)
    assert (await browser.log_in(account)).root != first.stream
    assert not await alive(world, before)
    assert await alive(world, browser.cookie)


async def test_how_somebody_proved_himself_is_on_the_session(world: World) -> None:
    cookie, session = await begin_session(
        world.service,
        world.service.ports.log.mint(),
        0,
        b"device",
        world.origin(),
        amr=("pwd", "otp", "mfa"),
        acr=MFA,
    )
    assert (session.state.amr, session.state.acr) == (("pwd", "otp", "mfa"), MFA)
    assert await alive(world, cookie)


def test_a_session_has_a_name_for_each_client_that_tells_nothing(world: World) -> None:
    session = world.service.ports.log.mint()
    one, other = (sid_of(world.service, session, ClientId(name)) for name in ("one", "other"))
    assert one != other
    assert one == sid_of(world.service, session, ClientId("one"))
    assert str(session) not in one
