"""Promise 4 over HTTP: where the projection is gone, a denial is only answered once nobody can believe it any more."""

from collections.abc import Iterator

import pytest
from tests.support.app import Running, running, settings_for, wait_for
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_refused
from tests.support.flows import Person, event_types, given, is_active, own_token, redeemed
from tests.support.servers import StartValkey

from grantlog.adapters.embedded.valkey import EmbeddedValkey

pytestmark = pytest.mark.faults


@pytest.fixture
def valkey(start_valkey: StartValkey) -> EmbeddedValkey:
    return start_valkey()


@pytest.fixture
def app(postgres_url: str, valkey: EmbeddedValkey) -> Iterator[Running]:
    with running(settings_for(postgres_url, valkey.url)) as started:
        yield started


def is_put_off(answer: Answer) -> None:
    """RFC 7009 section 2.2.1: "the client must assume the token still exists and may retry after a reasonable delay"."""
    is_refused(answer, "temporarily_unavailable", 503)
    assert int(answer.header("Retry-After") or 0) >= 1


def test_a_revocation_is_put_off_until_the_lease_has_run_out_and_then_holds(
    app: Running, valkey: EmbeddedValkey
) -> None:
    web, tokens = client_of(app), Person(app).tokens()
    valkey.kill()
    is_put_off(web.revoke(tokens.refresh))
    wait_for(lambda: web.revoke(tokens.refresh).status == 200)
    assert not is_active(app, tokens.access)
    assert event_types(app, tokens.refresh)[2:] == ["revoked"]


def test_a_reuse_is_put_off_as_well_and_recorded_once(app: Running, valkey: EmbeddedValkey) -> None:
    web, first = client_of(app), Person(app).tokens()
    last = given(web.refresh(given(web.refresh(first.refresh)).refresh))
    valkey.kill()
    is_put_off(web.refresh(first.refresh))
    wait_for(lambda: web.refresh(first.refresh).status != 503)
    is_refused(web.refresh(first.refresh), "invalid_grant")
    assert not is_active(app, last.access)
    assert event_types(app, first.refresh).count("reuse_detected") == 1


def test_issuance_and_introspection_go_on(app: Running, valkey: EmbeddedValkey) -> None:
    web, person = client_of(app), Person(app)
    before, code = person.tokens(), person.code()
    valkey.kill()
    assert is_active(app, own_token(app).access)
    assert is_active(app, before.access)
    assert is_active(app, given(web.refresh(before.refresh)).access)
    assert is_active(app, given(redeemed(app, code)).access)


def test_what_a_projection_forgot_is_not_what_the_log_forgot(app: Running, valkey: EmbeddedValkey) -> None:
    web, guard = client_of(app), client_of(app, "resource_server")
    alive, dead = Person(app).tokens(), own_token(app)
    assert web.revoke(dead.access).status == 200
    valkey.stop()
    valkey.start()
    for _ in range(20):
        assert _told(guard, alive.access) in {"active", "later"}
        assert _told(guard, dead.access) in {"inactive", "later"}
    wait_for(lambda: web.revoke(alive.refresh).status == 200)
    assert _told(guard, alive.access) == "inactive"


def _told(guard: Client, token: str) -> str:
    answer = guard.post("/introspect", {"token": token})
    if answer.status == 503:
        return "later"
    assert answer.status == 200, answer.text
    return "active" if answer.json["active"] else "inactive"
