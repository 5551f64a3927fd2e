"""OpenID Connect Core section 5.5: claims asked for one by one, for the ID token or for UserInfo."""

from collections.abc import Mapping
from json import dumps
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from tests.support.app import API, RESOURCES, Running, StartApp
from tests.support.clients import Client
from tests.support.code_flow import consent_page, parameters
from tests.support.flows import Tokens, given
from tests.support.people import JANE, Member

from grantlog.core.client.events import ClientMetadata
from grantlog.settings import Resource
from grantlog.web.pages.words import scope_in_words

RIGHTS = {"roles": ["admin", "auditor"], "groups": ["staff"], "entitlements": ["export"]}
ROLES_API, ROLES_JWT = "https://roles.example.com/", "https://roles-jwt.example.com/"


@pytest.fixture(scope="module")
def jane(app: Running) -> Member:
    return Member(app, "jane-of-the-claims", {**JANE, **RIGHTS})


def asked(person: Member, claims: Mapping[str, Any], scope: str = "openid") -> Tokens:
    return person.tokens(scope=scope, claims=dumps(claims))


def identity(tokens: Tokens) -> Any:
    return jwt.decode(tokens.answer.json["id_token"], options={"verify_signature": False})


def told(app: Running, tokens: Tokens) -> Any:
    return app.browser().get("/userinfo", {"Authorization": f"Bearer {tokens.access}"}).json


# OpenID Connect Core section 5.5
EXAMPLE = {
    "userinfo": {
        "given_name": {"essential": True},
        "nickname": None,
        "email": {"essential": True},
        "email_verified": {"essential": True},
        "picture": None,
        "http://example.info/claims/groups": None,
    },
    "id_token": {"auth_time": {"essential": True}, "birthdate": None},
}


def test_the_example_of_the_specification(app: Running, jane: Member) -> None:
    tokens = asked(jane, EXAMPLE)
    names = ("given_name", "nickname", "email", "email_verified", "picture")
    assert told(app, tokens) == {"sub": str(jane.account), **{name: JANE[name] for name in names}}
    claims = identity(tokens)
    assert claims["birthdate"] == JANE["birthdate"]
    assert isinstance(claims["auth_time"], int)
    assert not claims.keys() & set(names)


def test_claims_add_to_what_the_scope_tells(app: Running, jane: Member) -> None:
    tokens = asked(jane, {"userinfo": {"name": None}}, "openid email")
    assert set(told(app, tokens)) == {"sub", "email", "email_verified", "name"}


def test_a_client_gets_by_a_claim_only_what_it_may_have_by_a_scope(app: Running, jane: Member) -> None:
    # the client is not registered for the scope phone
    wanted = dict.fromkeys(("phone_number", "email"))
    tokens = asked(jane, {"userinfo": wanted, "id_token": wanted})
    assert set(told(app, tokens)) == {"sub", "email"}
    assert "email" in identity(tokens)
    assert "phone_number" not in identity(tokens)


def test_the_user_is_asked_for_what_the_claims_hold(app: Running) -> None:
    plain, wanting = (Member(app, name, JANE).browser for name in ("asked-plain", "asked-more"))
    mail = scope_in_words("email", app.service.policy.catalog, ())
    assert mail not in consent_page(app, plain, scope="openid").text
    claims = dumps({"userinfo": {"email": None}})
    page = consent_page(app, wanting, scope="openid", claims=claims)
    assert mail in page.text
    # and what was allowed without them is not allowed with them
    assert plain.submit(consent_page(app, plain, scope="openid"), decision="allow").status == 303
    again = plain.get("/authorize?" + urlencode(parameters(app, scope="openid", prompt="none")))
    assert "code" in again.query
    more = plain.get("/authorize?" + urlencode(parameters(app, scope="openid", prompt="none", claims=claims)))
    assert more.query["error"] == "consent_required"


def test_a_claim_asked_for_with_another_value_is_not_told(app: Running, jane: Member) -> None:
    wanted = {"locale": {"value": "de"}, "gender": {"values": ["male", "female"]}, "zoneinfo": {"values": []}}
    assert set(told(app, asked(jane, {"userinfo": wanted}))) == {"sub", "gender"}


def test_what_was_asked_for_is_told_after_a_refresh_as_well(app: Running, jane: Member, web: Client) -> None:
    tokens = asked(jane, {"userinfo": {"email": None}, "id_token": {"name": None}})
    again = given(web.refresh(tokens.refresh))
    assert told(app, again)["email"] == JANE["email"]
    assert identity(again)["name"] == JANE["name"]


def test_nobody_replaces_a_claim_of_ours(app: Running, jane: Member) -> None:
    wanted = {
        name: {"value": "x"} for name in ("iss", "aud", "exp", "iat", "azp", "sid", "nonce", "at_hash", "username")
    }
    claims = identity(asked(jane, {"id_token": wanted}))
    assert claims["iss"] == app.settings.issuer
    assert claims["aud"] == app.clients["web"].client_id
    assert "username" not in claims


def test_rights_are_for_resource_servers_and_not_for_clients(app: Running, jane: Member) -> None:
    tokens = asked(jane, {"userinfo": dict.fromkeys(RIGHTS), "id_token": dict.fromkeys(RIGHTS)}, "openid profile")
    assert not set(told(app, tokens)) & set(RIGHTS)
    assert not set(identity(tokens)) & set(RIGHTS)
    # RFC 9068 2.2.3.1: and only where the resource asks for them
    assert not set(app.introspect(tokens.access)) & set(RIGHTS)


def test_a_resource_that_asks_for_them_is_told_roles_groups_and_entitlements(start_app: StartApp) -> None:
    resources = (
        *RESOURCES,
        Resource(uri=ROLES_API, scopes=("api:read",), attributes=True),
        Resource(uri=ROLES_JWT, scopes=("api:read",), attributes=True, token_format="jwt"),
    )
    app = start_app(resources=resources)
    guard = ClientMetadata(name="RS", grant_types=(), response_types=(), introspects=(ROLES_API, ROLES_JWT, API))
    server, web = Client(app.url, app.register(guard)), Client(app.url, app.clients["web"])
    jane = Member(app, "jane", {**JANE, **RIGHTS})
    tokens = jane.tokens(scope="api:read", resource=[ROLES_API])
    assert {name: server.introspect(tokens.access)[name] for name in RIGHTS} == RIGHTS
    # RFC 9068 2.2.3.1
    in_jwt = jane.tokens(scope="api:read", resource=[ROLES_JWT])
    claims = jwt.decode(in_jwt.access, options={"verify_signature": False})
    assert {name: claims[name] for name in RIGHTS} == RIGHTS
    assert {name: server.introspect(in_jwt.access)[name] for name in RIGHTS} == RIGHTS
    # one resource of a token that does not ask is not told what another may know
    both = jane.tokens(scope="api:read", resource=[API, ROLES_API])
    assert not set(server.introspect(both.access)) & set(RIGHTS)
    # what an operator changed is in the next token, and what is empty in none
    jane.change(roles=["reader"], groups=[], entitlements=None)
    now = server.introspect(given(web.refresh(tokens.refresh)).access)
    assert {name: now.get(name) for name in RIGHTS} == {"roles": ["reader"], "groups": None, "entitlements": None}
    assert server.introspect(tokens.access)["roles"] == RIGHTS["roles"]
    # a client for itself has none
    own = given(web.token("client_credentials", resource=ROLES_API, scope="api:read"))
    assert not set(server.introspect(own.access)) & set(RIGHTS)
