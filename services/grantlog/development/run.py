"""One run of ``grantlog dev``, from the lock to the last process's end."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from grantlog.adapters.embedded.binaries import MissingBinaryError
from grantlog.adapters.embedded.child import Child, StartError
from grantlog.adapters.embedded.identity import NoIdentityError
from grantlog.adapters.embedded.metrics import metrics_app
from grantlog.adapters.embedded.ports import HOST, NoPortError
from grantlog.adapters.embedded.supervisor import Supervised, stop_all, supervise
from grantlog.development.credentials import (
    Credentials,
    summary_text,
    without_own,
    write_credentials,
    write_environment,
)
from grantlog.development.demo import keep_secrets
from grantlog.development.environment import ROLES, Ports, choose_ports, role_environment, settings_environment
from grantlog.development.keys import private_jwk
from grantlog.development.layout import AlreadyRunningError, Kept, Layout, forget_sockets, occupied
from grantlog.development.seed import plant
from grantlog.development.stores import Servers, embedded_servers
from grantlog.ports import UnavailableError
from grantlog.settings import Settings, SettingsError, read_settings
from grantlog.wiring import migrate_databases, open_service

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "issuer": ("serve", "--role", "all"),
    "introspection": ("serve", "--role", "introspection"),
    "tail": ("tail",),
    "worker": ("worker",),
    "beat": ("beat",),
}
READY_SECONDS = 90.0
FAILED_STARTS = 4
"""So many starts of one process before the first readiness, and the boot has failed."""

Say = Callable[[str], None]
Ready = Callable[[dict[str, object], str], None]


class DevelopmentError(Exception):
    """It cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is made of, once ports and secrets are chosen."""

    layout: Layout
    kept: Kept
    ports: Ports
    environment: Mapping[str, str]
    settings: Settings
    shown_directory: str


def run_development(directory: Path, environ: Mapping[str, str], say: Say, ready: Ready) -> None:
    """Runs everything below ``directory`` until SIGINT, SIGTERM or SIGHUP. Raises DevelopmentError.

    ``say`` gets a line of progress; ``ready`` a JSON document and a text when everything answers. Call it on the main
    thread: the children are tied to it, and end when it does, however that happens.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with occupied(directory) as layout:
            _run(layout, str(directory), without_own(layout, environ), say, ready)
    except KeyboardInterrupt:
        pass
    except (
        AlreadyRunningError,
        MissingBinaryError,
        NoIdentityError,
        NoPortError,
        PermissionError,
        SettingsError,
        StartError,
        UnavailableError,
    ) as wrong:
        raise DevelopmentError(str(wrong)) from wrong
    say("stopped")


def _run(layout: Layout, shown: str, environ: Mapping[str, str], say: Say, ready: Ready) -> None:
    kept = Kept(layout.kept)
    # What the last run wrote is not true before this one is ready.
    layout.credentials.unlink(missing_ok=True)
    ports = choose_ports(environ, kept)
    for line in ports.moved:
        say(line)
    secrets = keep_secrets(layout, kept)
    servers, stores = embedded_servers(layout, kept, environ)
    environment = settings_environment(environ, stores, ports, str(layout.root_keys), secrets)
    settings = read_settings({name: text for name, text in environment.items() if name.startswith("GRANTLOG_")})
    plan = Plan(layout, kept, ports, environment, settings, shown)
    write_environment(layout, environment, environ)
    roles = [_role(plan, role) for role in ROLES]
    try:
        say("starting PostgreSQL and Valkey" if servers.supervised() else "using the stores of the environment")
        servers.start()
        say("migrating")
        asyncio.run(migrate_databases(settings))
        say("starting " + ", ".join(ROLES))
        for supervised in roles:
            supervised.launch()
        asyncio.run(_look_after(plan, [*roles, *servers.supervised()], say, ready))
    finally:
        _stop(roles, servers, say)
        forget_sockets(kept)


