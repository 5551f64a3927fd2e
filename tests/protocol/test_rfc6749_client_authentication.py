"""RFC 6749 section 2.3: who the client is, by one proof, at every endpoint that asks for it."""

import base64
import http.client
from urllib.parse import quote, urlsplit

import pytest
from tests.support.app import SPA, WEB, Running
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_refused
from tests.support.flows import Person, is_active, own_token

from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import rotate_secret
from grantlog.flows.operators import operator_origin

PATHS = ("/token", "/revoke", "/introspect", "/introspect/batch")
GOOD = {"grant_type": "client_credentials", "token": "x"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    """A Basic header of exactly these."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def ask(app: Running, path: str, values: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    """A request with no more proof than is given."""
    return app.browser().post(path, values, headers)


def secret_of(client: Client) -> str:
    secret = client.credentials.client_secret
    assert secret is not None
    return secret


@pytest.mark.parametrize("path", PATHS)
def test_both_ways_of_a_confidential_client_are_understood_everywhere(app: Running, guard: Client, path: str) -> None:
    body = {"client_id": guard.client_id, "client_secret": secret_of(guard)}
    assert ask(app, path, GOOD | body).status == 200
    assert ask(app, path, GOOD, basic(guard.client_id, secret_of(guard))).status == 200
    named = {"client_id": guard.client_id}
    assert ask(app, path, GOOD | named, basic(guard.client_id, secret_of(guard))).status == 200


def test_the_header_is_form_encoded_inside_and_its_scheme_is_of_any_case(app: Running, web: Client) -> None:
    # RFC 6749 2.3.1: id and secret are encoded "using the 'application/x-www-form-urlencoded' encoding algorithm"
    spelt = "".join(f"%{ord(character):02x}" for character in web.client_id)
    assert ask(app, "/token", GOOD, basic(spelt, quote(secret_of(web), safe=""))).status == 200
    header = basic(web.client_id, secret_of(web))["Authorization"]
    for scheme in ("basic ", "BASIC ", "Basic  "):
        answer = ask(app, "/token", GOOD, {"Authorization": header.replace("Basic ", scheme)})
        assert answer.status == 200, scheme


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"%zz:x").decode(),
        "Basic " + base64.b64encode(b"%ff:x").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"nobody:x").decode(),
        "Basic " + base64.b64encode(b"a\x00b:x").decode(),
        "Basic " + "QQ" * 3000,
        "Bearer gl_at_x",
        "Digest username=x",
        "\u00e9",
    ],
)
def test_a_header_that_proves_nothing_is_401_with_a_challenge(app: Running, path: str, header: str) -> None:
    answer = ask(app, path, GOOD, {"Authorization": header.encode().decode("latin-1")})
    is_refused(answer, "invalid_client", 401)
    assert (answer.header("WWW-Authenticate") or "").startswith("Basic realm=")


def test_wrong_and_unknown_look_the_same(app: Running, web: Client) -> None:
    answers = [
        ask(app, "/token", GOOD, basic(web.client_id, "wrong")),
        ask(app, "/token", GOOD, basic("nobody", secret_of(web))),
        ask(app, "/token", GOOD, basic(app.clients["spa"].client_id, "x")),
        ask(app, "/token", GOOD, basic(web.client_id, "")),
    ]
    assert {(answer.status, answer.body, answer.header("WWW-Authenticate")) for answer in answers} == {
        (401, answers[0].body, answers[0].header("WWW-Authenticate"))
    }


@pytest.mark.parametrize("path", PATHS)
def test_nobody_proves_himself_twice(app: Running, web: Client, path: str) -> None:
    # RFC 6749 2.3: "The client MUST NOT use more than one authentication method in each request."
    body = GOOD | {"client_id": web.client_id, "client_secret": secret_of(web)}
    is_refused(ask(app, path, body, basic(web.client_id, secret_of(web))), "invalid_request")


@pytest.mark.parametrize("path", PATHS)
def test_the_header_and_the_body_name_one_client(app: Running, web: Client, path: str) -> None:
    body = GOOD | {"client_id": app.clients["spa"].client_id}
    is_refused(ask(app, path, body, basic(web.client_id, secret_of(web))), "invalid_request")


@pytest.mark.parametrize("path", PATHS)
def test_a_confidential_client_has_to_prove_itself(app: Running, web: Client, path: str) -> None:
    is_refused(ask(app, path, GOOD | {"client_id": web.client_id}), "invalid_client", 401)
    is_refused(ask(app, path, GOOD | {"client_id": web.client_id, "client_secret": ""}), "invalid_client", 401)


@pytest.mark.parametrize("path", PATHS)
def test_a_public_client_has_no_secret_to_send(app: Running, path: str) -> None:
    spa = app.clients["spa"].client_id
    is_refused(ask(app, path, GOOD | {"client_id": spa, "client_secret": "x"}), "invalid_client", 401)
    is_refused(ask(app, path, GOOD, basic(spa, "x")), "invalid_client", 401)


def test_a_public_client_cannot_ask_what_tokens_may_do(app: Running) -> None:
    for path in ("/introspect", "/introspect/batch"):
        assert ask(app, path, {"token": "x", "client_id": app.clients["spa"].client_id}).status in {400, 401}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["client_assertion", "client_assertion_type"])
def test_a_proof_that_nobody_understands_is_none(app: Running, web: Client, path: str, name: str) -> None:
    is_refused(ask(app, path, GOOD | {name: "x"}), "invalid_client", 401)
    is_refused(ask(app, path, GOOD | {name: "x"}, basic(web.client_id, secret_of(web))), "invalid_request")


@pytest.mark.parametrize("path", PATHS)
def test_who_names_nobody_is_401(app: Running, path: str) -> None:
    is_refused(ask(app, path, GOOD), "invalid_client", 401)


@pytest.mark.parametrize("client_id", ["\u00e9", "a\u00a0b", "x" * 257, "../../etc/passwd", "' OR 1=1 --", "%"])
def test_a_strange_client_id_is_unknown_and_nothing_else(app: Running, client_id: str) -> None:
    is_refused(ask(app, "/token", GOOD | {"client_id": client_id, "client_secret": "x"}), "invalid_client", 401)


def test_two_headers_are_no_proof(app: Running, web: Client) -> None:

    connection = http.client.HTTPConnection(urlsplit(app.url).netloc, timeout=10)
    connection.putrequest("POST", "/token")
    body = b"grant_type=client_credentials"
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Authorization", web.credentials.basic)
    connection.putheader("Authorization", web.credentials.basic)
    connection.endheaders(body)
    assert connection.getresponse().status == 400
    connection.close()


def test_a_suspended_client_is_nobody_at_once_and_so_are_its_tokens(app: Running, person: Person) -> None:
    app.clients["suspect"] = app.register(WEB)
    suspect = client_of(app, "suspect")
    own, family = own_token(app, "suspect"), person.tokens("suspect")
    assert is_active(app, own.access)
    assert is_active(app, family.access)
    app.suspend(suspect.credentials)
    assert not is_active(app, own.access)
    assert not is_active(app, family.access)
    is_refused(suspect.token("client_credentials"), "invalid_client", 401)
    is_refused(suspect.refresh(family.refresh), "invalid_client", 401)


def test_a_code_of_a_client_that_was_suspended_is_worth_nothing(app: Running, person: Person) -> None:
    app.clients["late"] = app.register(SPA)
    code = person.code("late")
    app.suspend(app.clients["late"])
    answer = client_of(app, "late").token("authorization_code", code=code, code_verifier="a" * 43)
    is_refused(answer, "invalid_client", 401)


def test_two_secrets_overlap_and_the_third_ends_the_first(app: Running) -> None:
    credentials = app.register(WEB)
    first = Client(app.url, credentials)

    def another() -> Client:
        origin = operator_origin(app.service, "operator:test")
        made = app.run(rotate_secret(app.service, ClientId(credentials.client_id), origin))
        return Client(app.url, type(credentials)(credentials.client_id, made.text))

    second = another()
    assert [each.token("client_credentials").status for each in (first, second)] == [200, 200]
    third = another()
    assert [each.token("client_credentials").status for each in (first, second, third)] == [401, 200, 200]


def test_the_server_never_repeats_a_secret(app: Running, web: Client, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = "a-wrong-secret-of-mine"
    answer = ask(app, "/token", GOOD | {"client_id": web.client_id, "client_secret": wrong})
    again = ask(app, "/token", GOOD, basic(web.client_id, wrong))
    assert (answer.status, again.status) == (401, 401)
    assert wrong not in answer.text + again.text + "".join(capfd.readouterr())
