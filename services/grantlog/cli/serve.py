"""``grantlog serve``: answers HTTP, and says no to new work before it ends."""

import asyncio
import gc
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import click
from aiohttp import web
from aiohttp.web_runner import BaseRunner
from structlog import get_logger

from grantlog.cli.output import json_option, show
from grantlog.cli.running import run
from grantlog.flows.rotate_keys import ensure_keys
from grantlog.logs import configure_logging
from grantlog.settings import Settings, SettingsError, read_settings
from grantlog.web.app import create_app
from grantlog.web.keys import LIFE, MTLS
from grantlog.web.listener import runner_of
from grantlog.web.metrics import metrics_app
from grantlog.wiring import asking_context, open_service

_log = get_logger(__name__)
R = TypeVar("R", bound=BaseRunner)
ROLES = ("issuer", "introspection", "all")
SIGNING_ROLES = frozenset({"issuer", "all"})
SHUTDOWN_SECONDS = 10.0
"""So long requests under way may take when the process is asked to end."""
BACKLOG = 1024
YOUNG_OBJECTS = 20_000
"""So many new objects before the garbage collector looks at them: requests that wait for a store are not garbage."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address, and the routes behind it."""

    role: str
    port: int


@click.command()
@click.option("--role", type=click.Choice(ROLES), default="all", show_default=True, help="Which routes to serve.")
@json_option
def serve(*, role: str, as_json: bool) -> None:
    """Answer HTTP until SIGTERM or SIGINT: then finish what is under way, write what is queued, and end."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.worker_name)
    context = tls_context(settings)

    def started() -> None:
        listening = addresses(settings, role)
        show(
            {"role": role, "issuer": settings.issuer, "profile": settings.profile, "listening": listening},
            as_json=as_json,
        )
        tell_profile(settings)

    run(serve_until_asked(settings, role, context, started))


def tell_profile(settings: Settings) -> None:
    """One line of the log says what holds; where it is a profile that weakens it, that is a warning."""
    if settings.profile == "oidc":
        _log.warning("profile", profile=settings.profile, meaning="confidential clients may leave PKCE out")
    else:
        _log.info("profile", profile=settings.profile)


async def serve_until_asked(
    settings: Settings, role: str, context: ssl.SSLContext | None, started: Callable[[], None]
) -> None:
    """Serves until a signal asks to end. Raises SettingsError where an address cannot be had, UnavailableError at boot."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    # Closed last to first: requests end, then the metrics listener, then the batcher and the connections.
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings))
        if role in SIGNING_ROLES:
            await ensure_keys(service)
        observed = await stack.enter_async_context(running(plain_runner(metrics_app(service, settings.worker_name))))
        await listen(observed, settings.metrics_host, settings.metrics_port, None)
        apps = []
        for listener in listeners(settings, role):
            app = create_app(service, settings, listener.role)
            runner = await stack.enter_async_context(running(runner_of(app, shutdown_timeout=SHUTDOWN_SECONDS)))
            await listen(runner, settings.host, listener.port, context)
            apps.append(app)
        if settings.mtls_port is not None and role in SIGNING_ROLES:
            app = create_app(service, settings, role)
            app[MTLS] = True
            runner = await stack.enter_async_context(running(runner_of(app, shutdown_timeout=SHUTDOWN_SECONDS)))
            await listen(runner, settings.host, settings.mtls_port, asking_context(settings))
            apps.append(app)
        settle_heap()
        started()
        await asked.wait()
        for app in apps:
            app[LIFE].draining = True


def settle_heap() -> None:
    """Takes what the boot has left out of the garbage collector's sight: it stays until the end.

    Walking it again and again costs an introspection a third of its time (``ops/bench``).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def plain_runner(app: web.Application) -> web.AppRunner:
    """What serves the metrics."""
    return web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)


@asynccontextmanager
async def running(runner: R) -> AsyncIterator[R]:
    """A runner at work. At the end it stops accepting and lets requests under way finish."""
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


async def listen(runner: BaseRunner, host: str, port: int, context: ssl.SSLContext | None) -> None:
    """Opens one address. Raises SettingsError."""
    try:
        await web.TCPSite(runner, host, port, ssl_context=context, backlog=BACKLOG).start()
    except OSError as wrong:
        raise SettingsError(f"cannot listen on {host}:{port}: {wrong.strerror}") from None


def listeners(settings: Settings, role: str) -> tuple[Listener, ...]:
    """Who listens where. Introspection moves to its own port where one is set, also out of ``all``."""
    own = settings.introspection_port
    if own is None or own == settings.port:
        return (Listener(role, settings.port),)
    if role == "introspection":
        return (Listener(role, own),)
    if role == "all":
        return (Listener("issuer", settings.port), Listener("introspection", own))
    return (Listener(role, settings.port),)


def addresses(settings: Settings, role: str) -> list[str]:
    """The addresses of the listeners, the metrics listener's last."""
    scheme = "http" if settings.tls_certificate is None else "https"
    return [
        *(f"{scheme}://{settings.host}:{listener.port}" for listener in listeners(settings, role)),
        *([f"https://{settings.host}:{settings.mtls_port}"] if settings.mtls_port and role in SIGNING_ROLES else []),
        f"http://{settings.metrics_host}:{settings.metrics_port}/metrics",
    ]


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Our own TLS, 1.2 or newer, where a certificate is set. Raises SettingsError when it cannot be used."""
    if settings.tls_certificate is None and settings.tls_key is None:
        return None
    if settings.tls_certificate is None or settings.tls_key is None:
        raise SettingsError("GRANTLOG_TLS_CERTIFICATE and GRANTLOG_TLS_KEY go together")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # RFC 9325 3.1.1: "Implementations MUST NOT negotiate TLS version 1.1"
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as wrong:
        raise SettingsError(f"GRANTLOG_TLS_CERTIFICATE, GRANTLOG_TLS_KEY: {wrong.strerror or 'no such pair'}") from None
    return context
