"""RFC 8693: tokens for tokens. Never wider, never longer, and dead with what they were exchanged for."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from tests.support.app import API, BILLING, JWT_API, SCOPES, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_not_stored, is_refused
from tests.support.flows import Person, Tokens, event_types, given, history, is_active, own_token, stream_of
from tests.support.proof_keys import ProofKey

from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import suspend
from grantlog.flows.operators import operator_origin
from grantlog.flows.withdraw_token import withdraw_family

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
REFRESH = "urn:ietf:params:oauth:token-type:refresh_token"
IDENTITY = "urn:ietf:params:oauth:token-type:id_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
SERVICE = ClientMetadata(
    name="Orders",
    grant_types=(EXCHANGE, "client_credentials"),
    response_types=(),
    scope=SCOPES,
    introspects=(API,),
)


@pytest.fixture(scope="module")
def service(app: Running) -> Client:
    """The resource server behind the API, which calls others on behalf of its users."""
    return Client(app.url, app.register(SERVICE))


@pytest.fixture(scope="module")
def beside(app: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of another process."""
    with serving(site_of(app, tmp_path_factory.mktemp("beside"))) as (_, url):
        yield url


def exchange(client: Client, subject: str, /, **values: str | Sequence[str]) -> Answer:
    usual: dict[str, str | Sequence[str]] = {"subject_token": subject, "subject_token_type": ACCESS}
    return client.token(EXCHANGE, **(usual | values))


def exchanged(client: Client, subject: str, /, **values: str | Sequence[str]) -> str:
    return given(exchange(client, subject, **values)).access


def registered(app: Running, **changes: Any) -> Client:
    return Client(app.url, app.register(replace(SERVICE, **changes)))


def test_a_service_gets_a_token_for_its_users_that_says_who_acts(app: Running, person: Person, service: Client) -> None:
    mine = person.tokens(scope="openid api:read api:write").access
    answer = exchange(service, mine, scope="api:read", resource=BILLING)
    is_not_stored(answer)
    # RFC 8693 2.2.1: "issued_token_type: REQUIRED."
    assert answer.json["issued_token_type"] == ACCESS
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["scope"] == "api:read"
    assert "refresh_token" not in answer.json
    assert "id_token" not in answer.json
    before, told = app.introspect(mine), app.introspect(answer.json["access_token"])
    assert told["sub"] == before["sub"]
    assert told["client_id"] == service.client_id
    assert told["aud"] in (BILLING, [BILLING])
    assert told["act"] == {"sub": service.client_id}
    assert told["auth_time"] == before["auth_time"]
    assert told["exp"] <= before["exp"]
    assert answer.json["expires_in"] <= before["exp"] - told["iat"]


def test_an_actor_token_says_who_acts_and_chains_nest(app: Running, person: Person, service: Client) -> None:
    robot = registered(app, name="Robot", introspects=(BILLING,))
    robots = given(robot.token("client_credentials", resource=BILLING)).access
    first = exchanged(service, person.tokens().access, resource=BILLING)
    second = exchanged(robot, first, actor_token=robots, actor_token_type=ACCESS)
    assert app.introspect(second)["act"] == {"sub": robot.client_id, "act": {"sub": service.client_id}}
    assert app.introspect(second)["sub"] == app.introspect(first)["sub"]


def test_an_own_token_is_narrowed_without_an_actor(app: Running) -> None:
    client = registered(app, name="Narrow")
    wide = given(client.token("client_credentials")).access
    told = app.introspect(exchanged(client, wide, scope="api:read"))
    assert told["scope"] == "api:read"
    assert (told["sub"], told["client_id"]) == (client.client_id, client.client_id)
    assert "act" not in told


def test_not_even_an_own_token_is_exchanged_without_end(app: Running) -> None:
    client = registered(app, name="Endless")
    token = given(client.token("client_credentials", scope="api:read")).access
    for _ in range(app.settings.exchange_depth):
        token = exchanged(client, token)
    is_refused(exchange(client, token), "invalid_request")


