"""RFC 8707: ``resource`` chooses for whom a token is, at the authorization and at the token endpoint."""

from dataclasses import replace

import pytest
from tests.support.app import API, BILLING, JWT_API, WEB, Running, StartApp
from tests.support.clients import Client, client_of, is_refused
from tests.support.code_flow import authorize, consent_page
from tests.support.flows import Person, given, own_token, redeemed

from grantlog.settings import Resource

BAD = [
    "https://unknown.example/",
    API.rstrip("/"),
    API + "#fragment",
    API + "path",
    API.upper(),
    "/relative",
    "api",
    "https://",
    " " + API,
    "https://api.example.com/\u00e9",
    "https://" + "a" * 3000,
]


def audience(app: Running, token: str) -> object:
    told = app.introspect(token)
    assert told["active"]
    return told["aud"]


def test_without_a_resource_the_scopes_name_it(app: Running, person: Person) -> None:
    assert audience(app, own_token(app, scope="api:read").access) == API
    assert audience(app, person.tokens(scope="api:read").access) == API
    # openid is a scope of our own UserInfo endpoint
    assert audience(app, person.tokens(scope="openid api:read").access) == [API, app.settings.issuer]
    assert audience(app, person.tokens(scope="openid").access) == app.settings.issuer


@pytest.mark.parametrize("resource", [API, BILLING, JWT_API])
def test_the_resource_that_is_asked_for_is_the_audience(app: Running, person: Person, resource: str) -> None:
    assert audience(app, own_token(app, resource=resource).access) == resource
    assert audience(app, person.tokens(resource=[resource]).access) == resource
    later = given(redeemed(app, person.code(), resource=resource))
    assert audience(app, later.access) == resource


@pytest.mark.parametrize("resource", BAD, ids=lambda resource: resource[:30])
def test_an_unknown_or_malformed_resource_is_invalid_target(
    app: Running, person: Person, web: Client, resource: str
) -> None:
    is_refused(web.token("client_credentials", resource=resource), "invalid_target")
    is_refused(web.token("client_credentials", resource=[API, resource]), "invalid_target")
    consent_page(app, browser := app.browser())
    assert authorize(app, browser, resource=resource).query["error"] == "invalid_target"


def test_a_wrong_resource_spends_no_code(app: Running, person: Person) -> None:
    code = person.code()
    is_refused(redeemed(app, code, resource="https://unknown.example/"), "invalid_target")
    assert redeemed(app, code, resource=BILLING).status == 200


def test_the_token_request_takes_of_what_the_authorization_named_and_no_more(
    app: Running, person: Person, web: Client
) -> None:
    # RFC 8707 2.2: "a subset of the resources" that were granted
    code = person.code(scope="openid api:read", resource=[API, BILLING])
    is_refused(redeemed(app, code, resource=JWT_API), "invalid_target")
    is_refused(redeemed(app, code, resource=[API, JWT_API]), "invalid_target")
    first = given(redeemed(app, code, resource=BILLING))
    assert audience(app, first.access) == BILLING
    is_refused(web.refresh(first.refresh, resource=JWT_API), "invalid_target")
    second = given(web.refresh(first.refresh, resource=API))
    assert audience(app, second.access) == API
    # none named: all that were granted
    third = given(web.refresh(second.refresh))
    assert audience(app, third.access) == [API, BILLING]


def test_a_resource_named_twice_is_one(app: Running) -> None:
    assert audience(app, own_token(app, resource=[API, API]).access) == API


def test_too_many_resources_are_refused(web: Client) -> None:
    many = [f"https://api{number}.example.com/" for number in range(50)]
    is_refused(web.token("client_credentials", resource=many), "invalid_target")


def test_without_a_scope_a_resource_takes_of_the_clients_what_it_knows(start_app: StartApp) -> None:
    """Section 2.2: "the authorization server should downscope the scope value associated with an access token"."""
    app = start_app(
        resources=(
            Resource(uri=API, scopes=("api:read", "api:write")),
            Resource(uri=BILLING, scopes=("billing:read",)),
            Resource(uri=JWT_API, scopes=("other:read",)),
        )
    )
    app.clients["both"] = app.register(replace(WEB, scope=("api:read", "billing:read")))
    both = client_of(app, "both")
    told = app.introspect(own_token(app, "both", resource=API).access)
    assert (told["aud"], told["scope"]) == (API, "api:read")
    # what is named is not silently left out
    is_refused(both.token("client_credentials", resource=API, scope="api:read billing:read"), "invalid_scope")
    is_refused(both.token("client_credentials", resource=JWT_API), "invalid_scope")


def test_a_client_may_be_held_to_some_resources(app: Running, person: Person) -> None:

    app.clients["narrow"] = app.register(replace(WEB, resources=(BILLING,)))
    narrow = Client(app.url, app.clients["narrow"])
    assert audience(app, given(narrow.token("client_credentials")).access) == BILLING
    for resource in (API, JWT_API):
        is_refused(narrow.token("client_credentials", resource=resource), "invalid_target")
    code = person.code("narrow")
    is_refused(redeemed(app, code, "narrow", resource=API), "invalid_target")
    assert audience(app, given(redeemed(app, code, "narrow")).access) == [BILLING, app.settings.issuer]


def test_an_empty_resource_is_none(app: Running) -> None:
    assert audience(app, own_token(app, scope="api:read", resource="").access) == API
