from base64 import b64encode
from hashlib import sha256
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS, refusal_of, refused

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.client_auth import (
    CLIENT_ID_LIMIT,
    SECRET_LIMIT,
    ClientCredentials,
    matches,
    read_credentials,
    secret_digest,
)
from grantlog.core.protocol.requests import Parameters

NOTHING = Parameters({})


def basic(name: str, secret: str) -> str:
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


def test_the_basic_example_of_rfc6749_2_3_1_is_read() -> None:
    vector = VECTORS["rfc6749_2_3_1"]
    found = read_credentials(vector["authorization"], NOTHING)
    assert found == ClientCredentials("client_secret_basic", vector["client_id"], vector["client_secret"])


def test_id_and_secret_in_basic_are_form_encoded_first() -> None:
    found = read_credentials(basic(quote_plus("a:b c"), quote_plus("s+%&:é")), NOTHING)
    assert (found.client_id, found.secret) == ("a:b c", "s+%&:é")


def test_the_scheme_is_not_case_sensitive_and_a_colon_may_stand_in_the_secret() -> None:
    found = read_credentials(basic("a", "b:c").replace("Basic", "bASIC"), NOTHING)
    assert (found.client_id, found.secret) == ("a", "b:c")


def test_a_secret_in_the_body_is_client_secret_post() -> None:
    found = read_credentials(None, Parameters({"client_id": "a", "client_secret": "b"}))
    assert found == ClientCredentials("client_secret_post", ClientId("a"), "b")


def test_an_id_alone_is_no_authentication() -> None:
    assert read_credentials(None, Parameters({"client_id": "a"})) == ClientCredentials("none", ClientId("a"), None)


def test_the_same_id_in_header_and_body_is_one_method() -> None:
    assert read_credentials(basic("a", "b"), Parameters({"client_id": "a"})).method == "client_secret_basic"


def test_two_methods_in_one_request_are_refused() -> None:
    with refused("invalid_request", "client_auth_twice"):
        read_credentials(basic("a", "b"), Parameters({"client_id": "a", "client_secret": "b"}))


def test_another_id_in_the_body_than_in_the_header_is_refused() -> None:
    with refused("invalid_request", "client_id_differs"):
        read_credentials(basic("a", "b"), Parameters({"client_id": "c"}))


@pytest.mark.parametrize("name", ["client_assertion", "client_assertion_type"])
@pytest.mark.parametrize("authorization", [None, basic("a", "b")])
def test_an_assertion_is_not_mistaken_for_no_authentication(name: str, authorization: str | None) -> None:
    with refused("invalid_client" if authorization is None else "invalid_request"):
        read_credentials(authorization, Parameters({"client_id": "a", name: "x"}))


@pytest.mark.parametrize(
    "parameters", [NOTHING, Parameters({"client_secret": "b"})], ids=["nothing", "secret without id"]
)
def test_a_client_that_does_not_name_itself_is_refused(parameters: Parameters) -> None:
    with refused("invalid_client", "client_unnamed"):
        read_credentials(None, parameters)


@pytest.mark.parametrize("authorization", ["Bearer abc", "", "Basic", "Basicabc", "Basic " + "A" * 9000])
def test_another_scheme_or_none_or_a_flood_is_refused_with_a_challenge(authorization: str) -> None:
    with refused("invalid_client") as refusal:
        read_credentials(authorization, NOTHING)
    assert refusal.error is not None
    assert refusal.error.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic %%%",
        "Basic YTpi*",
        "Basic YTp",
        "Basic é",
        "Basic \udcff",
        "Basic " + b64encode(b"\xff:\xff").decode(),
        "Basic " + b64encode(b"no colon").decode(),
        basic("a%", "b"),
        basic("a", "b%00"),
    ],
)
def test_malformed_basic_is_an_invalid_client(authorization: str) -> None:
    with refused("invalid_client", "basic_malformed"):
        read_credentials(authorization, NOTHING)


@pytest.mark.parametrize("name", ["", "x" * (CLIENT_ID_LIMIT + 1), "%C3%A9"])
def test_an_id_that_is_empty_or_too_long_or_not_visible_ascii_is_refused(name: str) -> None:
    with refused("invalid_client", "client_id_malformed"):
        read_credentials(basic(name, "b"), NOTHING)


def test_a_secret_that_is_too_long_is_refused_before_it_is_hashed() -> None:
    with refused("invalid_client", "client_secret_malformed"):
        read_credentials(None, Parameters({"client_id": "a", "client_secret": "x" * (SECRET_LIMIT + 1)}))
    assert read_credentials(None, Parameters({"client_id": "a", "client_secret": "x" * SECRET_LIMIT})).secret


@given(st.text(), st.dictionaries(st.sampled_from(["client_id", "client_secret", "client_assertion"]), st.text()))
def test_whatever_comes_is_read_or_refused(authorization: str, values: dict[str, str]) -> None:
    refusal = refusal_of(lambda: read_credentials(authorization, Parameters(values)))
    assert refusal is None or refusal.error in {"invalid_client", "invalid_request"}


@given(st.binary())
def test_whatever_stands_in_basic_is_read_or_refused(content: bytes) -> None:
    refusal = refusal_of(lambda: read_credentials("Basic " + b64encode(content).decode(), NOTHING))
    assert refusal is None or refusal.error == "invalid_client"


def test_credentials_are_never_printed_with_their_secret() -> None:
    assert "hush" not in repr(ClientCredentials("client_secret_post", ClientId("a"), "hush"))


def test_a_secret_is_stored_as_its_sha256() -> None:
    assert secret_digest("é") == sha256("é".encode()).digest()


def test_a_secret_matches_whichever_of_the_live_hashes_it_has() -> None:
    hashes = (secret_digest("old"), secret_digest("new"))
    assert matches("old", hashes) == 0
    assert matches("new", hashes) == 1
    assert matches("other", hashes) is None
    assert matches("old", ()) is None
