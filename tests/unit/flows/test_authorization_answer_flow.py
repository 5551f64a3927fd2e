"""Answers on memory ports: a pushed request is answered once, and nothing is used up by an answer that could not be made."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.protocol import refused
from tests.support.world import REDIRECT, World, memory_world

from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows.authorization_answer import PUSHED, FormPost, Redirect, forget, refuse, respond
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

NO = ProtocolError("access_denied", "no", "test")


class Down:
    """A port that does not answer."""

    async def sign(self, *_: object) -> tuple[str, str]:
        raise UnavailableError("down")

    async def take(self, *_: object) -> bytes | None:
        raise UnavailableError("down")


def without(service: Service, port: str) -> Service:
    """The same service, one of whose ports is down."""
    ports: Any = {port: Down()}
    return replace(service, ports=replace(service.ports, **ports))


def request(world: World, **changes: Any) -> AuthorizationRequest:
    """A checked request of the world's client."""
    usual: dict[str, Any] = {
        "client_id": world.client.state.client_id,
        "redirect_uri": REDIRECT,
        "scope": ("openid",),
        "resources": (),
        "state": "s",
        "nonce": None,
        "code_challenge": "",
        "prompt": (),
        "max_age": None,
        "login_hint": None,
        "response_mode": "query",
        "pushed": "p" * 43,
    }
    return AuthorizationRequest(**(usual | changes))


async def test_a_pushed_request_is_answered_once_and_forgotten() -> None:
    async with memory_world() as world:
        asked, transactions = request(world), world.service.ports.transactions
        await transactions.put(PUSHED, asked.pushed, b"{}", 60)
        assert isinstance(await refuse(world.service, asked, NO, world.origin()), Redirect)
        assert await transactions.get(PUSHED, asked.pushed) is None
        with refused("invalid_request_uri", "par_over"):
            await refuse(world.service, asked, NO, world.origin())


async def test_what_was_not_pushed_may_be_answered_again() -> None:
    async with memory_world() as world:
        asked = request(world, pushed="")
        for _ in range(2):
            assert isinstance(await refuse(world.service, asked, NO, world.origin()), Redirect)


async def test_an_answer_that_cannot_be_signed_uses_nothing_up() -> None:
    async with memory_world() as world:
        asked = request(world, response_mode="query.jwt")
        with pytest.raises(UnavailableError):
            await refuse(without(world.service, "signer"), asked, NO, world.origin())
        assert isinstance(await refuse(world.service, asked, NO, world.origin()), Redirect)


async def test_a_store_that_is_down_does_not_take_an_answer_back() -> None:
    async with memory_world() as world:
        await forget(without(world.service, "transactions"), request(world))
        assert isinstance(
            await refuse(without(world.service, "transactions"), request(world), NO, world.origin()), Redirect
        )


async def test_every_answer_has_the_state_and_the_issuer_wherever_it_stands() -> None:
    async with memory_world() as world:
        issuer = world.service.policy.issuer
        posted = await respond(world.service, request(world, response_mode="form_post"), [("code", "c")])
        assert posted == FormPost(REDIRECT, (("code", "c"), ("state", "s"), ("iss", issuer)))
        bare = await respond(world.service, request(world, response_mode="fragment", state=None), [("code", "c")])
        assert isinstance(bare, Redirect)
        assert bare.location.startswith(f"{REDIRECT}#code=c&iss=")


async def test_a_signed_answer_to_a_client_that_is_gone_is_none() -> None:
    async with memory_world() as world:
        gone = request(world, response_mode="query.jwt", client_id="nobody")
        with refused("invalid_request", "client_unknown"):
            await respond(world.service, gone, [("code", "c")])
