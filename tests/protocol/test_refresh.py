"""OAuth 2.1 section 4.3 and RFC 9700 section 4.14.2: refresh tokens rotate, and neither a race nor a thief gets two."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from aiohttp import ClientSession, TCPConnector
from tests.support.app import API, BILLING, JWT_API, WEB, Credentials, Running, StartApp
from tests.support.beside import at, serving, site_of
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.flows import Person, event_types, findings, given, history, is_active

from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import rotate_secret
from grantlog.flows.operators import operator_origin

FORWARDED = "X-Forwarded-For"
BOTH = "openid api:read api:write"


@pytest.fixture(scope="module")
def elsewhere(app: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of another process, that remembers nothing of what the first was asked."""
    with serving(site_of(app, tmp_path_factory.mktemp("beside"))) as (_, url):
        yield url


def test_a_refresh_token_gives_the_next_pair_and_leaves_running_tokens_alone(
    app: Running, person: Person, web: Client
) -> None:
    first = person.tokens(scope=BOTH)
    answer = web.refresh(first.refresh)
    is_not_stored(answer)
    second = given(answer)
    assert second.refresh != first.refresh
    assert second.access != first.access
    assert second.scope == first.scope
    assert is_active(app, first.access)
    assert is_active(app, second.access)
    old, new = app.introspect(first.access), app.introspect(second.access)
    assert (old["sub"], old["aud"], old["client_id"]) == (new["sub"], new["aud"], new["client_id"])


def test_a_chain_of_refreshes_stays_one_family(app: Running, person: Person, web: Client) -> None:
    tokens = person.tokens()
    texts = [tokens.access]
    for _ in range(10):
        tokens = given(web.refresh(tokens.refresh))
        texts.append(tokens.access)
    assert event_types(app, tokens.refresh) == ["authorized", "code_redeemed", *["refresh_token_rotated"] * 10]
    assert all(is_active(app, text) for text in texts)


def test_a_narrower_scope_is_for_one_access_token_and_not_for_the_next(person: Person, web: Client) -> None:
    first = person.tokens(scope=BOTH)
    narrow = given(web.refresh(first.refresh, scope="api:read"))
    assert narrow.scope == {"api:read"}
    assert "id_token" not in narrow.answer.json
    # RFC 6749 6: a new refresh token's scope "MUST be identical to that of the refresh token included by the client"
    assert given(web.refresh(narrow.refresh)).scope == set(BOTH.split())


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"scope": "openid api:read api:write"}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"scope": "api:read "}, "invalid_scope"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
        ({"resource": API + "#x"}, "invalid_target"),
    ],
    ids=str,
)
def test_asking_for_more_is_refused_and_spends_nothing(
    app: Running, person: Person, web: Client, values: dict[str, str], error: str
) -> None:
    first = person.tokens(scope="openid api:read")
    is_refused(web.refresh(first.refresh, **values), error)
    assert event_types(app, first.refresh) == ["authorized", "code_redeemed"]
    assert web.refresh(first.refresh).status == 200


def test_a_lost_answer_is_given_again_byte_for_byte(app: Running, person: Person, web: Client, elsewhere: str) -> None:
    first = person.tokens(scope=BOTH)
    answer = web.refresh(first.refresh)
    again = [web.refresh(first.refresh), at(elsewhere, web).refresh(first.refresh)]
    # the same proof, told the other way: still the same client authentication
    body = {"client_id": web.client_id, "client_secret": str(web.credentials.client_secret)}
    values = {"grant_type": "refresh_token", "refresh_token": first.refresh} | body
    again.append(app.browser().post("/token", values))
    assert "id_token" in answer.json
    assert {each.body for each in again} == {answer.body}
    assert event_types(app, first.refresh) == ["authorized", "code_redeemed", "refresh_token_rotated"]
    assert findings(app, first.refresh) == []


