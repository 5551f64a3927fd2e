"""Whole flows in one call: a person who is logged in and consents, the tokens that come of it, and the log they stand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.support.app import Running
from tests.support.browser import Answer, Browser
from tests.support.clients import client_of
from tests.support.code_flow import VERIFIER, log_in, parameters

from grantlog.core.identifiers import StreamId
from grantlog.core.incident.events import FindingRecorded
from grantlog.core.protocol.token_text import Kind, read
from grantlog.flows.locate import locate


@dataclass(frozen=True, slots=True)
class Tokens:
    """What ``/token`` gave."""

    answer: Answer

    @property
    def access(self) -> str:
        text: str = self.answer.json["access_token"]
        return text

    @property
    def refresh(self) -> str:
        text: str = self.answer.json["refresh_token"]
        return text

    @property
    def scope(self) -> set[str]:
        return set(self.answer.json["scope"].split())


def given(answer: Answer) -> Tokens:
    """The tokens in a good answer."""
    assert answer.status == 200, answer.text
    return Tokens(answer)


class Person:
    """Somebody who logs in once and allows whatever clients ask."""

    def __init__(self, app: Running) -> None:
        self.app = app
        self.browser: Browser = app.browser()

    def code(self, client: str = "web", /, resource: Sequence[str] = (), **changes: str | None) -> str:
        """A fresh authorization code; ``changes`` as in ``code_flow.parameters``."""
        asked = [*parameters(self.app, client, **changes).items(), *(("resource", uri) for uri in resource)]
        page = self.browser.follow(self.browser.get("/authorize?" + urlencode(asked)))
        if "/login" in page.url:
            page = log_in(self.browser, page)
        answer = self.browser.submit(page, decision="allow")
        assert answer.status == 303, answer.text
        return answer.query["code"]

    def tokens(self, client: str = "web", /, resource: Sequence[str] = (), **changes: str | None) -> Tokens:
        """The first tokens of a fresh family."""
        return given(redeemed(self.app, self.code(client, resource, **changes), client))


def redeemed(app: Running, code: str, client: str = "web", /, **values: str | Sequence[str]) -> Answer:
    """What ``/token`` answers to a code, redeemed as it should be but for ``values``."""
    usual: dict[str, str | Sequence[str]] = {"code": code, "code_verifier": VERIFIER}
    return client_of(app, client).token("authorization_code", **(usual | values))


def own_token(app: Running, client: str = "web", /, **values: str | Sequence[str]) -> Tokens:
    """A client's token for itself."""
    return given(client_of(app, client).token("client_credentials", **values))


def is_active(app: Running, token: str) -> bool:
    """Whether the resource server is told that a token is alive; of a dead one it must be told nothing else."""
    told = app.introspect(token)
    assert told["active"] or told == {"active": False}
    return bool(told["active"])


def stream_of(app: Running, token: str) -> StreamId:
    """The family of a code, refresh or access token."""
    located = locate(app.service, token)
    if located is not None:
        return located.handle.stream
    code = read(token, Kind.CODE, app.service.ports.secrets.token_mac_keys(), app.settings.token_prefix)
    assert code is not None, "not a token of ours"
    return code.handle.stream


def history(app: Running, token: str) -> list[tuple[str, Any]]:
    """The events of a token's family as they stand on the log: type and event."""
    recorded = app.run(app.service.ports.log.history(stream_of(app, token)))
    return [(each.type, each.event) for each in recorded]


def event_types(app: Running, token: str) -> list[str]:
    """The types of the events of a token's family, without their common prefix."""
    return [name.removeprefix("grant.") for name, _ in history(app, token)]


def findings(app: Running, token: str) -> list[str]:
    """The kinds of what was recorded as suspicious about a token's family."""
    tail, grant = app.service.ports.tail, stream_of(app, token)
    rows = [row for row in app.run(tail.follow(0, 100_000)) if row.type == "incident.finding_recorded"]
    events = [each.event for each in app.run(tail.recorded(rows))] if rows else []
    return [event.kind for event in events if isinstance(event, FindingRecorded) and event.grant == grant]
