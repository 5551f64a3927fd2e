"""Real servers for tests, as fixtures; ``tests/conftest.py`` offers them to every test.

- ``postgres_server``: one PostgreSQL for the session. ``postgres_url``: a fresh migrated database per test (superuser
  DSN); ``module_postgres_url``: the same, per module; ``empty_postgres_url``: a fresh database without schema.
- ``valkey_server``: one Valkey for the session. ``valkey_url``: its URL, emptied before each test.
- ``start_postgres()``, ``start_valkey()``, ``start_redis7()``: servers of a test's own, to be killed at will.
- ``free_port()``: a loopback port nobody listens on.
"""

import asyncio
import importlib
import importlib.util
import inspect
import itertools
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import pytest

from grantlog.adapters.embedded.postgres import WITHOUT_SAFETY, EmbeddedPostgres
from grantlog.adapters.embedded.valkey import EmbeddedValkey

TEMPLATE = "migrated"
MIGRATE = "grantlog.adapters.postgres.migrate"

T = TypeVar("T")
_numbers = itertools.count()


class StartPostgres(Protocol):
    """Starts a PostgreSQL of the test's own; ``migrated`` applies the schema to its database ``postgres``."""

    def __call__(self, *, migrated: bool = True, options: dict[str, str] | None = None) -> EmbeddedPostgres: ...


class StartValkey(Protocol):
    """Starts a Valkey (or Redis) of the test's own; ``tcp`` opens a free loopback port beside the unix socket."""

    def __call__(
        self, *, tcp: bool = False, durable: bool = False, options: dict[str, str] | None = None
    ) -> EmbeddedValkey: ...


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop and a thread of its own, so that it never meets a test's loop."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001  # carried over to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def migrate(url: str) -> None:
    """Applies the migrations to a database."""
    if importlib.util.find_spec(MIGRATE) is None:
        return
    outcome = importlib.import_module(MIGRATE).migrate(url)
    if inspect.iscoroutine(outcome):
        run_apart(outcome)


def execute(url: str, statement: str) -> None:
    """Runs one statement on a connection of its own, outside any transaction."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    run_apart(run())


def flush(server: EmbeddedValkey) -> None:
    """Empties a Valkey, its script cache and its statistics as well."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(server.socket))
        for command in (b"FLUSHALL SYNC\r\n", b"SCRIPT FLUSH\r\n", b"CONFIG RESETSTAT\r\n"):
            connection.sendall(command)
            answer = connection.recv(256)
            assert answer == b"+OK\r\n", answer


def free_port() -> int:
    """A loopback port on which nobody listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def short_directory() -> Iterator[Path]:
    """A private directory whose path leaves room for the name of a unix socket."""
    directory = Path(tempfile.mkdtemp(prefix="gl-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


_made: dict[str, int] = {}
"""In which hour a template was made."""


def _hour() -> int:
    return int(time.time()) // 3600


@contextmanager
def _database(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A database of its own, copied from a template and dropped at the end, whoever is still connected."""
    name = f"test_{next(_numbers)}"
    execute(server.url(), f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY FILE_COPY')
    if template == TEMPLATE and _hour() != _made[template]:
        # some partitions last an hour: what the template was made with is not what is there a run of tests later
        execute(server.url(name), "SELECT ensure_partitions_v1(); SELECT drop_expired_v1()")
    try:
        yield server.url(name)
    finally:
        if server.pid is not None:
            execute(server.url(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "pg", directory / "s", options=WITHOUT_SAFETY)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that every migration has been applied to, and that nobody is connected to."""
    execute(postgres_server.url(), f"CREATE DATABASE {TEMPLATE}")
    _made[TEMPLATE] = _hour()
    migrate(postgres_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def postgres_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    with _database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    with _database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    with _database(postgres_server, "template1") as url:
        yield url


@pytest.fixture
def start_postgres() -> Iterator[StartPostgres]:
    with ExitStack() as stack:

        def start(*, migrated: bool = True, options: dict[str, str] | None = None) -> EmbeddedPostgres:
            directory = stack.enter_context(short_directory())
            given = {**WITHOUT_SAFETY, "shared_buffers": "32MB", **(options or {})}
            server = EmbeddedPostgres(directory / "pg", directory / "s", options=given)
            server.start()
            stack.callback(server.kill)
            if migrated:
                migrate(server.url())
            return server

        yield start


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[EmbeddedValkey]:
    with short_directory() as directory:
        server = EmbeddedValkey(directory / "kv", directory / "s")
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def valkey_url(valkey_server: EmbeddedValkey) -> str:
    flush(valkey_server)
    return valkey_server.url


def _starter(stack: ExitStack, binary: Callable[[], Path | None]) -> StartValkey:
    def start(*, tcp: bool = False, durable: bool = False, options: dict[str, str] | None = None) -> EmbeddedValkey:
        directory = stack.enter_context(short_directory())
        server = EmbeddedValkey(
            directory / "kv",
            directory / "s",
            durable=durable,
            port=free_port() if tcp else 0,
            options=options,
            binary=binary(),
        )
        server.start()
        stack.callback(server.kill)
        return server

    return start


@pytest.fixture
def start_valkey() -> Iterator[StartValkey]:
    with ExitStack() as stack:
        yield _starter(stack, lambda: None)


@pytest.fixture
def start_redis7() -> Iterator[StartValkey]:
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server on this machine")
    with ExitStack() as stack:
        yield _starter(stack, lambda: Path(found))
