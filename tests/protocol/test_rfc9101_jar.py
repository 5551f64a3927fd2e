"""RFC 9101: requests as signed objects, by value and pushed."""

import base64
import json
from typing import Any

import pytest
from tests.support.app import API, BILLING, REDIRECT, Running
from tests.support.browser import Answer, Browser
from tests.support.clients import is_refused
from tests.support.code_flow import consent_page, log_in
from tests.support.request_objects import TYP, Signer, encrypted, key_of, signed, with_keys

ALGS = ("ES256", "PS256", "RS256", "EdDSA")
INVALID = "invalid_request_object"


@pytest.fixture(scope="module")
def client(app: Running) -> Signer:
    """A client that signs by ES256."""
    return Signer(app, app.register(with_keys(*ALGS)), usual={"prompt": "consent"})


@pytest.fixture(scope="module")
def known(app: Running) -> Browser:
    """A browser whose person is logged in, so that errors are redirects."""
    browser = app.browser()
    consent_page(app, browser, prompt="consent")
    return browser


def told(answer: Answer) -> str:
    """The error that the client is told; never with a code."""
    assert answer.status == 303, answer.text
    assert answer.location.startswith(REDIRECT + "?")
    assert "code" not in answer.query
    return answer.query["error"]


def refused(client: Signer, browser: Browser, text: str) -> str:
    """What a bad object is answered, with enough beside it to say so."""
    return told(client.authorize(browser, request=text, redirect_uri=REDIRECT, state="beside"))


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("typ", [TYP, "JWT", None, "application/oauth-authz-req+jwt"], ids=str)
def test_the_whole_flow_with_nothing_but_client_id_and_a_signed_object(
    app: Running, client: Signer, alg: str, typ: str | None
) -> None:
    browser = app.browser()
    page = browser.follow(client.authorize(browser, request=signed(client.claims(), alg, typ=typ)))
    answer = browser.submit(log_in(browser, page), decision="allow")
    assert answer.query["state"] == "a state & more"
    proof = client.assertion()
    tokens = app.browser().post(
        "/token",
        {
            "grant_type": "authorization_code",
            "code": answer.query["code"],
            "redirect_uri": REDIRECT,
            "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            **proof,
        },
    )
    assert tokens.status == 200, tokens.text


def test_only_what_is_inside_counts(client: Signer, known: Browser) -> None:
    # RFC 9101 6.3: "MUST only use the parameters in the Request Object, even if the same parameter is provided in the query"
    answer = client.authorize(
        known, request=client.object(state="inside", prompt="none", scope="nonsense"), state="beside", scope="openid"
    )
    assert (told(answer), answer.query["state"]) == ("invalid_scope", "inside")
    without_state = client.authorize(known, request=client.object(state=None, scope="nonsense"), state="beside")
    assert "state" not in without_state.query
    no_challenge = client.authorize(
        known, request=client.object(code_challenge=None), code_challenge=client.request()["code_challenge"]
    )
    assert told(no_challenge) == "invalid_request"


def test_json_inside_is_json_and_lists_are_lists(client: Signer, app: Running) -> None:
    browser = app.browser()
    text = client.object(
        max_age=3600, resource=[API, BILLING], claims={"id_token": {"auth_time": {"essential": True}}}, unknown={"x": 1}
    )
    page = log_in(browser, browser.follow(client.authorize(browser, request=text)))
    assert API in page.text
    assert BILLING in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_good_object_with_a_bad_request_is_refused_like_any_other(
    client: Signer, known: Browser, changes: dict[str, Any], error: str
) -> None:
    assert told(client.authorize(known, request=client.object(**changes))) == error


def test_a_redirect_uri_inside_has_to_be_registered_as_well(client: Signer, known: Browser) -> None:
    answer = client.authorize(known, request=client.object(redirect_uri="https://evil.example/"), redirect_uri=REDIRECT)
    assert (answer.status, answer.header("Location")) == (400, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "https://other.example"},
        {"aud": ["https://other.example"]},
        {"exp": 1},
        {"exp": "soon"},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"client_id": "somebody"},
        {"request": "a.b.c"},
        {"request_uri": "https://client.example/r"},
        {"max_age": True},
        {"scope": ["openid"]},
        {"state": "a\x00b"},
        {"state": "\ud800"},
        {"claims": {"id_token": {"\ud800": None}}},
    ],
    ids=str,
)
def test_an_object_whose_claims_are_wrong_is_refused(client: Signer, known: Browser, changes: dict[str, Any]) -> None:
    assert refused(client, known, client.object(**changes)) == INVALID
    is_refused(client.push({"client_id": client.client_id, "request": client.object(**changes)}), INVALID)


def test_an_assertion_of_the_same_key_is_no_request(client: Signer, known: Browser) -> None:
    # RFC 9101 10.8: cross-JWT confusion
    assertion = client.assertion(redirect_uri=REDIRECT, response_type="code")["client_assertion"]
    assert refused(client, known, assertion) == INVALID


