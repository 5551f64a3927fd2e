"""RFC 6749 sections 3.2 and 5: what the token endpoint takes and gives, and how the others take parameters beside it."""

import gzip

import pytest
from tests.support.app import API, JWT_API, SCOPES, Running
from tests.support.browser import FORM, Answer, Browser
from tests.support.clients import Client, is_not_stored, is_refused
from tests.support.code_flow import VERIFIER
from tests.support.flows import Person, is_active, own_token, redeemed

ENDPOINTS = ("/token", "/introspect", "/introspect/batch", "/revoke")
GOOD = b"grant_type=client_credentials&token=x"
LARGE = 60 * 1024
"""Bytes that still fit into a body."""


def raw(client: Client, path: str, body: bytes, **headers: str) -> Answer:
    """What an endpoint answers to these very bytes, from a client that has proven itself."""
    given = {"Content-Type": FORM, "Authorization": client.credentials.basic}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Browser(client.url).request("POST", path, body=body, headers=given)


def test_a_client_gets_a_token_for_itself(app: Running, web: Client) -> None:
    answer = web.token("client_credentials", scope="api:read")
    is_not_stored(answer)
    assert answer.json.items() >= {"token_type": "Bearer", "scope": "api:read"}.items()
    assert answer.json["expires_in"] == app.settings.access_token_lifetime
    # RFC 6749 4.4.3: "A refresh token SHOULD NOT be included."
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope"}
    assert is_active(app, answer.json["access_token"])


def test_without_a_scope_the_client_gets_all_of_its_own_and_none_of_a_person(app: Running) -> None:
    assert own_token(app).scope == set(SCOPES)


def test_a_scope_of_a_person_is_none_of_a_client(web: Client) -> None:
    is_refused(web.token("client_credentials", scope="openid"), "invalid_scope")


@pytest.mark.parametrize(
    "scope",
    ["nonsense", "api:read nonsense", "api:read  api:write", " api:read", 'api:"read', "api:\u00e9", "a" * 3000],
)
def test_a_scope_that_is_not_the_clients_or_no_scope_at_all_is_refused(web: Client, scope: str) -> None:
    is_refused(web.token("client_credentials", scope=scope), "invalid_scope")


@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "Client_Credentials",
        "client_credentials ",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "__class__",
        "x" * 5000,
    ],
)
def test_a_grant_that_is_not_supported_is_said_to_be_so(web: Client, grant_type: str) -> None:
    is_refused(web.token(grant_type, username="alice", password="x"), "unsupported_grant_type")


def test_without_a_grant_type_there_is_no_request(web: Client) -> None:
    is_refused(web.post("/token", {}), "invalid_request")
    is_refused(web.post("/token", {"grant_type": ""}), "invalid_request")


@pytest.mark.parametrize(
    ("grant_type", "values"),
    [
        ("authorization_code", {"code_verifier": VERIFIER}),
        ("authorization_code", {"code": "", "code_verifier": VERIFIER}),
        ("refresh_token", {}),
        ("refresh_token", {"refresh_token": ""}),
    ],
)
def test_a_grant_without_its_credential_is_no_request(web: Client, grant_type: str, values: dict[str, str]) -> None:
    is_refused(web.token(grant_type, **values), "invalid_request")


def test_a_client_uses_only_the_grants_it_registered(app: Running) -> None:
    guard = Client(app.url, app.clients["resource_server"])
    is_refused(guard.refresh("gl_rt_x"), "unauthorized_client")
    is_refused(guard.token("authorization_code", code="x", code_verifier=VERIFIER), "unauthorized_client")


def test_a_public_client_gets_no_token_for_itself(app: Running) -> None:
    is_refused(Client(app.url, app.clients["spa"]).token("client_credentials"), "unauthorized_client")


def test_what_the_grant_does_not_know_is_ignored(app: Running, web: Client) -> None:
    answer = web.token("client_credentials", audience=API, code="x", refresh_token="y", x_unknown="\u00e9")
    assert answer.status == 200
    assert is_active(app, answer.json["access_token"])


def test_what_is_sent_without_a_value_is_not_sent(web: Client) -> None:
    # RFC 6749 3.2: "Parameters sent without a value MUST be treated as if they were omitted from the request."
    answer = web.token("client_credentials", scope="", resource="")
    assert set(answer.json["scope"].split()) == set(SCOPES)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id", "client_secret", "code", "refresh_token", "x"])
def test_a_doubled_parameter_is_refused_also_with_one_value(web: Client, path: str, name: str) -> None:
    body = b"token=x&" if name != "grant_type" else b"token=x&scope=api%3Aread&"
    is_refused(raw(web, path, body + f"{name}=a&{name}=a".encode()), "invalid_request")


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_a_doubled_token_is_refused_where_one_is_asked_for(web: Client, path: str) -> None:
    is_refused(raw(web, path, b"token=x&token=y"), "invalid_request")


def test_an_encoded_name_does_not_hide_a_doubled_parameter(web: Client) -> None:
    is_refused(raw(web, "/token", GOOD + b"&%67rant_type=password"), "invalid_request")


