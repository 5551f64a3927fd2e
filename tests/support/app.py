"""The whole application behind a loopback port, on real PostgreSQL and Valkey, with a real tail: for tests over HTTP.

``pytest_plugins`` in ``tests/conftest.py`` offers the fixtures: ``app`` (one per module, with the demo's scopes and
resources, a user and clients) and ``start_app`` (one of a test's own, with other settings). The server runs in a thread
with an event loop of its own; ``running.run(coroutine)`` reaches into it.
"""

import asyncio
import base64
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Protocol, TypeVar
from uuid import UUID

import pytest
from aiohttp import web
from tests.support.browser import Browser
from tests.support.servers import StartValkey, flush, free_port

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.client.events import ClientMetadata
from grantlog.core.identifiers import MICROS, ClientId, StreamId
from grantlog.flows import accounts, clients
from grantlog.flows.operators import operator_origin
from grantlog.flows.rotate_keys import ensure_keys
from grantlog.flows.service import Service
from grantlog.flows.tail import Pace, Tail
from grantlog.settings import Resource, Settings
from grantlog.web.app import create_app
from grantlog.web.keys import LIFE
from grantlog.web.listener import DISPATCH, runner_of
from grantlog.web.metrics import metrics_app
from grantlog.wiring import open_service

T = TypeVar("T")

API = "https://api.example.com/"
BILLING = "https://billing.example.com/"
JWT_API = "https://jwt.example.com/"
SCOPES = ("api:read", "api:write")
OPENID = ("openid", "profile", "email", "offline_access")
REDIRECT = "https://client.example/callback"
LOOPBACK = "http://127.0.0.1/callback"
ORIGIN = "https://spa.example"
USERNAME, PASSWORD = "alice", "correct horse battery staple"
INITIAL_ACCESS_TOKEN = "initial-access-token-of-the-tests"
PATIENCE = 30.0

