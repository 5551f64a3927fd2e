"""What every test gets: real servers on request, no sockets where none belong, one line on what was left out."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

pytest_plugins = ("tests.support.servers", "tests.support.projections", "tests.support.app")

PURE = ("unit", "property")
"""Folders whose tests may not open a network socket (an event loop's own socket pair is a unix socket)."""
WANTED = {
    "redis7": ("redis-server", "no redis-server on this machine"),
    "browser": ("chromium", "no chromium on this machine"),
}
"""Markers of tests that want a program: which, and why they are left out without it."""
LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out tests whose program is missing."""
    missing = {marker: why for marker, (program, why) in WANTED.items() if shutil.which(program) is None}
    left_out: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    for item in items:
        marker = next((marker for marker in missing if item.get_closest_marker(marker)), None)
        if marker is None:
            kept.append(item)
        else:
            left_out[marker] += 1
    config.stash[LEFT_OUT] = left_out
    items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says in one line which tests were left out and why."""
    left_out = config.stash.get(LEFT_OUT, Counter())
    if left_out:
        reasons = ", ".join(f"{count} marked {marker} ({WANTED[marker][1]})" for marker, count in left_out.items())
        terminalreporter.write_line(f"left out: {reasons}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Shuts the network off for pure tests, and back on for the others."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    if folder in PURE:
        disable_socket(allow_unix_socket=True)
    else:
        enable_socket()
