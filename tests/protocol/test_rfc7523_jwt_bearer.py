"""RFC 7523 section 2.1: assertions of trusted issuers for access tokens, as CI systems use them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_urlsafe
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm
from tests.support.app import API, BILLING, SCOPES, Credentials, Running, StartApp, running, settings_for
from tests.support.browser import Answer, Browser
from tests.support.clients import Client, client_of, is_refused
from tests.support.flows import event_types, given, history, is_active
from tests.support.proof_keys import ProofKey
from tests.support.published_documents import Published, publishing
from tests.support.servers import flush

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import suspend
from grantlog.flows.operators import operator_origin
from grantlog.settings import AssertionRule, TrustedIssuer

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORGE, PARTNER = "https://forge.example", "https://partner.example"
DEPLOYER = ClientMetadata(name="Deployer", grant_types=("client_credentials",), response_types=(), scope=SCOPES)
MEMBER = ClientMetadata(name="Member", grant_types=(BEARER,), response_types=(), scope=("api:read", "openid"))


@dataclass(frozen=True, slots=True)
class Ahead:
    """A moment so many seconds from when a test asks."""

    seconds: int


class Issuer:
    """Somebody who signs."""

    def __init__(self, name: str) -> None:
        self.name, self.kid = name, token_urlsafe(6)
        self.key: EllipticCurvePrivateKey = generate_private_key(SECP256R1())

    @property
    def jwks(self) -> dict[str, Any]:
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.kid, "alg": "ES256", "use": "sig"}]}

    def sign(self, audience: object, header: dict[str, Any] | None = None, /, **changes: Any) -> str:
        claims = {
            "iss": self.name,
            "sub": "repo:acme/shop:ref:refs/heads/main",
            "repository": "acme/shop",
            "ref": "refs/heads/main",
            "aud": audience,
            "iat": int(time()),
            "exp": int(time()) + 300,
            "jti": token_urlsafe(12),
        } | changes
        moments = {name: int(time()) + value.seconds for name, value in claims.items() if isinstance(value, Ahead)}
        told = {name: value for name, value in (claims | moments).items() if value is not ...}
        return jwt.encode(told, self.key, algorithm="ES256", headers={"kid": self.kid, "typ": "JWT", **(header or {})})


@dataclass(frozen=True, slots=True)
class Place:
    """A server that trusts two issuers: one with rules and keys at a URL, one with keys by value and no rules."""

    app: Running
    forge: Issuer
    partner: Issuer
    site: Published
    deployer: Client
    member: Client

    def ask(self, assertion: str, /, headers: dict[str, str] | None = None, **values: str) -> Answer:
        """What ``/token`` answers who names no client."""
        form = {"grant_type": BEARER, "assertion": assertion, **values}
        return Browser(self.app.url).post("/token", [*form.items()], headers or {})

    def signed(self, header: dict[str, Any] | None = None, /, **changes: Any) -> str:
        """A good assertion of the forge but for the changes."""
        return self.forge.sign(self.app.url, header, **changes)


@pytest.fixture(scope="module")
def place(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Place]:
    flush(valkey_server)
    forge, partner = Issuer(FORGE), Issuer(PARTNER)
    usual = settings_for(module_postgres_url, valkey_server.url)
    with running(usual) as app:
        deployer, member = app.register(DEPLOYER), app.register(MEMBER)
    rules = (
        AssertionRule(
            claims={"sub": "repo:acme/shop:*", "ref": "refs/heads/main"},
            client_id=deployer.client_id,
            scope=("api:write",),
            lifetime=60,
        ),
        AssertionRule(claims={"repository": "acme/shop"}, client_id=deployer.client_id, scope=("api:read",)),
        AssertionRule(claims={"repository": "acme/gone"}, client_id="nobody", scope=("api:read",)),
    )
    with publishing() as site:
        trusted = (
            TrustedIssuer(issuer=FORGE, jwks_uri=site.put("/jwks", forge.jwks), rules=rules),
            TrustedIssuer(issuer=PARTNER, jwks=partner.jwks),
            TrustedIssuer(issuer="https://vouch.example", jwks=partner.jwks, purposes=("software_statement",)),
        )
        with running(usual.model_copy(update={"trusted_issuers": trusted, "egress_private": True})) as app:
            yield Place(app, forge, partner, site, Client(app.url, deployer), Client(app.url, member))


def test_a_pipeline_gets_what_its_claims_allow_without_any_secret(place: Place) -> None:
    answer = place.ask(place.signed())
    assert answer.status == 200, answer.text
    assert answer.json["scope"] == "api:write"
    assert answer.json["expires_in"] == 60
    assert "refresh_token" not in answer.json
    told = place.app.introspect(answer.json["access_token"])
    assert told["client_id"] == place.deployer.client_id
    assert told["sub"].startswith("assertion:")
    assert place.app.introspect(given(place.ask(place.signed())).access)["sub"] == told["sub"]
    assert event_types(place.app, answer.json["access_token"]) == ["exchanged"]
    ((_, born),) = history(place.app, answer.json["access_token"])
    assert (born.issuer, born.account, born.parent) == (FORGE, None, None)


def test_other_claims_get_less(place: Place) -> None:
    answer = place.ask(place.signed(ref="refs/pull/1", sub="repo:acme/shop:pull_request"))
    assert answer.json["scope"] == "api:read"
    others = given(place.ask(place.signed())).access
    assert place.app.introspect(answer.json["access_token"])["sub"] != place.app.introspect(others)["sub"]


@pytest.mark.parametrize(
    "changes",
    [
        {"repository": "evil/shop", "ref": "x"},
        {"repository": "acme/shop-evil", "ref": "x"},
        {"repository": "acme/gone", "ref": "x"},
        {"repository": "acme/gone", "ref": ...},
        {"repository": ["acme/shop"], "ref": "x"},
        {"iss": "https://evil.example"},
        {"iss": "https://vouch.example"},
        {"iss": ...},
        {"sub": ..., "repository": "acme/shop"},
        {"aud": "https://other.example"},
        {"aud": ...},
        {"exp": Ahead(-1)},
        {"exp": ...},
        {"exp": Ahead(13 * 3600)},
        {"nbf": Ahead(300)},
        {"iat": Ahead(300)},
        {"jti": ""},
        {"nonce": "n"},
        {"events": {}},
        {"may_act": "x"},
    ],
    ids=str,
)
def test_an_assertion_that_says_something_else_gets_nothing(place: Place, changes: dict[str, Any]) -> None:
    is_refused(place.ask(place.signed(**changes)), "invalid_grant")


def test_one_for_several_audiences_gets_nothing(place: Place) -> None:
    is_refused(place.ask(place.forge.sign([place.app.url, "https://other.example"])), "invalid_grant")
    assert place.ask(place.forge.sign([place.app.url])).status == 200
    assert place.ask(place.forge.sign(f"{place.app.url}/token")).status == 200


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt"])
def test_a_jwt_of_another_kind_gets_nothing(place: Place, typ: str) -> None:
    is_refused(place.ask(place.signed({"typ": typ})), "invalid_grant")


def test_a_signature_of_anybody_else_gets_nothing(place: Place) -> None:
    stranger = Issuer(FORGE)
    stranger.kid = place.forge.kid
    is_refused(place.ask(stranger.sign(place.app.url)), "invalid_grant")
    is_refused(place.ask(place.partner.sign(place.app.url, iss=FORGE)), "invalid_grant")
    embedded = stranger.sign(place.app.url, {"jwk": stranger.jwks["keys"][0]})
    is_refused(place.ask(embedded), "invalid_grant")


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_no_symmetric_or_missing_signature_counts(place: Place, alg: str) -> None:
    public = place.forge.jwks["keys"][0]["x"] * 2
    claims = jwt.decode(place.signed(), options={"verify_signature": False})
    forged = jwt.encode(claims, public if alg == "HS256" else "", algorithm=alg)
    is_refused(place.ask(forged), "invalid_grant")


@pytest.mark.parametrize("assertion", ["x", "a.b.c", "....", "e30.e30.e30", "é", "x" * 20_000])
def test_junk_gets_nothing(place: Place, assertion: str) -> None:
    is_refused(place.ask(assertion), "invalid_grant")


def test_an_assertion_has_to_be_there(place: Place) -> None:
    is_refused(place.ask(""), "invalid_request")


def test_an_assertion_counts_once_however_many_bring_it_at_once(place: Place) -> None:
    assertion = place.signed()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: place.ask(assertion), range(8)))
    assert sorted(answer.status for answer in answers) == [200, *[400] * 7]
    assert {answer.json["error"] for answer in answers if answer.status == 400} == {"invalid_grant"}


def test_one_without_a_name_counts_once_too(place: Place) -> None:
    assertion = place.signed(jti=...)
    assert place.ask(assertion).status == 200
    is_refused(place.ask(assertion), "invalid_grant")


def test_scope_and_resource_are_narrowed_and_never_widened(place: Place) -> None:
    assert place.app.introspect(given(place.ask(place.signed(), resource=BILLING)).access)["aud"] in (
        BILLING,
        [BILLING],
    )
    is_refused(place.ask(place.signed(), scope="api:read"), "invalid_scope")
    is_refused(place.ask(place.signed(), scope="openid"), "invalid_scope")
    is_refused(place.ask(place.signed(), resource="https://unknown.example/"), "invalid_target")
    assert given(place.ask(place.signed(), scope="api:write", resource=API)).scope == {"api:write"}


def test_a_rotated_key_is_fetched(place: Place) -> None:
    """An unknown kid has the set fetched again, but not more often than every half minute: so this waits for nothing."""
    assert place.ask(place.signed()).status == 200
    before = len(place.site.asked)
    stranger = Issuer(FORGE)
    for _ in range(5):
        is_refused(place.ask(stranger.sign(place.app.url)), "invalid_grant")
    assert len(place.site.asked) <= before + 1


def test_without_rules_the_client_has_to_prove_itself_and_to_be_registered(place: Place) -> None:
    good = given(place.member.token(BEARER, assertion=place.partner.sign(place.app.url)))
    assert good.scope == {"api:read"}
    assert place.app.introspect(good.access)["client_id"] == place.member.client_id
    is_refused(place.ask(place.partner.sign(place.app.url)), "invalid_grant")
    is_refused(place.deployer.token(BEARER, assertion=place.partner.sign(place.app.url)), "unauthorized_client")
    wrong = Client(place.app.url, Credentials(place.member.client_id, "wrong"))
    is_refused(wrong.token(BEARER, assertion=place.partner.sign(place.app.url)), "invalid_client", 401)


def test_the_rules_of_an_issuer_hold_for_every_client(place: Place) -> None:
    is_refused(place.member.token(BEARER, assertion=place.signed()), "invalid_grant")


def test_two_issuers_never_share_a_subject(place: Place) -> None:
    one = given(place.member.token(BEARER, assertion=place.partner.sign(place.app.url))).access
    two = given(place.ask(place.signed())).access
    assert place.app.introspect(one)["sub"] != place.app.introspect(two)["sub"]


def test_the_token_is_bound_to_the_key_that_was_proven(place: Place) -> None:
    key = ProofKey()
    answer = place.ask(place.signed(), dict(key.proof("POST", f"{place.app.url}/token")))
    assert answer.json["token_type"] == "DPoP"
    assert place.app.introspect(answer.json["access_token"])["cnf"] == {"jkt": key.jkt}


def test_a_replayed_proof_burns_no_good_assertion_quietly(place: Place) -> None:
    headers = dict(ProofKey().proof("POST", f"{place.app.url}/token"))
    assert place.ask(place.signed(), headers).status == 200
    is_refused(place.ask(place.signed(), headers), "invalid_dpop_proof")


def test_what_a_client_got_is_given_back(place: Place) -> None:
    good = given(place.member.token(BEARER, assertion=place.partner.sign(place.app.url)))
    assert is_active(place.app, good.access)
    assert place.member.revoke(good.access).status == 200
    assert not is_active(place.app, good.access)


def test_where_nobody_is_trusted_there_is_no_such_grant(start_app: StartApp) -> None:
    app = start_app()
    is_refused(client_of(app).token(BEARER, assertion=Issuer(FORGE).sign(app.url)), "unsupported_grant_type")
    bare = Browser(app.url).post("/token", [("grant_type", BEARER), ("assertion", Issuer(FORGE).sign(app.url))], {})
    is_refused(bare, "unsupported_grant_type")


def test_a_suspended_client_gets_nothing_and_loses_what_it_has(place: Place) -> None:
    """The last of this file."""
    text = given(place.ask(place.signed())).access
    origin = operator_origin(place.app.service, "operator:test")
    place.app.run(suspend(place.app.service, ClientId(place.deployer.client_id), "test", origin))
    assert not is_active(place.app, text)
    is_refused(place.ask(place.signed()), "invalid_grant")
