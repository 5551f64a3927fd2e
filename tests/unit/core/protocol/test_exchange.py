"""RFC 8693: what is asked for, who may have it, and who acts."""

import json

import pytest

from grantlog.core.protocol import exchange
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.exchange import ACCESS_TOKEN, JWT, Held, Requester
from grantlog.core.protocol.requests import read_form
from grantlog.core.protocol.resource import Catalog, Choice, ResourceRule

ISSUER = "https://as.example"
API, BILLING, OTHER = "https://api.example/", "https://billing.example/", "https://other.example/"
CATALOG = Catalog(
    (
        ResourceRule(API, ("read", "write"), implies={"write": ("read",)}),
        ResourceRule(BILLING, ("read", "pay")),
        ResourceRule(OTHER, ("else",)),
    )
)
# RFC 8693 section 2.3
EXAMPLE = (
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
    "&resource=https%3A%2F%2Fbackend.example.com%2Fapi"
    "&subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"
    "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
)


def asked(query: str) -> exchange.Asked:
    return exchange.read_request(read_form(query.encode()))


def failing(query: str) -> tuple[str, str]:
    with pytest.raises(ProtocolError) as caught:
        asked(query)
    return caught.value.error, caught.value.reason


def test_the_specifications_example_is_read() -> None:
    found = asked(EXAMPLE)
    assert found.subject_token == "accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"
    assert found.resources == ("https://backend.example.com/api",)
    assert (found.audiences, found.scope, found.actor_token) == ((), (), None)
    assert not found.subject_is_jwt
    assert "accVkj" not in repr(found)


def test_several_targets_an_actor_and_a_scope_are_read() -> None:
    found = asked(f"{EXAMPLE}&audience=a&audience=b&scope=read+write&actor_token=x&actor_token_type={JWT}")
    assert (found.audiences, found.scope) == (("a", "b"), ("read", "write"))
    assert (found.actor_token, found.actor_is_jwt) == ("x", True)


@pytest.mark.parametrize(
    ("query", "error", "reason"),
    [
        ("", "invalid_request", "subject_token_missing"),
        ("subject_token=x", "invalid_request", "subject_token_type_missing"),
        (f"{EXAMPLE}&actor_token=x", "invalid_request", "exchange_actor_type_missing"),
        (f"{EXAMPLE}&actor_token_type={ACCESS_TOKEN}", "invalid_request", "exchange_actor_type_missing"),
        (f"{EXAMPLE}&requested_token_type={JWT}", "invalid_request", "exchange_requested_type"),
        (
            "subject_token=x&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Arefresh_token",
            "invalid_request",
            "exchange_token_type",
        ),
        (EXAMPLE + "&audience=a" * 10, "invalid_target", "exchange_targets"),
        (f"{EXAMPLE}&scope=+", "invalid_scope", "scope_malformed"),
    ],
)
def test_what_is_missing_or_not_supported_is_refused(query: str, error: str, reason: str) -> None:
    assert failing(query) == (error, reason)


def choose(
    *,
    scope: tuple[str, ...] = (),
    targets: tuple[str, ...] = (),
    held: tuple[str, ...] = ("openid", "read"),
    audience: tuple[str, ...] = (API,),
    granted: tuple[str, ...] = (),
    may: tuple[str, ...] = ("openid", "read", "write", "pay"),
    resources: tuple[str, ...] = (),
    own: bool = True,
) -> Choice:
    return exchange.choose(
        CATALOG,
        ISSUER,
        Held(scope=held, audience=audience, granted=granted),
        Requester(scope=may, resources=resources, own=own),
        scope,
        targets,
    )


def refusing(**values: object) -> tuple[str, str]:
    with pytest.raises(ProtocolError) as caught:
        choose(**values)  # type: ignore[arg-type]  # each row names what it needs
    return caught.value.error, caught.value.reason


def test_without_wishes_the_token_does_what_the_subject_token_does_but_tells_no_identity() -> None:
    assert choose() == Choice((API,), ("read",))
    assert choose(held=("openid", "read", "else"), audience=(API, ISSUER)) == Choice((API,), ("read",))


def test_what_a_scope_implies_may_be_asked_for() -> None:
    assert choose(scope=("read",), held=("write",)) == Choice((API,), ("read",))
    assert choose(scope=("read",), may=("write",)) == Choice((API,), ("read",))


def test_a_target_that_knows_the_scope_may_be_asked_for_where_the_grant_named_none() -> None:
    assert choose(targets=(BILLING,)) == Choice((BILLING,), ("read",))


