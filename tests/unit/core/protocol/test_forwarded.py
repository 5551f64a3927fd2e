from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.protocol import VECTORS

from grantlog.core.protocol.forwarded import HOPS_LIMIT, client_address, is_trusted

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY = "10.0.0.1"


def of(peer: str = PROXY, *, x: list[str] | None = None, forwarded: list[str] | None = None) -> str:
    return client_address(peer, x or [], forwarded or [], TRUSTED)


@pytest.mark.parametrize("name", VECTORS["rfc7239"])
def test_the_examples_of_rfc7239_are_read(name: str) -> None:
    vector = VECTORS["rfc7239"][name]
    assert of(forwarded=vector["forwarded"]) == vector["client"]


def test_nobody_but_our_proxies_speaks_for_others() -> None:
    assert of("192.0.2.1", x=["203.0.113.9"], forwarded=["for=203.0.113.9"]) == "192.0.2.1"


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert client_address("127.0.0.1", ["203.0.113.9"], [], ()) == "127.0.0.1"


def test_a_proxy_that_says_nothing_is_the_client() -> None:
    assert of() == PROXY


def test_the_first_address_from_the_right_that_is_no_proxy_is_the_client() -> None:
    assert of(x=["203.0.113.9, 198.51.100.7, 10.0.0.9"]) == "198.51.100.7"


def test_several_header_lines_are_one_list() -> None:
    assert of(x=["203.0.113.9", "198.51.100.7", "10.0.0.9"]) == "198.51.100.7"


def test_proxies_all_the_way_leave_the_outermost() -> None:
    assert of(x=["10.0.0.7, 10.0.0.8"]) == "10.0.0.7"
    assert of(forwarded=["for=10.0.0.7, for=10.0.0.8"]) == "10.0.0.7"


@pytest.mark.parametrize(
    "junk", ["unknown", "", "_hidden", "example.com", "1.2.3", "999.1.1.1", "[1.2.3.4.5]", "a:b:c:d:e"]
)
def test_what_is_no_address_ends_the_walk_at_the_last_that_was(junk: str) -> None:
    assert of(x=[f"203.0.113.9, {junk}, 10.0.0.9"]) == "10.0.0.9"
    assert of(x=[junk]) == PROXY


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:DB8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_ports_brackets_and_zones_are_taken_off(sent: str, address: str) -> None:
    assert of(x=[sent]) == address


def test_an_ipv4_peer_on_a_dual_socket_is_known_again() -> None:
    assert of("::ffff:10.0.0.1", x=["198.51.100.7"]) == "198.51.100.7"
    assert of("fd00::1", x=["198.51.100.7"]) == "198.51.100.7"


def test_a_socket_in_the_file_system_has_no_address() -> None:
    assert of("", x=["198.51.100.7"]) == ""


def test_both_headers_are_believed_where_they_agree_only() -> None:
    assert of(x=["198.51.100.7"], forwarded=["for=198.51.100.7"]) == "198.51.100.7"
    assert of(x=["198.51.100.7"], forwarded=["for=203.0.113.9"]) == PROXY


@pytest.mark.parametrize("element", ["proto=https", "for", 'for="', "notfor=198.51.100.7", "for=198.51.100.7 x", ""])
def test_an_element_without_a_plain_for_ends_the_walk(element: str) -> None:
    assert of(forwarded=[element]) == PROXY


def test_a_list_is_not_walked_for_ever() -> None:
    hops = ["198.51.100.7", *["10.0.0.2"] * HOPS_LIMIT]
    assert of(x=[", ".join(hops)]) == "10.0.0.2"
    assert of(x=[", ".join(hops[:-1])]) == "198.51.100.7"


@given(st.lists(st.text()), st.lists(st.text()))
def test_whatever_is_sent_there_is_an_address(x: list[str], forwarded: list[str]) -> None:
    assert of(x=x, forwarded=forwarded)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.1", False), ("", False), ("/run/socket", False)],
)
def test_a_peer_is_one_of_our_proxies_or_not(peer: str, expected: bool) -> None:  # the expectation
    assert is_trusted(peer, (ip_network("10.0.0.0/8"),)) is expected