def test_impersonation_is_for_clients_that_an_operator_let_and_the_log_says_who_asked(
    app: Running, person: Person
) -> None:
    trusted = registered(app, name="Support", introspects=(), may_exchange=(app.clients["web"].client_id,))
    stranger = registered(app, name="Stranger", introspects=())
    mine = person.tokens().access
    theirs = exchanged(trusted, mine)
    assert "act" not in app.introspect(theirs)
    (recorded,) = app.run(app.service.ports.log.history(stream_of(app, theirs)))
    assert recorded.envelope.actor == f"client:{trusted.client_id}"
    is_refused(exchange(stranger, mine), "invalid_request")


def test_jwt_access_tokens_are_exchanged_by_either_type(app: Running, person: Person) -> None:
    client = registered(app, name="JWT", introspects=(JWT_API,))
    jwt = person.tokens(resource=[JWT_API], scope="api:read").access
    assert jwt.count(".") == 2
    for kind in (ACCESS, JWT):
        assert is_active(app, exchanged(client, jwt, subject_token_type=kind, resource=JWT_API))
    opaque = registered(app, name="Opaque", introspects=(API,))
    is_refused(exchange(opaque, person.tokens().access, subject_token_type=JWT), "invalid_request")


def test_an_audience_is_a_resource_or_the_client_id_of_a_resource_server(
    app: Running, person: Person, service: Client
) -> None:
    billing = registered(app, name="Billing", introspects=(BILLING,))
    mine = person.tokens().access
    for audience in (BILLING, billing.client_id):
        assert app.introspect(exchanged(service, mine, audience=audience))["aud"] in (BILLING, [BILLING])
    for unknown in ("nobody", "https://unknown.example/", app.clients["web"].client_id, "http://127.0.0.1:1/"):
        is_refused(exchange(service, mine, audience=unknown), "invalid_target")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"scope": "api:write"}, "invalid_scope"),
        ({"scope": "api:read nonsense"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"resource": BILLING}, "invalid_target"),
        ({"resource": [API, BILLING]}, "invalid_target"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
        ({"resource": "not a uri"}, "invalid_target"),
        ({"audience": BILLING}, "invalid_target"),
        ({"requested_token_type": REFRESH}, "invalid_request"),
        ({"requested_token_type": IDENTITY}, "invalid_request"),
        ({"subject_token_type": REFRESH}, "invalid_request"),
        ({"subject_token_type": IDENTITY}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "gl_at_junk"}, "invalid_request"),
        ({"subject_token": "x" * 20_000}, "invalid_request"),
        ({"actor_token": "gl_at_junk"}, "invalid_request"),
        ({"actor_token": "gl_at_junk", "actor_token_type": ACCESS}, "invalid_request"),
        ({"actor_token_type": ACCESS}, "invalid_request"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"subject_token": ["a", "b"]}, "invalid_request"),
    ],
    ids=str,
)
def test_nothing_is_widened_and_nothing_malformed_passes(
    app: Running, person: Person, service: Client, values: dict[str, Any], error: str
) -> None:
    """The grant named the API alone, and reading."""
    mine = person.tokens(resource=[API], scope="api:read").access
    is_refused(exchange(service, mine, **values), error)
    assert event_types(app, mine)[-1] == "code_redeemed"
    assert is_active(app, exchanged(service, mine))


def test_a_resource_server_goes_further_only_where_it_was_registered_to(app: Running, person: Person) -> None:
    further = registered(app, name="Further", resources=(API, BILLING))
    mine = person.tokens(resource=[API], scope="api:read").access
    assert app.introspect(exchanged(further, mine, resource=BILLING))["aud"] in (BILLING, [BILLING])
    is_refused(exchange(further, mine, resource=JWT_API), "invalid_target")


@pytest.mark.parametrize("name", ["refresh token", "ID token", "code"])
def test_nothing_but_an_access_token_is_exchanged(app: Running, person: Person, service: Client, name: str) -> None:
    tokens = person.tokens()
    texts = {
        "refresh token": tokens.refresh,
        "ID token": tokens.answer.json["id_token"],
        "code": person.code(),
    }
    for kind in (ACCESS, JWT):
        is_refused(exchange(service, texts[name], subject_token_type=kind), "invalid_request")


