"""A real Valkey 9 of our own, on a unix socket; a loopback port only where one is asked for."""

import contextlib
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from grantlog.adapters.embedded.binaries import valkey_binary
from grantlog.adapters.embedded.child import Child
from grantlog.adapters.embedded.files import private_directory


class EmbeddedValkey:
    """A server over ``root`` (ours, 0700, may be new) with its socket at ``sockets/<name>.sock``.

    ``durable`` writes an append-only file, for a broker; without it nothing is written to disk, for a projection.
    ``port`` 0 means no TCP at all. ``options`` are configuration lines by name; they win. ``binary`` may name a Redis.
    """

    def __init__(
        self,
        root: Path,
        sockets: Path,
        *,
        name: str = "valkey",
        durable: bool = False,
        port: int = 0,
        options: Mapping[str, str] | None = None,
        binary: Path | None = None,
    ) -> None:
        self.root = root
        self.sockets = sockets
        self.name = name
        self.port = port
        self.socket = sockets / f"{name}.sock"
        self._durable = durable
        self._options = dict(options or {})
        self._binary = binary
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """``unix://`` URL for redis-py and our own connection."""
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """``redis://`` URL of the loopback port."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    def status(self) -> int | None:
        """The exit status, once it has ended."""
        return self._child.status if self._child is not None else None

    def start(self, seconds: float = 30) -> None:
        """Launches it and waits until it answers PING. Raises StartError, MissingBinaryError."""
        self.launch()
        self.wait(seconds)

    def wait(self, seconds: float = 30) -> None:
        """Waits until it answers PING. Raises StartError."""
        assert self._child is not None
        self._child.wait_until(self._answers, seconds)

    def launch(self) -> None:
        """Starts it. Raises MissingBinaryError."""
        private_directory(self.root)
        if not self.sockets.is_dir():
            private_directory(self.sockets)
        self.socket.unlink(missing_ok=True)
        options = {
            "dir": str(self.root),
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            **self._options,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        log = self.root.parent / f"{self.root.name}.log"
        child = Child(self.name, [self._binary or valkey_binary(), *words], log, leash=signal.SIGTERM)
        child.launch()
        self._child = child

    def stop(self) -> None:
        """Ends it in order."""
        if self._child is not None:
            # A stopped process handles no signal but this one.
            self._child.send(signal.SIGCONT)
            self._child.stop(signal.SIGTERM, 10)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child is not None:
            self._child.kill()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal: SIGSTOP makes it hang, SIGCONT lets it go on."""
        if self._child is not None:
            self._child.send(number)

    def _answers(self) -> bool:
        """Whether it answers PING, and is done with loading."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        return False
