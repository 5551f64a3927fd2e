from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS, refusal_of

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.authorization_profile import code_lifetime
from grantlog.core.protocol.authorize import (
    CHECKS,
    HINT_LIMIT,
    NONCE_LIMIT,
    STATE_LIMIT,
    AuthorizationError,
    AuthorizationRequest,
    ClientView,
    Sent,
    validate,
)
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.resource import Catalog, ResourceRule

ISSUER = "https://id.example.com"
API = "https://api.example.com/"
BILLING = "https://billing.example.com/"
CALLBACK = "https://client.example.com/cb"
LOOPBACK = "http://127.0.0.1/callback"
CHALLENGE = VECTORS["rfc7636_appendix_b"]["challenge"]
CATALOG = Catalog((ResourceRule(API, ("api:read", "api:write")), ResourceRule(BILLING, ("api:read",))))
POLICY = Policy(issuer=ISSUER, catalog=CATALOG)
OIDC = replace(POLICY, profile="oidc")
FAPI = replace(POLICY, profile="fapi2")
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
    client: ClientView = CLIENT,
    resources: tuple[str, ...] = (),
    *,
    policy: Policy = POLICY,
    sent: dict[str, Any] | None = None,
    without: str = "",
    **changed: str,
) -> AuthorizationRequest:
    values = {name: value for name, value in (GOOD | changed).items() if name not in without.split(" ")}
    parameters = Parameters(values, {"resource": resources} if resources else {})
    return validate(Sent(parameters=parameters, **(sent or {})), client, policy)


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
    assert validate(Sent(parameters=scopeless), single, POLICY).redirect_uri == CALLBACK


@pytest.mark.parametrize(
    ("uris", "scope"), [((CALLBACK, LOOPBACK), "api:read"), ((), "api:read"), ((CALLBACK,), "api:read openid")]
)
def test_a_missing_redirect_uri_is_refused_with_several_or_with_openid(uris: tuple[str, ...], scope: str) -> None:
    error = refusal(replace(CLIENT, redirect_uris=uris), without="redirect_uri", scope=scope)
    assert (error.error, error.reason, error.redirect_uri) == ("invalid_request", "redirect_uri_missing", None)


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"request_uri": "urn:x"}, "request_uri_not_supported", "request_uri_sent"),
        ({"registration": "{}"}, "registration_not_supported", "registration_sent"),
        ({"without": "response_type"}, "invalid_request", "response_type_missing"),
        ({"response_type": "token"}, "unsupported_response_type", "response_type_unknown"),
        ({"response_mode": "web_message"}, "invalid_request", "response_mode_unknown"),
        ({"ui_locales": "x" * 300}, "invalid_request", "ui_locales_too_long"),
        ({"acr_values": "x" * 300}, "invalid_request", "acr_values_too_long"),
        ({"claims": "[]"}, "invalid_request", "claims_jwt_not_an_object"),
        ({"dpop_jkt": "x" * 42}, "invalid_request", "dpop_jkt_malformed"),
        ({"authorization_details": "[]"}, "invalid_authorization_details", "details_unsupported"),
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
    refusal = refusal_of(lambda: validate(Sent(parameters=Parameters(GOOD | changed)), CLIENT, POLICY))
    if refusal is not None:
        assert isinstance(refusal, AuthorizationError)
        assert (refusal.redirect_uri is None) is (refusal.reason == "redirect_uri_unknown")


SIGNED = {"signed": True}
PUSHED = {"by_push": True}
FAPI_CLIENT = replace(CLIENT, token_endpoint_auth_method="private_key_jwt")
PUBLIC = replace(CLIENT, token_endpoint_auth_method="none")
NO_PKCE: dict[str, Any] = {"without": "code_challenge code_challenge_method"}


def test_everything_of_openid_connect_is_read() -> None:
    claims = '{"id_token": {"acr": {"essential": true, "values": ["a", "b"]}, "sub": {"value": "ada"}}}'
    request = ask(
        response_mode="jwt", claims=claims, acr_values="c d", ui_locales="fr en", display="popup", dpop_jkt=CHALLENGE
    )
    assert request.response_mode == "query.jwt"
    assert (request.essential_acr, request.acr_values, request.hinted_subject) == (("a", "b"), ("c", "d"), "ada")
    assert (request.ui_locales, request.display, request.dpop_jkt) == (("fr", "en"), "popup", CHALLENGE)
    assert request.claims == '{"id_token":{"acr":{"essential":true,"values":["a","b"]},"sub":{"value":"ada"}}}'


def test_what_a_client_registered_as_defaults_gives_way_to_what_it_asks_for() -> None:
    client = replace(CLIENT, default_max_age=60, default_acr_values=("x",))
    assert (ask(client).max_age, ask(client).acr_values) == (60, ("x",))
    assert (ask(client, max_age="0").max_age, ask(client, acr_values="y").acr_values) == (0, ("y",))
    assert ask(client, claims='{"id_token":{"acr":{"value":"z"}}}').acr_values == ("z",)
    essential = ask(client, claims='{"id_token":{"acr":{"value":"z","essential":true}}}')
    assert (essential.essential_acr, essential.acr_values) == (("z",), ())


