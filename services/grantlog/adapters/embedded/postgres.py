"""A real PostgreSQL 18 of our own: no TCP port, a unix socket in a directory that only we may enter."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from grantlog.adapters.embedded.binaries import postgres_binary
from grantlog.adapters.embedded.child import Child, RunAs, StartError
from grantlog.adapters.embedded.files import private_directory
from grantlog.adapters.embedded.identity import postgres_identity

SUPERUSER = "grantlog"
OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "jit": "off",
    "wal_compression": "on",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
WITHOUT_SAFETY: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For tests only: a crash of the machine may lose everything; a crash of the server loses nothing."""


class EmbeddedPostgres:
    """A server over ``root/data`` with its socket in ``sockets``; both directories are ours, 0700, and may be new."""

    def __init__(
        self,
        root: Path,
        sockets: Path,
        *,
        options: Mapping[str, str] | None = None,
        namespaces: bool = True,
    ) -> None:
        """``options`` are added to, and win over, OPTIONS. ``namespaces`` False leaves user namespaces alone."""
        self.root = root
        self.sockets = sockets
        self.data = root / "data"
        self._options = {**OPTIONS, **(options or {})}
        self._namespaces = namespaces
        self._child: Child | None = None

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """A DSN that asyncpg, libpq and SQLAlchemy understand. No password: who enters the directory is trusted."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets))}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    def status(self) -> int | None:
        """The exit status, once it has ended."""
        return self._child.status if self._child is not None else None

    def start(self, seconds: float = 60) -> None:
        """Launches it and waits until it takes connections. Raises StartError, MissingBinaryError, NoIdentityError."""
        self.launch()
        self.wait(seconds)

    def wait(self, seconds: float = 60) -> None:
        """Waits until it takes connections. Raises StartError."""
        assert self._child is not None
        self._child.wait_until(self._accepts, seconds)

    def launch(self) -> None:
        """Makes the cluster if there is none, and starts it. Raises StartError, MissingBinaryError, NoIdentityError."""
        for directory in (self.root, self.sockets):
            # One that stands may have been given to the user whom PostgreSQL runs as.
            if not directory.is_dir():
                private_directory(directory)
        server = postgres_binary("postgres")
        run_as = postgres_identity(server, (self.root, self.sockets), namespaces=self._namespaces)
        log = self.root.parent / f"{self.root.name}.log"
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster(log, run_as)
        self._remove_leftovers()
        words = [f"-c{name}={value}" for name, value in self._options.items()]
        # SIGINT is PostgreSQL's fast shutdown: open sessions are ended, everything is written.
        child = Child(
            "postgres",
            [server, "-D", self.data, "-k", self.sockets, *words],
            log,
            leash=signal.SIGINT,
            environment=_environment(),
            run_as=run_as,
        )
        child.launch()
        self._child = child

    def stop(self) -> None:
        """Fast shutdown: ends sessions, writes everything, waits."""
        if self._child is not None:
            self._child.stop(signal.SIGINT, 30)

    def kill(self) -> None:
        """SIGKILL to the postmaster and its backends, as a crash would."""
        if self._child is not None:
            self._child.kill()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the postmaster."""
        if self._child is not None:
            self._child.send(number)

    def _make_cluster(self, log: Path, run_as: RunAs) -> None:
        """Runs initdb, into a directory that gets its name only when it is whole."""
        fresh = self.root / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        initdb = Child(
            "initdb",
            [
                postgres_binary("initdb"),
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
                *(["--no-sync"] if self._options.get("fsync") == "off" else []),
            ],
            log,
            environment=_environment(),
            run_as=run_as,
        )
        initdb.launch()
        initdb.stop(signal.SIGCONT, 120)
        if initdb.status != 0:
            raise StartError(f"initdb ended with status {initdb.status}\n{initdb.tail()}")
        fresh.rename(self.data)

    def _remove_leftovers(self) -> None:
        """After a kill -9: ends a postmaster that outlived its supervisor, and removes what a dead one left."""
        pid_file = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
            if _is_postgres_of(pid, self.data):
                os.kill(pid, signal.SIGINT)
                _wait_for_end(pid, 30)
        pid_file.unlink(missing_ok=True)
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)

    def _accepts(self) -> bool:
        """Whether it takes connections: line 8 of its pid file says so, as pg_ctl reads it."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and lines[0].strip() == str(self.pid)


def _environment() -> dict[str, str]:
    """Without PG* variables and secrets of whoever started us."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _is_postgres_of(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL over this directory, not a stranger that was given the same number."""
    return pid > 1 and Path(f"/proc/{pid}/cwd").resolve() == data.resolve()


def _wait_for_end(pid: int, seconds: float) -> None:
    """Waits for a process that may be nobody's child of ours; one that only waits to be reaped has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return
        if status.rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
