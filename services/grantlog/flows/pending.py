"""An authorization request on its way through login and consent: in Redis, short-lived, never on the log.

Its id stands in URLs, so the id alone proves nothing: a request belongs to the browser that holds the pre-login cookie,
whose hash it carries. So nobody can be made to finish what somebody else began (login CSRF, session fixation).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from json import dumps, loads
from typing import Any

from grantlog import metrics
from grantlog.core.identifiers import Micros, seconds
from grantlog.core.protocol.authorize import AuthorizationRequest
from grantlog.core.protocol.errors import ProtocolError, TooManyRequestsError
from grantlog.core.protocol.prompt import must_authenticate
from grantlog.flows.browser_binding import belongs, binding, is_id, new_id
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session

KIND = "authorize"
RULE = "authorize"
FULL_FOR = 30
"""Seconds after which a client that has too many requests waiting may find a place again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A checked authorization request that waits for its user."""

    request: AuthorizationRequest
    binding: str
    """SHA-256 (hex) of the pre-login cookie of the browser it belongs to."""
    started_at: Micros
    chosen: str = ""
    """The session that the user picked where he was to select an account; empty: none yet."""

    def satisfied_by(self, session: Session) -> bool:
        """Whether the session's authentication is good enough for this request (OpenID Connect Core section 3.1.2.1).

        One that happened after the request began always is, so that ``max_age=0`` ends.
        """
        if self.followed_by(session):
            return True
        # OIDC Core 3.1.2.1: "select_account: The Authorization Server SHOULD prompt the End-User to select a user account."
        if "select_account" in self.request.prompt and self.chosen != str(session.stream):
            return False
        return self.may_choose(session)

    def may_choose(self, session: Session) -> bool:
        """Whether the session will do once its user has picked it; otherwise he has to authenticate again anyway."""
        return not must_authenticate(
            self.request.prompt, self.request.max_age, session.state.auth_time, seconds(self.started_at)
        )

    def followed_by(self, session: Session) -> bool:
        """Whether somebody authenticated for this very request. A session that was only stepped up for it is no such."""
        fresh = session.state.auth_time >= seconds(self.started_at)
        return fresh and session.state.started_at >= self.started_at


async def store(service: Service, request: AuthorizationRequest, browser: str, subscriber: str) -> tuple[str, Pending]:
    """Stores a request for the browser with this pre-login cookie; its id, and what is kept.

    Nobody has proven anything yet, so a subscriber is held to a rate at which it cannot take all the places of a client.
    Raises ProtocolError where the client has too many requests waiting, TooManyRequestsError, UnavailableError.
    """
    wait = await service.ports.throttle.hit(RULE, request.client_id, subscriber)
    if wait:
        metrics.THROTTLED.labels(RULE).inc()
        raise TooManyRequestsError(wait)
    pending = Pending(request=request, binding=binding(browser), started_at=service.ports.log.now())
    key = new_id(service)
    if not await _put(service, key, pending):
        raise ProtocolError(
            "temporarily_unavailable",
            "too many logins of this client are under way",
            "pending_full",
            headers={"Retry-After": str(FULL_FOR)},
        )
    return key, pending


async def find(service: Service, key: str, browser: str | None) -> Pending | None:
    """The request with this id, where it belongs to this browser. Raises UnavailableError."""
    return _owned(await service.ports.transactions.get(KIND, key), browser) if is_id(key) else None


async def take(service: Service, key: str, browser: str | None) -> Pending | None:
    """The same, removed in the same step: of two answers to one consent page, one counts. Raises UnavailableError."""
    if await find(service, key, browser) is None:
        return None
    return _owned(await service.ports.transactions.take(KIND, key), browser)


async def give_back(service: Service, key: str, taken: Pending) -> None:
    """A request that was taken could not be answered because a store is away: it waits again. Raises UnavailableError."""
    await _put(service, key, taken)


async def choose(service: Service, key: str, browser: str | None, session: Session) -> Pending | None:
    """The request, whose user goes on with the account of ``session``. Raises UnavailableError."""
    pending = await find(service, key, browser)
    if pending is None:
        return None
    chosen = replace(pending, chosen=str(session.stream))
    return chosen if await _put(service, key, chosen) else None


async def answered(service: Service, pending: Pending, subscriber: str) -> None:
    """Somebody logged in and allowed a request: what came from there was meant, and does not count. Never raises."""
    await service.ports.throttle.clear(RULE, pending.request.client_id, subscriber)


async def _put(service: Service, key: str, pending: Pending) -> bool:
    return await service.ports.transactions.put(
        KIND,
        key,
        dumps(asdict(pending)).encode(),
        service.policy.login_lifetime,
        owner=pending.request.client_id,
        limit=service.policy.pending_logins_per_client,
    )


def request_of(members: Mapping[str, Any]) -> AuthorizationRequest:
    """A request as it was stored: JSON has lists where it had tuples."""
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in members.items()
    }
    return AuthorizationRequest(**plain)


def _owned(stored: bytes | None, browser: str | None) -> Pending | None:
    if stored is None or browser is None:
        return None
    pending = _read(loads(stored))
    return pending if belongs(pending.binding, browser) else None


def _read(members: dict[str, Any]) -> Pending:
    return Pending(
        request=request_of(members["request"]),
        binding=members["binding"],
        started_at=Micros(members["started_at"]),
        chosen=members["chosen"],
    )