def test_of_two_clients_times_100_concurrent_refreshes_there_is_one_successor(
    app: Running, person: Person, web: Client, elsewhere: str
) -> None:
    first = person.tokens(scope=BOTH)
    answers = _race(web, (app.url, elsewhere), first.refresh, each=100)
    assert Counter(status for status, _ in answers) == {200: 200}
    assert len({body for _, body in answers}) == 1, "the family has forked"
    assert event_types(app, first.refresh) == ["authorized", "code_redeemed", "refresh_token_rotated"]
    last = given(web.refresh(first.refresh))
    assert given(web.refresh(last.refresh)).refresh != last.refresh


def test_of_100_concurrent_replays_of_an_old_token_all_are_refused_and_one_is_recorded(
    app: Running, person: Person, web: Client, elsewhere: str
) -> None:
    first = person.tokens()
    second = given(web.refresh(first.refresh))
    third = given(web.refresh(second.refresh))
    answers = _race(web, (app.url, elsewhere), first.refresh, each=50)
    assert {status for status, _ in answers} == {400}
    assert event_types(app, first.refresh).count("reuse_detected") == 1
    assert not is_active(app, third.access)


def test_a_refresh_that_races_a_revocation_leaves_nothing_alive(app: Running, person: Person, web: Client) -> None:
    async def race(token: str) -> list[str]:
        revocation, *refreshes = await asyncio.gather(
            asyncio.to_thread(web.revoke, token), *(asyncio.to_thread(web.refresh, token) for _ in range(4))
        )
        assert revocation.status == 200
        return [answer.json["access_token"] for answer in refreshes if answer.status == 200]

    for _ in range(8):
        first = person.tokens()
        got = asyncio.run(race(first.refresh))
        assert [text for text in (first.access, *got) if is_active(app, text)] == []
        is_refused(web.refresh(first.refresh), "invalid_grant")


@pytest.mark.parametrize("behind", [1, 2, 5])
def test_a_replay_after_the_successor_was_used_kills_every_token_in_every_process_at_once(
    app: Running, person: Person, web: Client, guard: Client, elsewhere: str, behind: int
) -> None:
    chain = [person.tokens()]
    for _ in range(behind + 1):
        chain.append(given(web.refresh(chain[-1].refresh)))
    other = at(elsewhere, guard)
    assert all(other.introspect(tokens.access)["active"] for tokens in chain)
    is_refused(web.refresh(chain[-2 - behind].refresh), "invalid_grant")
    assert [other.introspect(tokens.access) for tokens in chain] == [{"active": False}] * len(chain)
    assert not any(is_active(app, tokens.access) for tokens in chain)
    for tokens in chain:
        is_refused(web.refresh(tokens.refresh), "invalid_grant")
    assert event_types(app, chain[0].refresh)[-1] == "reuse_detected"
    assert event_types(app, chain[0].refresh).count("reuse_detected") == 1


def test_without_a_grace_window_the_first_replay_kills(start_app: StartApp) -> None:
    app = start_app(grace_window=0)
    web, first = client_of(app), Person(app).tokens()
    second = given(web.refresh(first.refresh))
    is_refused(web.refresh(first.refresh), "invalid_grant")
    assert not is_active(app, first.access)
    assert not is_active(app, second.access)
    is_refused(web.refresh(second.refresh), "invalid_grant")
    assert history(app, first.refresh)[-1][1].cause == "theft"


def test_the_grace_window_ends_by_the_logs_clock(start_app: StartApp) -> None:
    app = start_app(grace_window=1)
    web, first = client_of(app), Person(app).tokens()
    second = given(web.refresh(first.refresh))
    app.pass_seconds(1.1)
    is_refused(web.refresh(first.refresh), "invalid_grant")
    assert not is_active(app, second.access)
    assert event_types(app, first.refresh)[-1] == "reuse_detected"


