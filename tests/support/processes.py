"""The roles as real processes over real servers, to be killed; and a service in the test's own process beside them."""

import base64
import contextlib
import http.client
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tests.support import appends
from tests.support.servers import free_port

from grantlog.core.decision import Decision, Origin
from grantlog.core.grant.decide import revoke_family
from grantlog.core.grant.standing import Active
from grantlog.core.grant.state import evolve
from grantlog.core.protocol.token_text import Handle, Kind
from grantlog.flows.handle import handle, plain
from grantlog.flows.introspect import find_standing
from grantlog.flows.locate import Located
from grantlog.flows.service import Service
from grantlog.ports import Append, Appended, UnavailableError
from grantlog.settings import Settings, read_settings
from grantlog.wiring import open_service

TRUST = 2.0


@dataclass(frozen=True, slots=True)
class Site:
    """One installation: its servers, its settings, and where its processes write."""

    environment: dict[str, str]
    directory: Path

    @property
    def settings(self) -> Settings:
        return read_settings(self.environment)

    def with_(self, **changes: str) -> "Site":
        """The same installation with other settings (``GRANTLOG_`` is put before each name)."""
        return replace(
            self, environment=self.environment | {f"GRANTLOG_{name}": text for name, text in changes.items()}
        )

    def role(self, *words: str, name: str = "", **changes: str) -> "Role":
        """One more process of this installation, not started yet: ``grantlog <words>``."""
        port = free_port()
        called = name or words[0]
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("GRANTLOG_")},
            **self.with_(**changes).environment,
            "GRANTLOG_METRICS_PORT": str(port),
            "GRANTLOG_WORKER_NAME": called,
        }
        command = [sys.executable, "-m", "grantlog", *words]
        return Role(command, environment, self.directory / f"{called}.log", port)


@dataclass(slots=True)
class Role:
    """One process, and the port on which it shows itself."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, in a session of its own."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs."""
        assert self.process is not None
        return self.process.poll()

    def stop(self, seconds: float = 10) -> int:
        """Asks it to end, and kills it when it does not. How it ended."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to it and its children, as a crash of the machine would."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def written(self) -> str:
        """What it has written so far."""
        return self.log.read_text(encoding="utf-8")

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of a path of its listener; (0, "") where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def ready(self) -> bool:
        return self.ask("/readyz")[0] == 200

    def metric(self, sample: str) -> float | None:
        """The value of a sample, named with its labels; None where it is not shown."""
        found = re.search(rf"^{re.escape(sample)} (\S+)$", self.ask("/metrics")[1], re.MULTILINE)
        return None if found is None else float(found.group(1))


@contextmanager
def started(role: Role) -> Iterator[Role]:
    """Runs a process until the block ends."""
    role.start()
    try:
        yield role
    finally:
        if role.status is None:
            role.stop()


def site(directory: Path, database_url: str, redis_url: str, broker_url: str | None = None, **changes: str) -> Site:
    """An installation over these servers."""
    environment = {
        "GRANTLOG_ISSUER": "http://127.0.0.1:8000",
        "GRANTLOG_DEV": "true",
        "GRANTLOG_DATABASE_URL": database_url,
        "GRANTLOG_REDIS_URL": redis_url,
        "GRANTLOG_ROOT_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "GRANTLOG_PROJECTION_LEASE": str(TRUST),
        "GRANTLOG_EGRESS_PRIVATE": "true",
    }
    if broker_url is not None:
        environment["GRANTLOG_BROKER_URL"] = broker_url
    return Site(environment, directory).with_(**changes)


@dataclass(frozen=True, slots=True)
class Issuer:
    """What an issuer does to families, without HTTP."""

    service: Service

    async def issue(self, *, projected: bool = True) -> Append:
        """A family with one access token; without ``projected`` the issuer died between commit and put."""
        log = self.service.ports.log
        row = appends.issued(log.mint(), log.now())
        verdict = await log.append(row)
        assert isinstance(verdict, Appended), verdict
        if projected:
            # A no-op on the log that brings the projection along, as a retried request would.
            await handle(self.service, row.stream, evolve, plain(lambda _: Decision(None, None)), origin())
        return row

    async def revoke(self, row: Append) -> bool:
        """Revokes a family. False for a 503: the caller must assume that its tokens still live."""
        try:
            await handle(
                self.service,
                row.stream,
                evolve,
                plain(lambda state: revoke_family(state, None, "test"), denies=True),
                origin(),
            )
        except UnavailableError:
            return False
        return True

    async def alive(self, row: Append) -> bool | None:
        """What an introspection of the family's access token says; None for a 503."""
        token = Handle(Kind.ACCESS, row.stream, 1, row.state.last_expiry)
        try:
            found = await find_standing(self.service, Located(token, sha256(str(row.stream).encode()).digest()))
        except UnavailableError:
            return None
        return isinstance(found, Active)


def origin() -> Origin:
    """A request of its own."""
    return Origin(request_id=secrets.token_hex(8), address="192.0.2.1")


@asynccontextmanager
async def issuer(settings: Settings) -> AsyncIterator[Issuer]:
    """A process that issues, in the test's own."""
    async with open_service(settings) as service:
        yield Issuer(service)
