"""Loopback ports: which are free."""

import socket
from collections.abc import Collection

HOST = "127.0.0.1"
ATTEMPTS = 200


class NoPortError(Exception):
    """A port that was asked for by name is taken, or none is left."""


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As our servers do: what a dead server left in TIME_WAIT is in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(first: int, taken: Collection[int] = ()) -> int:
    """The first free port from ``first`` on that is not in ``taken``. Raises NoPortError."""
    for port in range(first, min(first + ATTEMPTS, 65536)):
        if port not in taken and is_free(port):
            return port
    raise NoPortError(f"no free port from {first} on")


def any_port(taken: Collection[int] = ()) -> int:
    """A free port of the kernel's choice."""
    for _ in range(ATTEMPTS):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
    raise NoPortError("no free port")
