"""Allowing and taking back at the same moment: whoever was first, nothing is left that the person does not know of."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.protocol import refused
from tests.support.world import REDIRECT, VERIFIER, World, memory_world

from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.pkce import challenge_of
from grantlog.flows import accounts, consent, consents
from grantlog.flows.access import who_has_access
from grantlog.flows.authorization_answer import Answer, Redirect
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.pending import Pending
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session, begin_session


@dataclass
class Case:
    """Somebody with a session, and a request of a client."""

    world: World
    session: Session
    pending: Pending

    @property
    def service(self) -> Service:
        return self.world.service

    async def client(self) -> KnownClient:
        return await consent.acting_client(self.service, self.pending)

    async def allow(self, *, asked: bool) -> Answer:
        return await consent.allow(self.service, self.pending, self.session, self.world.origin(), asked=asked)

    async def withdraw(self) -> None:
        client_id = self.pending.request.client_id
        await consents.withdraw(self.service, self.session, client_id, self.world.origin())

    async def redeem(self, answer: Answer) -> None:
        assert isinstance(answer, Redirect)
        code = parse_qs(urlsplit(answer.location).query)["code"][0]
        await self.world.token(grant_type="authorization_code", code=code, code_verifier=VERIFIER)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    async with memory_world() as world:
        account = await accounts.create_account(world.service, "alice", "a good password", world.origin())
        _, session = await begin_session(world.service, account, 0, b"device", world.origin())
        request = AuthorizationRequest(
            client_id=world.client.state.client_id,
            redirect_uri=REDIRECT,
            scope=("api:read",),
            resources=(),
            state=None,
            nonce=None,
            code_challenge=challenge_of(VERIFIER),
            prompt=(),
            max_age=None,
            login_hint=None,
            response_mode="query",
        )
        yield Case(world, session, Pending(request=request, binding="", started_at=world.service.ports.log.now()))


async def test_what_was_allowed_on_the_page_is_remembered_and_good_without_one(case: Case) -> None:
    assert not await consents.remembered(case.service, case.session, await case.client(), case.pending.request)
    await case.redeem(await case.allow(asked=True))
    assert await consents.remembered(case.service, case.session, await case.client(), case.pending.request)
    await case.redeem(await case.allow(asked=False))


async def test_without_a_page_only_what_is_remembered_is_allowed(case: Case) -> None:
    answer = await case.allow(asked=False)
    assert isinstance(answer, Redirect)
    assert "error=consent_required" in answer.location


async def test_a_grant_that_was_under_way_when_consent_was_taken_back_is_born_dead(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.allow(asked=True)
    remembered = consents.remembered

    async def and_then_withdrawn(*given: object) -> bool:
        found = await remembered(*given)  # type: ignore[arg-type]  # handed on as they came
        await case.withdraw()
        return found

    monkeypatch.setattr(consents, "remembered", and_then_withdrawn)
    answer = await case.allow(asked=False)
    with refused("invalid_grant", "consent_revoked"):
        await case.redeem(answer)


async def test_who_allows_it_anew_gets_a_grant_that_lives(case: Case) -> None:
    await case.allow(asked=True)
    await case.withdraw()
    await case.redeem(await case.allow(asked=True))


async def test_the_list_of_access_holds_what_is_remembered_before_any_table_knows(case: Case) -> None:
    assert await who_has_access(case.service, case.session.account) == []
    await case.allow(asked=True)
    (found,) = await who_has_access(case.service, case.session.account)
    assert (found.client_id, found.scope, found.grants) == (case.pending.request.client_id, ("api:read",), 0)
    assert found.used_at is None
    await case.withdraw()
    assert await who_has_access(case.service, case.session.account) == []


async def test_a_locked_account_allows_nothing(case: Case) -> None:
    await accounts.lock(case.service, "alice", "test", case.world.origin())
    assert not await consents.remembered(case.service, case.session, await case.client(), case.pending.request)