def test_two_tabs_with_other_wishes_each_get_theirs_under_one_successor(
    app: Running, person: Person, web: Client
) -> None:
    first = person.tokens(scope=BOTH)
    one = given(web.refresh(first.refresh, scope="api:read"))
    other = given(web.refresh(first.refresh, scope="api:write"))
    third = given(web.refresh(first.refresh, scope="api:read", resource=BILLING))
    assert {one.refresh, other.refresh, third.refresh} == {one.refresh}
    assert len({one.access, other.access, third.access}) == 3
    assert [tokens.scope for tokens in (one, other, third)] == [{"api:read"}, {"api:write"}, {"api:read"}]
    assert app.introspect(third.access)["aud"] == BILLING
    assert all(is_active(app, tokens.access) for tokens in (one, other, third))
    # and each is told again what it was told
    assert web.refresh(first.refresh, scope="api:write").body == other.answer.body
    assert web.refresh(first.refresh, scope="api:read", resource=BILLING).body == third.answer.body
    assert event_types(app, first.refresh)[2:] == ["refresh_token_rotated", *["access_token_issued"] * 2]
    assert given(web.refresh(one.refresh)).scope == set(BOTH.split())


def test_another_tab_cannot_ask_for_more_than_was_granted(app: Running, person: Person, web: Client) -> None:
    first = person.tokens(scope="openid api:read")
    second = given(web.refresh(first.refresh))
    is_refused(web.refresh(first.refresh, scope="api:write"), "invalid_scope")
    assert is_active(app, second.access)


def test_a_retry_with_another_secret_of_the_client_is_no_retry(app: Running, person: Person) -> None:
    app.clients["rotated"] = app.register(WEB)
    client = client_of(app, "rotated")
    first = person.tokens("rotated")
    second = given(client.refresh(first.refresh))
    origin = operator_origin(app.service, "operator:test")
    made = app.run(rotate_secret(app.service, ClientId(client.client_id), origin))
    with_another = Client(app.url, Credentials(client.client_id, made.text))
    is_refused(with_another.refresh(first.refresh), "invalid_grant")
    assert history(app, first.refresh)[-1][1].cause == "theft"
    assert not is_active(app, second.access)


def test_another_client_gets_nothing_and_breaks_nothing(app: Running, person: Person, web: Client) -> None:
    first = person.tokens()
    for thief in (client_of(app, "spa"), client_of(app, "native")):
        is_refused(thief.refresh(first.refresh), "invalid_grant")
    second = given(web.refresh(first.refresh))
    # nor by what is spent, in the window
    is_refused(client_of(app, "spa").refresh(first.refresh), "invalid_grant")
    assert is_active(app, second.access)
    assert event_types(app, first.refresh) == ["authorized", "code_redeemed", "refresh_token_rotated"]


def test_who_fails_to_authenticate_gets_nothing_and_breaks_nothing(app: Running, person: Person, web: Client) -> None:
    first = person.tokens()
    second = given(web.refresh(first.refresh))
    third = given(web.refresh(second.refresh))
    wrong = Client(app.url, Credentials(web.client_id, "wrong"))
    for token in (first.refresh, second.refresh, third.refresh):
        is_refused(wrong.refresh(token), "invalid_client", 401)
    assert is_active(app, third.access)
    assert web.refresh(third.refresh).status == 200


@pytest.mark.parametrize("place", [0, 3, 6, 8, 20, 34, 40, 60, 88, -7, -1])
def test_a_refresh_token_with_one_other_character_is_unknown_and_kills_nothing(
    app: Running, person: Person, web: Client, place: int
) -> None:
    first = person.tokens()
    given(web.refresh(first.refresh))
    changed = list(first.refresh)
    changed[place] = "A" if changed[place] != "A" else "B"
    is_refused(web.refresh("".join(changed)), "invalid_grant")
    assert is_active(app, first.access)


def test_retries_of_one_token_are_limited_and_the_family_lives_on(start_app: StartApp) -> None:
    app = start_app(grace_retries=3, grace_window=60)
    web, first = client_of(app), Person(app).tokens()
    second = given(web.refresh(first.refresh))
    assert [web.refresh(first.refresh).status for _ in range(3)] == [200] * 3
    answer = web.refresh(first.refresh)
    is_refused(answer, "temporarily_unavailable", 429)
    assert int(answer.header("Retry-After") or 0) >= 1
    assert findings(app, first.refresh) == ["retry_limit"]
    assert is_active(app, second.access)
    assert web.refresh(second.refresh).status == 200


