"""Clients that register themselves (RFC 7591) and manage what they registered (RFC 7592), over HTTP."""

import json
from typing import Any
from urllib.parse import quote

from tests.support.app import INITIAL_ACCESS_TOKEN, REDIRECT, Credentials, Running
from tests.support.browser import Answer

GOOD: dict[str, Any] = {"client_name": "A client", "redirect_uris": [REDIRECT]}
BEARER = f"Bearer {INITIAL_ACCESS_TOKEN}"


def register(app: Running, body: object, authorization: str | None = BEARER) -> Answer:
    """What ``/register`` answers; ``body`` as JSON, or these very bytes."""
    return _send(app, "POST", "/register", body, authorization)


def registered(app: Running, **members: object) -> dict[str, Any]:
    """What a client is told that registered with these members besides a name and a redirect URI."""
    answer = register(app, GOOD | members)
    assert answer.status == 201, answer.text
    told: dict[str, Any] = answer.json
    return told


def manage(app: Running, method: str, told: dict[str, Any], body: object = None, *, token: str | None = None) -> Answer:
    """What the client configuration endpoint answers to the client that was ``told`` its registration."""
    bearer = told["registration_access_token"] if token is None else token
    path = f"/register?client_id={quote(told['client_id'], safe='')}"
    return _send(app, method, path, body, f"Bearer {bearer}")


def replacement(told: dict[str, Any], **changes: object) -> dict[str, Any]:
    """The body of a PUT: what was told, without what only the server decides."""
    issued = {
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    }
    return {name: value for name, value in (told | changes).items() if name not in issued}


def credentials_of(told: dict[str, Any]) -> Credentials:
    """The client, as it knows itself."""
    return Credentials(told["client_id"], told.get("client_secret"))


def _send(app: Running, method: str, path: str, body: object, authorization: str | None) -> Answer:
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    headers = {} if raw is None else {"Content-Type": "application/json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return app.browser().request(method, path, body=raw, headers=headers)