RESOURCES = tuple(
    Resource(uri=uri, scopes=SCOPES, token_format="jwt" if uri == JWT_API else "opaque")
    for uri in (API, BILLING, JWT_API)
)
WEB = ClientMetadata(
    name="Web & <Sons>",
    redirect_uris=(REDIRECT, LOOPBACK, "http://[::1]/callback"),
    grant_types=("authorization_code", "refresh_token", "client_credentials"),
    scope=(*SCOPES, *OPENID),
)
SPA = ClientMetadata(
    name="Single page",
    token_endpoint_auth_method="none",
    redirect_uris=(REDIRECT,),
    grant_types=("authorization_code", "refresh_token"),
    scope=(*SCOPES, *OPENID),
    origins=(ORIGIN,),
)
NATIVE = ClientMetadata(
    name="Native",
    application_type="native",
    token_endpoint_auth_method="none",
    redirect_uris=("com.example.app:/callback", LOOPBACK),
    grant_types=("authorization_code", "refresh_token"),
    scope=(*SCOPES, *OPENID),
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A registered client, as it knows itself."""

    client_id: str
    client_secret: str | None

    @property
    def basic(self) -> str:
        """Its Authorization header (ids and secrets of tests need no form encoding)."""
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()


@dataclass(slots=True)
class Running:
    """A running application, and what a test needs to know of it."""

    url: str
    settings: Settings
    loop: asyncio.AbstractEventLoop
    service: Service
    metrics_url: str
    app: web.Application
    account: StreamId
    clients: dict[str, Credentials] = field(default_factory=dict)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the server's own loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def browser(self) -> Browser:
        """A browser without cookies."""
        return Browser(self.url)

    def register(self, metadata: ClientMetadata) -> Credentials:
        """Registers one more client, past HTTP."""
        made = self.run(clients.register(self.service, metadata, operator_origin(self.service, "operator:test")))
        return Credentials(made.state.client_id, made.secret)

    def suspend(self, client: Credentials) -> None:
        """Suspends a client, as an operator would."""
        origin = operator_origin(self.service, "operator:test")
        self.run(clients.suspend(self.service, ClientId(client.client_id), "test", origin))

    def update(self, client: Credentials, metadata: ClientMetadata) -> None:
        """Replaces what a client registered."""
        origin = operator_origin(self.service, "operator:test")
        self.run(clients.update(self.service, ClientId(client.client_id), metadata, origin))

    def catch_up(self) -> None:
        """Waits until the tail has told the query tables of every client."""
        known = {client.client_id for client in self.clients.values()}
        wait_for(lambda: known <= {name for _, name in self.run(self.service.ports.queries.clients())})

    def pass_seconds(self, seconds: float) -> None:
        """Waits until PostgreSQL's clock is so much further."""
        until = self.service.ports.log.now() + seconds * MICROS
        wait_for(lambda: self.service.ports.log.now() > until)

    def drain(self) -> None:
        """Says that the process is about to end."""
        self.app[LIFE].draining = True

    def lock(self, username: str) -> None:
        """Locks an account, as an operator would."""
        origin = operator_origin(self.service, "operator:test")
        self.run(accounts.lock(self.service, username, "test", origin))

    def introspect(self, token: str) -> Any:
        """What the resource server is told of a token."""
        guard = {"Authorization": self.clients["resource_server"].basic}
        return self.browser().post("/introspect", {"token": token}, guard).json

    def add_user(self, username: str, password: str = PASSWORD, **profile: str) -> StreamId:
        """One more account."""
        origin = operator_origin(self.service, "operator:test")
        return self.run(accounts.create_account(self.service, username, password, origin, profile))


class StartApp(Protocol):
    """Starts an application of the test's own on the same servers; ``settings`` replace the usual ones."""

    def __call__(self, *, role: str = "all", **settings: Any) -> Running: ...


def settings_for(database_url: str, redis_url: str, **changes: Any) -> Settings:
    """Settings as the tests want them: a development issuer on a free loopback port, generous limits, a short lease."""
    port = changes.pop("port", None) or free_port()
    usual: dict[str, Any] = {
        "issuer": f"http://127.0.0.1:{port}",
        "dev": True,
        "database_url": database_url,
        "redis_url": redis_url,
        "root_keys": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "initial_access_token": INITIAL_ACCESS_TOKEN,
        "resources": RESOURCES,
        "port": port,
        "projection_lease": 2.0,
    }
    return Settings(**(usual | changes))


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds, as long as anything here may take."""
    until = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < until, "that never came true"
        sleep(0.02)


@contextmanager
def running(settings: Settings, *, role: str = "all", with_tail: bool = True) -> Iterator[Running]:
    """Runs the application in a thread until the block ends; with a user and clients where there are none yet."""
    box: list[Running] = []
    failures: list[BaseException] = []
    ready = threading.Event()
    ends: list[Callable[[], object]] = []

    async def main() -> None:
        async with _serving(settings, role, with_tail=with_tail) as app:
            asked = asyncio.Event()
            ends.append(lambda: app.loop.call_soon_threadsafe(asked.set))
            box.append(app)
            ready.set()
            await asked.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as failure:  # noqa: BLE001  # carried over to the test's thread
            failures.append(failure)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="app")
    thread.start()
    try:
        ready.wait(PATIENCE)
        if failures:
            raise failures[0]
        yield box[0]
    finally:
        for end in ends:
            end()
        thread.join(PATIENCE)
    if failures:
        raise failures[0]


@asynccontextmanager
async def _serving(settings: Settings, role: str, *, with_tail: bool) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings))
        if with_tail:
            await stack.enter_async_context(_tail(service, settings))
        await ensure_keys(service)
        app = create_app(service, settings, role)
        await stack.enter_async_context(_listening(app, settings.port))
        metrics_port = free_port()
        await stack.enter_async_context(_listening(metrics_app(service, "test"), metrics_port))
        loop = asyncio.get_running_loop()
        url, metrics_url = f"http://127.0.0.1:{settings.port}", f"http://127.0.0.1:{metrics_port}"
        account = await _account(service)
        yield Running(url, settings, loop, service, metrics_url, app, account, await _clients(service, settings))


@asynccontextmanager
async def _tail(service: Service, settings: Settings) -> AsyncIterator[None]:
    """A real tail beside the application, leading before the block begins."""
    tail = Tail(service.ports, Pace(trust=settings.projection_lease, poll=0.02), "test")
    task = asyncio.create_task(tail.run())
    try:
        async with asyncio.timeout(PATIENCE):
            while not (await service.ports.read_model.read(StreamId(UUID(int=0)))).trusted:  # noqa: ASYNC110  # polled from outside
                await asyncio.sleep(0.02)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _listening(app: web.Application, port: int) -> AsyncIterator[None]:
    ours = DISPATCH in app
    runner = runner_of(app, shutdown_timeout=1.0) if ours else web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def _account(service: Service) -> StreamId:
    known = await accounts.find_account(service, USERNAME)
    if known is not None:
        return known
    profile = {"name": "Alice Example", "email": "alice@example.com"}
    return await accounts.create_account(
        service, USERNAME, PASSWORD, operator_origin(service, "operator:test"), profile
    )


async def _clients(service: Service, settings: Settings) -> dict[str, Credentials]:
    guard = ClientMetadata(
        name="Resource server",
        grant_types=("client_credentials",),
        response_types=(),
        scope=SCOPES,
        introspects=(API, BILLING, JWT_API, settings.issuer),
    )
    known: dict[str, Credentials] = {}
    for name, metadata in (("web", WEB), ("spa", SPA), ("native", NATIVE), ("resource_server", guard)):
        made = await clients.register(service, metadata, operator_origin(service, "operator:test"))
        known[name] = Credentials(made.state.client_id, made.secret)
    return known


@pytest.fixture(scope="module")
def app(module_postgres_url: str, valkey_server: EmbeddedValkey) -> Iterator[Running]:
    """One application for a module's tests, on an empty projection."""
    flush(valkey_server)
    with running(settings_for(module_postgres_url, valkey_server.url)) as started:
        yield started


@pytest.fixture
def start_app(postgres_url: str, start_valkey: StartValkey) -> Iterator[StartApp]:
    """Applications of a test's own, on a fresh database and a Valkey of their own.

    On the one that ``app`` uses, the tails of both would take the projection from each other.
    """
    valkey_url = start_valkey().url
    with ExitStack() as stack:

        def start(*, role: str = "all", **settings: Any) -> Running:
            return stack.enter_context(running(settings_for(postgres_url, valkey_url, **settings), role=role))

        yield start
