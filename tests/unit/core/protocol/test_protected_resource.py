import pytest
from tests.support.protocol import refused

from grantlog.core.protocol.errors import InvalidTokenError, ProtocolError, TooManyRequestsError
from grantlog.core.protocol.protected_resource import (
    PresentedToken,
    challenged,
    metadata,
    metadata_path,
    metadata_url,
    read_token,
)
from grantlog.core.protocol.requests import Parameters

NOTHING = Parameters({})
TOKEN = Parameters({"access_token": "t"})
URL = "https://id.example/.well-known/oauth-protected-resource/userinfo"


@pytest.mark.parametrize(
    ("header", "scheme"), [("Bearer t", "Bearer"), ("bearer  t ", "Bearer"), ("DPoP t", "DPoP"), ("dpop t", "DPoP")]
)
def test_a_token_in_the_header_comes_by_its_scheme(header: str, scheme: str) -> None:
    assert read_token(header, NOTHING, NOTHING) == PresentedToken(scheme, "t")  # type: ignore[arg-type]  # one of the two


def test_a_token_in_a_form_is_a_bearer_token() -> None:
    assert read_token(None, TOKEN, NOTHING) == PresentedToken("Bearer", "t")


@pytest.mark.parametrize("header", ["Basic dDp0", "Bearer", "Bearer ", "DPoP", "t", ""])
def test_any_other_header_is_no_token(header: str) -> None:
    with refused("invalid_token", "token_scheme"):
        read_token(header, NOTHING, NOTHING)


def test_no_token_at_all() -> None:
    with refused("invalid_token", "token_missing"):
        read_token(None, NOTHING, NOTHING)


def test_a_token_in_the_url_is_refused_whatever_else_came() -> None:
    with refused("invalid_request", "token_in_query"):
        read_token(None, NOTHING, TOKEN)
    with refused("invalid_request", "token_in_query"):
        read_token("Bearer t", NOTHING, TOKEN)


def test_a_token_in_two_ways_is_refused() -> None:
    with refused("invalid_request", "token_twice"):
        read_token("Bearer t", TOKEN, NOTHING)


def test_a_token_is_not_printed() -> None:
    assert "secret" not in repr(PresentedToken("Bearer", "secret"))


def challenge(error: ProtocolError, scheme: str = "Bearer") -> ProtocolError:
    algs = ("ES256", "PS256")
    return challenged(error, scheme, algs=algs, metadata_url=URL, scope="openid")  # type: ignore[arg-type]  # one of the two


def test_who_brings_nothing_is_told_how_and_no_error() -> None:
    told = challenge(InvalidTokenError("token_missing", presented=False))
    assert told.status == 401
    assert told.headers["WWW-Authenticate"] == (
        f'Bearer realm="grantlog", resource_metadata="{URL}", DPoP algs="ES256 PS256"'
    )


def test_a_wrong_token_is_told_by_the_scheme_that_was_tried() -> None:
    told = challenge(InvalidTokenError("expired"), "DPoP")
    assert (told.error, told.status, told.reason) == ("invalid_token", 401, "expired")
    assert told.headers["WWW-Authenticate"] == (
        'DPoP realm="grantlog", error="invalid_token", error_description="the access token is not valid", '
        f'resource_metadata="{URL}", algs="ES256 PS256"'
    )


def test_a_token_that_is_good_for_too_little_is_told_the_scope() -> None:
    told = challenge(ProtocolError("insufficient_scope", "too little", "scope"))
    assert told.status == 403
    assert 'error="insufficient_scope"' in told.headers["WWW-Authenticate"]
    assert 'scope="openid"' in told.headers["WWW-Authenticate"]


def test_a_malformed_request_is_400_and_a_throttled_one_stays_429() -> None:
    assert challenge(ProtocolError("invalid_request", "no", "x")).status == 400
    told = challenge(TooManyRequestsError(7))
    assert (told.status, told.headers["Retry-After"]) == (429, "7")


def test_headers_of_the_error_stay() -> None:
    error = ProtocolError("invalid_token", "a nonce", "nonce", status=400, headers={"DPoP-Nonce": "n"})
    told = challenge(error, "DPoP")
    assert (told.status, told.headers["DPoP-Nonce"]) == (401, "n")


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        # RFC 9728 3.1
        ("https://resource.example.com", "https://resource.example.com/.well-known/oauth-protected-resource"),
        (
            "https://resource.example.com/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
        ),
        ("https://id.example/t/userinfo", "https://id.example/.well-known/oauth-protected-resource/t/userinfo"),
    ],
)
def test_the_metadata_stands_between_host_and_path(resource: str, url: str) -> None:
    assert metadata_url(resource) == url
    assert url.endswith(metadata_path(resource))


def test_the_metadata_says_what_works() -> None:
    told = metadata(
        "https://id.example", issuer="https://id.example", dpop_algs=("ES256",), signing_algs=("RS256",), mtls=True
    )
    assert told["resource"] == "https://id.example"
    assert told["authorization_servers"] == ["https://id.example"]
    # RFC 9728 2: "The empty array [] can be used to indicate that no bearer methods are supported"; the query is not among them
    assert told["bearer_methods_supported"] == ["header", "body"]
    assert told["tls_client_certificate_bound_access_tokens"] is True
