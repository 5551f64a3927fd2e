"""RFC 7591 section 2.3: who is trusted says what a client is, and it registers each installation by that."""

import json
from collections.abc import Iterator
from time import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.support.app import Running, StartApp
from tests.support.client_metadata import EC_KEY
from tests.support.clients import is_refused
from tests.support.published_documents import Published, publishing
from tests.support.registrations import GOOD, manage, register, replacement

from grantlog.core.identifiers import ClientId
from grantlog.flows.clients import find
from grantlog.settings import TrustedIssuer

ISSUER = "https://vendor.example"
KEY = ECKey.generate_key("P-256", {"kid": "vendor", "alg": "ES256", "use": "sig"})
OTHER = ECKey.generate_key("P-256", {"kid": "vendor", "alg": "ES256", "use": "sig"})
NATIVE = {
    "client_name": "Vendor's app",
    "redirect_uris": ["com.vendor.app:/callback", "http://127.0.0.1/callback"],
    "application_type": "native",
    "token_endpoint_auth_method": "private_key_jwt",
    "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    "software_version": "2.2",
}


def statement(key: Any = KEY, alg: str = "ES256", header: dict[str, Any] | None = None, **claims: object) -> str:
    """A statement with the vendor's metadata; ``claims`` replace it or, with None, leave it out."""
    members = {"iss": ISSUER, **NATIVE, **claims}
    given = {name: value for name, value in members.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": "vendor"} | (header or {}), given, key, algorithms=[alg])


@pytest.fixture(scope="module")
def site() -> Iterator[Published]:
    with publishing() as published:
        yield published


@pytest.fixture
def trusting(start_app: StartApp) -> Running:
    """A server that trusts the vendor."""
    return start_app(trusted_issuers=(issuer(),))


def issuer(**changes: Any) -> TrustedIssuer:
    usual: dict[str, Any] = {
        "issuer": ISSUER,
        "jwks": {"keys": [KEY.as_dict(private=False)]},
        "purposes": ("software_statement",),
    }
    return TrustedIssuer(**(usual | changes))


def of_an_installation(**members: object) -> dict[str, object]:
    """What one installation sends: its own keys, and the vendor's statement."""
    return {"jwks": {"keys": [EC_KEY]}, "software_statement": statement()} | members


def test_an_installation_registers_by_its_statement_and_its_own_keys(trusting: Running) -> None:
    answer = register(trusting, of_an_installation(), None)
    assert answer.status == 201, answer.text
    told = answer.json
    assert told["redirect_uris"] == NATIVE["redirect_uris"]
    assert told["client_name"] == NATIVE["client_name"]
    assert told["software_id"] == NATIVE["software_id"]
    # RFC 7591 3.2.1: "its value MUST be returned unmodified in the response"
    assert told["software_statement"]
    assert told["jwks"] == {"keys": [EC_KEY]}
    metadata = trusting.run(find(trusting.service, ClientId(told["client_id"]))).metadata
    assert (metadata.verified, metadata.software_statement_issuer) == (True, ISSUER)
    again = register(trusting, of_an_installation(), None).json
    assert again["client_id"] != told["client_id"]


def test_what_the_statement_says_counts_and_not_what_stands_beside_it(trusting: Running) -> None:
    told = register(
        trusting,
        of_an_installation(client_name="Your Bank", redirect_uris=["https://evil.example/"], software_id="other"),
        None,
    ).json
    assert (told["client_name"], told["software_id"]) == (NATIVE["client_name"], NATIVE["software_id"])
    assert told["redirect_uris"] == NATIVE["redirect_uris"]


@pytest.mark.parametrize("name", ["redirect_uris", "client_name", "scope", "grant_types"])
def test_what_hurts_if_it_is_wrong_must_stand_in_the_statement(trusting: Running, name: str) -> None:
    wish: dict[str, object] = {
        "redirect_uris": ["http://127.0.0.1/mine"],
        "client_name": "Mine",
        "scope": "api:write",
        "grant_types": ["authorization_code", "refresh_token"],
    }
    silent: dict[str, Any] = {name: None}
    body = of_an_installation(software_statement=statement(**silent), **{name: wish[name]})
    is_refused(register(trusting, body, None), "unapproved_software_statement")
    # whoever holds the initial access token may say so himself
    assert register(trusting, body).status == 201


def test_a_client_with_half_a_statement_is_not_verified(trusting: Running) -> None:
    body = of_an_installation(software_statement=statement(client_name=None), client_name="Mine")
    told = register(trusting, body).json
    assert not trusting.run(find(trusting.service, ClientId(told["client_id"]))).metadata.verified


def test_statements_that_nobody_should_believe_are_refused(trusting: Running) -> None:
    now = int(time())
    rsa = RSAKey.generate_key(2048, {"kid": "vendor"})
    head, _, rest = statement().partition(".")
    for wrong in (
        statement(OTHER),
        statement(rsa, "RS256"),
        statement(exp=now - 60),
        statement(nbf=now + 600),
        statement(aud="https://other.example"),
        statement(sub="alice"),
        statement(resource_server_for=["https://api.example.com/"]),
        statement(header={"typ": "at+jwt"}),
        statement(header={"kid": "other"}),
        f"{head}.{rest[:-4]}AAAA",
        "eyJhbGciOiJub25lIn0." + rest,
        "junk",
        "",
        7,
        {"a": 1},
    ):
        for authorization in (None, "Bearer initial-access-token-of-the-tests"):
            body = of_an_installation(software_statement=wrong)
            is_refused(register(trusting, body, authorization), "invalid_software_statement")
    is_refused(
        register(trusting, of_an_installation(software_statement=statement(iss="https://other.example")), None),
        "unapproved_software_statement",
    )


def test_a_statement_signed_for_this_server_and_now_is_good(trusting: Running) -> None:
    now = int(time())
    good = statement(aud=[trusting.settings.issuer], exp=now + 60, nbf=now, iat=now, jti="1")
    told = register(trusting, of_an_installation(software_statement=good), None).json
    assert not {"iss", "aud", "exp", "jti"} & set(told)


def test_without_a_statement_and_without_the_token_nobody_registers(trusting: Running) -> None:
    is_refused(register(trusting, GOOD, None), "invalid_token", 401)
    # a wrong token is wrong, whatever comes with it
    is_refused(register(trusting, of_an_installation(), "Bearer wrong"), "invalid_token", 401)


def test_where_no_initial_access_token_is_set_statements_still_register(start_app: StartApp) -> None:
    app = start_app(trusted_issuers=(issuer(),), initial_access_token=None)
    assert register(app, of_an_installation(), None).status == 201
    is_refused(register(app, GOOD, "Bearer "), "invalid_token", 401)
    is_refused(register(app, GOOD, "Bearer x"), "invalid_token", 401)
    assert "registration_endpoint" in app.browser().get("/.well-known/openid-configuration").json


def test_a_statement_of_an_issuer_of_assertions_is_not_approved(start_app: StartApp) -> None:
    app = start_app(trusted_issuers=(issuer(purposes=("assertion",)),))
    is_refused(register(app, of_an_installation(), None), "invalid_token", 401)
    is_refused(register(app, of_an_installation()), "unapproved_software_statement")


@pytest.mark.parametrize(
    ("document", "status"),
    [({"keys": [KEY.as_dict(private=False)]}, 201), (b"no keys", 400), ({"keys": [OTHER.as_dict(private=False)]}, 400)],
    ids=["the issuer's", "junk", "somebody else's"],
)
def test_keys_at_a_url_are_fetched(start_app: StartApp, site: Published, document: object, status: int) -> None:
    uri = site.put("/jwks", document)
    app = start_app(trusted_issuers=(issuer(jwks=None, jwks_uri=uri),), egress_private=True)
    answer = register(app, of_an_installation(), None)
    assert answer.status == status
    if status != 201:
        is_refused(answer, "invalid_software_statement")


def test_registrations_by_statement_are_counted(start_app: StartApp) -> None:
    app = start_app(trusted_issuers=(issuer(),), rate_register="3/minute")
    statuses = [register(app, of_an_installation(), None).status for _ in range(4)]
    assert statuses == [201, 201, 201, 429]


def test_a_client_of_a_statement_changes_what_people_see_by_another_one_only(trusting: Running) -> None:
    told = register(trusting, of_an_installation(), None).json
    plain = {name: value for name, value in replacement(told).items() if name != "software_statement"}
    assert manage(trusting, "PUT", told, plain).status == 200
    client_id = ClientId(told["client_id"])
    assert trusting.run(find(trusting.service, client_id)).metadata.verified
    for change in ({"redirect_uris": ["http://127.0.0.1/mine"]}, {"client_name": "Mine"}, {"scope": "openid"}):
        is_refused(manage(trusting, "PUT", told, plain | change), "unapproved_software_statement")
    new = plain | {"software_statement": statement(client_name="Renamed")}
    assert manage(trusting, "PUT", told, new).json["client_name"] == "Renamed"
    metadata = trusting.run(find(trusting.service, client_id)).metadata
    assert (metadata.verified, json.loads(metadata.jwks)) == (True, {"keys": [EC_KEY]})
