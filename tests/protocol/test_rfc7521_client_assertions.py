"""RFC 7521 and 7523: clients prove themselves by assertions, each of them once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any

import pytest
from tests.support.app import API as API_URI
from tests.support.app import WEB as WEB_METADATA
from tests.support.app import Credentials, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import Answer, Browser
from tests.support.clients import is_refused
from tests.support.jwts import ALGS, JoseKey, assertion_claims, by_secret, key

from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import rotate_secret
from grantlog.flows.operators import operator_origin

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BY_KEY = replace(WEB_METADATA, token_endpoint_auth_method="private_key_jwt")


def registered(app: Running, signer: JoseKey, **changes: Any) -> str:
    return app.register(replace(BY_KEY, jwks=signer.jwks, **changes)).client_id


def ask(app: Running, assertion: str, path: str = "/token", /, **values: str) -> Answer:
    usual = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": assertion}
    return Browser(app.url).post(path, usual | values)


@pytest.fixture(scope="module")
def client_id(app: Running) -> str:
    return registered(app, key("ES256"))


def good(app: Running, client_id: str, **changes: Any) -> str:
    return key("ES256").sign(assertion_claims(client_id, app.settings.issuer, **changes))


@pytest.mark.parametrize("alg", ALGS)
def test_a_client_proves_itself_by_a_key_that_it_registered(app: Running, alg: str) -> None:
    client = registered(app, key(alg))
    answer = ask(app, key(alg).sign(assertion_claims(client, app.settings.issuer)))
    assert answer.status == 200, answer.text


def test_an_assertion_needs_no_client_id_and_the_one_beside_it_is_the_same(app: Running, client_id: str) -> None:
    assert ask(app, good(app, client_id), client_id=client_id).status == 200
    other = app.clients["web"].client_id
    is_refused(ask(app, good(app, client_id), client_id=other), "invalid_client", 401)


@pytest.mark.parametrize("path", ["", "/token", "/par"])
def test_the_audience_is_the_issuer_or_an_endpoint(app: Running, client_id: str, path: str) -> None:
    claims = assertion_claims(client_id, app.settings.issuer + path)
    assert ask(app, key("ES256").sign(claims)).status == 200


def test_the_endpoint_that_was_called_may_be_the_audience(app: Running, client_id: str) -> None:
    url = f"{app.settings.issuer}/revoke"
    answer = ask(app, key("ES256").sign(assertion_claims(client_id, url)), "/revoke", token="x")
    assert answer.status == 200, answer.text


@pytest.mark.parametrize(
    "audience",
    [
        lambda issuer: [issuer],
        lambda issuer: [issuer, "https://other.example"],
        lambda issuer: issuer + "/",
        lambda _: "https://other.example",
        lambda issuer: issuer.upper(),
        lambda _: None,
        lambda _: 7,
        lambda issuer: {"iss": issuer},
    ],
    ids=["array", "several", "slash", "other", "case", "none", "number", "object"],
)
def test_any_other_audience_is_refused(app: Running, client_id: str, audience: Callable[[str], Any]) -> None:
    claims = assertion_claims(client_id, audience(app.settings.issuer))
    is_refused(ask(app, key("ES256").sign(claims)), "invalid_client", 401)


def test_fapi2_takes_the_issuer_alone(app: Running) -> None:
    client = registered(app, key("ES256"), profile="fapi2")
    signer, proofs = key("ES256"), {"iat": int(time())}
    for path in ("/token", "/par"):
        refused = ask(app, signer.sign(assertion_claims(client, app.settings.issuer + path, **proofs)))
        is_refused(refused, "invalid_client", 401)
    answer = ask(app, signer.sign(assertion_claims(client, app.settings.issuer)))
    # it is who it says; what it lacks is a sender constraint
    is_refused(answer, "invalid_request")


def test_fapi2_takes_no_rs256(app: Running) -> None:
    client = registered(app, key("RS256"), profile="fapi2")
    is_refused(ask(app, key("RS256").sign(assertion_claims(client, app.settings.issuer))), "invalid_client", 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 0},
        {"exp": int(time()) - 1},
        {"exp": int(time()) + 90_000},
        {"nbf": int(time()) + 3600},
        {"iat": int(time()) + 3600},
        {"iat": "now"},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 300},
        {"iss": "somebody"},
        {"iss": None},
        {"sub": "somebody"},
        {"sub": None},
        {"sub": ["somebody"]},
    ],
    ids="-".join,  # no moments: a test is called the same in every process
)
def test_a_claim_that_is_not_as_it_must_be_is_refused(app: Running, client_id: str, changes: dict[str, Any]) -> None:
    is_refused(ask(app, good(app, client_id, **changes)), "invalid_client", 401)


@pytest.mark.parametrize("ahead", [0, 10])
def test_a_clock_that_is_ten_seconds_fast_is_forgiven(app: Running, client_id: str, ahead: int) -> None:
    now = int(time())
    assert ask(app, good(app, client_id, iat=now + ahead, nbf=now + ahead)).status == 200


@pytest.mark.parametrize("kind", ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"])
def test_another_kind_of_assertion_is_refused(app: Running, client_id: str, kind: str) -> None:
    answer = ask(app, good(app, client_id), client_assertion_type=kind)
    is_refused(answer, "invalid_client", 401)


def test_an_assertion_and_another_method_are_two(app: Running, client_id: str) -> None:
    is_refused(ask(app, good(app, client_id), client_secret="x"), "invalid_request")
    headers = {"Authorization": app.clients["web"].basic}
    form = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": good(app, client_id)}
    is_refused(Browser(app.url).post("/token", form, headers), "invalid_request")


def test_a_client_uses_the_method_that_it_registered(app: Running, client_id: str) -> None:
    web = app.clients["web"]
    is_refused(ask(app, key("ES256").sign(assertion_claims(web.client_id, app.settings.issuer))), "invalid_client", 401)
    form = {"grant_type": "client_credentials", "client_id": client_id}
    is_refused(Browser(app.url).post("/token", form), "invalid_client", 401)
    is_refused(Browser(app.url).post("/token", form | {"client_secret": "x"}), "invalid_client", 401)


def test_a_client_that_named_its_algorithm_uses_no_other(app: Running) -> None:
    signer = key("RS256")
    client = registered(app, signer, token_endpoint_auth_signing_alg="PS256")
    is_refused(ask(app, signer.sign(assertion_claims(client, app.settings.issuer))), "invalid_client", 401)


def test_an_assertion_counts_once(app: Running, client_id: str) -> None:
    assertion = good(app, client_id)
    assert ask(app, assertion).status == 200
    is_refused(ask(app, assertion), "invalid_client", 401)
    is_refused(ask(app, assertion, "/revoke", token="x"), "invalid_client", 401)


def test_an_assertion_counts_once_also_where_the_request_was_refused(app: Running, client_id: str) -> None:
    assertion = good(app, client_id)
    is_refused(ask(app, assertion, scope="nonsense"), "invalid_scope")
    is_refused(ask(app, assertion), "invalid_client", 401)


@pytest.mark.parametrize(("scope", "status"), [("api:read", 200), ("nonsense", 400)])
def test_an_assertion_counts_once_where_a_device_asks(app: Running, scope: str, status: int) -> None:
    client = registered(app, key("ES256"), grant_types=("urn:ietf:params:oauth:grant-type:device_code",))
    assertion = good(app, client)
    assert ask(app, assertion, "/device_authorization", scope=scope).status == status
    is_refused(ask(app, assertion, "/device_authorization", scope="api:read"), "invalid_client", 401)


def test_two_clients_may_use_the_same_jti(app: Running, client_id: str) -> None:
    other = registered(app, key("ES256"))
    assert ask(app, good(app, client_id, jti="one")).status == 200
    assert ask(app, good(app, other, jti="one")).status == 200


def test_an_assertion_counts_once_in_all_processes(app: Running, client_id: str, tmp_path: Path) -> None:
    assertion = good(app, client_id)
    with serving(site_of(app, tmp_path)) as (_, url):
        form = {"grant_type": "client_credentials", "client_assertion_type": TYPE, "client_assertion": assertion}
        assert Browser(url).post("/token", form).status == 200
        is_refused(ask(app, assertion), "invalid_client", 401)


def test_who_introspects_may_prove_itself_so_and_once_each_time(app: Running) -> None:
    guard = ClientMetadata(
        name="Guard",
        token_endpoint_auth_method="private_key_jwt",
        grant_types=("client_credentials",),
        response_types=(),
        introspects=(API_URI,),
        jwks=key("ES256").jwks,
    )
    client = app.register(guard).client_id
    first, second = good(app, client), good(app, client)
    for assertion in (first, second):
        assert ask(app, assertion, "/introspect", token="x").json == {"active": False}
        is_refused(ask(app, assertion, "/introspect", token="x"), "invalid_client", 401)


def secret_client(app: Running) -> Credentials:
    return app.register(replace(WEB_METADATA, token_endpoint_auth_method="client_secret_jwt"))


def test_a_client_proves_itself_by_its_secret(app: Running) -> None:
    made = secret_client(app)
    assert made.client_secret is not None
    claims = assertion_claims(made.client_id, app.settings.issuer)
    assertion = by_secret(made.client_secret.encode(), claims)
    assert ask(app, assertion).status == 200
    is_refused(ask(app, assertion), "invalid_client", 401)
    wrong = by_secret(b"x" * 43, assertion_claims(made.client_id, app.settings.issuer))
    is_refused(ask(app, wrong), "invalid_client", 401)


def test_a_secret_that_signs_is_never_sent(app: Running) -> None:
    made = secret_client(app)
    assert made.client_secret is not None
    form = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": made.client_secret}
    is_refused(Browser(app.url).post("/token", form), "invalid_client", 401)


def test_a_secret_that_was_replaced_signs_nothing(app: Running) -> None:
    made = secret_client(app)
    origin = operator_origin(app.service, "operator:test")
    new = app.run(rotate_secret(app.service, ClientId(made.client_id), origin)).text
    for secret, status in ((made.client_secret, 401), (new, 200)):
        assert secret is not None
        assert (
            ask(app, by_secret(secret.encode(), assertion_claims(made.client_id, app.settings.issuer))).status == status
        )


class _Keys(BaseHTTPRequestHandler):
    body = b""
    status = 200
    asked = 0

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked += 1
        self.send_response(kind.status)
        self.send_header("Content-Type", "application/jwk-set+json")
        self.end_headers()
        self.wfile.write(kind.body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def key_server(body: str) -> Iterator[tuple[str, type[_Keys]]]:
    """A client's own server, with its keys."""
    handler = type("Keys", (_Keys,), {"body": body.encode()})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_keys_may_stand_at_a_url_and_be_rotated(start_app: StartApp) -> None:
    app = start_app(egress_private=True)
    old, new = key("ES256"), key("ES256", "-next")
    with key_server(old.jwks) as (url, handler):
        client = app.register(replace(BY_KEY, jwks_uri=url)).client_id

        def by(signer: JoseKey) -> int:
            return ask(app, signer.sign(assertion_claims(client, app.settings.issuer))).status

        assert (by(old), by(old), handler.asked) == (200, 200, 1)
        # a key nobody has seen is looked for at once, but not again and again
        assert (by(new), by(new), handler.asked) == (401, 401, 2)
        handler.body = new.jwks.encode()
        app.service.keys._sets[url].missed_at = None  # half a minute passes
        assert (by(new), by(new), handler.asked) == (200, 200, 3)
        # what was known goes on while their server is down
        handler.status = 500
        app.service.keys._sets[url].missed_at = None  # half a minute passes
        assert (by(new), by(key("ES256", "-third")), handler.asked) == (200, 401, 4)


def test_who_rotates_right_after_the_first_use_is_known_at_once(start_app: StartApp) -> None:
    app = start_app(egress_private=True)
    old, new = key("ES256"), key("ES256", "-next")
    with key_server(old.jwks) as (url, handler):
        client = app.register(replace(BY_KEY, jwks_uri=url)).client_id
        for signer in (old, new):
            handler.body = signer.jwks.encode()
            assert ask(app, signer.sign(assertion_claims(client, app.settings.issuer))).status == 200


def test_a_url_into_a_private_network_leads_nowhere(start_app: StartApp) -> None:
    app = start_app()
    with key_server(key("ES256").jwks) as (url, handler):
        client = app.register(replace(BY_KEY, jwks_uri=url)).client_id
        is_refused(ask(app, key("ES256").sign(assertion_claims(client, app.settings.issuer))), "invalid_client", 401)
        assert handler.asked == 0