def test_a_grant_that_named_resources_stays_with_them_but_for_services_that_were_registered_for_more() -> None:
    assert choose(targets=(API,), granted=(API,)) == Choice((API,), ("read",))
    assert choose(targets=(BILLING,), granted=(API,), own=False, resources=(BILLING,)) == Choice((BILLING,), ("read",))
    widened = ("invalid_target", "exchange_target_widened")
    assert refusing(targets=(BILLING,), granted=(API,)) == widened
    assert refusing(targets=(BILLING,), granted=(API,), own=True, resources=(API, BILLING)) == widened
    assert refusing(targets=(BILLING,), granted=(API,), own=False) == widened


def test_a_token_for_identity_alone_stays_one() -> None:
    assert choose(held=("openid",), audience=(ISSUER,)) == Choice((ISSUER,), ("openid",))


@pytest.mark.parametrize(
    ("values", "error", "reason"),
    [
        ({"scope": ("write",)}, "invalid_scope", "exchange_scope"),
        ({"scope": ("read",), "may": ("pay",)}, "invalid_scope", "exchange_scope"),
        ({"may": ("pay",)}, "invalid_scope", "exchange_scope_empty"),
        ({"targets": (OTHER,)}, "invalid_scope", "exchange_scope_empty"),
        ({"targets": (OTHER,), "scope": ("read",)}, "invalid_scope", "scope_not_of_resource"),
        ({"targets": ("https://unknown.example/",)}, "invalid_target", "resource_unknown"),
        ({"targets": ("https://unknown.example/",), "scope": ("read",)}, "invalid_target", "resource_unknown"),
        ({"targets": (BILLING,), "resources": (API,)}, "invalid_target", "resource_not_allowed"),
        ({"resources": (BILLING,)}, "invalid_target", "exchange_no_target"),
    ],
)
def test_nothing_is_ever_widened(values: dict[str, object], error: str, reason: str) -> None:
    assert refusing(**values) == (error, reason)


def test_actors_stand_one_inside_the_other_the_current_one_outside() -> None:
    """RFC 8693 section 4.1, figure 6."""
    first = exchange.acting("", "https://service77.example.com", 4)
    both = exchange.acting(first, "https://service16.example.com", 4)
    assert json.loads(both) == {
        "sub": "https://service16.example.com",
        "act": {"sub": "https://service77.example.com"},
    }


def test_no_more_actors_follow_each_other_than_the_operator_allows() -> None:
    chain = ""
    for number in range(4):
        chain = exchange.acting(chain, f"actor-{number}", 4)
    with pytest.raises(ProtocolError) as caught:
        exchange.acting(chain, "one more", 4)
    assert (caught.value.error, caught.value.reason) == ("invalid_request", "exchange_depth")


@pytest.mark.parametrize(
    "may_act",
    [{"sub": "service"}, {"client_id": "client"}, {"sub": "service", "client_id": "client", "iss": ISSUER}],
    ids=str,
)
def test_who_may_act_may(may_act: dict[str, str]) -> None:
    exchange.check_may_act(exchange.with_may_act("", may_act), "service", "client", ISSUER)


@pytest.mark.parametrize(
    "may_act",
    [
        {},
        {"sub": "other"},
        {"sub": "service", "iss": "https://other.example"},
        {"sub": "service", "new": 1},
        {"iss": ISSUER},
    ],
    ids=str,
)
def test_nobody_else_may_act(may_act: dict[str, object]) -> None:
    with pytest.raises(ProtocolError) as caught:
        exchange.check_may_act(exchange.with_may_act("", may_act), "service", "client", ISSUER)
    assert caught.value.reason == "exchange_may_act"


def test_who_may_act_is_said_beside_what_else_is_said_of_the_subject() -> None:
    exchange.check_may_act("", "service", "client", ISSUER)
    exchange.check_may_act('{"roles":["a"]}', "service", "client", ISSUER)
    assert exchange.with_may_act('{"roles":["a"]}', None) == '{"roles":["a"]}'
    both = exchange.with_may_act('{"roles":["a"]}', {"sub": "service"})
    assert json.loads(both) == {"roles": ["a"], "may_act": {"sub": "service"}}
    assert exchange.may_act_of(both) == {"sub": "service"}


def test_a_token_that_does_not_count_has_one_answer() -> None:
    assert exchange.invalid_subject("why").error == "invalid_request"
