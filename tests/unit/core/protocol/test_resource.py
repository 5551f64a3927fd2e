import pytest
from tests.support.protocol import refused

from grantlog.core.protocol.resource import (
    RESOURCES_LIMIT,
    URI_LIMIT,
    Catalog,
    Choice,
    ResourceRule,
    check_uri,
    choose,
    narrow,
    own_resources,
    reachable,
)

ISSUER = "https://id.example.com"
API = "https://api.example.com/"
BILLING = "https://billing.example.com/"
JWT = "https://jwt.example.com/"
CATALOG = Catalog(
    (
        ResourceRule(API, ("api:read", "api:write")),
        ResourceRule(BILLING, ("api:read", "billing:pay")),
        ResourceRule(JWT, ("api:read", "api:write"), "jwt", "EdDSA"),
    )
)


def pick(*scope: str, resources: tuple[str, ...] = (), allowed: tuple[str, ...] = ()) -> Choice:
    return choose(CATALOG, ISSUER, scope, resources, allowed)


def test_the_catalog_finds_a_resource_by_its_exact_uri() -> None:
    found = CATALOG.find(JWT)
    assert found is not None
    assert found.token_format == "jwt"
    assert CATALOG.find(JWT.rstrip("/")) is None


def test_the_catalog_lists_every_scope_once() -> None:
    assert CATALOG.scopes == ("api:read", "api:write", "billing:pay")


@pytest.mark.parametrize("uri", [API, "urn:example:api", "https://x.example/a?b=c", "app://%41"])
def test_an_absolute_uri_may_be_a_resource(uri: str) -> None:
    assert check_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "api",
        "/api",
        "https://x.example/#",
        "https:",
        "https://x.example/ ",
        "a:%4",
        "h\n:x",
        "x:" + "a" * URI_LIMIT,
    ],
)
def test_a_relative_uri_or_one_with_a_fragment_is_an_invalid_target(uri: str) -> None:
    with refused("invalid_target", "resource_malformed"):
        check_uri(uri)


def test_without_resource_the_first_that_knows_the_scope_is_meant() -> None:
    assert pick("api:read") == Choice((API,), ("api:read",))


def test_without_resource_scopes_of_two_resources_mean_both() -> None:
    assert pick("api:write", "billing:pay", "api:read").audience == (API, BILLING)


def test_without_resource_the_client_is_led_to_one_that_it_may_use() -> None:
    assert pick("api:read", allowed=(JWT,)).audience == (JWT,)


def test_openid_scopes_alone_mean_the_issuer() -> None:
    assert pick("openid", "profile", "offline_access").audience == (ISSUER,)


def test_openid_beside_other_scopes_names_our_own_endpoint_as_well() -> None:
    assert pick("openid", "api:read").audience == (API, ISSUER)
    assert pick("offline_access", "api:read").audience == (API,)


@pytest.mark.parametrize("uri", own_resources(ISSUER))
def test_our_own_endpoint_may_be_asked_for_by_whoever_may_ask_for_others(uri: str) -> None:
    assert pick("openid", "email", resources=(uri,), allowed=(API,)) == Choice((uri,), ("openid", "email"))
    assert pick("openid", "api:read", resources=(API, uri)).audience == (API, uri)
    with refused("invalid_scope", "scope_not_of_resource"):
        pick("openid", "api:read", resources=(uri,))


def test_a_scope_that_nobody_knows_is_refused() -> None:
    with refused("invalid_scope", "scope_unknown"):
        pick("api:read", "api:admin")
    with refused("invalid_scope", "scope_unknown"):
        pick("billing:pay", allowed=(API,))


def test_requested_resources_are_the_audience_each_once() -> None:
    assert pick("api:read", resources=(JWT, BILLING, JWT)).audience == (JWT, BILLING)


def test_openid_scopes_may_go_with_any_resource() -> None:
    assert pick("openid", "api:read", resources=(BILLING,)) == Choice((BILLING,), ("openid", "api:read"))


def test_a_scope_that_no_requested_resource_knows_is_refused() -> None:
    assert pick("billing:pay", "api:write", resources=(API, BILLING)).audience == (API, BILLING)
    with refused("invalid_scope", "scope_not_of_resource"):
        pick("billing:pay", resources=(API,))


def test_a_resource_that_nobody_configured_is_an_invalid_target() -> None:
    with refused("invalid_target", "resource_unknown"):
        pick("api:read", resources=(API, "https://other.example/"))


def test_a_malformed_resource_is_an_invalid_target() -> None:
    with refused("invalid_target", "resource_malformed"):
        pick("api:read", resources=("not a uri",))


def test_a_resource_that_the_client_may_not_ask_for_is_an_invalid_target() -> None:
    with refused("invalid_target", "resource_not_allowed"):
        pick("api:read", resources=(JWT,), allowed=(API,))


def test_too_many_resources_are_refused() -> None:
    with refused("invalid_target", "resource_too_many"):
        pick("api:read", resources=(API,) * (RESOURCES_LIMIT + 1))


def take(
    granted: Choice,
    *,
    scope: tuple[str, ...] = (),
    resources: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (),
) -> Choice:
    return narrow(CATALOG, ISSUER, granted, scope, resources, allowed)


