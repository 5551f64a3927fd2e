"""RFC 6749 section 4.1 and OAuth 2.1 section 4.1.3: a code is redeemed once, by who it was made for, and its replay is fatal."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from aiohttp import ClientSession, TCPConnector
from tests.support.app import LOOPBACK, REDIRECT, WEB, Running, StartApp
from tests.support.clients import Client, client_of, is_refused
from tests.support.code_flow import VERIFIER
from tests.support.flows import Person, event_types, history, is_active, redeemed

OTHER_VERIFIER = "another-verifier-of-the-right-length-and-shape"


def test_a_code_gives_tokens_for_what_was_allowed(app: Running, person: Person) -> None:
    tokens = person.tokens(scope="openid api:read")
    assert set(tokens.answer.json) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "refresh_token",
        "id_token",
    }
    told = app.introspect(tokens.access)
    assert told["sub"]
    assert (told["client_id"], set(told["scope"].split())) == (app.clients["web"].client_id, {"openid", "api:read"})


def test_the_redirect_uri_may_be_left_out_because_pkce_binds_the_code(app: Running, person: Person) -> None:
    assert redeemed(app, person.code()).status == 200
    assert redeemed(app, person.code(), redirect_uri=REDIRECT).status == 200


def test_a_loopback_redirect_uri_comes_back_with_its_port(app: Running, person: Person) -> None:
    asked = LOOPBACK.replace("127.0.0.1", "127.0.0.1:51234")
    code = person.code(redirect_uri=asked)
    is_refused(redeemed(app, code, redirect_uri=LOOPBACK), "invalid_grant")
    assert redeemed(app, code, redirect_uri=asked).status == 200


def test_a_client_without_the_refresh_grant_gets_no_refresh_token(app: Running, person: Person) -> None:

    app.clients["short"] = app.register(replace(WEB, grant_types=("authorization_code",)))
    assert "refresh_token" not in person.tokens("short").answer.json


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"code_verifier": OTHER_VERIFIER}, "invalid_grant"),
        ({"redirect_uri": REDIRECT + "/"}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/callback"}, "invalid_grant"),
        ({"redirect_uri": REDIRECT.upper()}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
    ],
    ids=str,
)
def test_who_cannot_prove_himself_gets_nothing_and_breaks_nothing(
    app: Running, person: Person, values: dict[str, str], error: str
) -> None:
    code = person.code()
    is_refused(redeemed(app, code, **values), error)
    assert event_types(app, code) == ["authorized"]
    assert redeemed(app, code).status == 200


def test_a_code_is_worth_nothing_to_another_client(app: Running, person: Person) -> None:
    code = person.code()
    for other in ("spa", "native"):
        is_refused(redeemed(app, code, other), "invalid_grant")
    assert redeemed(app, code).status == 200


@pytest.mark.parametrize("place", [0, 6, 9, 30, 50, 60, 80, -7, -1])
def test_a_code_with_one_other_character_is_unknown(app: Running, person: Person, place: int) -> None:
    code = person.code()
    changed = list(code)
    changed[place] = "A" if changed[place] != "A" else "B"
    is_refused(redeemed(app, "".join(changed)), "invalid_grant")
    assert redeemed(app, code).status == 200


def test_a_proven_replay_kills_the_whole_family_before_its_answer_leaves(
    app: Running, person: Person, web: Client
) -> None:
    code = person.code()
    first = redeemed(app, code).json
    second = web.refresh(first["refresh_token"]).json
    assert is_active(app, first["access_token"])
    assert is_active(app, second["access_token"])
    # RFC 6749 4.1.2: "MUST deny the request and SHOULD revoke (when possible) all tokens previously issued"
    is_refused(redeemed(app, code), "invalid_grant")
    assert not is_active(app, first["access_token"])
    assert not is_active(app, second["access_token"])
    is_refused(web.refresh(second["refresh_token"]), "invalid_grant")
    kinds = event_types(app, code)
    assert kinds == ["authorized", "code_redeemed", "refresh_token_rotated", "reuse_detected"]
    assert history(app, code)[-1][1].cause == "code_replay"
    # what is dead dies once
    is_refused(redeemed(app, code), "invalid_grant")
    assert event_types(app, code) == kinds


@pytest.mark.parametrize(
    "thief",
    [
        {"code_verifier": OTHER_VERIFIER},
        {"code_verifier": ""},
        {"redirect_uri": "https://evil.example/callback"},
        {"client": "spa"},
    ],
    ids=str,
)
def test_a_replay_without_every_proof_cannot_kill_the_family(
    app: Running, person: Person, thief: dict[str, str]
) -> None:
    code = person.code()
    tokens = redeemed(app, code).json
    values = {name: value for name, value in thief.items() if name != "client"}
    assert redeemed(app, code, thief.get("client", "web"), **values).status == 400
    assert is_active(app, tokens["access_token"])
    assert event_types(app, code) == ["authorized", "code_redeemed"]


def test_a_client_that_fails_to_authenticate_cannot_kill_the_family(app: Running, person: Person) -> None:
    code = person.code()
    tokens = redeemed(app, code).json
    values = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    wrong = {"client_id": app.clients["web"].client_id, "client_secret": "wrong"}
    is_refused(app.browser().post("/token", values | wrong), "invalid_client", 401)
    assert is_active(app, tokens["access_token"])


def test_of_100_concurrent_redemptions_one_succeeds_and_the_others_are_the_replays_they_are(
    app: Running, person: Person
) -> None:
    code = person.code("spa")
    values = {
        "grant_type": "authorization_code",
        "client_id": app.clients["spa"].client_id,
        "code": code,
        "code_verifier": VERIFIER,
    }

    async def race() -> list[tuple[int, str]]:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:

            async def once() -> tuple[int, str]:
                async with session.post(app.url + "/token", data=values) as answer:
                    body = await answer.json()
                    return answer.status, body.get("access_token") or body["error"]

            return await asyncio.gather(*(once() for _ in range(100)))

    answers = asyncio.run(race())
    assert Counter(status for status, _ in answers) == {200: 1, 400: 99}
    assert {text for status, text in answers if status == 400} == {"invalid_grant"}
    (winner,) = (text for status, text in answers if status == 200)
    assert not is_active(app, winner)
    assert event_types(app, code) == ["authorized", "code_redeemed", "reuse_detected"]


def test_of_100_concurrent_redemptions_without_a_proof_none_succeeds_and_nothing_dies(
    app: Running, person: Person
) -> None:
    code = person.code("spa")
    tokens = redeemed(app, code, "spa").json
    values = {
        "grant_type": "authorization_code",
        "client_id": app.clients["spa"].client_id,
        "code": code,
        "code_verifier": OTHER_VERIFIER,
    }

    async def race() -> list[int]:
        async with ClientSession(connector=TCPConnector(limit=0)) as session:

            async def once() -> int:
                async with session.post(app.url + "/token", data=values) as answer:
                    return answer.status

            return await asyncio.gather(*(once() for _ in range(100)))

    assert set(asyncio.run(race())) == {400}
    assert is_active(app, tokens["access_token"])


def test_a_code_expires_by_its_setting(start_app: StartApp) -> None:
    app = start_app(code_lifetime=1)
    person = Person(app)
    code = person.code()
    app.pass_seconds(1.1)
    is_refused(redeemed(app, code), "invalid_grant")
    assert redeemed(app, person.code()).status == 200


def test_a_redeemed_code_that_has_expired_still_kills_when_it_is_replayed(start_app: StartApp) -> None:
    app = start_app(code_lifetime=1)
    code = Person(app).code()
    tokens = redeemed(app, code).json
    app.pass_seconds(1.1)
    is_refused(redeemed(app, code), "invalid_grant")
    assert not is_active(app, tokens["access_token"])


def test_who_was_locked_out_gets_nothing_for_a_code(start_app: StartApp) -> None:
    app = start_app()
    person = Person(app)
    code, tokens = person.code(), person.tokens()
    app.lock("alice")
    is_refused(redeemed(app, code), "invalid_grant")
    is_refused(client_of(app).refresh(tokens.refresh), "invalid_grant")
    assert not is_active(app, tokens.access)
