"""The processes that are measured: real PostgreSQL with fsync on, real Valkey, the server, the tail, and the stand-ins."""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.bench.machine import Side, pin
from ops.bench.settings import environment_for, settings_for

from grantlog.adapters.embedded.child import Child
from grantlog.adapters.embedded.ports import HOST, any_port
from grantlog.adapters.embedded.postgres import EmbeddedPostgres
from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.settings import Settings

PATIENCE = 30.0
TAIL_NICENESS = 10


@dataclass(slots=True)
class Stage:
    """Running stores, and whatever was started beside them. ``pids`` by name."""

    directory: Path
    settings: Settings
    _stack: ExitStack
    pids: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def serve(self, role: str) -> int:
        """Starts ``grantlog serve``; returns its port."""
        return self._grantlog(role, "serve", "--role", role)

    def tail(self) -> None:
        """Starts ``grantlog tail``, after everybody else in line for its core: what it has not followed it catches up with."""
        self._grantlog("tail", "tail", side="others")
        os.setpriority(os.PRIO_PROCESS, self.pids["tail"], TAIL_NICENESS)

    def stand_in(self, name: str, job: Mapping[str, Any]) -> int:
        """Starts a stand-in of ``standins.py``; returns its port."""
        port = self._port(name)
        file = self.directory / f"{name}.json"
        file.write_text(json.dumps({**job, "port": port}), encoding="utf-8")
        command = [sys.executable, "-m", "ops.bench.standins", name, str(file)]
        self._start(name, command, None, port, "server")
        return port

    def watched(self, *names: str) -> dict[str, int]:
        """The pids of some processes, by name."""
        return {name: self.pids[name] for name in names}

    def _grantlog(self, name: str, *words: str, side: Side = "server") -> int:
        port, metrics_port = self._port(name), self._port(f"{name} metrics")
        database, redis = self.settings.database_url, self.settings.redis_url
        settings = settings_for(database.get_secret_value(), redis.get_secret_value(), port, metrics_port)
        command = [sys.executable, "-m", "grantlog", *words]
        listening = metrics_port if name == "tail" else port
        self._start(name, command, environment_for(settings, name), listening, side)
        return port

    def _start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None, port: int, side: Side
    ) -> None:
        child = Child(name, command, self.directory / f"{name}.log", environment=environment)
        child.launch()
        self._stack.callback(child.stop)
        child.wait_until(lambda: _listens(port), PATIENCE)
        assert child.pid is not None
        self.pids[name] = child.pid
        pin(child.pid, side)

    def _port(self, name: str) -> int:
        self.ports[name] = any_port(self.ports.values())
        return self.ports[name]


@contextmanager
def stage() -> Iterator[Stage]:
    """Empty stores in a directory of their own, which is removed at the end."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="gl-bench-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        postgres = EmbeddedPostgres(directory / "pg", directory / "s")
        valkey = EmbeddedValkey(directory / "kv", directory / "s")
        for server in (postgres, valkey):
            stack.callback(server.stop)
            server.start()
        assert postgres.pid is not None
        assert valkey.pid is not None
        for pid in (postgres.pid, valkey.pid):
            pin(pid, "others")
        settings = settings_for(postgres.url(), valkey.url, 0)
        yield Stage(directory, settings, stack, {"postgres": postgres.pid, "valkey": valkey.pid})


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
