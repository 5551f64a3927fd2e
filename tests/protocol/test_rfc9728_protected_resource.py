"""RFC 9728: our own protected resource says where to go for a token, and its challenge says where it says so."""

import re
from urllib.parse import urlsplit

import jsonschema
import pytest
from tests.protocol.test_openapi import DOCUMENT
from tests.support.app import Running, StartApp
from tests.support.flows import Person
from tests.support.servers import free_port

from grantlog.core.protocol.scope import OIDC_SCOPES

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize("suffix", ["", "/userinfo"])
def test_the_metadata_is_of_the_very_resource_that_its_url_names(app: Running, suffix: str) -> None:
    answer = app.browser().get(WELL_KNOWN + suffix)
    told = answer.json
    # section 3.3: "The resource value returned MUST be identical to the protected resource's resource identifier"
    assert told["resource"] == app.settings.issuer + suffix
    assert told["authorization_servers"] == [app.settings.issuer]
    assert told["jwks_uri"] == app.browser().get("/.well-known/openid-configuration").json["jwks_uri"]
    assert told["scopes_supported"] == list(OIDC_SCOPES)
    assert told["bearer_methods_supported"] == ["header", "body"]
    assert told["tls_client_certificate_bound_access_tokens"] is False
    schema = {**DOCUMENT["components"]["schemas"]["ProtectedResource"], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(told)
    assert (answer.header("Cache-Control") or "").startswith("public, max-age=")


def test_its_algorithms_are_those_of_the_server(app: Running) -> None:
    server = app.browser().get("/.well-known/openid-configuration").json
    told = app.browser().get(WELL_KNOWN).json
    assert set(told["dpop_signing_alg_values_supported"]) == set(server["dpop_signing_alg_values_supported"])
    assert set(told["resource_signing_alg_values_supported"]) == set(server["userinfo_signing_alg_values_supported"])


def test_a_stranger_finds_the_way_from_the_challenge_to_a_token(app: Running, person: Person) -> None:
    """Section 5: challenge, metadata, authorization server, token, resource."""
    url = f"{app.settings.issuer}/userinfo"
    refused = app.browser().get("/userinfo")
    found = re.search(r'resource_metadata="([^"]+)"', refused.header("WWW-Authenticate") or "")
    assert found is not None
    told = app.browser().get(found[1]).json
    # section 3.3: "identical to the URL that the client used to make the request to the resource server"
    assert told["resource"] == url
    issuer = told["authorization_servers"][0]
    server = app.browser().get(f"{issuer}/.well-known/openid-configuration").json
    assert server["userinfo_endpoint"] == url
    token = person.tokens(scope="openid", resource=[told["resource"]]).access
    assert app.browser().get("/userinfo", {"Authorization": f"Bearer {token}"}).status == 200


def test_any_script_may_read_it(app: Running) -> None:
    answer = app.browser().get(WELL_KNOWN, {"Origin": "https://anywhere.example"})
    assert answer.header("Access-Control-Allow-Origin") == "*"


def test_an_issuer_with_a_path_has_it_after_the_well_known_part(start_app: StartApp) -> None:

    port = free_port()
    app = start_app(issuer=f"http://127.0.0.1:{port}/tenant", port=port)
    for suffix in ("", "/userinfo"):
        told = app.browser().get(f"{WELL_KNOWN}/tenant{suffix}").json
        assert told["resource"] == f"{app.settings.issuer}{suffix}"
    refused = app.browser().get("/tenant/userinfo")
    found = re.search(r'resource_metadata="([^"]+)"', refused.header("WWW-Authenticate") or "")
    assert found is not None
    assert urlsplit(found[1]).path == f"{WELL_KNOWN}/tenant/userinfo"
    assert app.browser().get(WELL_KNOWN).status == 404