def forged(client: Signer) -> dict[str, str]:
    """Objects that are not the client's."""
    claims = client.claims()
    good = signed(claims)
    header, payload, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims | {"scope": "openid"}).encode()).decode().rstrip("=")

    def with_header(**members: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")

    public = key_of("RS256").as_dict(private=False)
    return {
        "empty": "",
        "no jwt": "nonsense",
        "two parts": f"{header}.{payload}",
        "unsigned": f"{with_header(alg='none', typ=TYP)}.{payload}.",
        "unsigned in another spelling": f"{with_header(alg='nOnE', typ=TYP)}.{payload}.{signature}",
        "another key": signed(claims, number=1),
        "another key under a known name": signed(claims, number=1, kid="ES256-0"),
        "another payload": f"{header}.{other}.{signature}",
        "psychic": f"{header}.{payload}.{base64.urlsafe_b64encode(bytes(64)).decode().rstrip('=')}",
        "no signature": f"{header}.{payload}.",
        "symmetric": f"{with_header(alg='HS256', kid=public['kid'])}.{payload}.{signature}",
        "embedded key": signed(claims, number=1, jwk=key_of("ES256", 1).as_dict(private=False), kid=None),
        "critical": signed(claims, crit=["exp"], exp=1),
        "compressed": signed(claims, zip="DEF"),
        "another type": signed(claims, typ="at+jwt"),
        "huge": signed(claims | {"x": "x" * 40_000}),
        "not encrypted to us": "a.b.c.d.e",
    }


def test_whatever_the_client_has_not_signed_is_refused(client: Signer, known: Browser) -> None:
    for name, text in forged(client).items():
        if text:
            is_refused(client.push({"client_id": client.client_id, "request": text}), INVALID)
        if text and len(text) < 30_000:
            assert refused(client, known, text) == INVALID, name


def test_a_bad_object_is_a_page_where_nothing_beside_it_says_where_to_tell(client: Signer, known: Browser) -> None:
    answer = client.authorize(known, request=client.object(aud="x"))
    # RFC 6749 4.1.2.1: the only registered URI counts as named where openid is not asked for
    assert told(answer) == INVALID
    beside = client.authorize(known, request=client.object(aud="x"), redirect_uri="https://evil.example/")
    assert (beside.status, beside.header("Location")) == (400, None)


def test_strangers_see_a_page(client: Signer, app: Running) -> None:
    answer = client.authorize(app.browser(), request=client.object(aud="x"), redirect_uri=REDIRECT)
    assert (answer.status, answer.header("Location")) == (400, None)
    assert INVALID in answer.text


def test_an_object_by_reference_is_not_fetched(client: Signer, known: Browser) -> None:
    answer = client.authorize(
        known, request_uri="https://client.example/request.jwt", redirect_uri=REDIRECT, response_type="code"
    )
    assert told(answer) == "request_uri_not_supported"


def test_a_client_without_keys_signs_nothing(app: Running, known: Browser) -> None:
    web = Signer(app, app.clients["web"])
    assert refused(web, known, web.object()) == INVALID


def test_the_registered_algorithm_is_the_only_one(app: Running, known: Browser) -> None:
    metadata = with_keys("ES256", "PS256", request_object_signing_alg="PS256")
    client = Signer(app, app.register(metadata))
    assert refused(client, known, client.object()) == INVALID
    assert "tx=" in client.authorize(known, request=signed(client.claims(), "PS256")).location


def test_a_client_that_signs_all_its_requests_gets_no_other_answered(app: Running, known: Browser) -> None:
    client = Signer(app, app.register(with_keys(require_signed_request_object=True)))
    assert told(client.authorize(known, **client.request())) == "invalid_request"
    is_refused(client.push(client.request()), "invalid_request")
    assert "tx=" in client.authorize(known, request=client.object()).location


def test_an_object_is_pushed_and_answered(app: Running, client: Signer) -> None:
    answer = client.push({"client_id": client.client_id, "request": client.object(state="inside")})
    assert answer.status == 201, answer.text
    browser = app.browser()
    page = browser.follow(client.authorize(browser, request_uri=answer.json["request_uri"]))
    assert browser.submit(log_in(browser, page), decision="allow").query["state"] == "inside"


def test_a_pushed_object_speaks_for_the_client_that_pushes_it(app: Running, client: Signer) -> None:
    other = Signer(app, app.register(with_keys()))
    # the keys are the same, so that nothing but the claims can tell
    is_refused(other.push({"client_id": other.client_id, "request": client.object()}), INVALID)


def test_encrypted_objects_are_opened_by_our_own_keys(app: Running, client: Signer, known: Browser) -> None:
    keys = [key for key in app.browser().get("/jwks").json["keys"] if key.get("use") == "enc"]
    assert keys
    for key in keys:
        alg = "RSA-OAEP-256" if key["kty"] == "RSA" else "ECDH-ES"
        text = encrypted(client.object(), key, alg)
        assert "tx=" in client.authorize(known, request=text).location
        # nobody becomes the client by encrypting
        assert refused(client, known, encrypted(signed(client.claims(), number=1), key, alg)) == INVALID
        assert refused(client, known, encrypted(json.dumps(client.claims()), key, alg)) == INVALID
