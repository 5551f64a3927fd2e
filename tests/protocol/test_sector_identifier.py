"""``sector_identifier_uri`` (OpenID Connect Registration section 5): the document there lists every redirect URI."""

from collections.abc import Iterator

import pytest
from tests.support.app import Running, StartApp
from tests.support.clients import is_refused
from tests.support.published_documents import Published, publishing
from tests.support.registrations import GOOD, manage, register, replacement

from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import find

TWO = ["https://one.example/callback", "https://two.example/callback"]


@pytest.fixture
def site() -> Iterator[Published]:
    with publishing() as published:
        yield published


@pytest.fixture
def local(start_app: StartApp) -> Running:
    """A server that may ask this machine."""
    return start_app(egress_private=True)


def pairwise(uri: str, **changes: object) -> dict[str, object]:
    return GOOD | {"redirect_uris": TWO, "subject_type": "pairwise", "sector_identifier_uri": uri} | changes


def test_who_lists_every_redirect_uri_makes_them_one_sector(local: Running, site: Published) -> None:
    uri = site.put("/sector", [*TWO, "https://three.example/"])
    told = register(local, pairwise(uri)).json
    assert told["sector_identifier_uri"] == uri
    assert local.run(find(local.service, ClientId(told["client_id"]))).metadata.sector_identifier == "127.0.0.1"
    # RFC 7592: a replacement is asked the same
    wider = replacement(told, redirect_uris=[*TWO, "https://four.example/"])
    is_refused(manage(local, "PUT", told, wider), "invalid_client_metadata")
    fewer = replacement(told, redirect_uris=TWO[:1])
    assert manage(local, "PUT", told, fewer).status == 200


@pytest.mark.parametrize(
    "document",
    [TWO[:1], [], {}, {"uris": TWO}, b"", b"[", b"\xff", b'["https://one.example/callback"', TWO[0], None],
    ids=repr,
)
def test_who_does_not_is_no_sector_of_theirs(start_app: StartApp, site: Published, document: object) -> None:
    app = start_app(egress_private=True)
    is_refused(register(app, pairwise(site.put("/sector", document))), "invalid_client_metadata")


def test_what_cannot_be_had_is_no_document(local: Running, site: Published) -> None:
    good = site.put("/good", TWO)
    for path, status in (("/missing", 404), ("/error", 500), ("/moved", 302)):
        is_refused(register(local, pairwise(site.put(path, TWO, status=status))), "invalid_client_metadata")
    is_refused(register(local, pairwise(site.url + "/nothing")), "invalid_client_metadata")
    is_refused(register(local, pairwise("https://client.invalid/sector")), "invalid_client_metadata")
    assert register(local, pairwise(good)).status == 201


def test_a_sector_is_looked_at_for_a_public_subject_as_well(local: Running, site: Published) -> None:
    document = pairwise(site.put("/sector", TWO[:1]), subject_type="public")
    is_refused(register(local, document), "invalid_client_metadata")


def test_where_private_addresses_are_barred_nobody_is_made_to_ask_them(app: Running, site: Published) -> None:
    is_refused(register(app, pairwise(site.put("/sector", TWO))), "invalid_client_metadata")
    assert site.asked == []


def test_a_client_of_several_hosts_needs_a_sector(app: Running) -> None:
    is_refused(register(app, GOOD | {"redirect_uris": TWO, "subject_type": "pairwise"}), "invalid_client_metadata")
    assert register(app, GOOD | {"subject_type": "pairwise"}).json["subject_type"] == "pairwise"
