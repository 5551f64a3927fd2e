"""OpenID Connect Back-Channel Logout 1.0: clients are told, signed anew at every try, and given up in the end."""

from collections.abc import Iterator
from dataclasses import replace
from json import dumps, loads
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from tests.support.app import PASSWORD, WEB, Running, StartApp
from tests.support.backchannel import Receiver, Workers, behind, receiver
from tests.support.browser import Browser
from tests.support.code_flow import log_in as fill_in
from tests.support.code_flow import login_page, redeem, redirect_of
from tests.support.second_factor import enrol_codes, enrol_totp

from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import StreamId
from grantlog.flows import accounts
from grantlog.flows.backchannel_logout import Ended
from grantlog.flows.jobs import ATTEMPTS
from grantlog.flows.operators import operator_origin
from grantlog.settings import Settings

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def app(start_app: StartApp) -> Running:
    return start_app(egress_private=True)


def client(app: Running, told: Receiver, **changes: Any) -> str:
    """A client that wants to be told; its name in ``app.clients``."""
    metadata: ClientMetadata = replace(WEB, backchannel_logout_uri=told.url, **changes)
    made = app.register(metadata)
    app.clients[made.client_id] = made
    return made.client_id


def used(app: Running, browser: Browser, name: str, **changes: str | None) -> dict[str, Any]:
    """The claims of an ID token that a client got in this browser."""
    tokens = redeem(app, redirect_of(app, browser, name, **changes).query["code"], name).json
    claims: dict[str, Any] = opened(app, tokens["id_token"])[1]
    return claims