def test_only_a_resource_may_come_twice(app: Running, web: Client) -> None:
    answer = web.token("client_credentials", scope="api:read", resource=[API, JWT_API])
    assert app.introspect(answer.json["access_token"])["aud"] == [API, JWT_API]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "body",
    [b"", b"&&&&", b"=", b"=x", b"token", b"token=", b"x=1", b"token[]=x", b";token=x"],
)
def test_a_body_without_what_it_is_about_is_no_request(web: Client, path: str, body: bytes) -> None:
    is_refused(raw(web, path, body), "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "value",
    [b"%ff", b"%C0%AF", b"%ED%A0%80", b"%", b"%4", b"%zz", b"%00", b"%0d%0aSet-Cookie:%20a=b", b"\xc3\xa9", b"\x00"],
)
def test_what_is_no_utf_8_or_no_text_is_no_request(web: Client, path: str, value: bytes) -> None:
    is_refused(raw(web, path, b"token=x&grant_type=client_credentials&scope=" + value), "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_too_many_parameters_are_no_request(web: Client, path: str) -> None:
    many = b"&".join(b"p%d=x" % number for number in range(500))
    is_refused(raw(web, path, GOOD + b"&" + many), "invalid_request")


@pytest.mark.parametrize(
    ("grant_type", "name"),
    [
        ("client_credentials", "scope"),
        ("client_credentials", "resource"),
        ("client_credentials", "client_id"),
        ("client_credentials", "client_secret"),
        ("client_credentials", "grant_type"),
        ("client_credentials", "client_assertion"),
        ("authorization_code", "code"),
        ("authorization_code", "code_verifier"),
        ("authorization_code", "redirect_uri"),
        ("refresh_token", "refresh_token"),
        ("refresh_token", "scope"),
    ],
)
def test_a_huge_value_is_refused_like_any_other(web: Client, grant_type: str, name: str) -> None:
    values = {"grant_type": grant_type, "code": "x", "code_verifier": VERIFIER, "refresh_token": "x", name: "a" * LARGE}
    answer = web.post("/token", values)
    assert answer.status in {400, 401}, answer.text
    is_refused(answer, answer.json["error"], answer.status)


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_a_huge_token_is_just_unknown(guard: Client, path: str) -> None:
    answer = guard.post(path, {"token": "gl_at_" + "a" * LARGE})
    assert answer.status == 200
    assert answer.body in {b'{"active":false}', b"{}"}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024])
def test_a_body_over_64_kib_is_413(web: Client, path: str, size: int) -> None:
    is_refused(raw(web, path, GOOD + b"&pad=" + b"a" * size), "invalid_request", 413)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded-not",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded, application/json",
        "",
        "/",
    ],
)
def test_another_content_type_is_no_request(web: Client, path: str, kind: str) -> None:
    is_refused(raw(web, path, GOOD, Content_Type=kind), "invalid_request")


@pytest.mark.parametrize("kind", [FORM, FORM.upper(), FORM + "; charset=UTF-8", FORM + ';charset="utf-8"'])
def test_every_spelling_of_the_form_is_understood(web: Client, kind: str) -> None:
    assert raw(web, "/token", GOOD, Content_Type=kind).status == 200


def test_parameters_in_the_url_do_not_count(web: Client) -> None:
    # RFC 6749 3.2: "The client MUST use the HTTP 'POST' method"; 2.3.1: "MUST NOT be included in the request URI"
    answer = raw(web, "/token?grant_type=client_credentials&scope=api:read", b"x=1")
    is_refused(answer, "invalid_request")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", [*ENDPOINTS, "/register"])
def test_a_body_that_cannot_be_unpacked_is_no_request(web: Client, path: str, encoding: str) -> None:
    # what begins like gzip and ends too early unpacks to nothing, which is no JSON
    kind = "application/json" if path == "/register" else FORM
    answer = raw(web, path, b"\x1f\x8b\x08\x00garbage", Content_Encoding=encoding, Content_Type=kind)
    is_refused(answer, "invalid_client_metadata" if path == "/register" and encoding == "gzip" else "invalid_request")


def test_a_body_that_unpacks_to_more_than_64_kib_is_refused(web: Client) -> None:

    bomb = gzip.compress(GOOD + b"&pad=" + b"a" * 4_000_000)
    assert len(bomb) < 64 * 1024
    answer = raw(web, "/token", bomb, Content_Encoding="gzip")
    assert answer.status in {400, 413, 415}, answer.status


def test_an_answer_names_the_scope_it_grants(person: Person) -> None:
    # RFC 6749 5.1: scope is "OPTIONAL, if identical to the scope requested by the client; otherwise, REQUIRED"
    assert person.tokens(scope="openid api:read").scope == {"openid", "api:read"}


def test_no_token_is_in_two_answers(person: Person, app: Running) -> None:
    texts = [text for _ in range(5) for each in [person.tokens()] for text in (each.access, each.refresh)]
    texts += [own_token(app).access for _ in range(20)]
    assert len(set(texts)) == len(texts)


def test_a_token_of_one_kind_is_none_of_another(app: Running, person: Person, web: Client) -> None:
    code, tokens = person.code(), person.tokens()
    for text in (code, tokens.access, tokens.answer.json["id_token"]):
        is_refused(web.refresh(text), "invalid_grant")
    for text in (tokens.refresh, tokens.access):
        is_refused(redeemed(app, text), "invalid_grant")
    assert not is_active(app, code)
    assert is_active(app, tokens.access)
