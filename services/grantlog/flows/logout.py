"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): an application asks that its user be logged out."""

from dataclasses import asdict, dataclass, replace
from json import dumps, loads
from typing import Any

from grantlog.core.identifiers import ClientId
from grantlog.core.protocol.errors import TooManyRequestsError
from grantlog.core.protocol.redirect_uri import with_parameters
from grantlog.core.protocol.requests import Parameters
from grantlog.flows.browser_binding import is_id, new_id
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.hints import Hint, hint_of
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session, sid_of
from grantlog.flows.subjects import subject_of

KIND = "logout"
KEPT_FOR = 60
"""Seconds for which a request by POST waits until the browser comes with its cookies: it is on its way."""
WAITING_LIMIT = 1000
"""So many of them may wait from one address, which may be that of a whole office."""
STATE_LIMIT = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """What an application asked for, as far as it holds. Plain values only."""

    client_id: ClientId | None = None
    """Who asks, by its own word or by the hint."""
    subject: str | None = None
    """Whom a genuine hint names; None: there is no such hint."""
    sid: str | None = None
    return_to: str | None = None
    """Where the browser is sent afterwards: registered, and asked for with a genuine hint of the same client."""
    offered: str | None = None
    """Where it may go if the user wants to: registered, but nothing proves who asks."""
    complaint: str | None = None
    """Why not all of it holds, in words for the user."""

    @property
    def blank(self) -> bool:
        """Whether nothing was asked for but to log out."""
        return self == LogoutRequest()


async def read_request(service: Service, parameters: Parameters) -> LogoutRequest:
    """The request, checked. What does not hold is left out and complained of: it never leads anywhere.

    ``logout_hint`` and ``ui_locales`` are understood and change nothing. Raises UnavailableError.
    """
    named, text = parameters.get("client_id"), parameters.get("id_token_hint")
    uri, state = parameters.get("post_logout_redirect_uri"), parameters.get("state")
    hint: Hint | None = None
    if text is not None:
        hint = await hint_of(service, text, None if named is None else ClientId(named))
        if hint is None:
            return LogoutRequest(complaint="The application could not prove who asks for this.")
    asking = hint.audience if hint is not None else None if named is None else ClientId(named)
    client = None if asking is None else await service.clients.find(asking)
    if client is None and (asking is not None or uri is not None):
        return LogoutRequest(complaint="The application that asks for this is not known here.")
    request = LogoutRequest(
        client_id=asking, subject=None if hint is None else hint.subject, sid=None if hint is None else hint.sid
    )
    if uri is None or client is None:
        return request
    return _with_return(request, client, uri, state)


def _with_return(request: LogoutRequest, client: KnownClient, uri: str, state: str | None) -> LogoutRequest:
    # RP-Initiated Logout 3: "The OP MUST NOT perform post-logout redirection if the post_logout_redirect_uri value supplied
    # does not exactly match one of the previously registered post_logout_redirect_uris values."
    if uri not in client.state.metadata.post_logout_redirect_uris or len(state or "") > STATE_LIMIT:
        return replace(request, complaint="The application named a place to go on to that it has not registered.")
    # RP-Initiated Logout 3: "If state is included in the logout request, the OP passes this value back to the RP"
    location = uri if state is None else with_parameters(uri, [("state", state)])
    if request.subject is None or client.state.suspended:
        # RP-Initiated Logout 2: "if it is not supplied with post_logout_redirect_uri, the OP MUST NOT perform post-logout
        # redirection unless the OP has other means of confirming the legitimacy of the post-logout redirection target"
        return replace(request, offered=location)
    return replace(request, return_to=location)


async def names(service: Service, request: LogoutRequest, session: Session) -> bool:
    """Whether a genuine hint names this very session: then nobody else asks, and the user need not be. Raises
    UnavailableError.
    """
    if request.complaint is not None or request.client_id is None or request.subject is None:
        return False
    client = await service.clients.find(request.client_id)
    if client is None or request.subject != subject_of(service, client.state, session.account):
        return False
    return request.sid is None or request.sid == sid_of(service, session.root, request.client_id)


async def keep(service: Service, request: LogoutRequest, subscriber: str) -> str:
    """Keeps a request that came by a cross-site POST, which brings no cookies, until the browser comes by GET. Its id.

    Raises TooManyRequestsError, UnavailableError.
    """
    key = new_id(service)
    value = dumps(asdict(request)).encode()
    if not await service.ports.transactions.put(KIND, key, value, KEPT_FOR, owner=subscriber, limit=WAITING_LIMIT):
        raise TooManyRequestsError(KEPT_FOR, "logouts_waiting")
    return key


async def kept(service: Service, key: str) -> LogoutRequest | None:
    """What was kept under this id; None where it is over. Raises UnavailableError."""
    stored = await service.ports.transactions.get(KIND, key) if is_id(key) else None
    if stored is None:
        return None
    members: dict[str, Any] = loads(stored)
    return LogoutRequest(**members)
