import re
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS, refusal_of, refused

from grantlog.core.protocol.pkce import challenge_of, check_challenge

VECTOR = VECTORS["rfc7636_appendix_b"]


def test_the_vector_of_rfc7636_appendix_b() -> None:
    assert challenge_of(VECTOR["verifier"]) == VECTOR["challenge"]


def test_a_challenge_of_s256_is_accepted() -> None:
    assert check_challenge(VECTOR["challenge"], "S256") == VECTOR["challenge"]


@pytest.mark.parametrize("method", [None, "plain", "s256", "S512", ""])
def test_no_other_method_is_accepted_and_missing_means_plain(method: str | None) -> None:
    with refused("invalid_request", "pkce_method"):
        check_challenge(VECTOR["challenge"], method)


@pytest.mark.parametrize("method", [None, "S256"])
def test_a_missing_challenge_is_refused_for_every_client(method: str | None) -> None:
    with refused("invalid_request", "pkce_missing"):
        check_challenge(None, method)


@pytest.mark.parametrize(
    "challenge",
    ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "+", "A" * 42 + "é", "A" * 43 + "\n", "A" * 42 + "B"],
)
def test_a_challenge_is_exactly_43_canonical_base64url_characters(challenge: str) -> None:
    with refused("invalid_request", "pkce_challenge_malformed"):
        check_challenge(challenge, "S256")


@given(st.binary(min_size=32, max_size=32))
def test_the_text_of_every_hash_is_a_challenge(digest: bytes) -> None:
    text = urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert check_challenge(text, "S256") == text


@pytest.mark.parametrize("verifier", ["a" * 43, "a" * 128, "-._~" * 20])
def test_a_verifier_of_43_to_128_unreserved_characters_is_hashed(verifier: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge_of(verifier))


@pytest.mark.parametrize("verifier", ["", "a" * 42, "a" * 129, "a" * 43 + " ", "a" * 43 + "\n", "é" * 50, "+" * 50])
def test_any_other_verifier_is_refused(verifier: str) -> None:
    with refused("invalid_request", "pkce_verifier_malformed"):
        challenge_of(verifier)


@given(st.text())
def test_whatever_is_sent_as_verifier_is_hashed_or_refused(verifier: str) -> None:
    refusal = refusal_of(lambda: challenge_of(verifier))
    assert refusal is None or refusal.error == "invalid_request"


def test_where_it_is_optional_a_request_without_any_of_it_is_taken() -> None:
    assert check_challenge(None, None, optional=True) == ""
    assert check_challenge(VECTOR["challenge"], "S256", optional=True) == VECTOR["challenge"]


@pytest.mark.parametrize(
    ("challenge", "method", "reason"),
    [
        (None, "S256", "pkce_missing"),
        (None, "plain", "pkce_missing"),
        (VECTOR["challenge"], None, "pkce_method"),
        (VECTOR["challenge"], "plain", "pkce_method"),
        ("short", "S256", "pkce_challenge_malformed"),
    ],
)
def test_where_it_is_optional_half_of_it_or_a_wrong_one_is_refused_all_the_same(
    challenge: str | None, method: str | None, reason: str
) -> None:
    with refused("invalid_request", reason):
        check_challenge(challenge, method, optional=True)
