"""RFC 9449: tokens in the hands of a key, and requests signed by it."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import pytest
from tests.support.app import ORIGIN, SPA, WEB, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import Answer, Browser
from tests.support.clients import client_of, is_refused
from tests.support.code_flow import VERIFIER
from tests.support.flows import Person
from tests.support.jwts import JoseKey, assertion_claims, b64, key, proof, proof_claims
from tests.support.many_headers import send

MINE, OTHER = key("ES256"), key("ES256", "-other")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def person(app: Running) -> Person:
    return Person(app)


def token(
    app: Running, signer: JoseKey = MINE, client: str = "web", text: str | None = None, /, **values: str
) -> Answer:
    given = text or proof(signer, proof_claims("POST", f"{app.settings.issuer}/token"))
    form = {"grant_type": "client_credentials"} | values
    return client_of(app, client).post("/token", form, {"DPoP": given})


def code_tokens(app: Running, person: Person, signer: JoseKey = MINE, client: str = "web", /, **changes: str) -> Answer:
    code = person.code(client, **changes)
    return token(app, signer, client, grant_type="authorization_code", code=code, code_verifier=VERIFIER)


def userinfo(app: Running, access_token: str, scheme: str = "DPoP", proofs: list[str] | None = None) -> Answer:
    headers = [("Authorization", f"{scheme} {access_token}")]
    if proofs is None:
        proofs = [proof(MINE, proof_claims("GET", f"{app.settings.issuer}/userinfo", access_token))]
    headers += [("DPoP", each) for each in proofs]
    return send(app.url, "GET", "/userinfo", headers)


def test_the_token_says_so_and_introspection_says_whose(app: Running) -> None:
    answer = token(app)
    assert (answer.status, answer.json["token_type"]) == (200, "DPoP")
    assert app.introspect(answer.json["access_token"])["cnf"] == {"jkt": MINE.jkt}


@pytest.mark.parametrize("alg", ["RS256", "PS256", "EdDSA"])
def test_every_asymmetric_algorithm_that_is_advertised_works(app: Running, alg: str) -> None:
    answer = token(app, key(alg))
    assert answer.status == 200, answer.text
    metadata = Browser(app.url).get("/.well-known/oauth-authorization-server").json
    assert alg in metadata["dpop_signing_alg_values_supported"]


def test_without_a_proof_the_token_is_a_bearer_token(app: Running) -> None:
    answer = client_of(app).token("client_credentials")
    assert answer.json["token_type"] == "Bearer"
    assert "cnf" not in app.introspect(answer.json["access_token"])


def test_a_jwt_access_token_names_its_key(app: Running) -> None:
    text = token(app, resource="https://jwt.example.com/").json["access_token"]
    payload = json.loads(urlsafe_b64decode(text.split(".")[1] + "=="))
    assert payload["cnf"] == {"jkt": MINE.jkt}


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": None},
        {"htu": None},
        {"htu": "https://other.example/token"},
        {"htu": 7},
        {"htu": "nonsense"},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
        {"iat": None},
        {"iat": int(time()) - 3600},
        {"iat": int(time()) + 3600},
        {"exp": 1},
        {"nonce": 7},
    ],
    ids="-".join,  # no moments: a test is called the same in every process
)
def test_a_proof_is_for_this_request_and_this_moment(app: Running, changes: dict[str, Any]) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/token", **changes))
    is_refused(token(app, MINE, "web", text), "invalid_dpop_proof")


def test_a_proof_for_another_endpoint_is_refused(app: Running) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/par"))
    is_refused(token(app, MINE, "web", text), "invalid_dpop_proof")


def test_the_uri_is_compared_as_rfc3986_says_without_query_and_fragment(app: Running) -> None:
    issuer = app.settings.issuer
    for htu in (f"{issuer}/token?x=1#y", f"{issuer.replace('http', 'HTTP', 1)}/./x/../%74oken"):
        assert token(app, MINE, "web", proof(MINE, proof_claims("POST", htu))).status == 200


@pytest.mark.parametrize("ahead", [-10, 10])
def test_clocks_may_differ_by_ten_seconds(app: Running, ahead: int) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/token", iat=int(time()) + ahead))
    assert token(app, MINE, "web", text).status == 200


def test_two_proofs_are_none(app: Running) -> None:
    texts = [proof(MINE, proof_claims("POST", f"{app.settings.issuer}/token")) for _ in range(2)]
    headers = [("DPoP", text) for text in texts] + [("Authorization", app.clients["web"].basic)]
    is_refused(send(app.url, "POST", "/token", headers, b"grant_type=client_credentials"), "invalid_dpop_proof")
    is_refused(token(app, MINE, "web", ", ".join(texts)), "invalid_dpop_proof")


def test_a_proof_counts_once(app: Running) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/token"))
    assert token(app, MINE, "web", text).status == 200
    is_refused(token(app, MINE, "web", text), "invalid_dpop_proof")


def test_a_proof_counts_once_in_all_processes(app: Running, tmp_path: Path) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/token"))
    with serving(site_of(app, tmp_path)) as (_, url):
        headers = {"DPoP": text, "Authorization": app.clients["web"].basic}
        assert Browser(url).post("/token", {"grant_type": "client_credentials"}, headers).status == 200
        is_refused(token(app, MINE, "web", text), "invalid_dpop_proof")


def test_a_client_that_registered_it_always_proves_it(app: Running) -> None:
    app.clients["bound"] = app.register(replace(WEB, dpop_bound_access_tokens=True))
    is_refused(client_of(app, "bound").token("client_credentials"), "invalid_request")
    assert token(app, MINE, "bound").status == 200


def test_userinfo_is_told_to_who_holds_the_key(app: Running, person: Person) -> None:
    tokens = code_tokens(app, person).json
    assert tokens["token_type"] == "DPoP"
    answer = userinfo(app, tokens["access_token"])
    assert (answer.status, answer.json["sub"]) == (200, str(app.account))


def test_a_bound_token_is_nobodys_bearer_token(app: Running, person: Person) -> None:
    access = code_tokens(app, person).json["access_token"]
    tried: tuple[list[str] | None, ...] = ([], None)
    for proofs in tried:
        answer = userinfo(app, access, "Bearer", proofs)
        assert answer.status == 401
        challenges = ", ".join(answer.headers["www-authenticate"])
        assert "DPoP" in challenges
        assert 'error="invalid_token"' in challenges
        assert "ES256" in challenges


def test_a_bearer_token_does_not_come_by_the_scheme_dpop(app: Running, person: Person) -> None:
    answer = userinfo(app, person.tokens().access)
    assert answer.status == 401
    assert 'error="invalid_token"' in ", ".join(answer.headers["www-authenticate"])


def test_who_stole_the_token_has_not_the_key(app: Running, person: Person) -> None:
    access = code_tokens(app, person).json["access_token"]
    url = f"{app.settings.issuer}/userinfo"
    for text in (
        proof(OTHER, proof_claims("GET", url, access)),
        proof(MINE, proof_claims("GET", url)),
        proof(MINE, proof_claims("GET", url, access, ath="AAAA")),
        proof(MINE, proof_claims("GET", url, "another token")),
        proof(MINE, proof_claims("POST", url, access)),
        proof(MINE, proof_claims("GET", f"{app.settings.issuer}/token", access)),
        "nonsense",
    ):
        answer = userinfo(app, access, "DPoP", [text])
        assert answer.status == 401, answer.text
        assert "DPoP" in ", ".join(answer.headers["www-authenticate"])
    assert userinfo(app, access, "DPoP", []).status == 401
    fresh = proof(MINE, proof_claims("GET", url, access))
    assert userinfo(app, access, "DPoP", [fresh, fresh]).status == 401


def test_a_proof_counts_once_at_userinfo(app: Running, person: Person) -> None:
    access = code_tokens(app, person).json["access_token"]
    text = proof(MINE, proof_claims("GET", f"{app.settings.issuer}/userinfo", access))
    assert userinfo(app, access, "DPoP", [text]).status == 200
    answer = userinfo(app, access, "DPoP", [text])
    assert answer.status == 401
    assert 'error="invalid_dpop_proof"' in ", ".join(answer.headers["www-authenticate"])


def test_a_code_may_be_bound_to_a_key(app: Running, person: Person) -> None:
    is_refused(code_tokens(app, person, OTHER, "web", dpop_jkt=MINE.jkt), "invalid_grant")
    assert code_tokens(app, person, MINE, "web", dpop_jkt=MINE.jkt).status == 200


def test_a_public_clients_refresh_token_is_bound_and_a_wrong_key_burns_nothing(app: Running, person: Person) -> None:
    refresh = code_tokens(app, person, MINE, "spa").json["refresh_token"]
    spent = {"grant_type": "refresh_token", "refresh_token": refresh}
    refused = token(app, OTHER, "spa", **spent)
    assert (refused.status, refused.json["error"] in {"invalid_grant", "invalid_dpop_proof"}) == (400, True)
    assert client_of(app, "spa").refresh(refresh).status == 400
    assert token(app, MINE, "spa", **spent).status == 200


def test_cross_origin_scripts_may_send_proofs_and_read_nonces(app: Running) -> None:
    wanted = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "dpop"}
    preflight = Browser(app.url).request("OPTIONS", "/token", headers=wanted)
    assert "dpop" in (preflight.header("Access-Control-Allow-Headers") or "").lower()
    answer = client_of(app, "spa").post("/token", {"grant_type": "refresh_token"}, {"Origin": ORIGIN})
    assert "DPoP-Nonce" in (answer.header("Access-Control-Expose-Headers") or "")


@pytest.fixture
def strict(start_app: StartApp) -> Running:
    return start_app(dpop_nonce_required=True)


def test_a_nonce_is_asked_for_handed_out_and_understood_everywhere(strict: Running, tmp_path: Path) -> None:
    url = f"{strict.settings.issuer}/token"
    first = token(strict)
    is_refused(first, "use_dpop_nonce")
    nonce = first.header("DPoP-Nonce")
    assert nonce is not None
    again = token(strict, MINE, "web", proof(MINE, proof_claims("POST", url, nonce=nonce)))
    assert again.status == 200
    assert again.header("DPoP-Nonce")
    is_refused(token(strict, MINE, "web", proof(MINE, proof_claims("POST", url, nonce="made-up"))), "use_dpop_nonce")
    with serving(site_of(strict, tmp_path)) as (_, other):
        headers = {
            "DPoP": proof(MINE, proof_claims("POST", url, nonce=nonce)),
            "Authorization": strict.clients["web"].basic,
        }
        assert Browser(other).post("/token", {"grant_type": "client_credentials"}, headers).status == 200


def test_an_assertion_survives_the_way_to_a_nonce(strict: Running) -> None:
    signer = key("ES256")
    metadata = replace(WEB, token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    client_id = strict.register(metadata).client_id
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": signer.sign(assertion_claims(client_id, strict.settings.issuer)),
    }
    url = f"{strict.settings.issuer}/token"
    first = Browser(strict.url).post("/token", form, {"DPoP": proof(MINE, proof_claims("POST", url))})
    is_refused(first, "use_dpop_nonce")
    given = proof(MINE, proof_claims("POST", url, nonce=first.header("DPoP-Nonce")))
    assert Browser(strict.url).post("/token", form, {"DPoP": given}).status == 200


def test_a_resource_asks_for_a_nonce_by_401(strict: Running) -> None:
    person = Person(strict)
    code = person.code("web")
    url = strict.settings.issuer
    nonce = token(strict).header("DPoP-Nonce")
    given = proof(MINE, proof_claims("POST", f"{url}/token", nonce=nonce))
    tokens = token(strict, MINE, "web", given, grant_type="authorization_code", code=code, code_verifier=VERIFIER)
    access = tokens.json["access_token"]
    answer = userinfo(strict, access)
    assert answer.status == 401
    assert 'error="use_dpop_nonce"' in ", ".join(answer.headers["www-authenticate"])
    fresh = proof(MINE, proof_claims("GET", f"{url}/userinfo", access, nonce=answer.header("DPoP-Nonce")))
    assert userinfo(strict, access, "DPoP", [fresh]).status == 200


def test_a_pushed_request_may_bring_the_key_of_its_code(app: Running) -> None:
    text = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/par"))
    asked = {
        "response_type": "code",
        "redirect_uri": SPA.redirect_uris[0],
        "code_challenge": b64(bytes(32)),
        "code_challenge_method": "S256",
        "scope": "openid",
    }
    assert client_of(app).post("/par", asked, {"DPoP": text}).status == 201
    is_refused(client_of(app).post("/par", asked, {"DPoP": text}), "invalid_dpop_proof")
    wrong = proof(MINE, proof_claims("POST", f"{app.settings.issuer}/par"))
    is_refused(client_of(app).post("/par", asked | {"dpop_jkt": OTHER.jkt}, {"DPoP": wrong}), "invalid_request")
