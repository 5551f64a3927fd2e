import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import refused

from grantlog.core.protocol.scope import LENGTH_LIMIT, TOKENS_LIMIT, implied, parse, within, write

TOKEN = st.text(st.sampled_from([chr(code) for code in (0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F))]), min_size=1)


def test_no_scope_is_no_token() -> None:
    assert parse(None) == ()


def test_tokens_keep_their_order_and_are_taken_once() -> None:
    assert parse("api:write openid api:read openid") == ("api:write", "openid", "api:read")


@pytest.mark.parametrize("text", ["", " ", " a", "a ", "a  b", "a\tb", 'a"b', "a\\b", "é", "a\n"])
def test_what_is_outside_the_grammar_of_rfc6749_3_3_is_refused(text: str) -> None:
    with refused("invalid_scope", "scope_malformed"):
        parse(text)


def test_a_scope_is_bounded_in_length_and_number() -> None:
    assert len(parse("a" * LENGTH_LIMIT)) == 1
    with refused("invalid_scope", "scope_malformed"):
        parse("a" * (LENGTH_LIMIT + 1))
    most = [f"t{n}" for n in range(TOKENS_LIMIT)]
    assert len(parse(" ".join(most))) == TOKENS_LIMIT
    with refused("invalid_scope", "scope_too_long"):
        parse(" ".join([*most, "more"]))


@given(st.lists(TOKEN, min_size=1, max_size=10, unique=True))
def test_what_is_written_is_read_back(tokens: list[str]) -> None:
    assert parse(write(tokens)) == tuple(tokens)


def test_a_part_of_what_is_allowed_is_granted_in_its_own_order() -> None:
    assert within(("c", "a"), ("a", "b", "c")) == ("c", "a")
    assert within((), ("a",)) == ()


def test_more_than_is_allowed_is_refused() -> None:
    with refused("invalid_scope", "scope_exceeded"):
        within(("a", "d"), ("a", "b", "c"))


def test_what_a_scope_implies_comes_after_it_once_and_through_every_level() -> None:
    implies = {"admin": ("write", "audit"), "write": ("read",), "audit": ("read",)}
    assert implied(("admin", "other"), implies) == ("admin", "other", "write", "audit", "read")
    assert implied(("read",), implies) == ("read",)
    assert implied((), implies) == ()


def test_scopes_that_imply_each_other_end() -> None:
    assert implied(("a",), {"a": ("b",), "b": ("c", "a"), "c": ("a", "c")}) == ("a", "b", "c")


@given(
    st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcde")).map(tuple)), st.sampled_from("abcde")
)
def test_what_is_implied_implies_nothing_new(implies: dict[str, tuple[str, ...]], token: str) -> None:
    once = implied((token,), implies)
    assert implied(once, implies) == once
    assert len(set(once)) == len(once)
