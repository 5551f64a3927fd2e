"""Whom a request is counted against."""

import pytest

from grantlog.core.decision import Origin


def of(address: str) -> str:
    return Origin("request", address).subscriber


@pytest.mark.parametrize("address", ["192.0.2.1", "", "a socket", "a:socket"])
def test_what_is_no_ipv6_address_counts_as_it_is(address: str) -> None:
    assert of(address) == address


def test_all_addresses_of_an_ipv6_subscriber_count_as_one() -> None:
    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff:ffff:ffff:ffff") == of("2001:DB8:1:2:0:0:0:9%eth0")


def test_another_subscriber_counts_apart() -> None:
    assert of("2001:db8:1:2::1") != of("2001:db8:1:3::1")
