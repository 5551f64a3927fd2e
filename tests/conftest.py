"""What every test gets: real servers on request, and no sockets where none belong."""

from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

pytest_plugins = ("tests.support.servers",)

PURE = ("unit", "property")
"""Folders whose tests may not open a network socket (an event loop's own socket pair is a unix socket)."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Shuts the network off for pure tests, and back on for the others."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder in PURE:
        disable_socket(allow_unix_socket=True)
    else:
        enable_socket()
