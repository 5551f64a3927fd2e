"""The stores of ``grantlog dev``: embedded servers for those that the environment does not name."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from grantlog.adapters.embedded.postgres import EmbeddedPostgres
from grantlog.adapters.embedded.supervisor import Supervised
from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.development.environment import Stores
from grantlog.development.layout import Kept, Layout, socket_base

PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Embedded servers: none of a kind where the environment names a real one."""

    postgres: EmbeddedPostgres | None
    projection: EmbeddedValkey | None
    broker: EmbeddedValkey | None

    def start(self) -> None:
        """Starts them side by side and waits for all. Raises StartError, MissingBinaryError, NoIdentityError."""
        everyone = [each for each in (self.projection, self.broker, self.postgres) if each is not None]
        for server in everyone:
            server.launch()
        for server in everyone:
            server.wait()

    def supervised(self) -> Sequence[Supervised]:
        """Them, as processes to look after (launched already)."""
        named: list[Supervised] = []
        if self.projection is not None:
            named.append(Supervised("projection", self.projection, patience=PATIENCE, starts=1))
        if self.broker is not None:
            named.append(Supervised("broker", self.broker, patience=PATIENCE, starts=1))
        if self.postgres is not None:
            # SIGINT: the fast shutdown, which does not wait for sessions.
            named.append(Supervised("postgres", self.postgres, signal.SIGINT, patience=PATIENCE, starts=1))
        return named


def embedded_servers(layout: Layout, kept: Kept, environ: Mapping[str, str]) -> tuple[Servers, Stores]:
    """The servers to start, and where all stores will be."""
    given = {name: environ.get(f"GRANTLOG_{name}_URL", "") for name in ("DATABASE", "REDIS", "BROKER")}
    base = layout.root if all(given.values()) else socket_base(layout, kept)
    sockets = base / "valkey-run"
    postgres = None if given["DATABASE"] else EmbeddedPostgres(layout.root / "postgres", base / "postgres-run")
    projection = None if given["REDIS"] else EmbeddedValkey(layout.root / "projection", sockets, name="projection")
    broker = None if given["BROKER"] else EmbeddedValkey(layout.root / "broker", sockets, name="broker", durable=True)
    return Servers(postgres, projection, broker), Stores(
        database_url=given["DATABASE"] if postgres is None else postgres.url(),
        redis_url=given["REDIS"] if projection is None else projection.url,
        broker_url=given["BROKER"] if broker is None else f"redis+socket://{quote(str(broker.socket))}",
    )