def opened(app: Running, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token of ours, as a client verifies it by ``/jwks``."""
    keys = [key for key in app.browser().get("/jwks").json["keys"] if key["use"] == "sig"]
    checked = jws.deserialize_compact(
        token, KeySet.import_key_set({"keys": keys}), algorithms=["RS256", "ES256", "PS256", "EdDSA"]
    )
    return dict(checked.headers()), loads(checked.payload)


def log_out(browser: Browser) -> None:
    assert browser.submit(browser.get("/logout")).status == 200


def test_every_client_of_the_session_is_told_who_and_which(app: Running, told: Receiver) -> None:
    first, second, idle = client(app, told), client(app, told), client(app, told)
    browser, elsewhere = app.browser(), app.browser()
    claims = {name: used(app, browser, name) for name in (first, second)}
    used(app, elsewhere, idle)
    used(app, browser, "web")
    workers = Workers(app)
    log_out(browser)
    assert [outcome.name for outcome in workers.run()] == ["done", "done"]
    seen = {}
    for (headers, body), token in zip(told.got, told.tokens, strict=True):
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert body.startswith("logout_token=")
        header, payload = opened(app, token)
        # section 2.4: "logout+jwt"
        assert (header["typ"], header["alg"]) == ("logout+jwt", "RS256")
        seen[payload["aud"]] = payload
    assert set(seen) == {first, second}
    for name, payload in seen.items():
        assert set(payload) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
        assert payload["events"] == {EVENT: {}}
        assert payload["exp"] - payload["iat"] == 120
        assert (payload["iss"], payload["sub"]) == (app.settings.issuer, claims[name]["sub"])
        assert payload["sid"] == claims[name]["sid"]
    assert seen[first]["jti"] != seen[second]["jti"]


def test_it_is_signed_as_the_clients_id_tokens_are_and_names_its_own_subject(app: Running, told: Receiver) -> None:
    changes = {"subject_type": "pairwise", "sector_identifier": "a.example", "id_token_signed_response_alg": "ES256"}
    name, browser = client(app, told, **changes), app.browser()
    claims = used(app, browser, name)
    workers = Workers(app)
    log_out(browser)
    workers.run()
    header, payload = opened(app, told.tokens[0])
    assert header["alg"] == "ES256"
    assert payload["sub"] == claims["sub"] != str(app.account)


def test_a_receiver_that_fails_is_tried_again_with_a_token_signed_anew(app: Running, told: Receiver) -> None:
    name, browser = client(app, told), app.browser()
    used(app, browser, name)
    workers = Workers(app)
    log_out(browser)
    told.statuses = [500, 429, 204]
    (ended,) = workers.listed()
    outcomes = [workers.deliver(ended) for _ in range(3)]
    assert [outcome.name for outcome in outcomes] == ["again", "again", "done"]
    assert 0 < outcomes[0].delay < outcomes[1].delay
    assert len(set(told.tokens)) == 3
    assert len({opened(app, token)[1]["jti"] for token in told.tokens}) == 3
    assert workers.app.run(workers.service.ports.dead_letters.list()) == []


def test_what_was_delivered_is_not_delivered_again(app: Running, told: Receiver) -> None:
    name, browser = client(app, told), app.browser()
    used(app, browser, name)
    workers = Workers(app)
    before = workers.position
    log_out(browser)
    (ended,) = workers.listed()
    workers.position = before
    assert workers.listed() == [ended]
    assert [workers.deliver(ended).name for _ in range(3)] == ["done"] * 3
    assert len(told.got) == 1


def test_who_never_answers_ends_as_a_dead_letter_and_holds_up_nobody(app: Running, told: Receiver) -> None:
    gone, name = client(app, Receiver(url="http://127.0.0.1:1/")), client(app, told)
    browser = app.browser()
    for each in (gone, name):
        used(app, browser, each)
    workers = Workers(app)
    log_out(browser)
    listed = {ended.client_id: ended for ended in workers.listed()}
    outcomes = [workers.deliver(listed[gone]).name for _ in range(ATTEMPTS)]  # type: ignore[index]  # a name is an id
    assert outcomes == ["again"] * (ATTEMPTS - 1) + ["dead"]
    assert workers.deliver(listed[name]).name == "done"  # type: ignore[index]  # the same
    (letter,) = app.run(workers.service.ports.dead_letters.list())
    assert letter.task == "deliver_logout"
    assert gone in letter.key
    assert letter.reason == "UnavailableError"


@pytest.mark.parametrize("status", [400, 404, 302])
def test_a_client_that_refuses_is_not_asked_twice(app: Running, told: Receiver, status: int) -> None:
    name, browser = client(app, told), app.browser()
    used(app, browser, name)
    workers = Workers(app)
    log_out(browser)
    told.statuses = [status]
    assert [outcome.name for outcome in workers.run()] == ["dead"]
    (letter,) = app.run(workers.service.ports.dead_letters.list())
    assert letter.reason == f"http_{status}"
    assert len(told.got) == 1


def test_all_sessions_at_once_are_one_token_or_one_for_each_where_the_client_wants_to_know(
    app: Running, told: Receiver
) -> None:
    plain = client(app, told)
    picky = client(app, told, backchannel_logout_session_required=True)
    over, one, two = app.browser(), app.browser(), app.browser()
    sids = [used(app, browser, picky)["sid"] for browser in (over, one, two)]
    for browser in (one, two):
        used(app, browser, plain)
    log_out(over)
    workers = Workers(app)
    origin = operator_origin(app.service, "operator:test")
    app.run(accounts.set_password(app.service, "alice", PASSWORD, "test", origin))
    assert {outcome.name for outcome in workers.run()} == {"done"}
    seen = [opened(app, token)[1] for token in told.tokens]
    assert sorted(str(payload.get("sid")) for payload in seen if payload["aud"] == picky) == sorted(sids[1:])
    (whole,) = [payload for payload in seen if payload["aud"] == plain]
    assert "sid" not in whole
    assert whole["sub"] == str(app.account)


def test_locking_an_account_tells_its_clients(app: Running, told: Receiver) -> None:
    name = client(app, told)
    app.add_user("doomed")
    browser = app.browser()
    fill_in(browser, login_page(app, browser, name), username="doomed")
    used(app, browser, name)
    workers = Workers(app)
    app.lock("doomed")
    assert [outcome.name for outcome in workers.run()] == ["done"]


def test_who_adds_a_factor_has_logged_out_everywhere(app: Running, told: Receiver) -> None:
    name, browser = client(app, told), app.browser()
    account = app.add_user("enroller")
    fill_in(browser, login_page(app, browser, name), username="enroller")
    used(app, browser, name)
    workers = Workers(app)
    app.run(enrol_totp(app.service, account))
    app.run(enrol_codes(app.service, account))
    assert [ended.client_id for ended in workers.listed()] == [name, name]


def test_a_session_that_began_after_a_new_password_is_not_over(app: Running, told: Receiver) -> None:
    name, before, after = client(app, told, backchannel_logout_session_required=True), app.browser(), app.browser()
    old = used(app, before, name)["sid"]
    workers = Workers(app)
    origin = operator_origin(app.service, "operator:test")
    app.run(accounts.set_password(app.service, "alice", PASSWORD, "test", origin))
    used(app, after, name)
    assert [outcome.name for outcome in workers.run()] == ["done"]
    assert [opened(app, token)[1]["sid"] for token in told.tokens] == [old]


def test_a_client_that_keeps_its_access_is_told_as_well(app: Running, told: Receiver) -> None:
    name, browser = client(app, told), app.browser()
    used(app, browser, name, scope="openid offline_access")
    workers = Workers(app)
    log_out(browser)
    assert [outcome.name for outcome in workers.run()] == ["done"]


def test_a_client_that_was_changed_meanwhile_is_told_where_it_listens_now(app: Running, told: Receiver) -> None:
    name, silent, browser = client(app, Receiver(url="http://127.0.0.1:1/")), client(app, told), app.browser()
    for each in (name, silent):
        used(app, browser, each)
    workers = Workers(app)
    log_out(browser)
    listed = workers.listed()
    app.update(app.clients[name], replace(WEB, backchannel_logout_uri=told.url))
    app.update(app.clients[silent], WEB)
    assert [workers.deliver(ended).name for ended in listed] == ["done", "done"]
    assert [opened(app, token)[1]["aud"] for token in told.tokens] == [name]


def test_the_list_waits_for_query_tables_that_are_behind(app: Running) -> None:
    assert behind(Workers(app), app.service.ports.log.mint())


def test_nothing_private_reaches_a_receiver_in_a_private_range(start_app: StartApp, told: Receiver) -> None:
    app = start_app()
    settings: Settings = app.settings
    assert not settings.egress_private
    name, browser = client(app, told), app.browser()
    used(app, browser, name)
    workers = Workers(app)
    log_out(browser)
    assert [outcome.name for outcome in workers.run()] == ["again"]
    assert told.got == []


def test_a_logout_token_is_no_hint_and_no_token(app: Running, told: Receiver) -> None:
    name, browser = client(app, told), app.browser()
    used(app, browser, name)
    workers = Workers(app)
    log_out(browser)
    workers.run()
    token = told.tokens[0]
    assert app.browser().get(f"/logout?id_token_hint={token}").status == 400
    assert app.introspect(token) == {"active": False}


def test_the_arguments_of_a_task_are_ids_alone(app: Running) -> None:
    ended = Ended(7, StreamId(app.account), app.account, None)  # type: ignore[arg-type]  # any text will do
    assert set(ended.arguments) == {"position", "client_id", "account", "session"}
    assert dumps({**ended.arguments, "client_id": "c"})