def test_a_client_that_is_not_registered_for_it_or_public_gets_nothing(
    app: Running, person: Person, web: Client
) -> None:
    mine = person.tokens().access
    is_refused(exchange(web, mine), "unauthorized_client")
    public = registered(app, name="Public", token_endpoint_auth_method="none")
    is_refused(exchange(public, mine), "unauthorized_client")


def test_somebody_elses_actor_token_counts_for_nobody(app: Running, person: Person, service: Client) -> None:
    stranger = registered(app, name="Actor", introspects=(BILLING,))
    theirs = given(stranger.token("client_credentials", resource=BILLING)).access
    is_refused(
        exchange(service, person.tokens().access, actor_token=theirs, actor_token_type=ACCESS), "invalid_request"
    )


def revoke(app: Running, tokens: Tokens, how: str, web: Client) -> None:
    if how == "the access token":
        assert web.revoke(tokens.access).status == 200
    elif how == "the refresh token":
        assert web.revoke(tokens.refresh).status == 200
    elif how == "an operator":
        origin = operator_origin(app.service, "operator:test")
        app.run(withdraw_family(app.service, stream_of(app, tokens.access), origin))
    else:
        second = given(web.refresh(tokens.refresh))
        given(web.refresh(second.refresh))
        is_refused(web.refresh(tokens.refresh), "invalid_grant")


@pytest.mark.parametrize("how", ["the access token", "the refresh token", "an operator", "reuse"])
def test_children_and_their_children_die_with_the_parent_in_every_process_before_the_answer_leaves(
    app: Running, person: Person, web: Client, service: Client, guard: Client, beside: str, how: str
) -> None:
    tokens = person.tokens()
    robot = registered(app, name=f"Robot {how}", introspects=(API, BILLING))
    child = exchanged(service, tokens.access, resource=BILLING)
    grandchild = exchanged(robot, child)
    elsewhere = replace(guard, url=beside)
    assert all(elsewhere.introspect(text)["active"] for text in (child, grandchild))
    revoke(app, tokens, how, web)
    for text in (child, grandchild):
        assert elsewhere.introspect(text) == {"active": False}
        assert not is_active(app, text)
    is_refused(exchange(robot, child), "invalid_request")


def test_one_revoked_token_takes_its_own_children_and_leaves_its_siblings(
    app: Running, person: Person, web: Client, service: Client
) -> None:
    first = person.tokens()
    second = given(web.refresh(first.refresh))
    children = [exchanged(service, tokens.access) for tokens in (first, second)]
    assert web.revoke(first.access).status == 200
    assert [is_active(app, text) for text in children] == [False, True]
    assert is_active(app, second.access)


def test_a_revoked_child_leaves_its_parent_alone(app: Running, person: Person, service: Client) -> None:
    mine = person.tokens().access
    child = exchanged(service, mine)
    assert service.revoke(child).status == 200
    assert [is_active(app, text) for text in (child, mine)] == [False, True]


def test_a_suspended_client_loses_what_it_exchanged_and_so_does_everybody_below(app: Running, person: Person) -> None:
    middle = registered(app, name="Middle")
    robot = registered(app, name="Below", introspects=(API, BILLING))
    child = exchanged(middle, person.tokens().access)
    grandchild = exchanged(robot, child)
    origin = operator_origin(app.service, "operator:test")
    app.run(suspend(app.service, ClientId(middle.client_id), "test", origin))
    assert not is_active(app, child)
    assert not is_active(app, grandchild)


def test_no_more_exchanges_follow_each_other_than_the_operator_allows(app: Running, person: Person) -> None:
    clients = [registered(app, name=f"Chain {number}") for number in range(5)]
    text = person.tokens().access
    for client in clients[:4]:
        text = exchanged(client, text)
    is_refused(exchange(clients[4], text), "invalid_request")


def test_however_many_ask_at_once_all_children_hang_on_their_parent(
    app: Running, person: Person, web: Client, service: Client
) -> None:
    tokens = person.tokens()
    with ThreadPoolExecutor(8) as pool:
        children = list(pool.map(lambda _: exchanged(service, tokens.access), range(8)))
    assert len(set(children)) == 8
    assert event_types(app, tokens.access).count("child_issued") == 8
    assert web.revoke(tokens.refresh).status == 200
    assert not any(is_active(app, text) for text in children)


