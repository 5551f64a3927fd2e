from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS, refusal_of

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.authorize import (
    CHECKS,
    HINT_LIMIT,
    NONCE_LIMIT,
    STATE_LIMIT,
    AuthorizationError,
    AuthorizationRequest,
    ClientView,
    validate,
)
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.resource import Catalog, ResourceRule

ISSUER = "https://id.example.com"
API = "https://api.example.com/"
BILLING = "https://billing.example.com/"
CALLBACK = "https://client.example.com/cb"
LOOPBACK = "http://127.0.0.1/callback"
CHALLENGE = VECTORS["rfc7636_appendix_b"]["challenge"]
CATALOG = Catalog((ResourceRule(API, ("api:read", "api:write")), ResourceRule(BILLING, ("api:read",))))
CLIENT = ClientView(
    client_id=ClientId("c1"),
    redirect_uris=(CALLBACK, LOOPBACK),
    scope=("openid", "offline_access", "api:read", "api:write"),
    grant_types=("authorization_code", "refresh_token"),
    response_types=("code",),
)
GOOD = {
    "client_id": "c1",
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "openid api:read",
    "state": "s t",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def ask(
    client: ClientView = CLIENT, resources: tuple[str, ...] = (), *, without: str = "", **changed: str
) -> AuthorizationRequest:
    values = {name: value for name, value in (GOOD | changed).items() if name != without}
    return validate(Parameters(values, {"resource": resources} if resources else {}), client, CATALOG, ISSUER)


def refusal(*args: Any, **changed: Any) -> AuthorizationError:
    with pytest.raises(AuthorizationError) as caught:
        ask(*args, **changed)
    return caught.value


def test_a_good_request_is_taken_as_it_is() -> None:
    assert ask(resources=(BILLING,), prompt="login consent", max_age="60", login_hint="ada") == AuthorizationRequest(
        client_id=ClientId("c1"),
        redirect_uri=CALLBACK,
        scope=("openid", "api:read"),
        resources=(BILLING,),
        state="s t",
        nonce="n",
        code_challenge=CHALLENGE,
        prompt=("login", "consent"),
        max_age=60,
        login_hint="ada",
        response_mode="query",
    )


def test_what_is_optional_may_be_missing() -> None:
    request = ask(without="nonce")
    assert (request.nonce, request.resources, request.prompt, request.max_age, request.login_hint) == (
        None, (), (), None, None,
    )  # fmt: skip


def test_a_loopback_redirect_keeps_the_port_that_was_asked_for() -> None:
    assert ask(redirect_uri="http://127.0.0.1:51004/callback").redirect_uri == "http://127.0.0.1:51004/callback"


def test_a_suspended_client_is_refused_where_the_user_sees_it() -> None:
    error = refusal(replace(CLIENT, suspended=True))
    assert (error.error, error.reason, error.redirect_uri) == ("unauthorized_client", "client_suspended", None)


@pytest.mark.parametrize("uri", ["https://evil.example/cb", CALLBACK + "/", CALLBACK + "#", "javascript:alert(1)"])
def test_a_redirect_uri_that_is_not_registered_is_never_redirected_to(uri: str) -> None:
    error = refusal(redirect_uri=uri, response_type="nonsense")
    assert (error.error, error.reason, error.redirect_uri) == ("invalid_request", "redirect_uri_unknown", None)
    assert error.state is None


def test_a_missing_redirect_uri_is_no_question_with_one_registered() -> None:
    single = replace(CLIENT, redirect_uris=(CALLBACK,))
    assert ask(single, without="redirect_uri", scope="api:read").redirect_uri == CALLBACK
    scopeless = Parameters({name: GOOD[name] for name in GOOD if name not in {"redirect_uri", "scope"}})
    assert validate(scopeless, single, CATALOG, ISSUER).redirect_uri == CALLBACK


@pytest.mark.parametrize(
    ("uris", "scope"), [((CALLBACK, LOOPBACK), "api:read"), ((), "api:read"), ((CALLBACK,), "api:read openid")]
)
def test_a_missing_redirect_uri_is_refused_with_several_or_with_openid(uris: tuple[str, ...], scope: str) -> None:
    error = refusal(replace(CLIENT, redirect_uris=uris), without="redirect_uri", scope=scope)
    assert (error.error, error.reason, error.redirect_uri) == ("invalid_request", "redirect_uri_missing", None)


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"request": "a.b.c"}, "request_not_supported", "request_sent"),
        ({"request_uri": "urn:x"}, "request_uri_not_supported", "request_uri_sent"),
        ({"registration": "{}"}, "registration_not_supported", "registration_sent"),
        ({"without": "response_type"}, "invalid_request", "response_type_missing"),
        ({"response_type": "token"}, "unsupported_response_type", "response_type_unknown"),
        ({"response_mode": "fragment"}, "invalid_request", "response_mode_unknown"),
        ({"without": "code_challenge"}, "invalid_request", "pkce_missing"),
        ({"without": "code_challenge_method"}, "invalid_request", "pkce_method"),
        ({"code_challenge_method": "plain"}, "invalid_request", "pkce_method"),
        ({"code_challenge": "short"}, "invalid_request", "pkce_challenge_malformed"),
        ({"scope": "api:admin"}, "invalid_scope", "scope_exceeded"),
        ({"scope": "a  b"}, "invalid_scope", "scope_malformed"),
        ({"prompt": "none login"}, "invalid_request", "prompt_none_combined"),
        ({"max_age": "-1"}, "invalid_request", "max_age_malformed"),
        ({"nonce": "n" * (NONCE_LIMIT + 1)}, "invalid_request", "nonce_too_long"),
        ({"login_hint": "h" * (HINT_LIMIT + 1)}, "invalid_request", "login_hint_too_long"),
    ],
)
def test_after_the_redirect_uri_is_proven_the_client_may_be_told(
    changed: dict[str, str], code: str, reason: str
) -> None:
    error = refusal(**changed)
    assert (error.error, error.reason) == (code, reason)
    assert (error.redirect_uri, error.state) == (CALLBACK, "s t")


