"""RFC 9449 section 7 and RFC 8705 section 3: at UserInfo, a bound token is good only in the hands it was issued to."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID
from tests.support.app import WEB, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import Answer, Browser
from tests.support.code_flow import VERIFIER
from tests.support.flows import Person, Tokens, given
from tests.support.people import JANE, Member
from tests.support.proof_keys import ProofKey
from tests.support.userinfo import PATH, ask, is_challenged


@pytest.fixture(scope="module")
def jane(app: Running) -> Member:
    return Member(app, "jane-of-the-keys", JANE)


class Bound:
    """A client whose tokens are bound to its key."""

    def __init__(self, app: Running, person: Person, *, nonce: bool = False) -> None:
        self.app, self.key = app, ProofKey()
        code, url = person.code(scope="openid email"), f"{app.settings.issuer}/token"
        values = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        basic = {"Authorization": app.clients["web"].basic}
        answer = app.browser().post("/token", values, {**self.key.proof("POST", url), **basic})
        if nonce:
            proof = self.key.proof("POST", url, nonce=answer.header("DPoP-Nonce"))
            answer = app.browser().post("/token", values, {**proof, **basic})
        self.tokens: Tokens = given(answer)

    def ask(self, key: ProofKey | None = None, scheme: str = "DPoP", **changes: Any) -> Answer:
        token = self.tokens.access
        url = f"{self.app.settings.issuer}{PATH}"
        proof = (key or self.key).proof("GET", url, token, **changes)
        return self.app.browser().get(PATH, {"Authorization": f"{scheme} {token}", **proof})


@pytest.fixture(scope="module")
def bound(app: Running, jane: Member) -> Bound:
    return Bound(app, jane)


def test_a_bound_token_comes_with_a_proof(app: Running, bound: Bound) -> None:
    assert bound.tokens.answer.json["token_type"] == "DPoP"
    assert app.introspect(bound.tokens.access)["cnf"] == {"jkt": bound.key.jkt}
    assert app.introspect(bound.tokens.access)["token_type"] == "DPoP"
    assert bound.ask().json["email"] == JANE["email"]


def test_a_bound_token_is_no_bearer_token(app: Running, bound: Bound) -> None:
    is_challenged(ask(app, bound.tokens.access), "invalid_token")
    is_challenged(bound.ask(scheme="Bearer"), "invalid_token")
    is_challenged(app.browser().post(PATH, {"access_token": bound.tokens.access}), "invalid_token")


def test_a_bearer_token_is_no_bound_one(app: Running, jane: Member) -> None:
    token, url = jane.tokens(scope="openid").access, f"{app.settings.issuer}{PATH}"
    proof = ProofKey().proof("GET", url, token)
    answer = app.browser().get(PATH, {"Authorization": f"DPoP {token}", **proof})
    is_challenged(answer, "invalid_token", scheme="DPoP")


@pytest.mark.parametrize(
    "changes", [{"ath": "x"}, {"htm": "POST"}, {"htu": "https://other.example/userinfo"}, {"iat": 1}]
)
def test_a_proof_of_something_else_proves_nothing(bound: Bound, changes: dict[str, Any]) -> None:
    answer = bound.ask(**changes)
    assert answer.status == 401
    assert answer.json["error"] in {"invalid_dpop_proof", "invalid_token"}
    assert (answer.header("WWW-Authenticate") or "").startswith("DPoP ")


def test_somebody_elses_key_proves_nothing(bound: Bound) -> None:
    answer = bound.ask(ProofKey())
    assert answer.status == 401
    assert answer.json["error"] in {"invalid_dpop_proof", "invalid_token"}


def test_a_bound_token_without_a_proof_is_refused(app: Running, bound: Bound) -> None:
    answer = app.browser().get(PATH, {"Authorization": f"DPoP {bound.tokens.access}"})
    assert answer.status == 401
    assert (answer.header("WWW-Authenticate") or "").startswith("DPoP ")


def test_a_proof_counts_once_also_in_another_process(
    app: Running, bound: Bound, tmp_path_factory: pytest.TempPathFactory
) -> None:
    token = bound.tokens.access
    headers = {"Authorization": f"DPoP {token}", **bound.key.proof("GET", f"{app.settings.issuer}{PATH}", token)}
    assert app.browser().get(PATH, headers).status == 200
    with serving(site_of(app, tmp_path_factory.mktemp("beside")), "issuer") as (_, url):
        for browser in (app.browser(), Browser(url)):
            is_challenged(browser.get(PATH, headers), "invalid_dpop_proof", scheme="DPoP")


def test_where_nonces_are_asked_for_the_answer_brings_one(start_app: StartApp) -> None:
    app = start_app(dpop_nonce_required=True)
    bound = Bound(app, Person(app), nonce=True)
    # RFC 9449 9
    answer = bound.ask()
    assert is_challenged(answer, "use_dpop_nonce", scheme="DPoP")
    told = bound.ask(nonce=answer.header("DPoP-Nonce"))
    assert told.status == 200
    assert told.header("DPoP-Nonce")
    is_challenged(bound.ask(nonce="made up"), "use_dpop_nonce", scheme="DPoP")


def test_a_token_bound_to_a_certificate_is_good_with_that_certificate_alone(start_app: StartApp) -> None:
    header = "Client-Cert"
    app = start_app(
        mtls_base_url="https://mtls.example", client_certificate_header=header, trusted_proxies=("127.0.0.1/32",)
    )
    mine, other = (f":{b64encode(certificate()).decode()}:" for _ in range(2))
    app.clients["web"] = app.register(replace(WEB, tls_client_certificate_bound_access_tokens=True))
    code = Person(app).code(scope="openid email")
    values = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    headers = {"Authorization": app.clients["web"].basic, header: mine}
    token = given(app.browser().post("/token", values, headers)).access
    assert set(app.introspect(token)["cnf"]) == {"x5t#S256"}
    assert app.introspect(token)["token_type"] == "Bearer"
    assert ask(app, token, {header: mine}).status == 200
    is_challenged(ask(app, token, {header: other}), "invalid_token")
    is_challenged(ask(app, token), "invalid_token")


def certificate() -> bytes:
    """A self-signed certificate in DER."""
    key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = Name([NameAttribute(NameOID.COMMON_NAME, "client")])
    made = CertificateBuilder(name, name, key.public_key(), random_serial_number(), now, now + timedelta(days=1))
    return made.sign(key, SHA256()).public_bytes(Encoding.DER)
