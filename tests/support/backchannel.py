"""What the workers do after a logout, without a broker; and a client's receiver on loopback."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from tests.support.app import Running, wait_for

from grantlog.adapters.memory.outbox import MemoryOutbox
from grantlog.core.identifiers import ClientId, StreamId
from grantlog.flows.backchannel_logout import HANDLER_DELIVER, HANDLER_LOGOUT, Ended, deliver, fan_out, give_up
from grantlog.flows.catch_up import QUERIES
from grantlog.flows.dispatch import tasks_of
from grantlog.flows.jobs import Outcome, following
from grantlog.ports import UnavailableError


@dataclass(slots=True)
class Receiver:
    """A client's back-channel logout endpoint: what it got, and what it answers next (200 when nothing is left)."""

    url: str = ""
    got: list[tuple[Mapping[str, str], str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @property
    def tokens(self) -> list[str]:
        """The logout tokens, in their order."""
        return [parse_qs(body, strict_parsing=True)["logout_token"][0] for _, body in self.got]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A real HTTP server on loopback until the block ends."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kept.got.append((dict(self.headers), body))
            self.send_response(kept.statuses.pop(0) if kept.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/logout"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Workers:
    """Runs by hand what the tail would publish of everything after the moment it was made."""

    def __init__(self, app: Running) -> None:
        self.app = app
        self.outbox = MemoryOutbox()
        self.service = replace(app.service, ports=replace(app.service.ports, outbox=self.outbox))
        self.position = app.run(app.service.ports.log.head()).position

    def listed(self) -> list[Ended]:
        """Runs the tasks that list whom to tell; whom they name, new ones only."""
        before = len(self.outbox.published)
        ports = self.app.service.ports
        rows = self.app.run(ports.tail.follow(self.position, 1000))
        self.position = rows[-1].position if rows else self.position
        wait_for(lambda: self.app.run(ports.tail.cursor(QUERIES)) >= self.position)
        for row in rows:
            if HANDLER_LOGOUT in {handler for handler, _, _ in tasks_of(row)}:
                self.list_after(row.position, row.stream, row.version)
        return [_ended(arguments) for name, _, arguments in self.outbox.published[before:] if name == HANDLER_DELIVER]

    def list_after(self, position: int, stream: StreamId, version: int = 1) -> None:
        """Runs the task that follows from one event. Raises UnavailableError."""
        self.app.run(fan_out(self.service, position, stream, version))

    def deliver(self, ended: Ended) -> Outcome:
        """Runs one delivery, as its task would."""

        async def dead() -> None:
            await give_up(ended)

        return self.app.run(
            following(
                self.service.ports,
                HANDLER_DELIVER,
                ended.position,
                lambda: deliver(self.service, ended),
                dead,
                key=ended.key,
            )
        )

    def run(self) -> list[Outcome]:
        """Lists and delivers."""
        return [self.deliver(ended) for ended in self.listed()]


def behind(workers: Workers, stream: StreamId) -> bool:
    """Whether the task waits for query tables that have yet to learn of an event to come."""
    try:
        workers.list_after(workers.position + 1_000_000, stream)
    except UnavailableError:
        return True
    return False


def _ended(arguments: Mapping[str, Any]) -> Ended:
    session = arguments["session"]
    return Ended(
        arguments["position"],
        ClientId(arguments["client_id"]),
        UUID(arguments["account"]),
        UUID(session) if session else None,
    )
