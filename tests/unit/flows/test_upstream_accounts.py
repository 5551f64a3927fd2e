"""Accounts that are made for identities of other providers: one each, however many logins come at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.world import World, memory_world

from grantlog.core.account.events import FactorAdded
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.identifiers import Micros
from grantlog.core.protocol.acr import FEDERATED
from grantlog.core.protocol.policy import UpstreamProvider
from grantlog.core.protocol.upstream import UpstreamError
from grantlog.flows import upstream_accounts
from grantlog.flows.accounts import read_profile
from grantlog.flows.admit import LoggedIn
from grantlog.flows.handle import Prepared, handle
from grantlog.flows.second_factor import Goal
from grantlog.flows.upstream import Begun, Identity
from grantlog.ports import Loaded

PROVIDER = UpstreamProvider(
    name="elsewhere",
    label="Elsewhere",
    issuer="https://op.example",
    client_id="us",
    client_secret="secret",
    creates_accounts=True,
)
BEGUN = Begun(provider="elsewhere", binding="", nonce="", verifier="", tx="t", link="", fresh=False, begun_at=Micros(0))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_world() as made:
        yield made


def identity(subject: str = "person", **claims: Any) -> Identity:
    return Identity(PROVIDER, subject, {"sub": subject, "name": "Alice"} | claims, None, BEGUN)


async def log_in(world: World, who: Identity) -> LoggedIn:
    outcome = await upstream_accounts.log_in(world.service, who, Goal("t" * 43, "browser"), None, world.origin(), None)
    assert outcome is not None
    return outcome


async def test_of_many_first_logins_at_once_one_makes_the_account(world: World) -> None:
    outcomes = await asyncio.gather(*(log_in(world, identity()) for _ in range(6)))
    assert len({outcome.session.account for outcome in outcomes}) == 1
    assert (await log_in(world, identity("another"))).session.account != outcomes[0].session.account
    other_issuer = replace(identity(), provider=replace(PROVIDER, issuer="https://other.example"))
    assert (await log_in(world, other_issuer)).session.account != outcomes[0].session.account


async def test_the_account_knows_its_issuer_and_the_person(world: World) -> None:
    outcome = await log_in(world, identity(roles=["admin"], email=7))
    state = (await world.service.ports.log.load(outcome.session.account)).state
    assert isinstance(state, AccountState)
    assert state.upstream == ("https://op.example",)
    profile = await read_profile(world.service, outcome.session.account, state)
    assert profile is not None
    assert profile["username"].startswith("elsewhere-")
    assert {**profile, "username": ""} == {"name": "Alice", "username": ""}
    assert (outcome.session.state.amr, outcome.session.state.acr) == ((), FEDERATED)


async def test_nobody_gets_in_by_a_password_that_was_never_set(world: World) -> None:
    account = (await log_in(world, identity())).session.account
    for guess in ("", "password"):
        assert not (await world.service.ports.passwords.check(account, guess)).ok


async def test_a_second_factor_that_is_enrolled_here_is_asked_for(world: World) -> None:
    account = (await log_in(world, identity())).session.account
    factor = FactorAdded(
        factor=account,
        kind="totp",
        credential_id=None,
        public_key=None,
        sign_count=0,
        added_at=Micros(0),
    )

    async def rule(_: Loaded) -> Prepared[None]:
        return Prepared(event=factor, answer=None)

    await handle(world.service, account, evolve, rule, world.origin())
    goal = Goal("t" * 43, "browser")
    assert await upstream_accounts.log_in(world.service, identity(), goal, None, world.origin(), None) is None


async def test_where_no_account_is_made_an_unknown_identity_is_nobody(world: World) -> None:
    unknown = replace(identity(), provider=replace(PROVIDER, creates_accounts=False))
    with pytest.raises(UpstreamError) as refused:
        await log_in(world, unknown)
    assert refused.value.reason == "upstream_unknown"
