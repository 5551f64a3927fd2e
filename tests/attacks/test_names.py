"""No client can be taken for a person (RFC 9700 section 4.15), and no person for another."""

from uuid import UUID

from tests.support.app import Running
from tests.support.clients import client_of
from tests.support.flows import Person, own_token


def test_no_client_can_be_taken_for_a_person(app: Running) -> None:
    person = app.introspect(Person(app).tokens().access)
    client = app.introspect(own_token(app).access)
    assert client["sub"] == client["client_id"]
    assert person["sub"] != person["client_id"]
    # a person is named by a UUID, which no client id that the server makes can be
    assert str(UUID(person["sub"])) == person["sub"]
    for known in app.clients.values():
        assert len(known.client_id) != len(person["sub"])


def test_a_clients_token_names_no_login_of_anybody(app: Running) -> None:
    told = client_of(app, "resource_server").introspect(own_token(app).access)
    assert {"auth_time", "acr", "amr", "username"}.isdisjoint(told)
