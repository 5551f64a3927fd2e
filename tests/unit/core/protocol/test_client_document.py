"""Client ID metadata documents: which URLs are clients, and which documents are theirs."""

import json

import pytest

from grantlog.core.protocol.client_document import DocumentError, is_document_id, looks_like_url, read_document

URL = "https://app.example/client"


@pytest.mark.parametrize(
    "client_id",
    [URL, "https://app.example/", "https://app.example:8443/a/b.json", "https://app.example/a?b=c", "https://a.b/..c"],
)
def test_a_url_with_a_path_is_a_client(client_id: str) -> None:
    assert is_document_id(client_id, loopback=False)
    assert looks_like_url(client_id)


@pytest.mark.parametrize(
    "client_id",
    [
        "https://app.example",
        "http://app.example/client",
        "http://127.0.0.1/client",
        "https://app.example/client#x",
        "https://app.example/client#",
        "https://user@app.example/client",
        "https://user:password@app.example/client",
        "https://app.example/./client",
        "https://app.example/a/../client",
        "https://app.example/%2e%2e/client",
        "https://app.example/a%2f..%2fclient",
        "https://app.example:0/client",
        "https://app.example:65536/client",
        "https://0x7f.1/client",
        "https://127.1/client",
        "https://[::g]/client",
        "https://app..example/client",
        "https://APP.example/client",
        "https:///client",
        "https://app.example/\r\nx",
        "https://app.example/\u00e4",
        "https://app.example/%zz",
        "https://app.example/" + "x" * 256,
        "javascript:alert(1)",
        "",
    ],
)
def test_any_other_is_none(client_id: str) -> None:
    assert not is_document_id(client_id, loopback=False)


def test_a_demo_knows_clients_of_this_machine() -> None:
    for client_id in ("http://127.0.0.1:9000/client", "http://[::1]/client", "http://localhost/client"):
        assert is_document_id(client_id, loopback=True)
    assert not is_document_id("http://10.0.0.1/client", loopback=True)
    assert not looks_like_url("demo-web")


def body(**members: object) -> bytes:
    return json.dumps({"client_id": URL} | members).encode()


@pytest.mark.parametrize("kind", ["application/json", "application/client-id+json", "application/cimd+json"])
def test_a_document_that_names_its_own_url_is_a_clients(kind: str) -> None:
    assert read_document(URL, 200, kind, body(client_name="App"))["client_name"] == "App"


@pytest.mark.parametrize(
    ("status", "kind", "raw", "reason"),
    [
        (404, "application/json", body(), "document_status"),
        (201, "application/json", body(), "document_status"),
        (200, "text/html", body(), "document_media_type"),
        (200, "application/json", b"[]", "document_not_an_object"),
        (200, "application/json", b"{", "document_not_json"),
        (200, "application/json", b"\xff", "document_not_utf8"),
        (200, "application/json", b'{"client_id": "a", "client_id": "b"}', "document_duplicate_member"),
        (200, "application/json", b'{"a":' * 50, "document_depth"),
        (200, "application/json", b"{}", "document_client_id"),
        (200, "application/json", body(client_id=URL + "/"), "document_client_id"),
        (200, "application/json", body(client_id=[URL]), "document_client_id"),
        (200, "application/json", body(client_secret="x"), "document_secret"),
        (200, "application/json", body(client_secret_expires_at=0), "document_secret"),
    ],
)
def test_any_other_document_is_nobodys(status: int, kind: str, raw: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(URL, status, kind, raw)
    assert caught.value.reason == reason
