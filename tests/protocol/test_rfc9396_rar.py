"""RFC 9396: authorization details from the request to the resource server, and never more than was granted."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.app import API, BILLING, RESOURCES, SCOPES, WEB, Running, running, settings_for
from tests.support.browser import Answer
from tests.support.clients import Client, client_of, is_refused
from tests.support.code_flow import VERIFIER, authorize
from tests.support.flows import Person, Tokens, event_types, given
from tests.support.servers import flush

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.client.events import ClientMetadata
from grantlog.settings import DetailsType

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
PAYMENT_TYPE = DetailsType(
    type="payment_initiation",
    title="Make a payment",
    labels={"instructedAmount": "Amount", "creditorAccount.iban": "To account"},
    schema={
        "type": "object",
        "required": ["type", "instructedAmount", "creditorName"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": "payment_initiation"},
            "locations": {"type": "array", "items": {"type": "string", "format": "uri"}},
            "actions": {"type": "array", "items": {"enum": ["initiate", "status", "cancel"]}, "minItems": 1},
            "instructedAmount": {
                "type": "object",
                "required": ["currency", "amount"],
                "properties": {
                    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                    "amount": {"type": "string", "pattern": "^([0-9]+)+([.][0-9]+)?$"},
                },
            },
            "creditorName": {"type": "string", "maxLength": 200},
            "creditorAccount": {"type": "object", "properties": {"iban": {"type": "string"}}},
        },
    },
)
OTHER_TYPE = DetailsType(type="account_information", title="See accounts", schema={"type": "object"})
# after RFC 9396 section 2, figure 2
PAYMENT = {
    "type": "payment_initiation",
    "actions": ["initiate", "status", "cancel"],
    "locations": [API],
    "instructedAmount": {"currency": "EUR", "amount": "123.50"},
    "creditorName": "Merchant A",
    "creditorAccount": {"iban": "DE02100100109307118603"},
}
ELSEWHERE = {**PAYMENT, "creditorName": "Merchant B", "locations": [BILLING]}
ANYWHERE = {name: value for name, value in PAYMENT.items() if name != "locations"}
SHOP = replace(
    WEB,
    name="Shop",
    grant_types=(*WEB.grant_types, EXCHANGE),
    authorization_details_types=("payment_initiation",),
    introspects=(API, BILLING),
)


def text(*entries: object) -> str:
    return json.dumps(entries, separators=(",", ":"))


@pytest.fixture(scope="module")
def app(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Running]:
    """An application that knows two types; a shop that registered one of them."""
    flush(valkey_server)
    types = (PAYMENT_TYPE, OTHER_TYPE)
    settings = settings_for(
        module_postgres_url, valkey_server.url, authorization_details_types=types, resources=RESOURCES
    )
    with running(settings) as started:
        started.clients["shop"] = started.register(SHOP)
        yield started


@pytest.fixture(scope="module")
def shop(app: Running) -> Client:
    return client_of(app, "shop")


def granted(person: Person, *entries: object, **changes: Any) -> Tokens:
    return person.tokens("shop", authorization_details=text(*entries), **changes)


def details_in(answer: Answer) -> str:
    """As they stand in the answer, byte for byte."""
    return json.dumps(answer.json["authorization_details"], separators=(",", ":"))


def test_what_was_granted_is_returned_and_introspected_in_its_order(app: Running, person: Person) -> None:
    tokens = granted(person, PAYMENT)
    assert details_in(tokens.answer) == text(PAYMENT)
    assert json.dumps(app.introspect(tokens.access)["authorization_details"], separators=(",", ":")) == text(PAYMENT)


def test_a_jwt_access_token_carries_them(app: Running, person: Person, shop: Client) -> None:
    metadata = replace(SHOP, access_token_format="jwt", name="JWT shop")
    app.clients["jwt shop"] = app.register(metadata)
    tokens = person.tokens("jwt shop", authorization_details=text(PAYMENT))
    assert tokens.access.count(".") == 2
    assert app.introspect(tokens.access)["authorization_details"] == [PAYMENT]


def test_a_token_is_for_the_places_that_its_details_name(app: Running, person: Person) -> None:
    both = granted(person, PAYMENT, ELSEWHERE, scope="api:read")
    assert set(app.introspect(both.access)["aud"]) == {API, BILLING}


def test_a_token_for_one_resource_carries_what_is_meant_for_it(app: Running, person: Person, shop: Client) -> None:
    first = granted(person, PAYMENT, ELSEWHERE, ANYWHERE)
    one = given(shop.refresh(first.refresh, resource=BILLING))
    assert details_in(one.answer) == text(ELSEWHERE, ANYWHERE)
    other = given(shop.refresh(one.refresh, resource=API))
    assert details_in(other.answer) == text(PAYMENT, ANYWHERE)


def test_a_refresh_narrows_and_the_next_has_all_again(person: Person, shop: Client) -> None:
    first = granted(person, PAYMENT, ANYWHERE)
    less = {**PAYMENT, "actions": ["status"]}
    narrow = given(shop.refresh(first.refresh, authorization_details=text(less)))
    assert details_in(narrow.answer) == text(less)
    assert details_in(given(shop.refresh(narrow.refresh)).answer) == text(PAYMENT, ANYWHERE)


def test_the_code_is_redeemed_for_less(app: Running, person: Person, shop: Client) -> None:
    code = person.code("shop", authorization_details=text(PAYMENT, ANYWHERE))
    answer = shop.token("authorization_code", code=code, code_verifier=VERIFIER, authorization_details=text(ANYWHERE))
    assert details_in(answer) == text(ANYWHERE)


@pytest.mark.parametrize(
    "wanted",
    [
        text({**PAYMENT, "instructedAmount": {"currency": "EUR", "amount": "999999"}}),
        text({**PAYMENT, "creditorName": "Thief"}),
        text({**PAYMENT, "locations": [BILLING]}),
        text({**PAYMENT, "locations": [API, BILLING]}),
        text(ANYWHERE),
        text({"type": "account_information"}),
        text(PAYMENT, {**PAYMENT, "creditorName": "Thief"}),
        "[]",
        "{}",
        "junk",
    ],
)
def test_a_refresh_never_widens_and_spends_nothing(app: Running, person: Person, shop: Client, wanted: str) -> None:
    first = granted(person, PAYMENT)
    is_refused(shop.refresh(first.refresh, authorization_details=wanted), "invalid_authorization_details")
    assert event_types(app, first.refresh)[-1] == "code_redeemed"
    assert shop.refresh(first.refresh).status == 200


def test_who_was_granted_none_gets_none(person: Person, shop: Client) -> None:
    first = person.tokens("shop")
    assert "authorization_details" not in first.answer.json
    is_refused(shop.refresh(first.refresh, authorization_details=text(PAYMENT)), "invalid_authorization_details")


@pytest.mark.parametrize(
    "asked",
    [
        "junk",
        "[]",
        "{}",
        '"x"',
        "[" * 500,
        text({"type": "unknown"}),
        text({"type": "account_information"}),
        text({"actions": ["initiate"]}),
        text({**PAYMENT, "creditorName": 1}),
        text({**PAYMENT, "surprise": True}),
        text({**PAYMENT, "instructedAmount": {"currency": "eur", "amount": "1"}}),
        text({**PAYMENT, "locations": ["not a uri"]}),
        text({**PAYMENT, "creditorName": "x" * 201}),
        text(PAYMENT, PAYMENT),
        text(*({**PAYMENT, "creditorName": str(number)} for number in range(11))),
        '[{"type":"payment_initiation","type":"account_information"}]',
        text({**PAYMENT, "instructedAmount": {"currency": "EUR", "amount": "1" * 60 + "!"}}),
    ],
    ids=lambda asked: asked[:60],
)
def test_the_authorization_endpoint_refuses_what_no_type_allows(app: Running, person: Person, asked: str) -> None:
    assert person.code("shop"), "somebody who is logged in is taken back to the application"
    answer = authorize(app, person.browser, "shop", authorization_details=asked)
    assert answer.status == 303, answer.text
    # RFC 9396 5: "If the type is unknown [...] the AS MUST abort processing and respond with an error
    # invalid_authorization_details to the client"
    assert answer.query["error"] == "invalid_authorization_details"


def test_a_client_that_registered_no_type_is_refused(app: Running, person: Person) -> None:
    assert person.code("web")
    answer = authorize(app, person.browser, "web", authorization_details=text(PAYMENT))
    assert answer.query["error"] == "invalid_authorization_details"


def test_the_user_reads_all_of_it_and_none_of_it_is_markup(app: Running, person: Person) -> None:
    evil = {**PAYMENT, "creditorName": "<script>alert(1)</script>\u202eevil"}
    page = person.browser.follow(authorize(app, person.browser, "shop", authorization_details=text(evil)))
    for told in ("Make a payment", "Amount", "123.50 EUR", "To account", "DE02100100109307118603"):
        assert told in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text


def test_a_client_asks_for_itself(app: Running, shop: Client) -> None:
    answer = shop.token("client_credentials", authorization_details=text(PAYMENT))
    assert details_in(answer) == text(PAYMENT)
    assert app.introspect(answer.json["access_token"])["authorization_details"] == [PAYMENT]
    is_refused(
        shop.token("client_credentials", authorization_details=text({"type": "account_information"})),
        "invalid_authorization_details",
    )
    is_refused(
        client_of(app, "web").token("client_credentials", authorization_details=text(PAYMENT)),
        "invalid_authorization_details",
    )


def test_details_without_any_scope_are_enough(app: Running) -> None:
    bare = Client(app.url, app.register(replace(SHOP, name="Bare", scope=())))
    answer = bare.token("client_credentials", authorization_details=text(PAYMENT))
    assert answer.status == 200, answer.text
    assert app.introspect(answer.json["access_token"])["aud"] in (API, [API])
    is_refused(bare.token("client_credentials"), "invalid_scope")


def test_an_exchange_hands_on_no_more_than_the_subject_token_holds(app: Running, person: Person, shop: Client) -> None:
    mine = granted(person, PAYMENT, ANYWHERE).access
    form = {"subject_token": mine, "subject_token_type": ACCESS}
    child = given(shop.token(EXCHANGE, **form, authorization_details=text(ANYWHERE)))
    assert details_in(child.answer) == text(ANYWHERE)
    assert details_in(shop.token(EXCHANGE, **form)) == text(PAYMENT, ANYWHERE)
    wider = {**PAYMENT, "creditorName": "Thief"}
    is_refused(shop.token(EXCHANGE, **form, authorization_details=text(wider)), "invalid_authorization_details")
    metadata = ClientMetadata(
        name="Orders", grant_types=(EXCHANGE,), response_types=(), scope=SCOPES, introspects=(API,)
    )
    other = Client(app.url, app.register(metadata))
    assert "authorization_details" not in other.token(EXCHANGE, **form).json


def test_the_metadata_says_which_types_there_are(app: Running) -> None:
    told = app.browser().get("/.well-known/oauth-authorization-server").json
    # RFC 9396 10: "authorization_details_types_supported"
    assert set(told["authorization_details_types_supported"]) == {"payment_initiation", "account_information"}
