from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import refusal_of, refused

from grantlog.core.protocol.redirect_uri import (
    LENGTH_LIMIT,
    ApplicationType,
    check_https,
    check_registered,
    matches,
    origin_or_scheme,
    sound_host,
    with_fragment,
    with_parameters,
)

BOTH: tuple[ApplicationType, ...] = ("web", "native")


@pytest.mark.parametrize("application_type", BOTH)
@pytest.mark.parametrize(
    "uri",
    [
        "https://client.example.com/cb",
        "https://client.example.com",
        "https://client.example.com:8443/a/b%20c?x=1&y=%2F",
        "https://CLIENT.example.com/cb",
        "https://192.0.2.1/cb",
        "https://[2001:db8::1]:8443/cb",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:3000/callback",
        "http://[::1]/callback",
    ],
)
def test_https_and_loopback_addresses_may_be_registered(uri: str, application_type: ApplicationType) -> None:
    assert check_registered(uri, application_type) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "com.example.app:/oauth2redirect",
        "com.example.app://callback",
        "com.example.app://cb/x?y=1",
        "http://localhost:1/x",
    ],
)
def test_schemes_of_their_own_and_localhost_are_for_native_applications(uri: str) -> None:
    assert check_registered(uri, "native") == uri
    with refused("invalid_redirect_uri"):
        check_registered(uri, "web")


@pytest.mark.parametrize("application_type", BOTH)
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://client.example.com/cb", "redirect_uri_plain_http"),
        ("http://127.0.0.2/cb", "redirect_uri_plain_http"),
        ("http://127.0.0.1.evil.example/cb", "redirect_uri_plain_http"),
        ("http:/cb", "redirect_uri_plain_http"),
        ("HTTP://client.example.com/cb", "redirect_uri_plain_http"),
        ("https:/cb", "redirect_uri_host"),
        ("https:///cb", "redirect_uri_authority"),
        ("https://user@client.example.com/cb", "redirect_uri_authority"),
        ("https://client.example.com:443@evil.example/cb", "redirect_uri_authority"),
        ("https://client.example.com:0/cb", "redirect_uri_authority"),
        ("https://client.example.com:65536/cb", "redirect_uri_authority"),
        ("https://client.example.com:/cb", "redirect_uri_authority"),
        ("https://client..example.com/cb", "redirect_uri_authority"),
        ("https://-client.example/cb", "redirect_uri_authority"),
        ("https://client.example.com./cb", "redirect_uri_authority"),
        ("https://127.1/cb", "redirect_uri_authority"),
        ("https://0x7f.0.0.1/cb", "redirect_uri_authority"),
        ("https://2130706433/cb", "redirect_uri_authority"),
        ("https://[::1/cb", "redirect_uri_authority"),
        ("https://[zz::1]/cb", "redirect_uri_authority"),
        ("https://[:::1]/cb", "redirect_uri_authority"),
        ("https://client%2eexample.com/cb", "redirect_uri_authority"),
        ("https://client.example.com/cb#", "redirect_uri_characters"),
        ("https://client.example.com/cb#x", "redirect_uri_characters"),
        ("https://*.example.com/cb", "redirect_uri_characters"),
        ("https://client.example.com/*", "redirect_uri_characters"),
        ("https://client.example.com\\@evil.example/cb", "redirect_uri_characters"),
        ("https://client.example.com/cb\n", "redirect_uri_characters"),
        (" https://client.example.com/cb", "redirect_uri_characters"),
        ("https://client.example.com/c b", "redirect_uri_characters"),
        ("https://client.example.com/%4", "redirect_uri_characters"),
        ("https://client.example.com/%0d%0aSet-Cookie:x", "redirect_uri_characters"),
        ("https://client.example.com/%00", "redirect_uri_characters"),
        ("https://client.example.com/%7F", "redirect_uri_characters"),
        ("https://client.example.com//evil.example", "redirect_uri_characters"),
        ("https://client.example.com/[x]", "redirect_uri_characters"),
        ("https://client.example.com/?x=[1]", "redirect_uri_characters"),
        ("https://klient.example.com/é", "redirect_uri_characters"),
        ("", "redirect_uri_characters"),
        ("/cb", "redirect_uri_relative"),
        ("//client.example.com/cb", "redirect_uri_relative"),
        ("client.example.com", "redirect_uri_relative"),
        ("1app.example:/cb", "redirect_uri_relative"),
        ("https://client.example.com/a/../cb", "redirect_uri_dots"),
        ("https://client.example.com/.", "redirect_uri_dots"),
        ("https://client.example.com/a/%2e%2E/cb", "redirect_uri_dots"),
        ("https://client.example.com/a%2f..%5ccb", "redirect_uri_dots"),
        ("https://client.example.com/cb?code=x", "redirect_uri_response_parameter"),
        ("https://client.example.com/cb?a=b&%73tate=x", "redirect_uri_response_parameter"),
        ("https://client.example.com/cb?iss", "redirect_uri_response_parameter"),
        ("javascript:alert(1)", "redirect_uri_scheme"),
        ("JavaScript://client.example.com/%61", "redirect_uri_scheme"),
        ("data:text/html,x", "redirect_uri_scheme"),
        ("file:///etc/passwd", "redirect_uri_authority"),
        ("file:/etc/passwd", "redirect_uri_scheme"),
        ("vbscript:x", "redirect_uri_scheme"),
        ("about:blank", "redirect_uri_scheme"),
        ("myapp://callback", "redirect_uri_scheme"),
        ("urn:ietf:wg:oauth:2.0:oob", "redirect_uri_scheme"),
    ],
)
def test_nothing_else_may_be_registered(uri: str, reason: str, application_type: ApplicationType) -> None:
    with refused("invalid_redirect_uri", reason):
        check_registered(uri, application_type)


