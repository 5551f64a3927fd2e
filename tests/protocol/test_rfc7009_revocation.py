"""RFC 7009: a client gives a token back, and no answer leaves before everybody knows."""

import asyncio

import pytest
from tests.support.app import JWT_API, Running, StartApp
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.flows import Person, event_types, findings, given, is_active, own_token


def test_a_refresh_token_takes_its_whole_family_with_it(app: Running, person: Person, web: Client) -> None:
    first = person.tokens()
    second = given(web.refresh(first.refresh))
    answer = web.revoke(second.refresh)
    assert (answer.status, answer.json) == (200, {})
    is_not_stored(answer)
    assert not is_active(app, first.access)
    assert not is_active(app, second.access)
    is_refused(web.refresh(second.refresh), "invalid_grant")
    assert event_types(app, first.refresh)[-1] == "revoked"


def test_a_spent_refresh_token_takes_the_family_too(app: Running, person: Person, web: Client) -> None:
    first = person.tokens()
    second = given(web.refresh(first.refresh))
    third = given(web.refresh(second.refresh))
    assert web.revoke(first.refresh).status == 200
    assert not is_active(app, third.access)
    is_refused(web.refresh(third.refresh), "invalid_grant")


@pytest.mark.parametrize("resource", [[], [JWT_API]], ids=["opaque", "jwt"])
def test_an_access_token_goes_alone(app: Running, person: Person, web: Client, resource: list[str]) -> None:
    first = person.tokens(scope="api:read", resource=resource)
    second = given(web.refresh(first.refresh))
    assert web.revoke(first.access).status == 200
    assert not is_active(app, first.access)
    assert is_active(app, second.access)
    assert web.refresh(second.refresh).status == 200
    assert event_types(app, first.refresh).count("access_token_revoked") == 1


def test_a_clients_own_token_can_be_given_back(app: Running, web: Client) -> None:
    token = own_token(app).access
    assert web.revoke(token).status == 200
    assert not is_active(app, token)


def test_what_is_dead_can_be_given_back_again(app: Running, person: Person, web: Client) -> None:
    tokens = person.tokens()
    for text in (tokens.access, tokens.refresh, tokens.access, tokens.refresh):
        assert web.revoke(text).status == 200
    assert event_types(app, tokens.refresh)[2:] == ["access_token_revoked", "revoked"]


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
def test_a_wrong_hint_hides_nothing(app: Running, person: Person, web: Client, hint: str) -> None:
    tokens, own = person.tokens(), own_token(app).access
    assert web.revoke(tokens.refresh, token_type_hint=hint).status == 200
    assert web.revoke(own, token_type_hint=hint).status == 200
    assert not is_active(app, tokens.access)
    assert not is_active(app, own)


@pytest.mark.parametrize(
    "junk",
    ["x", "gl_rt_" + "A" * 90, "gl_at_x", "a.b.c", "e30.e30.", "\u00e9", "x" * 50_000],
    ids=lambda junk: junk[:8],
)
def test_an_unknown_token_is_no_error(web: Client, junk: str) -> None:
    # RFC 7009 2.2: "invalid tokens do not cause an error response"
    assert web.revoke(junk).status == 200


@pytest.mark.parametrize("place", [6, 20, 34, 60, -7, -1])
def test_a_changed_token_revokes_nothing(app: Running, person: Person, web: Client, place: int) -> None:
    tokens = person.tokens()
    for text in (tokens.access, tokens.refresh):
        changed = list(text)
        changed[place] = "A" if changed[place] != "A" else "B"
        assert web.revoke("".join(changed)).status == 200
    assert is_active(app, tokens.access)
    assert web.refresh(tokens.refresh).status == 200


def test_a_code_is_no_token(app: Running, person: Person, web: Client) -> None:
    code = person.code()
    assert web.revoke(code).status == 200
    assert event_types(app, code) == ["authorized"]


def test_another_clients_token_stays_as_it_is_and_the_attempt_is_recorded(
    app: Running, person: Person, web: Client
) -> None:
    tokens = person.tokens()
    for text in (tokens.access, tokens.refresh):
        is_refused(client_of(app, "spa").revoke(text), "invalid_grant")
    assert is_active(app, tokens.access)
    assert event_types(app, tokens.refresh) == ["authorized", "code_redeemed"]
    assert findings(app, tokens.refresh) == ["foreign_revocation"]
    assert web.refresh(tokens.refresh).status == 200


def test_a_public_client_revokes_by_its_name(app: Running, person: Person) -> None:
    tokens = person.tokens("spa")
    assert client_of(app, "spa").revoke(tokens.refresh).status == 200
    assert not is_active(app, tokens.access)


def test_who_does_not_authenticate_revokes_nothing(app: Running, person: Person) -> None:
    tokens = person.tokens()
    browser = app.browser()
    web = app.clients["web"].client_id
    is_refused(browser.post("/revoke", {"token": tokens.refresh}), "invalid_client", 401)
    is_refused(browser.post("/revoke", {"token": tokens.refresh, "client_id": web}), "invalid_client", 401)
    wrong = {"token": tokens.refresh, "client_id": web, "client_secret": "wrong"}
    is_refused(browser.post("/revoke", wrong), "invalid_client", 401)
    assert is_active(app, tokens.access)


def test_of_concurrent_revocations_all_succeed_and_one_is_recorded(app: Running, person: Person, web: Client) -> None:
    tokens = person.tokens()

    async def race() -> list[int]:
        answers = await asyncio.gather(*(asyncio.to_thread(web.revoke, tokens.refresh) for _ in range(20)))
        return [answer.status for answer in answers]

    assert asyncio.run(race()) == [200] * 20
    assert event_types(app, tokens.refresh).count("revoked") == 1


def test_a_token_that_idled_out_still_takes_its_family(start_app: StartApp) -> None:
    app = start_app(refresh_idle_lifetime=1)
    web, tokens = client_of(app), Person(app).tokens()
    app.pass_seconds(1.1)
    assert is_active(app, tokens.access)
    assert web.revoke(tokens.refresh).status == 200
    assert not is_active(app, tokens.access)