def test_a_state_that_is_too_long_is_not_echoed() -> None:
    error = refusal(state="s" * (STATE_LIMIT + 1))
    assert (error.reason, error.redirect_uri, error.state) == ("state_too_long", CALLBACK, None)
    assert ask(state="s" * STATE_LIMIT).state


@pytest.mark.parametrize("client", [{"response_types": ()}, {"grant_types": ("client_credentials",)}])
def test_a_client_that_is_not_registered_for_codes_is_refused(client: dict[str, Any]) -> None:
    error = refusal(replace(CLIENT, **client))
    assert (error.error, error.reason) == ("unauthorized_client", "response_type_not_registered")


def test_a_resource_that_is_unknown_or_forbidden_is_an_invalid_target() -> None:
    assert refusal(resources=("https://other.example/",)).error == "invalid_target"
    error = refusal(replace(CLIENT, resources=(API,)), resources=(BILLING,))
    assert (error.error, error.reason) == ("invalid_target", "resource_not_allowed")


def test_a_scope_that_the_resource_does_not_know_is_refused() -> None:
    assert refusal(resources=(BILLING,), scope="api:write").error == "invalid_scope"


def test_without_scope_the_client_gets_what_it_registered_but_not_who_somebody_is() -> None:
    assert ask(without="scope").scope == ("api:read", "api:write")
    error = refusal(replace(CLIENT, scope=("openid",)), without="scope")
    assert (error.error, error.reason) == ("invalid_scope", "scope_missing")


def test_the_redirect_uri_is_proven_before_anything_is_told_to_the_client() -> None:
    names = [name for name, _ in CHECKS]
    assert names[:3] == ["client_id", "redirect_uri", "state"]


def test_a_refusal_keeps_what_it_was_refused_for() -> None:
    error = refusal(response_type="token")
    assert (error.description, error.status) == ("response_type must be code", 400)
    assert isinstance(error.__cause__, ProtocolError)


@given(st.dictionaries(st.sampled_from([*GOOD, "prompt", "max_age", "request", "login_hint"]), st.text()))
def test_whatever_is_asked_it_is_taken_or_refused(changed: dict[str, str]) -> None:
    refusal = refusal_of(lambda: validate(Parameters(GOOD | changed), CLIENT, CATALOG, ISSUER))
    if refusal is not None:
        assert isinstance(refusal, AuthorizationError)
        assert (refusal.redirect_uri is None) is (refusal.reason == "redirect_uri_unknown")
