"""A client at the endpoints for programs, and what tests ask of every answer there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.app import Credentials, Running
from tests.support.browser import Answer, Browser


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client that speaks to the server at ``url``."""

    url: str
    credentials: Credentials

    @property
    def client_id(self) -> str:
        return self.credentials.client_id

    def post(
        self,
        path: str,
        values: Mapping[str, str | Sequence[str]],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POSTs a form, proving itself by Basic or, without a secret, naming itself. A list repeats its parameter."""
        pairs = [(name, each) for name, value in values.items() for each in _each(value)]
        given = dict(headers or {})
        if self.credentials.client_secret is None:
            pairs.append(("client_id", self.client_id))
        else:
            given.setdefault("Authorization", self.credentials.basic)
        return Browser(self.url).post(path, pairs, given)

    def token(self, grant_type: str, /, **values: str | Sequence[str]) -> Answer:
        """What ``/token`` answers to a grant."""
        return self.post("/token", {"grant_type": grant_type, **values})

    def refresh(self, refresh_token: str, /, **values: str | Sequence[str]) -> Answer:
        """What ``/token`` answers to a refresh token."""
        return self.token("refresh_token", refresh_token=refresh_token, **values)

    def revoke(self, token: str, /, **values: str) -> Answer:
        """What ``/revoke`` answers."""
        return self.post("/revoke", {"token": token, **values})

    def introspect(self, token: str, /, **values: str) -> Any:
        """What ``/introspect`` says of a token."""
        answer = self.post("/introspect", {"token": token, **values})
        assert answer.status == 200, answer.text
        return answer.json


def client_of(app: Running, name: str = "web") -> Client:
    """One of the application's clients."""
    return Client(app.url, app.clients[name])


def is_refused(answer: Answer, error: str, status: int = 400) -> None:
    """RFC 6749 section 5.2: an error as programs are told it, with nothing kept and nothing but JSON."""
    assert (answer.status, answer.json.get("error")) == (status, error), answer.text
    assert set(answer.json) == {"error", "error_description"}
    # RFC 6749 5.2: "MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E"
    described = answer.json["error_description"]
    assert described
    assert all(" " <= character <= "~" and character not in '"\\' for character in described)
    is_not_stored(answer)
    if status == 401:
        assert answer.header("WWW-Authenticate"), "RFC 9110 15.5.2: a 401 has a challenge"


def is_not_stored(answer: Answer) -> None:
    """RFC 6749 section 5.1."""
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Pragma") == "no-cache"


def _each(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value
