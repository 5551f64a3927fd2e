"""RFC 7523 section 3: which assertions count as grants, and what an issuer's rules make of their claims."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from grantlog.core.protocol import assertion_grant
from grantlog.core.protocol.assertion_grant import Asserted
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.jwt_text import ReadJwt
from grantlog.core.protocol.policy import AssertionRule, Policy, TrustedIssuer
from grantlog.core.protocol.resource import Catalog

OURS, CI = "https://as.example", "https://ci.example"
NOW = 1_700_000_000.0
DEPLOY = AssertionRule(
    claims={"sub": "repo:acme/shop:*", "ref": "refs/heads/main"}, client_id="deployer", scope=("deploy",)
)
READ = AssertionRule(claims={"repository": "acme/shop"}, client_id="reader", scope=("read",))
TRUSTED = TrustedIssuer(issuer=CI, jwks_uri=None, jwks="{}", purposes=("assertion",), rules=(DEPLOY, READ))
POLICY = Policy(
    issuer=OURS,
    catalog=Catalog(),
    trusted_issuers=(
        TrustedIssuer(issuer="https://vouch.example", jwks_uri=None, jwks="{}", purposes=("software_statement",)),
        TRUSTED,
    ),
)
CLAIMS = {"iss": CI, "sub": "repo:acme/shop:ref:refs/heads/main", "aud": OURS, "exp": NOW + 300, "jti": "1"}


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def text(header: dict[str, Any] | None = None, /, **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    signature = urlsafe_b64encode(b"\x01" * 64).rstrip(b"=").decode()
    return f"{part({'alg': 'ES256', **(header or {})})}.{part(claims)}.{signature}"


def checked(header: dict[str, Any] | None = None, /, *, fapi2: bool = False, **changes: Any) -> Asserted:
    jwt, issuer = assertion_grant.read(text(header, **changes), POLICY)
    return assertion_grant.check(jwt, issuer, POLICY, NOW, fapi2=fapi2)


def refused(header: dict[str, Any] | None = None, /, *, fapi2: bool = False, **changes: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        checked(header, fapi2=fapi2, **changes)
    assert caught.value.error == "invalid_grant"
    return caught.value.reason


def test_a_good_assertion_says_whom_it_is_about_in_words_of_our_own() -> None:
    said = checked()
    assert said.subject.startswith("assertion:")
    assert CI not in said.subject
    assert "acme" not in said.subject
    assert (said.expires_at, said.attributes) == (NOW + 300, "")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "authorization-grant+jwt"])
def test_it_may_say_that_it_is_one(typ: str) -> None:
    assert checked({"typ": typ}).subject == checked().subject


@pytest.mark.parametrize(
    "typ",
    [
        "at+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "x",
        1,
    ],
)
def test_a_jwt_for_something_else_is_none(typ: object) -> None:
    assert refused({"typ": typ}) == "assertion_jwt_typ"


@pytest.mark.parametrize("claim", ["nonce", "at_hash", "c_hash", "events", "htm", "htu", "ath"])
def test_neither_is_one_that_has_a_claim_of_something_else(claim: str) -> None:
    changes: dict[str, Any] = {claim: "x"}
    assert refused(**changes) == "assertion_of_another_kind"


@pytest.mark.parametrize("alg", ["none", "HS256", "ES512", "", None])
def test_only_asymmetric_algorithms_count(alg: str | None) -> None:
    assert refused({"alg": alg}) == "assertion_jwt_alg"


@pytest.mark.parametrize("issuer", ["https://other.example", "https://vouch.example", OURS, "", 1, ...])
def test_nobody_else_may_issue_one(issuer: object) -> None:
    assert refused(iss=issuer) == "assertion_issuer_unknown"


@pytest.mark.parametrize("audience", [OURS, f"{OURS}/token", [OURS]], ids=str)
def test_it_is_meant_for_us(audience: object) -> None:
    assert checked(aud=audience).subject


@pytest.mark.parametrize(
    "audience", ["https://other.example", [OURS, "https://other.example"], [], [1], "", 1, None, ...], ids=str
)
def test_it_is_meant_for_nobody_else(audience: object) -> None:
    assert refused(aud=audience) == "assertion_audience"


def test_fapi2_takes_our_issuer_alone_and_no_rs256() -> None:
    assert checked(fapi2=True).subject
    assert refused(fapi2=True, aud=f"{OURS}/token") == "assertion_audience"
    assert refused({"alg": "RS256"}, fapi2=True) == "assertion_alg"


@pytest.mark.parametrize("subject", ["", 1, None, ..., "x" * 1025])
def test_it_has_a_subject(subject: object) -> None:
    assert refused(sub=subject) == "assertion_subject"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": ...}, "assertion_jwt_without_exp"),
        ({"exp": NOW}, "assertion_jwt_expired"),
        ({"exp": "soon"}, "assertion_jwt_exp"),
        ({"exp": NOW + 13 * 3600}, "assertion_jwt_lives_too_long"),
        ({"nbf": NOW + 61}, "assertion_jwt_nbf_ahead"),
        ({"iat": NOW + 61}, "assertion_jwt_iat_ahead"),
        ({"jti": ""}, "assertion_jwt_jti"),
        ({"jti": 1}, "assertion_jwt_jti"),
        ({"may_act": "somebody"}, "assertion_may_act"),
    ],
)
def test_times_and_names_are_what_they_have_to_be(changes: dict[str, Any], reason: str) -> None:
    assert refused(**changes) == reason


def test_a_clock_may_be_ten_seconds_fast() -> None:
    assert checked(iat=NOW + 10, nbf=NOW + 10).subject


def test_each_counts_once_by_its_jti_or_by_itself() -> None:
    assert checked().once == checked(sub="another").once
    assert checked(jti="2").once != checked().once
    assert checked(jti=...).once == checked(jti=...).once
    assert checked(jti=..., sub="another").once != checked(jti=...).once


def test_no_two_issuers_share_a_subject() -> None:
    assert assertion_grant.subject_name("a", "b c") != assertion_grant.subject_name("a b", "c")
    assert assertion_grant.subject_name("a", "b") == assertion_grant.subject_name("a", "b")


def test_who_may_act_for_the_subject_is_remembered() -> None:
    assert json.loads(checked(may_act={"sub": "service"}).attributes) == {"may_act": {"sub": "service"}}


def rule(client_id: str | None = None, /, **claims: object) -> AssertionRule | None:
    return assertion_grant.rule_for(TRUSTED, claims, client_id)


def test_the_first_rule_whose_claims_all_match_decides() -> None:
    both = {"sub": "repo:acme/shop:ref:refs/heads/main", "ref": "refs/heads/main", "repository": "acme/shop"}
    assert rule(**both) == DEPLOY
    assert rule("reader", **both) == READ
    assert rule("deployer", **both) == DEPLOY
    assert rule("stranger", **both) is None


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": "repo:acme/shop:ref:refs/heads/main"},
        {"sub": "repo:acme/shop", "ref": "refs/heads/main"},
        {"sub": "repo:acme/shop-evil:ref", "ref": "refs/heads/main"},
        {"sub": "repo:acme/shop:x", "ref": "refs/heads/main2"},
        {"repository": "acme/shop2"},
        {"repository": "ACME/shop"},
        {"repository": ["acme/shop"]},
        {"repository": None},
    ],
    ids=str,
)
def test_claims_that_match_no_rule_get_nothing(claims: dict[str, object]) -> None:
    assert rule(**claims) is None


def test_a_rule_without_claims_matches_nobody() -> None:
    everybody = TrustedIssuer(
        issuer=CI,
        jwks_uri=None,
        jwks="{}",
        purposes=("assertion",),
        rules=(AssertionRule(claims={}, client_id="c", scope=("s",)),),
    )
    assert assertion_grant.rule_for(everybody, CLAIMS, None) is None


def test_what_was_read_is_not_printed() -> None:
    jwt, _ = assertion_grant.read(text(), POLICY)
    assert isinstance(jwt, ReadJwt)
    assert "acme" not in repr(jwt)
