"""OpenID Connect Core section 8: a person is somebody else to every sector that asks for it, and one to all of a sector."""

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID

import jwt
import pytest
from tests.support.app import WEB, Running
from tests.support.clients import Client
from tests.support.flows import Person, Tokens, given, own_token
from tests.support.people import Member

from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.subject import is_of_a_person
from grantlog.flows import clients
from grantlog.flows.operators import CommandRefusedError, operator_origin

SHOP = replace(WEB, subject_type="pairwise", sector_identifier="shop.example")
NEWS = replace(WEB, subject_type="pairwise", sector_identifier="news.example")


@pytest.fixture(scope="module", autouse=True)
def registered(app: Running) -> None:
    for name, metadata in (
        ("shop", SHOP),
        ("shop2", SHOP),
        ("news", NEWS),
        ("alone", replace(SHOP, sector_identifier=None)),
    ):
        app.clients[name] = app.register(metadata)


def identity(tokens: Tokens) -> Any:
    return jwt.decode(tokens.answer.json["id_token"], options={"verify_signature": False})


def subject(person: Person, client: str) -> str:
    sub: str = identity(person.tokens(client, scope="openid"))["sub"]
    return sub


def test_clients_of_one_sector_know_one_person_and_those_of_two_cannot_tell(app: Running, person: Person) -> None:
    shop, news, public = subject(person, "shop"), subject(person, "news"), subject(person, "web")
    assert subject(person, "shop") == subject(person, "shop2") == shop
    assert len({shop, news, public, subject(person, "alone")}) == 4
    assert public == str(app.account)
    # OIDC Core 8.1: "MUST NOT be reversible by any party other than the OpenID Provider"
    raw = base64.urlsafe_b64decode(shop + "=")
    assert len(raw) == 32
    assert app.account.bytes not in raw
    assert str(app.account) not in shop


def test_two_people_are_two_at_one_client(app: Running, person: Person) -> None:
    assert subject(Member(app, "bob-of-the-pairs"), "shop") != subject(person, "shop")


def test_every_place_names_the_same_subject(app: Running, person: Person) -> None:
    tokens = person.tokens("shop", scope="openid api:read")
    shop = Client(app.url, app.clients["shop"])
    again = given(shop.refresh(tokens.refresh))
    told = app.browser().get("/userinfo", {"Authorization": f"Bearer {tokens.access}"}).json
    named = {
        told["sub"],
        identity(tokens)["sub"],
        identity(again)["sub"],
        app.introspect(tokens.access)["sub"],
        app.introspect(again.access)["sub"],
    }
    assert named == {subject(person, "shop")}
    # and nothing else tells who it is
    answers = (tokens.answer.text, str(identity(tokens)), str(told), str(app.introspect(tokens.access)))
    assert not [answer for answer in answers if str(app.account) in answer]


def test_a_jwt_access_token_tells_it_as_well(app: Running, person: Person) -> None:
    app.clients["shop-jwt"] = app.register(replace(SHOP, access_token_format="jwt"))
    access = person.tokens("shop-jwt", scope="openid api:read").access
    assert jwt.decode(access, options={"verify_signature": False})["sub"] == subject(person, "shop")


def test_a_client_that_asks_for_itself_is_nobodys_subject(app: Running) -> None:
    # RFC 9068 5: "Authorization servers should prevent scenarios where clients can affect the value of the 'sub' claim"
    for name in ("web", "shop"):
        sub = app.introspect(own_token(app, name).access)["sub"]
        assert sub == app.clients[name].client_id
        assert not is_of_a_person(sub)


@pytest.mark.parametrize("wanted", ["{account}", "{account:upper}", "{pairwise}"])
def test_no_operator_can_name_a_client_like_a_person(app: Running, person: Person, wanted: str) -> None:
    values = {
        "{account}": str(app.account),
        "{account:upper}": str(app.account).upper(),
        "{pairwise}": subject(person, "shop"),
    }
    metadata = ClientMetadata(
        name="impostor", grant_types=("client_credentials",), response_types=(), scope=("api:read",)
    )
    origin = operator_origin(app.service, "operator:test")
    with pytest.raises(CommandRefusedError):
        app.run(clients.register(app.service, metadata, origin, ClientId(values[wanted])))


def test_ids_that_the_server_makes_are_no_subjects(app: Running) -> None:
    made = {app.register(WEB).client_id for _ in range(5)}
    assert not [name for name in made if is_of_a_person(name)]
    for name in made:
        with pytest.raises(ValueError):  # of any kind
            UUID(name)
