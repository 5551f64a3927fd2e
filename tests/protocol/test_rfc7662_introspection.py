"""RFC 7662: resource servers are told what a token may do with them, and of any other nothing at all."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
from tests.support.app import API, BILLING, JWT_API, WEB, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import FORM
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.flows import Person, given, own_token
from tests.support.proof_keys import ProofKey

from grantlog.core.client.events import ClientMetadata
from grantlog.core.protocol.acr import PWD
from grantlog.settings import DetailsType

INACTIVE = {"active": False}
BATCH = "/introspect/batch"


def changed(text: str, place: int) -> str:
    """The same text but for one character."""
    characters = list(text)
    characters[place] = "A" if characters[place] != "A" else "B"
    return "".join(characters)


def registered(app: Running, *audiences: str) -> Client:
    """A resource server for these audiences."""
    metadata = ClientMetadata(name="RS", grant_types=(), response_types=(), introspects=audiences)
    return Client(app.url, app.register(metadata))


def test_a_live_token_is_described_to_its_resource_server(app: Running, person: Person, guard: Client) -> None:
    tokens = person.tokens(scope="api:read")
    answer = guard.post("/introspect", {"token": tokens.access})
    is_not_stored(answer)
    told = answer.json
    usual = {"active", "scope", "client_id", "token_type", "exp", "iat", "sub", "aud", "iss"}
    assert set(told) == usual | {"auth_time", "acr", "amr"}
    assert told["active"] is True
    assert told["client_id"] == app.clients["web"].client_id
    assert (told["token_type"], told["aud"], told["iss"]) == ("Bearer", API, app.settings.issuer)
    assert told["scope"] == "api:read"
    assert told["exp"] - told["iat"] == tokens.answer.json["expires_in"]


def test_a_clients_own_token_has_the_client_as_its_subject(app: Running, web: Client) -> None:
    assert app.introspect(own_token(app).access)["sub"] == web.client_id


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", "", "\u00e9"])
def test_a_hint_never_changes_the_answer(app: Running, guard: Client, hint: str) -> None:
    # RFC 7662 2.1: "If the server is unable to locate the token using the given hint, it MUST extend its search"
    assert guard.introspect(own_token(app).access, token_type_hint=hint)["active"] is True


def test_only_resource_servers_that_prove_themselves_are_told(app: Running, web: Client, person: Person) -> None:
    token = person.tokens().access
    for path in ("/introspect", BATCH):
        is_refused(web.post(path, {"token": token}), "unauthorized_client")
        is_refused(client_of(app, "spa").post(path, {"token": token}), "unauthorized_client")
        is_refused(app.browser().post(path, {"token": token}), "invalid_client", 401)
        bearer = {"Authorization": f"Bearer {token}"}
        is_refused(app.browser().post(path, {"token": token}, bearer), "invalid_client", 401)


def test_a_resource_server_is_told_only_of_tokens_that_are_meant_for_it(app: Running, person: Person) -> None:
    api, billing, both = registered(app, API), registered(app, BILLING), registered(app, API, BILLING)
    for_api, for_billing = own_token(app, resource=API).access, own_token(app, resource=BILLING).access
    for_both = own_token(app, resource=[API, BILLING]).access
    assert [each.introspect(for_api)["active"] for each in (api, billing, both)] == [True, False, True]
    assert [each.introspect(for_billing)["active"] for each in (api, billing, both)] == [False, True, True]
    assert [each.introspect(for_both)["active"] for each in (api, billing, both)] == [True, True, True]
    assert billing.introspect(for_api) == INACTIVE
    # with OpenID Connect's scopes alone a token is meant for the issuer
    for_issuer = person.tokens(scope="openid").access
    assert api.introspect(for_issuer) == INACTIVE
    assert app.introspect(for_issuer)["aud"] == app.settings.issuer


def test_a_refresh_token_and_a_code_are_inactive_to_everybody(app: Running, person: Person, guard: Client) -> None:
    tokens = person.tokens()
    for text in (tokens.refresh, person.code(), tokens.answer.json["id_token"]):
        assert guard.introspect(text) == INACTIVE
        assert guard.introspect(text, token_type_hint="refresh_token") == INACTIVE


def test_a_jwt_is_told_of_like_any_other_token(app: Running, person: Person, web: Client) -> None:
    tokens = person.tokens(scope="api:read", resource=[JWT_API])
    told = app.introspect(tokens.access)
    assert (told["active"], told["aud"], told["scope"]) == (True, JWT_API, "api:read")
    assert web.revoke(tokens.access).status == 200
    assert app.introspect(tokens.access) == INACTIVE


@pytest.mark.parametrize("place", [0, 1, 2, 3, 5, 6, 7, 8, 9, 28, 29, 33, 34, 38, 60, -12, -7, -6, -1])
def test_an_opaque_token_with_one_other_character_is_inactive(app: Running, guard: Client, place: int) -> None:
    token = own_token(app).access
    assert guard.introspect(changed(token, place)) == INACTIVE
    assert guard.introspect(token)["active"] is True


def test_a_jwt_with_one_other_character_anywhere_is_inactive(app: Running, guard: Client) -> None:
    token = own_token(app, resource=JWT_API).access
    places = range(0, len(token), 23)
    batch = guard.post(BATCH, {"token": [changed(token, place) for place in places]})
    assert batch.json == [INACTIVE] * len(places)
    assert guard.introspect(token)["active"] is True


class Parts(NamedTuple):
    """A JWT in its parts."""

    head: str
    payload: dict[str, object]
    signature: str


def parts_of(token: str) -> Parts:
    head, payload, signature = token.split(".")
    return Parts(head, json.loads(base64.urlsafe_b64decode(payload + "==")), signature)


def segment(members: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "forge",
    [
        lambda jwt: f"{segment({'alg': 'none', 'typ': 'at+jwt'})}.{segment(jwt.payload)}.",
        lambda jwt: f"{jwt.head}.{segment(jwt.payload | {'scope': 'admin'})}.{jwt.signature}",
        lambda jwt: f"{jwt.head}.{segment(jwt.payload | {'exp': 2**53})}.{jwt.signature}",
        lambda jwt: f"{jwt.head}.{segment({'jti': jwt.payload['jti']})}.{jwt.signature}",
        lambda jwt: f"{jwt.head}.{segment(jwt.payload)}.{jwt.signature}=",
        lambda jwt: f"{jwt.head}.{segment({'jti': [jwt.payload['jti']]})}.x",
        lambda jwt: f"{jwt.head}.{segment([jwt.payload['jti']])}.x",
        lambda jwt: f"{jwt.head}.{segment({'jti': 'A' * 44})}.{jwt.signature}",
    ],
    ids=["alg none", "other scope", "later", "only the handle", "padded", "listed", "no object", "other handle"],
)
def test_a_forged_jwt_is_inactive(app: Running, guard: Client, forge: Callable[[Parts], str]) -> None:
    token = own_token(app, resource=JWT_API).access
    assert guard.introspect(forge(parts_of(token))) == INACTIVE
    assert guard.introspect(token)["active"] is True


@pytest.mark.parametrize(
    "junk",
    [
        "x",
        ".",
        "..",
        "a.b.c",
        "e30.e30.e30",
        "." * 1000,
        "gl_at_",
        "gl_at_" + "A" * 90,
        "gl_at_" + "\u00e9" * 90,
        "gl_rt_" + "A" * 90,
        "gl_xx_" + "A" * 90,
        "GL_AT_" + "A" * 90,
        "null",
        "{}",
        "a." + base64.urlsafe_b64encode(b"[" * 3000).decode() + ".c",
        "a." + base64.urlsafe_b64encode(b'{"jti":' + b"9" * 6000 + b"}").decode() + ".c",
        "\U0001f511" * 100,
        "' OR 1=1; --",
        "x" * 50_000,
    ],
    ids=lambda junk: junk[:12],
)
def test_junk_is_inactive_and_nothing_else(guard: Client, junk: str) -> None:
    assert guard.introspect(junk) == INACTIVE


def test_a_token_that_has_expired_is_inactive(start_app: StartApp) -> None:
    app = start_app(access_token_lifetime=2)
    opaque, jwt = own_token(app).access, own_token(app, resource=JWT_API).access
    app.pass_seconds(2.1)
    assert [app.introspect(token) for token in (opaque, jwt)] == [INACTIVE] * 2


def test_a_token_of_another_installation_is_inactive(app: Running, start_app: StartApp) -> None:
    other = start_app()
    assert app.introspect(own_token(other).access) == INACTIVE
    assert app.introspect(own_token(other, resource=JWT_API).access) == INACTIVE


def test_a_batch_is_answered_in_its_order_each_as_if_alone(app: Running, person: Person, web: Client) -> None:
    narrow = registered(app, API)
    alive, jwt, other = own_token(app).access, own_token(app, resource=JWT_API).access, own_token(app, resource=BILLING)
    dead, family = own_token(app).access, person.tokens()
    assert web.revoke(dead).status == 200
    texts = [alive, "junk", dead, alive, jwt, other.access, family.refresh, family.access]
    for caller in (narrow, client_of(app, "resource_server")):
        told = caller.post(BATCH, {"token": texts}).json
        assert told == [caller.introspect(text) for text in texts]
        assert told[0] == told[3]


def test_a_batch_holds_1_to_100_tokens(app: Running, guard: Client) -> None:
    token = own_token(app).access
    told = guard.post(BATCH, {"token": [token] * 100}).json
    assert len(told) == 100
    assert all(each["active"] for each in told)
    is_refused(guard.post(BATCH, {"token": [token] * 101}), "invalid_request")
    is_refused(guard.post(BATCH, {}), "invalid_request")
    is_refused(guard.post(BATCH, {"token": [token, "", token]}), "invalid_request")
    is_refused(guard.post(BATCH, {"token": [token], "token_type_hint": ["a", "b"]}), "invalid_request")


def test_a_caller_that_was_recalled_is_still_held_to_what_is_its_own(app: Running) -> None:
    """The server remembers a proven header; it must not remember it for the wrong client, or for too long."""
    api = registered(app, API)
    token, other = own_token(app, resource=API).access, own_token(app, resource=BILLING).access
    assert [api.introspect(token)["active"] for _ in range(3)] == [True] * 3
    assert api.introspect(other) == INACTIVE
    wrong = api.credentials.basic[:-4] + "AAA="
    for path in ("/introspect", BATCH):
        answer = app.browser().post(path, {"token": token}, {"Authorization": wrong})
        is_refused(answer, "invalid_client", 401)
        twice = api.post(path, {"token": token, "client_secret": "x"})
        is_refused(twice, "invalid_request")
        is_refused(api.post(path, {"token": token, "client_id": "somebody-else"}), "invalid_request")
    app.suspend(api.credentials)
    is_refused(api.post("/introspect", {"token": token}), "invalid_client", 401)
    is_refused(api.post(BATCH, {"token": token}), "invalid_client", 401)


def test_another_process_knows_what_this_one_did_from_the_next_request_on(
    app: Running, person: Person, web: Client, guard: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(site_of(app, tmp_path_factory.mktemp("beside")), "introspection") as (_, url):
        there = Client(url, guard.credentials)
        for _ in range(5):
            tokens, own = person.tokens(), own_token(app)
            assert there.introspect(tokens.access)["active"] is True
            assert there.introspect(own.access)["active"] is True
            next_ = given(web.refresh(tokens.refresh))
            assert there.introspect(next_.access)["active"] is True
            assert web.revoke(own.access).status == web.revoke(next_.refresh).status == 200
            texts = [tokens.access, own.access, next_.access]
            assert there.post(BATCH, {"token": texts}).json == [INACTIVE] * 3
        # and of a client that is stopped
        stopped = Client(app.url, app.register(WEB))
        token = given(stopped.token("client_credentials")).access
        assert there.introspect(token)["active"] is True
        app.suspend(stopped.credentials)
        assert there.introspect(token) == INACTIVE


def test_the_answer_is_json_whatever_is_accepted(app: Running, guard: Client) -> None:
    headers = {"Accept": "text/html", "Content-Type": FORM}
    answer = guard.post("/introspect", {"token": own_token(app).access}, headers)
    assert answer.json["active"] is True
    answer = app.browser().post("/introspect", {"token": "x"}, {"Accept": "text/html"})
    is_refused(answer, "invalid_client", 401)


def test_how_the_user_logged_in_is_told_and_of_a_client_nothing(app: Running, person: Person) -> None:
    # RFC 9470 6.2
    tokens = person.tokens(scope="openid api:read")
    told, identity = app.introspect(tokens.access), parts_of(tokens.answer.json["id_token"]).payload
    assert (told["auth_time"], told["acr"], told["amr"]) == (identity["auth_time"], PWD, ["pwd"])
    assert {"auth_time", "acr", "amr"}.isdisjoint(app.introspect(own_token(app).access))


@pytest.mark.parametrize("resource", [API, JWT_API])
def test_a_token_bound_to_a_key_says_so_in_both_forms(app: Running, web: Client, resource: str) -> None:
    key = ProofKey()
    proof = key.proof("POST", f"{app.settings.issuer}/token")
    values = {"grant_type": "client_credentials", "resource": resource}
    answer = web.post("/token", values, proof)
    # RFC 9449 5: "A token_type of DPoP MUST be included"
    assert given(answer).answer.json["token_type"] == "DPoP"
    told = app.introspect(given(answer).access)
    # RFC 9449 6.2
    assert (told["cnf"], told["token_type"]) == ({"jkt": key.jkt}, "DPoP")
    if resource == JWT_API:
        # RFC 9449 6.1
        assert parts_of(given(answer).access).payload["cnf"] == {"jkt": key.jkt}


def test_authorization_details_keep_their_order_wherever_they_are_told(start_app: StartApp) -> None:
    kind = DetailsType(type="order", schema={"type": "object"}, title="Order")
    app = start_app(authorization_details_types=(kind,))
    # RFC 9396 2: the members of an entry, in an order that no sorting makes; a number that is no float, a name of any script
    text = '[{"type":"order","z":1,"a":{"y":"\u00e9","b":[3,2,1]},"m":12345678901234567890}]'
    app.clients["web"] = app.register(replace(WEB, authorization_details_types=("order",)))
    web = client_of(app)
    for resource in (API, JWT_API):
        answer = web.token("client_credentials", resource=resource, authorization_details=text)
        if answer.status != 200:
            # so large a number may be refused, but then by its own error
            text = text.replace("12345678901234567890", "5")
            answer = web.token("client_credentials", resource=resource, authorization_details=text)
        token = given(answer).access
        raw = client_of(app, "resource_server").post("/introspect", {"token": token})
        for body in (answer.body, raw.body):
            assert text.encode() in body, body
        if resource == JWT_API:
            payload = token.split(".")[1]
            assert text.encode() in base64.urlsafe_b64decode(payload + "==")
    # as much as may be asked for fits into a JWT of ours
    large = json.dumps([{"type": "order", "note": "x" * 12_500}], separators=(",", ":"))
    token = given(web.token("client_credentials", resource=JWT_API, authorization_details=large)).access
    assert app.introspect(token)["authorization_details"] == json.loads(large)
