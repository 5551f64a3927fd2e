"""URLs of Redis: what they may say, and that errors and reprs never repeat them."""

import pytest

from grantlog.adapters.redis.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", Address("localhost", 6379)),
        ("redis://10.0.0.1:7000/2", Address("10.0.0.1", 7000, database=2)),
        ("redis://host?db=4", Address("host", 6379, database=4)),
        ("redis://[::1]:7000", Address("::1", 7000)),
        ("redis://:p%40ss@host", Address("host", 6379, password="p@ss")),
        ("redis://me:p%2Fw@host/0", Address("host", 6379, username="me", password="p/w")),
        ("unix:///run/valkey.sock", Address("", 0, "/run/valkey.sock")),
        ("unix://me:pw@/run/a%20b.sock?db=1", Address("", 0, "/run/a b.sock", "me", "pw", 1)),
    ],
)
def test_a_url_is_read(url: str, address: Address) -> None:
    assert parse_address(url) == address


def test_rediss_is_tls_with_the_servers_name_checked() -> None:
    tls = parse_address("rediss://host").tls
    assert tls is not None
    assert tls.check_hostname


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@host",
        "redis://user:hunter2@host/one",
        "redis://user:hunter2@host:port",
        "redis://user:hunter2@host?ssl_cert_reqs=none",
        "unix://user:hunter2@",
        "",
    ],
)
def test_any_other_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="Redis") as refused:
        parse_address(url)
    assert "hunter2" not in str(refused.value)


def test_a_repr_tells_no_secret() -> None:
    assert "hunter2" not in repr(parse_address("redis://user:hunter2@host"))


def test_another_node_is_reached_the_same_way() -> None:
    address = parse_address("redis://me:pw@host:1")
    assert address.at("other", 2) == Address("other", 2, username="me", password="pw")