@pytest.mark.parametrize("uri", ["com.example.app:callback", "com.example.app:?x=1"])
def test_a_private_scheme_wants_a_path_or_an_authority(uri: str) -> None:
    with refused("invalid_redirect_uri", "redirect_uri_path"):
        check_registered(uri, "native")


def test_a_redirect_uri_is_bounded_in_length() -> None:
    start = "https://client.example.com/"
    check_registered(start + "a" * (LENGTH_LIMIT - len(start)), "web")
    with refused("invalid_redirect_uri", "redirect_uri_characters"):
        check_registered(start + "a" * (LENGTH_LIMIT - len(start) + 1), "web")


@given(st.one_of(st.text(), st.text().map(lambda rest: f"https://{rest}"), st.text().map(lambda rest: f"a.b:/{rest}")))
def test_whatever_is_sent_is_registered_or_refused_and_matches_itself(uri: str) -> None:
    refusal = refusal_of(lambda: check_registered(uri, "native"))
    assert refusal is None or refusal.error == "invalid_redirect_uri"
    assert matches(uri, [uri])
    assert not matches(uri, [])


REGISTERED = [
    "https://client.example.com/cb",
    "http://127.0.0.1/callback",
    "http://[::1]:4000/callback?x=1",
    "http://localhost:9/cb",
]


@pytest.mark.parametrize(
    "uri",
    [
        *REGISTERED,
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/callback",
        "http://[::1]/callback?x=1",
        "http://[::1]:51004/callback?x=1",
    ],
)
def test_a_registered_uri_matches_and_a_loopback_address_on_any_port(uri: str) -> None:
    assert matches(uri, REGISTERED)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://client.example.com/cb/",
        "https://client.example.com/CB",
        "https://client.example.com/cb?x=1",
        "https://client.example.com/cb#",
        "https://client.example.com/%63b",
        "https://client.example.com:443/cb",
        "https://client.example.com/cb/../cb",
        "https://CLIENT.example.com/cb",
        "HTTPS://client.example.com/cb",
        "https://evil.example/?https://client.example.com/cb",
        "https://client.example.com@evil.example/cb",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:٣/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:80:80/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1:80/callback/x",
        "http://127.0.0.1:80/callback\n",
        "http://127.0.0.1:80/callback#x",
        "http://[::1]:80/callback",
        "http://localhost:10/cb",
        "http://127.0.0.1:9/cb",
        "https://127.0.0.1/callback",
    ],
)
def test_nothing_else_matches(uri: str) -> None:
    assert not matches(uri, REGISTERED)


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://client.example.com/cb?x=1", "https://client.example.com"),
        ("https://client.example.com:8443", "https://client.example.com:8443"),
        ("http://127.0.0.1:51004/callback", "http://127.0.0.1:51004"),
        ("http://[::1]:51004/callback", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
        ("com.example.app://cb/x", "com.example.app:"),
    ],
)
def test_a_content_security_policy_names_the_origin_or_the_scheme(uri: str, source: str) -> None:
    assert origin_or_scheme(uri) == source


@given(st.text().map(lambda rest: f"https://{rest}"))
def test_no_registered_uri_adds_another_directive_to_a_policy(uri: str) -> None:
    if refusal_of(lambda: check_registered(uri, "web")) is None:
        assert not set(origin_or_scheme(uri)) & set(" ;,'\"")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://c.example/cb", "https://c.example/cb?code=a+b&state=%26x%23"),
        ("https://c.example/cb?x=1", "https://c.example/cb?x=1&code=a+b&state=%26x%23"),
        ("https://c.example/cb?", "https://c.example/cb?code=a+b&state=%26x%23"),
        ("https://c.example/cb?x=1&", "https://c.example/cb?x=1&code=a+b&state=%26x%23"),
        ("com.example.app:/cb", "com.example.app:/cb?code=a+b&state=%26x%23"),
    ],
)
def test_parameters_follow_the_query_that_is_there(uri: str, expected: str) -> None:
    assert with_parameters(uri, [("code", "a b"), ("state", "&x#")]) == expected


def test_an_error_ends_in_an_empty_fragment() -> None:
    assert with_parameters("https://c.example/cb", [("error", "access_denied")], error=True).endswith("access_denied#")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_state_breaks_out_of_its_parameter(state: str, code: str) -> None:
    answer = with_parameters("https://c.example/cb?x=1", [("code", code), ("state", state)])
    parts = urlsplit(answer)
    assert parse_qsl(parts.query, keep_blank_values=True) == [("x", "1"), ("code", code), ("state", state)]
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "c.example", "/cb", "")


@pytest.mark.parametrize("uri", ["https://c.example/logo.png", "https://c.example:8443/?a=b"])
def test_pages_may_be_linked_to_over_https(uri: str) -> None:
    assert check_https(uri)


@pytest.mark.parametrize("uri", ["http://c.example/", "https:/x", "javascript:alert(1)", "https://u@c.example/", "x"])
def test_nothing_else_may_be_linked_to(uri: str) -> None:
    assert not check_https(uri)


def test_a_host_is_bounded_in_length() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert sound_host(longest)
    assert not sound_host(longest + "b")
    assert not sound_host("a" * 64 + ".example")


def test_the_fragment_of_an_answer_holds_the_same_text_as_a_query_would() -> None:
    assert with_fragment("https://c.example/cb?x=1", [("code", "a b"), ("state", "&x#")]) == (
        "https://c.example/cb?x=1#code=a+b&state=%26x%23"
    )