GRANTED = Choice((API, BILLING), ("openid", "api:read", "billing:pay"))
UNNAMED = Choice((), ("openid", "api:read"))


def test_a_token_request_that_names_nothing_gets_all_that_was_granted() -> None:
    assert take(GRANTED) == GRANTED


def test_a_token_request_that_names_nothing_of_an_unnamed_grant_gets_the_default_resource() -> None:
    assert take(UNNAMED) == Choice((API, ISSUER), ("openid", "api:read"))


def test_a_resource_without_a_scope_takes_what_it_knows_of_the_grant() -> None:
    assert take(GRANTED, resources=(API,)) == Choice((API,), ("openid", "api:read"))


def test_a_scope_narrows_the_grant() -> None:
    assert take(GRANTED, scope=("api:read",)).scope == ("api:read",)


def test_a_scope_beyond_the_grant_is_refused() -> None:
    with refused("invalid_scope", "scope_exceeded"):
        take(GRANTED, scope=("api:write",))


def test_a_resource_beyond_the_grant_is_refused() -> None:
    with refused("invalid_target", "resource_not_granted"):
        take(GRANTED, resources=(JWT,))


def test_a_grant_that_named_no_resource_is_open_to_those_that_know_its_scope() -> None:
    assert take(UNNAMED, resources=(JWT,)) == Choice((JWT,), ("openid", "api:read"))


def test_a_resource_that_knows_nothing_of_the_granted_scope_is_refused() -> None:
    with refused("invalid_scope", "scope_not_of_resource"):
        take(Choice((), ("billing:pay",)), resources=(API,))


def test_a_resource_that_does_not_know_the_very_scope_asked_for_is_refused() -> None:
    with refused("invalid_scope", "scope_not_of_resource"):
        take(GRANTED, scope=("billing:pay",), resources=(API,))


def test_an_unknown_or_forbidden_resource_at_the_token_endpoint_is_an_invalid_target() -> None:
    with refused("invalid_target", "resource_unknown"):
        take(UNNAMED, resources=("https://other.example/",))
    with refused("invalid_target", "resource_not_allowed"):
        take(UNNAMED, resources=(JWT,), allowed=(API,))


def test_a_grant_without_a_resource_reaches_every_allowed_one_that_knows_its_scope() -> None:
    catalog = Catalog(
        (
            ResourceRule("https://a.example/", ("read",)),
            ResourceRule("https://b.example/", ("read", "write")),
            ResourceRule("https://c.example/", ("write",)),
        )
    )
    assert reachable(catalog, ("openid", "read"), (), ()) == ("https://a.example/", "https://b.example/")
    assert reachable(catalog, ("read",), (), ("https://b.example/",)) == ("https://b.example/",)
    assert reachable(catalog, ("read",), ("https://c.example/",) * 2, ()) == ("https://c.example/",)
    assert reachable(catalog, ("openid",), (), ()) == ()


SMALL, LARGE = "https://small.example/", "https://large.example/"
HIERARCHY = Catalog(
    (
        ResourceRule(SMALL, ("write", "admin")),
        ResourceRule(LARGE, ("read", "write", "admin"), implies={"admin": ("write",), "write": ("read", "admin")}),
    )
)


def take_below(*scope: str, audience: tuple[str, ...] = (), resources: tuple[str, ...] = ()) -> Choice:
    """What a token request for ``scope`` gets of a grant of ``admin``."""
    return narrow(HIERARCHY, ISSUER, Choice(audience, ("admin",)), scope, resources, ())


def test_what_a_granted_scope_implies_may_be_asked_for_where_it_implies_it() -> None:
    assert take_below("write", audience=(LARGE,)) == Choice((LARGE,), ("write",))
    assert take_below("read", resources=(LARGE,)) == Choice((LARGE,), ("read",))
    # small knows the scope as well, and is the first; but admin does not hold it there
    assert take_below("write") == Choice((LARGE,), ("write",))
    assert take_below("write", "admin") == Choice((LARGE, SMALL), ("write", "admin"))


@pytest.mark.parametrize("where", [{"audience": (SMALL,)}, {"resources": (SMALL,)}, {"audience": (SMALL, LARGE)}])
def test_what_is_implied_at_one_resource_is_not_granted_at_another(where: dict[str, tuple[str, ...]]) -> None:
    with refused("invalid_scope", "scope_exceeded"):
        take_below("write", **where)


def test_nothing_is_implied_from_below() -> None:
    catalog = Catalog((ResourceRule(LARGE, ("write", "admin"), implies={"admin": ("write",)}),))
    with refused("invalid_scope", "scope_exceeded"):
        narrow(catalog, ISSUER, Choice((), ("write",)), ("admin",), (), ())


def test_what_a_token_may_do_names_what_its_scope_implies_at_its_audience() -> None:
    assert HIERARCHY.holds(("openid", "admin"), (LARGE,)) == ("openid", "admin", "write", "read")
    assert HIERARCHY.holds(("admin",), (SMALL,)) == ("admin",)
    assert HIERARCHY.holds(("admin",), ()) == ("admin", "write", "read")
    assert CATALOG.holds(("api:read",), (API,)) == ("api:read",)
    assert (HIERARCHY.has_hierarchy, CATALOG.has_hierarchy) == (True, False)