def test_a_race_between_exchange_and_revocation_leaves_nothing_alive(
    app: Running, person: Person, web: Client, service: Client
) -> None:
    for _ in range(6):
        tokens = person.tokens()
        with ThreadPoolExecutor(5) as pool:
            asking = [pool.submit(exchange, service, tokens.access) for _ in range(4)]
            assert pool.submit(web.revoke, tokens.refresh).result().status == 200
            answers = [each.result() for each in asking]
        for answer in answers:
            assert answer.status in {200, 400}, answer.text
            if answer.status == 200:
                assert not is_active(app, answer.json["access_token"])
            else:
                assert answer.json["error"] == "invalid_request"


def test_the_child_is_born_before_its_parent_knows_it(app: Running, person: Person, service: Client) -> None:
    mine = person.tokens().access
    child = exchanged(service, mine)
    (born,) = [event for _, event in history(app, child)]
    kind, pointing = history(app, mine)[-1]
    assert kind == "grant.child_issued"
    assert pointing.child == stream_of(app, child)
    assert born.parent == stream_of(app, mine)
    assert {stamp.kind for stamp in born.stamps} >= {"family", "client", "account"}


def dpop(client: Client, key: ProofKey, subject: str, **values: str) -> Answer:
    form = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS, **values}
    return client.post("/token", form, key.proof("POST", f"{client.url}/token"))


def test_the_new_token_is_bound_to_who_asked_for_it(app: Running, person: Person, service: Client) -> None:
    key = ProofKey()
    answer = dpop(service, key, person.tokens().access)
    assert answer.status == 200, answer.text
    assert answer.json["token_type"] == "DPoP"
    assert app.introspect(answer.json["access_token"])["cnf"] == {"jkt": key.jkt}


def test_a_bound_token_is_exchanged_for_a_bound_one_only_and_not_by_who_was_never_sent_it(
    app: Running, person: Person, service: Client
) -> None:
    theirs = ProofKey()
    bound = client_of(app).post(
        "/token",
        {
            "grant_type": "authorization_code",
            "code": person.code(),
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        },
        theirs.proof("POST", f"{app.url}/token"),
    )
    text = bound.json["access_token"]
    is_refused(exchange(service, text), "invalid_request")
    mine = ProofKey()
    answer = dpop(service, mine, text)
    assert app.introspect(answer.json["access_token"])["cnf"] == {"jkt": mine.jkt}
    trusted = registered(app, name="Trusted", introspects=(), may_exchange=(app.clients["web"].client_id,))
    is_refused(dpop(trusted, mine, text), "invalid_request")


def test_a_proof_counts_once_also_here(app: Running, person: Person, service: Client) -> None:
    form = {"grant_type": EXCHANGE, "subject_token": person.tokens().access, "subject_token_type": ACCESS}
    headers = ProofKey().proof("POST", f"{service.url}/token")
    assert service.post("/token", form, headers).status == 200
    is_refused(service.post("/token", form, headers), "invalid_dpop_proof")


def test_a_clients_own_token_is_exchanged_for_another_resource_it_may_have(app: Running, service: Client) -> None:
    mine = given(service.token("client_credentials", resource=API)).access
    # the client asked for the API alone: that is what the token is limited to
    is_refused(exchange(service, mine, resource=BILLING), "invalid_target")
    assert own_token(app, "resource_server").access


def test_an_exchanged_token_expires_with_its_subject_token(start_app: StartApp) -> None:
    app = start_app(access_token_lifetime=6)
    client = Client(app.url, app.register(SERVICE))
    person = Person(app)
    mine = person.tokens().access
    app.pass_seconds(1)
    child = exchanged(client, mine)
    assert app.introspect(child)["exp"] == app.introspect(mine)["exp"]
    app.pass_seconds(6)
    assert not is_active(app, child)
    is_refused(exchange(client, mine), "invalid_request")
