"""Whose request is this? The peer's, unless it is one of our proxies: those say whom they speak for."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
HOPS_LIMIT = 32

# RFC 7239 4: forwarded-pair "for", a token or a quoted string
_FOR = re.compile(r'(?:^|;)[ \t]*for[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;," \t]+)[ \t]*(?=;|$)', re.IGNORECASE)
# RFC 7239 6: node = nodename [ ":" node-port ], where an IPv6 address stands in brackets
_NODE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::[A-Za-z0-9._-]+)?")


def client_address(
    peer: str, x_forwarded_for: Sequence[str], forwarded: Sequence[str], trusted: Sequence[Network]
) -> str:
    """The address of the client: the first, from the right, that is not one of our proxies.

    ``x_forwarded_for`` and ``forwarded`` (RFC 7239) are the values of those headers, in the order in which they came. Where
    a proxy lets both through and they disagree, neither is believed. A peer without an address (a socket in the file system)
    is returned as it is.
    """
    address = _address(peer)
    if address is None or not _trusted(address, trusted):
        return peer if address is None else str(address)
    found = {
        _walk(address, hops, trusted)
        for hops, sent in ((_comma_separated(x_forwarded_for), x_forwarded_for), (_for_nodes(forwarded), forwarded))
        if sent
    }
    return str(found.pop() if len(found) == 1 else address)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether a peer is one of our proxies."""
    address = _address(peer)
    return address is not None and _trusted(address, trusted)


def _walk(peer: Address, hops: Iterator[str], trusted: Sequence[Network]) -> Address:
    """The last address, going outwards, that one of our proxies vouches for."""
    known = peer
    for _, hop in zip(range(HOPS_LIMIT), hops, strict=False):
        address = _address(hop)
        if address is None:
            break
        known = address
        if not _trusted(address, trusted):
            break
    return known


def _comma_separated(values: Sequence[str]) -> Iterator[str]:
    for value in reversed(values):
        for part in reversed(value.split(",")):
            yield part.strip(" \t")


def _for_nodes(values: Sequence[str]) -> Iterator[str]:
    for element in _comma_separated(values):
        node = _FOR.search(element)
        yield "" if node is None else node[1].strip('"')


def _address(text: str) -> Address | None:
    """An address, perhaps with a zone or a port; an IPv4 address in IPv6's clothes is an IPv4 address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        node = _NODE.fullmatch(text)
        if node is None:
            return None
        try:
            address = ip_address(node["six"] or node["four"])
        except ValueError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
