"""RFC 7591: who holds the initial access token registers clients, and no client can register what would hurt others."""

import json

import pytest
from tests.support.app import INITIAL_ACCESS_TOKEN, REDIRECT, SCOPES, Credentials, Running, StartApp
from tests.support.client_metadata import JWKS
from tests.support.clients import Client, is_not_stored, is_refused
from tests.support.flows import Person, given, is_active
from tests.support.registrations import BEARER, GOOD, credentials_of, register, registered

from grantlog.core.identifiers import ClientId


def test_a_client_is_told_all_that_was_registered(app: Running) -> None:
    answer = register(app, GOOD | {"scope": "api:read", "contacts": ["me@client.example"], "x_unknown": {"a": 1}})
    assert answer.status == 201
    is_not_stored(answer)
    told = answer.json
    # RFC 7591 2: the defaults
    assert told["token_endpoint_auth_method"] == "client_secret_basic"
    assert told["grant_types"] == ["authorization_code"]
    assert told["response_types"] == ["code"]
    # OpenID Connect Registration 2
    assert told["id_token_signed_response_alg"] == "RS256"
    assert told["application_type"] == "web"
    assert told["client_secret_expires_at"] == 0
    assert told["redirect_uris"] == [REDIRECT]
    assert (told["client_name"], told["scope"]) == ("A client", "api:read")
    # RFC 7591 2: the server "MUST ignore any client metadata sent by the client that it does not understand"; contacts
    # name persons, of whom the log keeps nothing in clear
    assert not {"x_unknown", "contacts"} & set(told)
    assert told["client_id_issued_at"] > 1_700_000_000


def test_no_two_clients_share_an_id_or_a_secret(app: Running) -> None:
    told = [register(app, GOOD).json for _ in range(5)]
    assert len({each["client_id"] for each in told}) == len({each["client_secret"] for each in told}) == 5
    assert all(len(each["client_secret"]) >= 43 for each in told)
    # an id on a command line is none of its options
    assert all(each["client_id"][0].isalpha() for each in told)


def test_a_client_cannot_choose_its_id_or_its_secret_or_be_a_resource_server(app: Running) -> None:
    wish = {
        "client_id": "admin",
        "client_secret": "mine",
        "introspects": ["https://api.example.com/"],
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
    }
    told = register(app, GOOD | wish).json
    assert told["client_id"] != "admin"
    assert told["client_secret"] != "mine"
    client = Client(app.url, Credentials(told["client_id"], told["client_secret"]))
    is_refused(client.post("/introspect", {"token": "x"}), "unauthorized_client")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_what_was_registered_works_from_the_next_request_on(app: Running, person: Person, method: str) -> None:
    grants = ["authorization_code", "refresh_token"]
    told = register(app, GOOD | {"token_endpoint_auth_method": method, "grant_types": grants}).json
    assert ("client_secret" in told) == (method != "none")
    app.clients[method] = Credentials(told["client_id"], told.get("client_secret"))
    tokens = person.tokens(method)
    assert is_active(app, tokens.access)
    assert is_active(app, given(Client(app.url, app.clients[method]).refresh(tokens.refresh)).access)


def test_a_client_of_no_flow_with_redirects_gets_tokens_for_itself(app: Running) -> None:
    told = register(app, {"grant_types": ["client_credentials"], "scope": "api:read"}).json
    assert (told["response_types"], told["redirect_uris"]) == ([], [])
    client = Client(app.url, Credentials(told["client_id"], told["client_secret"]))
    assert given(client.token("client_credentials")).scope == {"api:read"}
    is_refused(client.token("client_credentials", scope="api:write"), "invalid_scope")


def test_without_a_scope_a_client_may_ask_for_any(app: Running) -> None:
    assert set(SCOPES) <= set(register(app, GOOD).json["scope"].split())


def test_the_secret_is_told_once(app: Running, capfd: pytest.CaptureFixture[str]) -> None:
    secret = register(app, GOOD).json["client_secret"]
    assert secret not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Basic {INITIAL_ACCESS_TOKEN}",
        BEARER + "x",
        BEARER[:-1],
        "Bearer \u00e9",
        f"Bearer {INITIAL_ACCESS_TOKEN} {INITIAL_ACCESS_TOKEN}",
        "Bearer " + "x" * 5000,
    ],
)
def test_without_the_initial_access_token_nobody_registers(app: Running, authorization: str | None) -> None:
    given_ = None if authorization is None else authorization.encode().decode("latin-1")
    answer = register(app, GOOD, given_)
    is_refused(answer, "invalid_token", 401)
    assert (answer.header("WWW-Authenticate") or "").startswith("Bearer realm=")


