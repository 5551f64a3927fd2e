"""Who acts in these tests: a person with a browser, and clients."""

import pytest
from tests.support.app import Running
from tests.support.clients import Client, client_of
from tests.support.flows import Person


@pytest.fixture(scope="module")
def person(app: Running) -> Person:
    """Somebody who is logged in from the first code on."""
    return Person(app)


@pytest.fixture(scope="module")
def web(app: Running) -> Client:
    """A confidential client of every grant."""
    return client_of(app, "web")


@pytest.fixture(scope="module")
def guard(app: Running) -> Client:
    """A resource server for every resource and the issuer."""
    return client_of(app, "resource_server")
