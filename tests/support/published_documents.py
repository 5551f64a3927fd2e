"""A web server on the loopback whose documents a test writes: what egress fetches."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Published:
    """``documents`` by path: status, media type, body. ``asked``: the paths that were got, in order."""

    url: str
    documents: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, path: str, document: object, *, status: int = 200, kind: str = "application/json") -> str:
        """Publishes a document (bytes as they are, anything else as JSON). Its URL."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[path] = (status, kind, body)
        return self.url + path


@contextmanager
def publishing() -> Iterator[Published]:
    """A server until the block ends."""
    box: list[Published] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            site = box[0]
            site.asked.append(self.path)
            status, kind, body = site.documents.get(self.path, (404, "text/plain", b"nothing here"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            """Nothing is written."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.append(Published(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield box[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
