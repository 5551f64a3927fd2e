"""RFC 8414, OpenID Connect Discovery 1.0 and RFC 7517: what programs read first."""

import re

import pytest
from tests.support.app import Running, StartApp
from tests.support.browser import Browser
from tests.support.servers import free_port

WELL_KNOWN = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


@pytest.mark.parametrize("path", WELL_KNOWN)
def test_the_issuer_is_the_setting_and_never_the_host_that_was_asked(app: Running, path: str) -> None:
    document = app.browser().get(path, {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}).json
    assert document["issuer"] == app.settings.issuer
    urls = [value for value in document.values() if isinstance(value, str)]
    assert urls
    assert all(value.startswith(app.settings.issuer) for value in urls)


@pytest.mark.parametrize("path", WELL_KNOWN)
def test_every_member_whose_default_would_be_wrong_is_stated(app: Running, path: str) -> None:
    document = app.browser().get(path).json
    assert document["request_uri_parameter_supported"] is False
    assert document["request_parameter_supported"] is True
    assert document["grant_types_supported"] == [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]
    assert document["response_modes_supported"][:3] == ["query", "fragment", "form_post"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert set(document["token_endpoint_auth_methods_supported"]) == {
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
    }


@pytest.mark.parametrize("path", WELL_KNOWN)
def test_every_endpoint_in_the_document_answers(app: Running, path: str) -> None:
    browser = app.browser()
    document = browser.get(path).json
    endpoints = {name: url for name, url in document.items() if name.endswith("_endpoint") or name == "jwks_uri"}
    assert {"authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint"} <= set(endpoints)
    for url in endpoints.values():
        answer = browser.get(url)
        assert answer.status in {200, 400, 401, 405}, url


@pytest.mark.parametrize("path", [*WELL_KNOWN, "/jwks"])
def test_programs_of_any_origin_may_read_and_keep_it(app: Running, path: str) -> None:
    answer = app.browser().get(path, {"Origin": "https://anybody.example"})
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Access-Control-Allow-Credentials") is None
    assert answer.header("Cache-Control") == f"public, max-age={app.settings.jwks_max_age}"


def test_the_key_set_holds_public_keys_of_every_algorithm_and_nothing_private(app: Running) -> None:
    keys = app.browser().get("/jwks").json["keys"]
    assert {key["alg"] for key in keys if key["use"] == "sig"} == {"ES256", "EdDSA", "PS256", "RS256"}
    assert all(key["use"] in {"sig", "enc"} and key["kid"] for key in keys)
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert not any(private & set(key) for key in keys)
    assert len({key["kid"] for key in keys}) == len(keys)


def test_an_issuer_with_a_path_has_both_documents_where_their_specifications_say(start_app: StartApp) -> None:
    app = start_app(port=(port := free_port()), issuer=f"http://127.0.0.1:{port}/tenant")
    browser = app.browser()
    # RFC 8414 3.1: between host and path; OpenID Connect Discovery 4: after the path
    for path in ("/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/openid-configuration"):
        document = browser.get(path).json
        assert document["issuer"] == app.settings.issuer
        assert browser.get(document["jwks_uri"]).status == 200
    assert browser.get("/.well-known/oauth-authorization-server").status == 404


def test_metadata_does_not_offer_registration_where_it_is_closed(start_app: StartApp) -> None:
    app = start_app(initial_access_token=None)
    assert "registration_endpoint" not in app.browser().get(WELL_KNOWN[0]).json


def test_the_process_tells_whether_it_lives_and_is_ready(app: Running) -> None:
    browser = app.browser()
    assert browser.get("/livez").json == {"status": "alive"}
    assert browser.get("/readyz").json == {"status": "ready"}
    assert browser.get("/readyz").header("Cache-Control") == "no-store"


def test_the_metrics_listener_shows_every_sample_with_its_worker(app: Running) -> None:
    app.browser().get("/livez")
    lines = Browser(app.metrics_url).get("/metrics").text.splitlines()
    samples = [line for line in lines if line and not line.startswith("#")]
    assert all('worker="' in line for line in samples)
    assert any(re.match(r'grantlog_http_requests_total\{.*route="livez".*status="200"', line) for line in samples)
