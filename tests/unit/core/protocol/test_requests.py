from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS, refusal_of, refused

from grantlog.core.protocol.requests import (
    BATCH_LIMIT,
    PAIRS_LIMIT,
    decode_component,
    read_batch,
    read_form,
    read_query,
    require_form,
)

VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def test_the_token_request_of_rfc6749_4_1_3_is_read() -> None:
    vector = VECTORS["rfc6749_4_1_3"]
    assert read_form(vector["body"].encode()).values == vector["parameters"]


def test_the_authorization_request_of_rfc6749_4_1_1_is_read() -> None:
    vector = VECTORS["rfc6749_4_1_1"]
    assert read_query(vector["query"]).values == vector["parameters"]


def test_the_encoding_example_of_rfc6749_appendix_b_is_decoded() -> None:
    vector = VECTORS["rfc6749_appendix_b"]
    assert decode_component(vector["encoded"]) == vector["text"]


def test_resource_may_come_more_than_once_and_keeps_its_order() -> None:
    vector = VECTORS["rfc8707_2_1"]
    parameters = read_query(vector["query"])
    assert list(parameters.all("resource")) == vector["resources"]
    assert parameters.get("scope") == "calendar contacts"
    assert parameters.get("resource") is None


def test_what_is_not_there_is_none_or_nothing() -> None:
    parameters = read_form(b"")
    assert parameters.get("code") is None
    assert parameters.all("resource") == ()


def test_what_is_required_and_missing_is_an_invalid_request() -> None:
    with refused("invalid_request", "code_missing"):
        read_form(b"grant_type=x").require("code")


def test_what_is_required_and_there_is_returned() -> None:
    assert read_form(b"code=x").require("code") == "x"


def test_a_parameter_without_a_value_is_as_good_as_omitted() -> None:
    parameters = read_form(b"code=&state&resource=&scope=a")
    assert parameters.values == {"scope": "a"}
    assert parameters.many == {}


@pytest.mark.parametrize("body", [b"code=a&code=b", b"code=a&code=a", b"x=1&x=1", b"%63ode=a&code=b"])
def test_a_doubled_parameter_is_refused_also_when_its_name_is_encoded(body: bytes) -> None:
    with refused("invalid_request", "parameter_doubled"):
        read_form(body)


def test_other_parameters_may_be_declared_repeatable() -> None:
    assert read_form(b"token=a&token=b", repeatable=frozenset({"token"})).all("token") == ("a", "b")


@pytest.mark.parametrize("body", [b"a=%", b"a=%4", b"a=%zz", b"a=%u0041", b"%=a"])
def test_bad_percent_encoding_is_refused(body: bytes) -> None:
    with refused("invalid_request", "percent_encoding"):
        read_form(body)


@pytest.mark.parametrize("body", [b"a=%ff", b"a=%c3%28", b"a=%ed%a0%80", b"a=%c0%80"])
def test_bad_utf8_is_refused(body: bytes) -> None:
    with refused("invalid_request", "not_utf8"):
        read_form(body)


@pytest.mark.parametrize("body", [b"a=\xc3\xa9", b"a=\xff"])
def test_bytes_that_should_have_been_encoded_are_refused(body: bytes) -> None:
    with refused("invalid_request", "bytes_not_encoded"):
        read_form(body)
    with refused("invalid_request", "bytes_not_encoded"):
        read_batch(body)


def test_a_query_with_characters_that_should_have_been_encoded_is_refused() -> None:
    for raw in ("a=é", "a=\udcff"):
        with refused("invalid_request", "bytes_not_encoded"):
            read_query(raw)


@pytest.mark.parametrize("body", [b"a=%00", b"a=b%0d%0a", b"a=\x00", b"a=\n", b"a\t=1", b"a=%7f", b"a=%c2%85"])
def test_control_characters_are_refused_encoded_or_not(body: bytes) -> None:
    with refused("invalid_request", "control_character"):
        read_form(body)


def test_so_many_parameters_are_read_and_one_more_is_refused() -> None:
    pairs = [f"p{n}=1" for n in range(PAIRS_LIMIT)]
    assert len(read_form("&".join(pairs).encode()).values) == PAIRS_LIMIT
    with refused("invalid_request", "too_many_parameters"):
        read_form("&".join([*pairs, "x=1"]).encode())


def test_empty_pairs_and_second_equals_signs_are_no_error() -> None:
    assert read_form(b"&a=b=c&&").values == {"a": "b=c"}


def test_plus_is_a_space_and_an_encoded_plus_is_a_plus() -> None:
    assert read_form(b"a=1+2%2B3").values == {"a": "1 2+3"}


def test_parameters_are_never_printed() -> None:
    parameters = read_form(b"client_secret=hush&resource=https://hush.example/")
    assert "hush" not in repr(parameters)


@given(st.binary())
def test_whatever_comes_a_form_is_read_or_refused(body: bytes) -> None:
    refusal = refusal_of(lambda: read_form(body))
    assert refusal is None or refusal.error == "invalid_request"


@given(st.text())
def test_whatever_comes_a_query_is_read_or_refused(raw: str) -> None:
    refusal = refusal_of(lambda: read_query(raw))
    assert refusal is None or refusal.error == "invalid_request"


@given(st.dictionaries(VISIBLE, VISIBLE))
def test_what_a_browser_encodes_is_what_we_read(values: dict[str, str]) -> None:
    read = read_form(urlencode(values).encode())
    assert dict(read.values) | {name: value for name, (value,) in read.many.items()} == values


def test_a_batch_keeps_the_order_and_the_doubles() -> None:
    assert read_batch(b"token=b&token_type_hint=access_token&token=a&token=b") == ("b", "a", "b")


def test_a_batch_of_another_name_is_read_by_that_name() -> None:
    assert read_batch(b"id=1&token=a", name="id") == ("1",)


@pytest.mark.parametrize("body", [b"", b"client_id=x", b"token=", b"token=a&token="])
def test_an_empty_batch_or_place_is_refused_because_answers_would_shift(body: bytes) -> None:
    with refused("invalid_request", "batch_empty"):
        read_batch(body)


def test_a_batch_of_100_is_read_and_one_of_101_refused() -> None:
    body = b"&".join([b"token=a"] * BATCH_LIMIT)
    assert len(read_batch(body)) == BATCH_LIMIT
    with refused("invalid_request", "batch_too_long"):
        read_batch(body + b"&token=a")
    with refused("invalid_request", "too_many_parameters"):
        read_batch(body * 3)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded;charset=UTF-8",
        'Application/X-WWW-Form-Urlencoded ; charset="utf-8"',
    ],
)
def test_a_form_in_utf8_is_accepted(content_type: str) -> None:
    require_form(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded, application/json",
        "application/x-www-form-urlencodedx",
    ],
)
def test_any_other_content_type_is_refused(content_type: str | None) -> None:
    with refused("invalid_request", "content_type"):
        require_form(content_type)


def test_one_plain_pair_is_read_as_any_other() -> None:
    assert read_form(b"token=abc").values == {"token": "abc"}
    assert read_form(b"resource=abc").all("resource") == ("abc",)
    assert read_form(b"token=abc", repeatable=frozenset({"token"})).all("token") == ("abc",)
    assert read_form(b"token=").values == {}