def test_a_retry_from_another_address_is_answered_and_recorded(start_app: StartApp) -> None:
    app = start_app(trusted_proxies="127.0.0.0/8")
    person, spa = Person(app), client_of(app, "spa")
    first = person.tokens("spa")
    values = {"grant_type": "refresh_token", "refresh_token": first.refresh}
    one = spa.post("/token", values, {FORWARDED: "192.0.2.1"})
    same = spa.post("/token", values, {FORWARDED: "192.0.2.1"})
    assert findings(app, first.refresh) == []
    other = spa.post("/token", values, {FORWARDED: "198.51.100.7"})
    assert (one.status, same.body, other.body) == (200, one.body, one.body)
    assert findings(app, first.refresh) == ["retry_from_other_address"]


def test_a_replay_from_another_address_is_told_from_a_late_retry(start_app: StartApp) -> None:
    app = start_app(trusted_proxies="127.0.0.0/8", grace_window=1)
    person, spa = Person(app), client_of(app, "spa")
    causes = {}
    for address in ("192.0.2.1", "198.51.100.7"):
        first = person.tokens("spa")
        values = {"grant_type": "refresh_token", "refresh_token": first.refresh}
        assert spa.post("/token", values, {FORWARDED: "192.0.2.1"}).status == 200
        app.pass_seconds(1.1)
        is_refused(spa.post("/token", values, {FORWARDED: address}), "invalid_grant")
        causes[address] = history(app, first.refresh)[-1][1].cause
    assert causes == {"192.0.2.1": "lost_response", "198.51.100.7": "other_device"}


def test_a_refresh_token_idles_out(start_app: StartApp) -> None:
    app = start_app(refresh_idle_lifetime=2)
    web, person = client_of(app), Person(app)
    first = person.tokens()
    second = given(web.refresh(first.refresh))
    app.pass_seconds(2.1)
    is_refused(web.refresh(second.refresh), "invalid_grant")
    assert event_types(app, second.refresh)[-1] == "refresh_token_rotated"
    # it idled out; what it gave lives as long as it was given
    assert is_active(app, second.access)


def test_nothing_outlives_the_family(start_app: StartApp) -> None:
    app = start_app(refresh_absolute_lifetime=3)
    web, person = client_of(app), Person(app)
    first = person.tokens()
    assert first.answer.json["expires_in"] <= 3
    second = given(web.refresh(first.refresh))
    assert second.answer.json["expires_in"] <= 3
    app.pass_seconds(3.1)
    is_refused(web.refresh(second.refresh), "invalid_grant")
    assert not is_active(app, second.access)


def test_the_successor_of_a_jwt_is_one_and_a_replay_kills_both(app: Running, person: Person, web: Client) -> None:
    first = person.tokens(scope="api:read", resource=[JWT_API])
    second = given(web.refresh(first.refresh))
    assert first.access.count(".") == second.access.count(".") == 2
    third = given(web.refresh(second.refresh))
    is_refused(web.refresh(first.refresh), "invalid_grant")
    assert not any(is_active(app, tokens.access) for tokens in (first, second, third))


def test_a_family_keeps_100_live_access_tokens(start_app: StartApp) -> None:
    app = start_app(grace_window=0)
    web, tokens = client_of(app), Person(app).tokens()
    texts = [tokens.access]
    for _ in range(101):
        tokens = given(web.refresh(tokens.refresh))
        texts.append(tokens.access)
    alive = [is_active(app, text) for text in texts]
    assert alive == [False, False, *[True] * 100]


def _race(client: Client, urls: tuple[str, ...], token: str, *, each: int) -> list[tuple[int, bytes]]:
    """``each`` refreshes at once at every URL, every one on a connection of its own."""
    values = {"grant_type": "refresh_token", "refresh_token": token}
    headers = {"Authorization": client.credentials.basic}

    async def race() -> list[tuple[int, bytes]]:
        async with ClientSession(connector=TCPConnector(limit=0), headers=headers) as session:

            async def once(url: str) -> tuple[int, bytes]:
                async with session.post(url + "/token", data=values) as answer:
                    return answer.status, await answer.read()

            return await asyncio.gather(*(once(url) for _ in range(each) for url in urls))

    return asyncio.run(race())
