"""Scopes that hold others (a scope catalogue with hierarchies): implied where they are checked, and never beyond."""

import jwt
import pytest
from tests.support.app import WEB, Credentials, Running, StartApp
from tests.support.clients import Client, is_refused
from tests.support.code_flow import consent_page
from tests.support.flows import Person, given

from grantlog.core.client.events import ClientMetadata
from grantlog.settings import Resource

FILES, JWT, OTHER = "https://files.example.com/", "https://files-jwt.example.com/", "https://other.example.com/"
IMPLIES = {"files:admin": ("files:write",), "files:write": ("files:read", "files:admin")}
SCOPES = ("files:read", "files:write", "files:admin")
RESOURCES = (
    Resource(uri=OTHER, scopes=("files:write",), name="Somebody else's files"),
    Resource(uri=FILES, scopes=SCOPES, implies={"files:admin": ("files:write",), "files:write": ("files:read",)}),
    Resource(uri=JWT, scopes=SCOPES, implies=IMPLIES, token_format="jwt"),
)


@pytest.fixture
def tree(start_app: StartApp) -> Running:
    app = start_app(resources=RESOURCES)
    app.clients["tree"] = app.register(
        ClientMetadata(
            name="Tree",
            redirect_uris=WEB.redirect_uris,
            grant_types=WEB.grant_types,
            scope=(*SCOPES, "openid"),
        )
    )
    guard = ClientMetadata(name="RS", grant_types=(), response_types=(), introspects=(FILES, JWT, OTHER))
    app.clients["resource_server"] = app.register(guard)
    return app


def told(app: Running, token: str) -> tuple[object, set[str]]:
    found = app.introspect(token)
    assert found["active"]
    return found["aud"], set(found["scope"].split())


def test_scopes_that_hold_others(tree: Running) -> None:
    person, client = Person(tree), Client(tree.url, tree.clients["tree"])
    admin = person.tokens("tree", scope="files:admin", resource=[FILES])
    # what was granted is what the client is told; what that holds is what the resource server is told
    assert admin.scope == {"files:admin"}
    assert told(tree, admin.access) == (FILES, {"files:admin", "files:write", "files:read"})
    # a refresh may ask for less, down the hierarchy
    write = given(client.refresh(admin.refresh, scope="files:write"))
    assert write.scope == {"files:write"}
    assert told(tree, write.access) == (FILES, {"files:write", "files:read"})
    read = given(client.refresh(write.refresh, scope="files:read"))
    assert told(tree, read.access) == (FILES, {"files:read"})
    # the grant is what it was
    again = given(client.refresh(read.refresh))
    assert told(tree, again.access) == (FILES, {"files:admin", "files:write", "files:read"})
    # nothing is implied upwards
    reader = person.tokens("tree", scope="files:read", resource=[FILES])
    is_refused(client.refresh(reader.refresh, scope="files:write"), "invalid_scope")
    # other knows files:write as well, but admin does not hold it there
    free = person.tokens("tree", scope="files:admin")
    is_refused(client.refresh(free.refresh, scope="files:write", resource=OTHER), "invalid_scope")
    assert told(tree, given(client.refresh(free.refresh, scope="files:write")).access)[0] == FILES
    # a cycle ends, and a JWT says what introspection says
    circle = person.tokens("tree", scope="files:write", resource=[JWT])
    claims = jwt.decode(circle.access, options={"verify_signature": False})
    assert set(claims["scope"].split()) == told(tree, circle.access)[1] == set(SCOPES)


def test_the_user_is_told_what_a_scope_holds(tree: Running) -> None:
    page = consent_page(tree, tree.browser(), "tree", scope="files:admin", resource=FILES)
    assert "files:admin" in page.text
    assert "files:read" in page.text


def test_a_clients_own_token_may_do_what_its_scope_holds(tree: Running) -> None:
    known: Credentials = tree.clients["tree"]
    client = Client(tree.url, known)
    own = given(client.token("client_credentials", scope="files:admin", resource=FILES))
    assert told(tree, own.access)[1] == {"files:admin", "files:write", "files:read"}
