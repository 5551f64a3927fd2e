"""Where ``grantlog dev`` keeps its things: all below one directory that only its owner may enter."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grantlog.adapters.embedded.files import SOCKET_PATH_LIMIT, private_directory, write_private

LONGEST_SOCKET_NAME = len("/valkey-run/projection.sock")


class AlreadyRunningError(Exception):
    """Another ``grantlog dev`` runs over the same directory."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the directory (``.dev``)."""

    root: Path

    @property
    def credentials(self) -> Path:
        """What a client or a tester needs; written when everything is ready."""
        return self.root / "credentials.json"

    @property
    def kept(self) -> Path:
        """What stays the same from run to run: ports and secrets."""
        return self.root / "kept.json"

    @property
    def root_keys(self) -> Path:
        """The root key list."""
        return self.root / "root_keys"

    def log(self, name: str) -> Path:
        """What a process wrote."""
        return self.root / "logs" / f"{name}.log"


@dataclass(slots=True)
class Kept:
    """Values remembered in a private file."""

    path: Path

    def read(self) -> dict[str, str]:
        """All of them; none where there is no file yet."""
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {str(name): str(value) for name, value in values.items()}

    def remember(self, **values: str) -> None:
        """Adds values, or changes them."""
        standing = self.read()
        if standing | values != standing:
            write_private(self.path, json.dumps(standing | values, indent=1, sort_keys=True))


@contextmanager
def occupied(root: Path) -> Iterator[Layout]:
    """Makes the directory, 0700 before the first file, and holds its lock. Raises AlreadyRunningError.

    The lock goes with the process, however it ends.
    """
    private_directory(root)
    layout = Layout(root.resolve())
    descriptor = os.open(layout.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"process {lock.read().strip() or '?'} runs over {root} already") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        shutil.rmtree(layout.root / "logs", ignore_errors=True)
        private_directory(layout.root / "logs")
        yield layout


def socket_base(layout: Layout, kept: Kept) -> Path:
    """Where directories for unix sockets go: the directory itself, or a short private one where its path is too long."""
    if len(os.fsencode(layout.root)) + LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT:
        return layout.root
    remembered = kept.read().get("socket_base")
    if remembered is not None:
        base = Path(remembered)
        try:
            return private_directory(base)
        except OSError:
            pass  # somebody else's by now, or its parent is gone: make another
    base = Path(tempfile.mkdtemp(prefix="grantlog-"))
    kept.remember(socket_base=str(base))
    return base


def forget_sockets(kept: Kept) -> None:
    """Removes the short directory, where one was made."""
    remembered = kept.read().get("socket_base")
    if remembered is not None:
        shutil.rmtree(remembered, ignore_errors=True)
