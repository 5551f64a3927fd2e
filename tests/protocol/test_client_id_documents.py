"""Clients known by the URL of their metadata document (draft-ietf-oauth-client-id-metadata-document)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.app import REDIRECT, Credentials, Running, StartApp, running, settings_for
from tests.support.client_metadata import EC_KEY
from tests.support.clients import Client, is_refused
from tests.support.code_flow import authorize, consent_page, redeem, redirect_of
from tests.support.flows import given, is_active
from tests.support.published_documents import Published, publishing
from tests.support.servers import flush

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.identifiers import ClientId
from grantlog.flows import client_documents, clients
from grantlog.flows.operators import CommandRefusedError, operator_origin

PATH = "/client"


@pytest.fixture(scope="module")
def site() -> Iterator[Published]:
    with publishing() as published:
        yield published


@pytest.fixture
def open_app(start_app: StartApp, site: Published) -> Running:
    """A server that knows such clients, also of this machine."""
    site.documents.clear()
    site.asked.clear()
    return start_app(egress_private=True, client_id_documents=True)


@pytest.fixture(scope="module")
def shared(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Running]:
    """The same, one for all the tests of what is refused."""
    flush(valkey_server)
    settings = settings_for(module_postgres_url, valkey_server.url, egress_private=True, client_id_documents=True)
    with running(settings) as started:
        yield started


@pytest.fixture
def path() -> str:
    """A path that no other test publishes at."""
    return f"/client-{token_hex(4)}"


def publish(app: Running, site: Published, path: str = PATH, /, **members: object) -> str:
    """Publishes a document; the client_id. The test's clients know it as ``doc``."""
    client_id = site.url + path
    site.put(path, document_of(client_id, **members))
    app.clients["doc"] = Credentials(client_id, None)
    return client_id


def document_of(client_id: str, /, **members: object) -> dict[str, Any]:
    usual = {
        "client_id": client_id,
        "client_name": "An agent",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    }
    return {name: value for name, value in (usual | members).items() if value is not None}


def is_unknown(app: Running) -> None:
    answer = authorize(app, app.browser(), "doc")
    assert answer.status == 400, answer.text
    assert "client_id" in answer.text or "application" in answer.text
    assert answer.header("Location") is None


def test_a_client_that_nobody_registered_gets_tokens(open_app: Running, site: Published) -> None:
    client_id = publish(open_app, site)
    browser = open_app.browser()
    page = consent_page(open_app, browser, "doc")
    assert "An agent" in page.text
    code = browser.submit(page, decision="allow").query["code"]
    tokens = given(redeem(open_app, code, "doc"))
    told = open_app.introspect(tokens.access)
    assert told["active"]
    assert told["client_id"] == client_id
    assert is_active(open_app, given(Client(open_app.url, open_app.clients["doc"]).refresh(tokens.refresh)).access)
    # once it is known it is not fetched for every step
    assert site.asked.count(PATH) == 1
    state = open_app.run(clients.find(open_app.service, ClientId(client_id)))
    assert not state.metadata.verified
    assert state.registration_token_hash is None


WELL_KNOWN = "/.well-known/oauth-authorization-server"


def test_the_metadata_says_that_such_clients_are_known(shared: Running) -> None:
    assert shared.browser().get(WELL_KNOWN).json["client_id_metadata_document_supported"] is True


def test_where_it_is_off_no_document_is_fetched(start_app: StartApp, site: Published) -> None:
    app = start_app()
    assert "client_id_metadata_document_supported" not in app.browser().get(WELL_KNOWN).json
    publish(app, site, "/off")
    is_unknown(app)
    assert "/off" not in site.asked


def test_a_document_without_a_method_is_a_public_clients(shared: Running, site: Published, path: str) -> None:
    publish(shared, site, path, token_endpoint_auth_method=None)
    assert given(redeem(shared, redirect_of(shared, shared.browser(), "doc").query["code"], "doc")).access


