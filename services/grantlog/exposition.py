"""How a process without a web application shows itself: ``/metrics``, ``/livez`` and ``/readyz`` on a listener of its own.

It runs in a thread, so that it answers while the process works. Served on loopback or a private network only: it has no
authentication, as Prometheus expects.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from grantlog.metrics import REGISTRY

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Ready = Callable[[], bool]


class _Labelled(Collector):
    """Every metric of the process, each sample with the label ``worker``."""

    def __init__(self, worker: str) -> None:
        self._worker = worker

    def collect(self) -> Iterable[Metric]:
        for family in REGISTRY.collect():
            shown = Metric(family.name, family.documentation, family.type, family.unit)
            shown.samples = [
                sample._replace(labels={**sample.labels, "worker": self._worker}) for sample in family.samples
            ]
            yield shown


def exposition(worker: str) -> bytes:
    """The process's metrics in Prometheus' text format, labelled ``worker``."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Labelled(worker))
    return generate_latest(registry)


@dataclass(slots=True)
class Listener:
    """A running listener; ``port`` is the one it got."""

    port: int
    _server: ThreadingHTTPServer

    def close(self) -> None:
        """Stops answering and frees the port."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A child that replaces a killed one takes over its port.
    allow_reuse_address = True


def listen(host: str, port: int, worker: str, ready: Ready) -> Listener:
    """Starts to answer in a thread; port 0 takes a free one. Raises OSError where the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            match self.path:
                case "/metrics":
                    self._answer(200, exposition(worker), CONTENT_TYPE)
                case "/livez":
                    self._answer(200, b"ok\n", "text/plain")
                case "/readyz":
                    good = ready()
                    self._answer(200 if good else 503, b"ready\n" if good else b"not ready\n", "text/plain")
                case _:
                    self._answer(404, b"not found\n", "text/plain")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """No access log."""

    server = _Server((host, port), Handler)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return Listener(server.server_address[1], server)