def test_where_there_is_no_initial_access_token_registration_is_closed(start_app: StartApp) -> None:
    app = start_app(initial_access_token=None)
    for authorization in (BEARER, "Bearer ", None):
        is_refused(register(app, GOOD, authorization), "access_denied", 403)


@pytest.mark.parametrize(
    "uri",
    [
        "http://client.example/callback",
        "https://client.example/callback#fragment",
        "https://client.example/callback#",
        "https://*.example/callback",
        "https://client.example/*",
        "https://user@client.example/callback",
        "https://user:password@client.example/callback",
        "https:///callback",
        "https://client.example/../callback",
        "https://client.example/%2e%2e/callback",
        "https://client.example/callback?code=x",
        "https://client.example/callback?state=x",
        "https://client.example:99999/callback",
        "https://client.example\\@evil.example/",
        "https://client.ex\u00e4mple/",
        "javascript:alert(1)",
        "data:text/html,x",
        "com.example.app:/callback",
        "/callback",
        "client.example",
        " https://client.example/",
        "https://client.example/\r\nSet-Cookie: a=b",
        "",
    ],
)
def test_a_redirect_uri_that_could_lead_elsewhere_is_refused(app: Running, uri: str) -> None:
    is_refused(register(app, GOOD | {"redirect_uris": [uri]}), "invalid_redirect_uri")
    is_refused(register(app, GOOD | {"redirect_uris": [REDIRECT, uri]}), "invalid_redirect_uri")


@pytest.mark.parametrize("uris", [[], None, "https://client.example/", {}, [1], [None], [[REDIRECT]], 7])
def test_a_client_of_the_code_flow_has_redirect_uris(app: Running, uris: object) -> None:
    is_refused(register(app, {"client_name": "x", "redirect_uris": uris}), "invalid_redirect_uri")


def test_a_native_client_has_a_scheme_of_its_own_and_the_loopback(app: Running) -> None:
    uris = ["com.example.app:/callback", "http://127.0.0.1/callback", "http://[::1]:8000/callback"]
    answer = register(app, {"application_type": "native", "token_endpoint_auth_method": "none", "redirect_uris": uris})
    assert (answer.status, answer.json["redirect_uris"]) == (201, uris)
    for uri in ("javascript:alert(1)", "myapp:/callback", "http://192.168.0.1/callback", "file:///etc/passwd"):
        document = {"application_type": "native", "redirect_uris": [uri]}
        is_refused(register(app, document), "invalid_redirect_uri")


@pytest.mark.parametrize(
    "wrong",
    [
        {"grant_types": ["password"]},
        {"grant_types": ["implicit"]},
        {"grant_types": "authorization_code"},
        {"grant_types": [[]]},
        {"grant_types": ["refresh_token"]},
        {"response_types": ["token"]},
        {"response_types": ["code id_token"]},
        {"response_types": []},
        {"grant_types": ["client_credentials"], "response_types": ["code"]},
        {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "client.example"},
        {"tls_client_certificate_bound_access_tokens": True},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {"jwks_uri": "http://client.example/jwks"},
        {"subject_type": "pairwise", "redirect_uris": [REDIRECT, "https://other.example/callback"]},
        {"id_token_encrypted_response_alg": "RSA-OAEP-256"},
        {"authorization_details_types": ["payment_initiation"]},
        {"grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"]},
        {"resource_server_for": ["https://unknown.example/"]},
        {"backchannel_logout_uri": "http://client.example/logout"},
        {"post_logout_redirect_uris": ["javascript:alert(1)"]},
        {"default_max_age": "60"},
        {"token_endpoint_auth_method": ["none"]},
        {"token_endpoint_auth_method": 7},
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
        {"application_type": "desktop"},
        {"scope": "admin"},
        {"scope": ["api:read"]},
        {"scope": "api:read  api:write"},
        {"client_name": 7},
        {"client_name": "x" * 3000},
        {"client_name": "safe\u202eelif"},
        {"client_name": "line\nbreak"},
        {"client_uri": "javascript:alert(1)"},
        {"logo_uri": "http://client.example/logo.png"},
        {"policy_uri": "https://"},
        {"tos_uri": 1},
        {"allowed_cors_origins": "https://client.example"},
        {"allowed_cors_origins": ["*"]},
        {"allowed_cors_origins": ["null"]},
        {"allowed_cors_origins": ["http://client.example"]},
        {"allowed_cors_origins": ["https://client.example/"]},
    ],
    ids=lambda wrong: json.dumps(wrong)[:50],
)
def test_wrong_metadata_is_refused(app: Running, wrong: dict[str, object]) -> None:
    is_refused(register(app, GOOD | wrong), "invalid_client_metadata")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"{'client_name': 'x'}",
        b'{"client_name": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"client_name": NaN}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"client_name": "\\ud800"}',
        b"redirect_uris=x",
    ],
    ids=lambda body: repr(body[:14]),
)
def test_what_is_no_json_object_is_refused(app: Running, body: bytes) -> None:
    is_refused(register(app, body), "invalid_client_metadata")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "", "application/jsonp"])