@pytest.mark.parametrize(
    "members",
    [
        {"client_id": "https://other.example/client"},
        {"client_id": None},
        {"client_secret": "x"},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"redirect_uris": []},
        {"redirect_uris": ["http://evil.example/"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"grant_types": ["client_credentials"]},
        {"resource_server_for": ["https://api.example.com/"]},
        {"client_name": "safe\u202eelif"},
        {"jwks": {"keys": [EC_KEY | {"d": "AAAA"}]}},
        {"scope": "admin"},
    ],
    ids=repr,
)
def test_a_document_that_says_what_it_must_not_is_no_client(
    shared: Running, site: Published, path: str, members: dict[str, object]
) -> None:
    publish(shared, site, path, **members)
    is_unknown(shared)
    assert path in site.asked
    is_refused(Client(shared.url, shared.clients["doc"]).token("authorization_code", code="x"), "invalid_client", 401)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (404, "application/json", None),
        (302, "application/json", None),
        (500, "application/json", None),
        (200, "text/html", None),
        (200, "application/json", b""),
        (200, "application/json", b"[]"),
        (200, "application/json", b"[" * 30_000),
        (200, "application/json", b'{"a":' + b" " * 70_000 + b"1}"),
        (200, "application/json", b"\xff\xfe"),
    ],
)
def test_what_is_no_document_is_no_client(
    shared: Running, site: Published, path: str, status: int, kind: str, body: bytes | None
) -> None:
    client_id = publish(shared, site, path)
    site.put(path, document_of(client_id) if body is None else body, status=status, kind=kind)
    is_unknown(shared)
    assert path in site.asked


@pytest.mark.parametrize(
    "client_id",
    [
        "https://client.invalid/client",
        "https://app.example",
        "https://user@app.example/client",
        "https://app.example/../client",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/client",
        "file:///etc/passwd",
        "https://app.example/client#x",
    ],
)
def test_a_url_that_may_not_be_asked_is_not(shared: Running, client_id: str) -> None:
    shared.clients["doc"] = Credentials(client_id, None)
    is_unknown(shared)


def test_where_private_addresses_are_barred_nobody_is_made_to_ask_them(start_app: StartApp, site: Published) -> None:
    app = start_app(client_id_documents=True)
    publish(app, site, "/barred")
    is_unknown(app)
    assert "/barred" not in site.asked


def test_a_document_that_changed_is_seen_when_its_time_has_passed(
    open_app: Running, site: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id = publish(open_app, site)
    token = given(redeem(open_app, redirect_of(open_app, open_app.browser(), "doc").query["code"], "doc")).access
    publish(open_app, site, client_name="Renamed", redirect_uris=[REDIRECT, "https://two.example/"])
    consent_page(open_app, open_app.browser(), "doc")
    assert site.asked.count(PATH) == 1
    monkeypatch.setattr(client_documents, "LIFETIME", 0)
    consent_page(open_app, open_app.browser(), "doc")
    state = open_app.run(clients.find(open_app.service, ClientId(client_id)))
    assert state.metadata.name == "Renamed"
    assert is_active(open_app, token)
    # and one that is gone lets nobody in any more
    site.put(PATH, b"", status=410)
    open_app.pass_seconds(0.1)
    is_unknown(open_app)


def test_a_server_that_does_not_answer_does_not_end_a_client_at_once(
    open_app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publishing() as gone:
        publish(open_app, gone)
        redirect_of(open_app, open_app.browser(), "doc")
    monkeypatch.setattr(client_documents, "LIFETIME", 0)
    redirect_of(open_app, open_app.browser(), "doc")
    monkeypatch.setattr(client_documents, "STALE", 0)
    is_unknown(open_app)


def test_a_client_that_an_operator_removed_or_suspended_stays_so(open_app: Running, site: Published) -> None:
    client_id = ClientId(publish(open_app, site))
    redirect_of(open_app, open_app.browser(), "doc")
    origin = operator_origin(open_app.service, "operator:test")
    open_app.run(clients.suspend(open_app.service, client_id, "test", origin))
    assert authorize(open_app, open_app.browser(), "doc").status == 400
    open_app.run(clients.remove(open_app.service, client_id, origin))
    assert authorize(open_app, open_app.browser(), "doc").status == 400


def test_the_id_of_a_client_that_was_registered_is_never_a_url(open_app: Running, site: Published) -> None:
    client_id = publish(open_app, site)
    state = open_app.run(clients.find(open_app.service, ClientId(open_app.clients["web"].client_id)))
    origin = operator_origin(open_app.service, "operator:test")
    with pytest.raises(CommandRefusedError):
        open_app.run(clients.register(open_app.service, state.metadata, origin, ClientId(client_id)))


def test_many_at_once_make_one_client_and_one_fetch(open_app: Running, site: Published) -> None:
    publish(open_app, site)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: authorize(open_app, open_app.browser(), "doc").status, range(8)))
    assert answers == [303] * 8
    assert site.asked.count(PATH) == 1


def test_who_makes_up_urls_is_bounded(open_app: Running, site: Published) -> None:
    for number in range(70):
        form = {"grant_type": "authorization_code", "code": "x", "client_id": f"{site.url}/made-up/{number}"}
        open_app.browser().request(
            "POST",
            "/token",
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    assert sum(path.startswith("/made-up/") for path in site.asked) <= 61