def test_details_are_kept_as_the_check_writes_them() -> None:
    assert ask(sent={"details": str.strip}, authorization_details=" [] ").details == "[]"
    assert ask(sent={"details": str.strip}).details == ""


def test_a_bad_request_object_is_told_to_where_the_request_itself_says() -> None:
    error = refusal(sent={"object_refused": invalid_request("no", "object_bad")})
    assert (error.reason, error.redirect_uri, error.state) == ("object_bad", CALLBACK, "s t")
    nowhere = refusal(sent={"object_refused": invalid_request("no", "object_bad")}, without="redirect_uri")
    assert (nowhere.reason, nowhere.redirect_uri) == ("object_bad", None)


def test_a_client_that_signs_all_its_requests_is_not_answered_without() -> None:
    client = replace(CLIENT, require_signed_request_object=True)
    assert refusal(client).reason == "request_object_required"
    assert ask(client, sent=SIGNED).client_id == "c1"


def test_an_error_goes_the_way_that_was_asked_for() -> None:
    assert refusal(response_mode="fragment", scope="nonsense").response_mode == "fragment"
    assert refusal(response_mode="jwt", response_type="token").response_mode == "query.jwt"
    assert refusal(response_mode="nonsense").response_mode == "query"


def test_it_is_known_whether_a_refused_request_was_to_be_answered_in_silence() -> None:
    assert refusal(prompt="none", scope="nonsense").silent
    assert not refusal(scope="nonsense").silent


@pytest.mark.parametrize(
    ("policy", "client"),
    [
        (replace(POLICY, par_required=True), CLIENT),
        (POLICY, replace(CLIENT, require_pushed_authorization_requests=True)),
        (POLICY, replace(FAPI_CLIENT, profile="fapi2")),
        (FAPI, FAPI_CLIENT),
    ],
)
def test_who_has_to_push_is_answered_only_where_it_did(policy: Policy, client: ClientView) -> None:
    assert refusal(client, policy=policy).reason == "par_required"
    assert ask(client, policy=policy, sent=PUSHED).client_id == "c1"


@pytest.mark.parametrize(
    ("policy", "client"),
    [
        (POLICY, CLIENT),
        (OIDC, PUBLIC),
        (POLICY, replace(PUBLIC, pkce_optional=True)),
        (FAPI, replace(FAPI_CLIENT, pkce_optional=True)),
        (OIDC, replace(FAPI_CLIENT, profile="fapi2")),
    ],
    ids=["oauth21", "public", "excused public", "fapi2", "a fapi2 client"],
)
def test_pkce_cannot_be_left_out(policy: Policy, client: ClientView) -> None:
    assert refusal(client, policy=policy, sent=PUSHED, **NO_PKCE).reason == "pkce_missing"


@pytest.mark.parametrize(("policy", "client"), [(OIDC, CLIENT), (POLICY, replace(CLIENT, pkce_optional=True))])
def test_a_confidential_client_may_leave_pkce_out_where_profile_or_operator_let_it(
    policy: Policy, client: ClientView
) -> None:
    assert ask(client, policy=policy, **NO_PKCE).code_challenge == ""
    assert refusal(client, policy=policy, code_challenge_method="plain").reason == "pkce_method"
    assert refusal(client, policy=policy, without="code_challenge").reason == "pkce_missing"


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post", "client_secret_jwt"])
def test_fapi2_knows_clients_with_keys_only(method: str) -> None:
    client = replace(CLIENT, token_endpoint_auth_method=method)
    error = refusal(client, policy=FAPI, sent=PUSHED)
    assert (error.error, error.reason) == ("unauthorized_client", "profile_client")


def test_fapi2_wants_the_redirect_uri_named_and_https_or_loopback() -> None:
    single = replace(FAPI_CLIENT, redirect_uris=(CALLBACK,), scope=("api:read",))
    assert refusal(single, policy=FAPI, sent=PUSHED, without="redirect_uri").reason == "redirect_uri_missing"
    assert ask(FAPI_CLIENT, policy=FAPI, sent=PUSHED, redirect_uri=LOOPBACK).redirect_uri == LOOPBACK
    own = replace(FAPI_CLIENT, redirect_uris=("com.example.app:/cb",))
    error = refusal(own, policy=FAPI, sent=PUSHED, redirect_uri="com.example.app:/cb")
    assert (error.reason, error.redirect_uri) == ("profile_redirect_scheme", None)


def test_codes_of_fapi2_live_for_a_minute_at_most() -> None:
    long, short = replace(FAPI, code_lifetime=600), replace(FAPI, code_lifetime=30)
    assert (code_lifetime(long, FAPI_CLIENT), code_lifetime(short, FAPI_CLIENT)) == (60, 30)
    assert code_lifetime(replace(POLICY, code_lifetime=600), FAPI_CLIENT) == 600