def test_another_content_type_is_refused(app: Running, kind: str) -> None:
    headers = {"Authorization": BEARER, "Content-Type": kind}
    answer = app.browser().request("POST", "/register", body=json.dumps(GOOD).encode(), headers=headers)
    is_refused(answer, "invalid_client_metadata")


def test_a_member_that_comes_twice_counts_as_its_last_and_is_checked(app: Running) -> None:
    body = b'{"redirect_uris": ["%s"], "redirect_uris": ["http://evil.example/"]}' % REDIRECT.encode()
    is_refused(register(app, body), "invalid_redirect_uri")


def test_lists_are_bounded(app: Running) -> None:
    many = [f"https://client.example/{number}" for number in range(100)]
    is_refused(register(app, GOOD | {"redirect_uris": many}), "invalid_redirect_uri")
    origins = [f"https://client{number}.example" for number in range(100)]
    is_refused(register(app, GOOD | {"allowed_cors_origins": origins}), "invalid_client_metadata")


def test_a_resource_server_registers_itself_under_the_initial_access_token(app: Running) -> None:
    told = registered(app, resource_server_for=["https://api.example.com/"], redirect_uris=[])
    assert (told["grant_types"], told["resource_server_for"]) == ([], ["https://api.example.com/"])
    guard = Client(app.url, credentials_of(told))
    mine = given(Client(app.url, app.clients["web"]).token("client_credentials", scope="api:read"))
    other = given(
        Client(app.url, app.clients["web"]).token("client_credentials", resource="https://billing.example.com/")
    )
    assert guard.introspect(mine.access)["active"]
    assert guard.introspect(other.access) == {"active": False}


def test_a_secret_to_sign_with_is_sealed_and_never_hashed_on_the_log(app: Running) -> None:
    told = registered(app, token_endpoint_auth_method="client_secret_jwt")
    client = app.run(app.service.clients.find(ClientId(told["client_id"])))
    assert client is not None
    assert client.state.secrets == ()
    kept = app.run(app.service.ports.kept.recall(client.stream, "client_secret_jwt"))
    assert kept == told["client_secret"].encode()


def test_no_registration_switches_pkce_off_or_becomes_verified(app: Running) -> None:
    told = registered(app, pkce_optional=True, verified=True, require_pkce=False, may_exchange=["x"])
    client = app.run(app.service.clients.find(ClientId(told["client_id"])))
    assert client is not None
    metadata = client.state.metadata
    assert (metadata.pkce_optional, metadata.verified, metadata.may_exchange) == (False, False, ())


def test_under_fapi_2_only_clients_with_keys_register(start_app: StartApp) -> None:
    app = start_app(profile="fapi2")
    for method in ("client_secret_basic", "none", None):
        is_refused(register(app, GOOD | {"token_endpoint_auth_method": method}), "invalid_client_metadata")
    keyed = GOOD | {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS}
    told = register(app, keyed).json
    assert told["dpop_bound_access_tokens"] is True
    assert told["require_pushed_authorization_requests"] is True
    assert told["id_token_signed_response_alg"] == "PS256"
    is_refused(register(app, keyed | {"id_token_signed_response_alg": "RS256"}), "invalid_client_metadata")