async def _look_after(plan: Plan, everyone: Sequence[Supervised], say: Say, ready: Ready) -> None:
    """Supervises from the first moment; seeds, waits until all answer, says so; returns when asked to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    targets = {role: f"http://{HOST}:{port}/metrics" for role, port in plan.ports.own_metrics.items()}
    runner = web.AppRunner(metrics_app(targets), access_log=None)
    await runner.setup()
    watching = asyncio.create_task(supervise(everyone, stop, say))
    booting = asyncio.create_task(_boot(plan, everyone, say, ready))
    try:
        await web.TCPSite(runner, HOST, plan.ports.metrics).start()
        await asyncio.wait((watching, booting), return_when=asyncio.FIRST_COMPLETED)
        if booting.done():
            await booting
        await watching
    finally:
        for task in (booting, watching):
            task.cancel()
        await asyncio.gather(booting, watching, return_exceptions=True)
        await runner.cleanup()


async def _boot(plan: Plan, everyone: Sequence[Supervised], say: Say, ready: Ready) -> None:
    """Seeds the demo, waits for readiness, writes the credentials. Raises StartError where that does not come about."""
    say("planting the demo")
    urls = [f"http://{HOST}:{port}/readyz" for port in (plan.ports.issuer, plan.ports.introspection)]
    urls += [f"http://{HOST}:{port}/readyz" for port in plan.ports.own_metrics.values()]
    try:
        async with asyncio.timeout(READY_SECONDS):
            credentials = await _planted(plan)
            say("waiting until every process is ready")
            await _answering(urls, everyone)
    except TimeoutError:
        raise StartError(f"not ready after {READY_SECONDS:g} s; see {plan.shown_directory}/logs/") from None
    write_credentials(plan.layout, credentials)
    document = {
        "issuer": credentials.issuer,
        "introspection": credentials.introspection,
        "metrics": credentials.metrics,
    }
    ready({**document, "credentials": str(plan.layout.credentials)}, summary_text(credentials, plan.shown_directory))


async def _planted(plan: Plan) -> Credentials:
    """Seeds the demo; again where a store does not answer yet."""
    while True:
        try:
            async with open_service(plan.settings) as service:
                planted = await plant(service, plan.kept, plan.settings.issuer)
        except UnavailableError:
            await asyncio.sleep(0.3)
            continue
        secrets = plan.kept.read()
        return Credentials(
            issuer=plan.settings.issuer,
            metrics=f"http://{HOST}:{plan.ports.metrics}/metrics",
            introspection=f"http://{HOST}:{plan.ports.introspection}",
            initial_access_token=secrets["initial_access_token"],
            users=planted.users,
            clients=planted.clients,
            resource_server=planted.resource_server,
            registered=planted.registered,
            issuer_key=private_jwk(secrets["issuer_key"]),
        )


async def _answering(urls: Sequence[str], everyone: Sequence[Supervised]) -> None:
    """Waits until every URL answers 200. Raises StartError when a process keeps ending."""
    waiting = list(urls)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        while waiting:
            for supervised in everyone:
                if supervised.starts >= FAILED_STARTS:
                    wrote = supervised.process.tail() if isinstance(supervised.process, Child) else ""
                    raise StartError(f"{supervised.name} does not stay up\n{wrote}")
            try:
                async with session.get(waiting[0]) as answer:
                    if answer.status == 200:
                        waiting.pop(0)
                        continue
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.1)


def _role(plan: Plan, role: str) -> Supervised:
    """One of our own processes, not started yet."""
    environment = role_environment(plan.environment, plan.ports, role)
    command = (sys.executable, "-m", "grantlog", *COMMANDS[role])
    return Supervised(role, Child(role, command, plan.layout.log(role), environment=environment))


def _stop(roles: Sequence[Supervised], servers: Servers, say: Say) -> None:
    """Ends the roles, then the stores; at once when asked a second time."""
    say("stopping")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    groups = (roles, servers.supervised())
    try:
        stop_all(groups)
    except KeyboardInterrupt:
        for group in groups:
            for supervised in group:
                supervised.process.kill()
        raise


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
