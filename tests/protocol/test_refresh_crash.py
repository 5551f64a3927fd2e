"""Promise 2: a process that is killed between its commit and its answer costs no session."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from tests.support.app import Running, StartApp
from tests.support.beside import at, serving, site_of
from tests.support.clients import Client, client_of, is_refused
from tests.support.code_flow import VERIFIER
from tests.support.flows import Person, event_types, given, history, is_active, redeemed
from tests.support.holding_proxy import holding_proxy
from tests.support.servers import short_directory

from grantlog.core.protocol.token_text import Kind, read

pytestmark = pytest.mark.faults


@pytest.fixture
def app(start_app: StartApp) -> Running:
    return start_app(grace_window=60)


def crash(app: Running, directory: Path, client: Client, values: dict[str, str], event: str) -> None:
    """Another process commits ``event`` on this request to ``/token``, is killed, and nobody hears its answer."""

    async def act() -> None:
        with short_directory() as sockets:
            url = app.settings.database_url.get_secret_value()
            async with holding_proxy(url, sockets) as (through, proxy):
                serve = serving(site_of(app, directory).with_(DATABASE_URL=through))
                process, address = await asyncio.to_thread(serve.__enter__)
                try:
                    proxy.hold_answer_to(event.encode())
                    headers = {"Authorization": client.credentials.basic}
                    async with ClientSession(headers=headers) as session:
                        asked = asyncio.create_task(session.post(address + "/token", data=values))
                        await asyncio.wait_for(proxy.held.wait(), 20)
                        assert not asked.done()
                        process.kill()
                        with pytest.raises(ClientError):
                            await asked
                finally:
                    await asyncio.to_thread(serve.__exit__, None, None, None)

    asyncio.run(act())


def test_who_lost_a_refresh_to_a_crash_gets_the_very_tokens_that_were_committed(app: Running, tmp_path: Path) -> None:
    web, first = client_of(app), Person(app).tokens(scope="openid api:read")
    values = {"grant_type": "refresh_token", "refresh_token": first.refresh}
    crash(app, tmp_path, web, values, "grant.refresh_token_rotated")
    committed = history(app, first.refresh)[-1][1]
    second = given(web.refresh(first.refresh))
    with serving(site_of(app, tmp_path)) as (_, url):
        assert at(url, web).refresh(first.refresh).body == second.answer.body
    # these are not new tokens: the log knew them before anybody retried
    keys, prefix = app.service.ports.secrets.token_mac_keys(), app.settings.token_prefix
    for text, kind, trace in (
        (second.access, Kind.ACCESS, committed.access_token),
        (second.refresh, Kind.REFRESH, committed.refresh_token),
    ):
        presented = read(text, kind, keys, prefix)
        assert presented is not None
        assert sha256(presented.secret).digest() == trace.hash
    assert event_types(app, first.refresh) == ["authorized", "code_redeemed", "refresh_token_rotated"]
    assert is_active(app, second.access)
    assert web.refresh(second.refresh).status == 200


def test_a_reuse_whose_process_was_killed_is_dead_all_the_same(app: Running, tmp_path: Path) -> None:
    web, first = client_of(app), Person(app).tokens()
    second = given(web.refresh(first.refresh))
    third = given(web.refresh(second.refresh))
    values = {"grant_type": "refresh_token", "refresh_token": first.refresh}
    crash(app, tmp_path, web, values, "grant.reuse_detected")
    # nobody was answered; whoever is answered now must not be told that anything lives
    is_refused(web.refresh(third.refresh), "invalid_grant")
    assert not is_active(app, third.access)
    assert event_types(app, first.refresh).count("reuse_detected") == 1


def test_a_code_whose_answer_was_lost_must_be_asked_for_again(app: Running, tmp_path: Path) -> None:
    person, web = Person(app), client_of(app)
    code = person.code()
    values = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    crash(app, tmp_path, web, values, "grant.code_redeemed")
    is_refused(redeemed(app, code), "invalid_grant")
    assert event_types(app, code) == ["authorized", "code_redeemed", "reuse_detected"]
    assert redeemed(app, person.code()).status == 200
