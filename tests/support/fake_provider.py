"""An OpenID provider whose every answer a test decides: an honest one, until it is told to be something else."""

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT_ID, CLIENT_SECRET = "us", "our secret & more"


@dataclass
class FakeProvider:
    """What it says, and what it was told."""

    issuer: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"}))
    claims: dict[str, Any] = field(default_factory=dict)
    """Replace those of an honest ID token; None leaves one out."""
    header: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Any] = field(default_factory=dict)
    """Replace those of an honest token response."""
    metadata: dict[str, Any] = field(default_factory=dict)
    signed_by: Any = None
    nonce: str = ""
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)
    """The forms at its token endpoint."""
    authorizations: list[str] = field(default_factory=list)

    def answer(self, location: str, /, **changes: str | None) -> str:
        """Where the browser that came by ``location`` is sent back to: ``path?query`` of ours."""
        query = dict(parse_qsl(urlsplit(location).query))
        self.nonce = query["nonce"]
        usual: dict[str, str | None] = {"code": "code-1", "state": query["state"], "iss": self.issuer}
        sent = {name: value for name, value in (usual | changes).items() if value is not None}
        pairs = "&".join(f"{name}={value}" for name, value in sent.items())
        return f"{urlsplit(query['redirect_uri']).path}?{pairs}"

    def _id_token(self) -> str:
        now = int(time())
        usual = {
            "iss": self.issuer,
            "sub": "person-1",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "alice@example.com",
            "email_verified": True,
            "name": "Alice Elsewhere",
        }
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        header = {"alg": "ES256", "kid": "k1"} | self.header
        if header["alg"] == "none":
            parts = (_part(header), _part(claims), "")
            return ".".join(parts)
        return jwt.encode(header, claims, self.signed_by or self.key, algorithms=["ES256", "HS256"])

    def document(self, path: str) -> Mapping[str, Any] | None:
        """What a GET of it answers."""
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "authorization_response_iss_parameter_supported": True,
            } | self.metadata
        return {"keys": [self.key.as_dict(private=False)]} if path == "/jwks" else None

    def tokens(self) -> Mapping[str, Any]:
        """What its token endpoint answers."""
        return {"access_token": "elsewhere", "token_type": "Bearer", "id_token": self._id_token()} | self.members


def shared_secret_key(text: str) -> OctKey:
    """A symmetric key, for who confuses kinds of keys."""
    return OctKey.import_key(text)


def _part(members: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    """One that listens until the block ends."""
    box: list[FakeProvider] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = box[0].document(urlsplit(self.path).path)
            self._send(200 if found is not None else 404, found or {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            told = {name: values[0] for name, values in form.items()}
            box[0].asked.append(told)
            box[0].authorizations.append(self.headers.get("Authorization", ""))
            spent = [each["code"] for each in box[0].asked].count(told["code"]) > 1
            if spent or box[0].status != 200:
                self._send(400 if spent else box[0].status, {"error": "invalid_grant"})
            else:
                self._send(200, box[0].tokens())

        def _send(self, status: int, members: Mapping[str, Any]) -> None:
            body = json.dumps(members).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.append(FakeProvider(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield box[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
