"""Another process of a running application's installation: same database, same Valkey, same keys, its own memory."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.app import Running, wait_for
from tests.support.clients import Client
from tests.support.processes import Role, Site, started
from tests.support.servers import free_port

from grantlog.settings import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment that makes the same settings, but for the ports."""
    chosen = settings.model_dump(exclude={"port", "introspection_port", "metrics_port"}, exclude_defaults=True)
    return {f"GRANTLOG_{name.upper()}": _text(value) for name, value in chosen.items()}


def site_of(app: Running, directory: Path) -> Site:
    """The installation that ``app`` is a process of."""
    return Site(environment_of(app.settings), directory)


@contextmanager
def serving(site: Site, role: str = "all") -> Iterator[tuple[Role, str]]:
    """A process ``grantlog serve`` until the block ends, and its URL; it is ready."""
    port = free_port()
    process = site.role("serve", "--role", role, name=f"serve-{port}", PORT=str(port))
    with started(process):
        wait_for(lambda: process.status is not None or _answers(port))
        assert process.status is None, process.written()
        yield process, f"http://127.0.0.1:{port}"


def at(url: str, client: Client) -> Client:
    """The same client, speaking to another process."""
    return replace(client, url=url)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _text(value: Any) -> str:
    """A setting as its variable has it."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        if all(isinstance(each, str) for each in value):
            return ",".join(value)
        return json.dumps(value)
    return str(value)
