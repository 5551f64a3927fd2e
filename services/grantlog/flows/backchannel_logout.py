"""Back-channel logout (OpenID Connect Back-Channel Logout 1.0): clients are told that a session is over.

Two tasks. ``logout`` follows from the event that ended the session, or all of an account's, and lists who is to be told;
``deliver_logout`` tells one client, and is tried again by itself, so that one receiver that is gone holds up nobody else.
Tokens are dead long before: this is for what clients keep themselves.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from structlog import get_logger

from grantlog import metrics
from grantlog.core.client.state import ClientState
from grantlog.core.identifiers import ClientId, StreamId, seconds
from grantlog.core.protocol import logout_token
from grantlog.core.session.state import SessionState
from grantlog.flows.catch_up import QUERIES
from grantlog.flows.dispatch import task_key
from grantlog.flows.jobs import GiveUpError
from grantlog.flows.service import Service
from grantlog.flows.sessions import sid_of
from grantlog.flows.signed_answers import algorithm_for, signed_for
from grantlog.flows.subjects import subject_of
from grantlog.ports import FamilyRow, UnavailableError

HANDLER_LOGOUT, HANDLER_DELIVER = "logout", "deliver_logout"
FAMILIES_READ = 1000
"""So many of the newest grants of a session or an account are looked at."""
DELIVERED = "logout_delivered"
DELIVERED_FOR = 86_400
"""Seconds for which it is remembered that a client has been told."""
_TOKEN_ID_BYTES = 16
_TRY_AGAIN = frozenset({408, 425, 429})
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """What one client is told: this session of this account is over; without ``session`` all of them are."""

    position: int
    """Of the event that ended it."""
    client_id: ClientId
    account: UUID
    session: UUID | None

    @property
    def key(self) -> str:
        """The same however often the task is published or run."""
        return f"{task_key(HANDLER_DELIVER, self.position)}:{self.session or '*'}:{self.client_id}"

    @property
    def arguments(self) -> Mapping[str, Any]:
        """As a task carries it: ids alone."""
        session = "" if self.session is None else str(self.session)
        return {
            "position": self.position,
            "client_id": self.client_id,
            "account": str(self.account),
            "session": session,
        }


async def fan_out(service: Service, position: int, stream: StreamId, version: int) -> int:
    """After a session (``stream``) ended by its event of this version, or all of an account's did: publishes one delivery for
    each client to be told.

    Raises UnavailableError where the query tables have yet to learn of grants from before, or the broker is gone.
    """
    ports = service.ports
    if await ports.tail.cursor(QUERIES) < position:
        raise UnavailableError("the query tables are behind")
    await service.gates.catch_up((await ports.log.head()).gate_sequence)
    if isinstance((await ports.log.load(stream)).state, SessionState):
        rows = await ports.queries.families(session=stream, limit=FAMILIES_READ)
        told = await _of_session(service, position, rows)
    else:
        rows = await ports.queries.families(account=stream, limit=FAMILIES_READ)
        ended = await ports.log.event_at(stream, version)
        # who changed his own password goes on in a new session, and what he has allowed there since is not over
        before = [row for row in rows if ended is not None and row.born <= ended.recorded_at]
        told = await _of_account(service, position, before)
    if told:
        await ports.outbox.publish([(HANDLER_DELIVER, each.key, each.arguments) for each in told])
    return 0


async def _of_session(service: Service, position: int, rows: Sequence[FamilyRow]) -> list[Ended]:
    pairs = dict.fromkeys((row.client_id, row.account, row.session) for row in rows)
    return [
        Ended(position, ClientId(client_id), account, session)
        for client_id, account, session in pairs
        if account is not None and await _receiver(service, client_id) is not None
    ]


async def _of_account(service: Service, position: int, rows: Sequence[FamilyRow]) -> list[Ended]:
    """One token for all sessions, or one for each where the client wants to be told which (section 2.2)."""
    over: dict[UUID, bool] = {}
    told: dict[Ended, None] = {}
    for row in rows:
        if row.account is None or row.session is None:
            continue
        if row.session not in over:
            state = (await service.ports.log.load(StreamId(row.session))).state
            over[row.session] = not isinstance(state, SessionState) or state.ended
        client = await _receiver(service, row.client_id)
        if client is None or over[row.session]:
            continue
        # Back-Channel Logout 2.4: "If a sid Claim is not present, the intent is that all sessions at the RP for the End-User
        # identified by the iss and sub Claims be logged out."
        named = row.session if client.metadata.backchannel_logout_session_required else None
        told[Ended(position, client.client_id, row.account, named)] = None
    return list(told)


async def _receiver(service: Service, client_id: str) -> ClientState | None:
    """The client, where it wants to be told."""
    client = await service.clients.find(ClientId(client_id))
    return None if client is None or client.state.metadata.backchannel_logout_uri is None else client.state


async def deliver(service: Service, ended: Ended) -> int:
    """Tells one client. Signed anew at every try: a logout token lives two minutes.

    Raises UnavailableError to be tried again, GiveUpError where the client says no.
    """
    ports = service.ports
    await service.gates.catch_up((await ports.log.head()).gate_sequence)
    client = await _receiver(service, ended.client_id)
    if client is None or client.metadata.backchannel_logout_uri is None:
        return 0
    if await ports.transactions.get(DELIVERED, ended.key) is not None:
        return 0
    body = urlencode({"logout_token": await _token(service, client, ended)}).encode()
    try:
        # Back-Channel Logout 2.5: "The OP sends a logout request to the RP by HTTP POST [...] using the
        # application/x-www-form-urlencoded encoding."
        status = await ports.egress.post(client.metadata.backchannel_logout_uri, body, _HEADERS)
    except UnavailableError:
        metrics.BACKCHANNEL_LOGOUTS.labels("failed").inc()
        raise
    # Back-Channel Logout 2.8: "If the logout succeeded, the RP MUST respond with HTTP 200 OK. However, note that some Web
    # frameworks will substitute an HTTP 204 No Content response"
    if 200 <= status < 300:
        metrics.BACKCHANNEL_LOGOUTS.labels("delivered").inc()
        await ports.transactions.put(DELIVERED, ended.key, b"1", DELIVERED_FOR)
        return 0
    if status >= 500 or status in _TRY_AGAIN:
        metrics.BACKCHANNEL_LOGOUTS.labels("failed").inc()
        raise UnavailableError(f"the client answered {status}")
    # 2.8: "If the logout request was invalid or the logout failed, the RP MUST respond with HTTP 400 Bad Request": the same
    # token again would be just as invalid
    metrics.BACKCHANNEL_LOGOUTS.labels("refused").inc()
    raise GiveUpError(f"http_{status}")


async def give_up(ended: Ended) -> None:
    """Counts a client that could not be told: the dead letter names it."""
    metrics.BACKCHANNEL_LOGOUTS.labels("dead").inc()
    _log.error("logout_not_delivered", client_id=ended.client_id, position=ended.position)


async def _token(service: Service, client: ClientState, ended: Ended) -> str:
    token_id = urlsafe_b64encode(service.ports.secrets.random(_TOKEN_ID_BYTES)).decode().rstrip("=")
    claims = logout_token.claims(
        issuer=service.policy.issuer,
        client_id=client.client_id,
        subject=subject_of(service, client, ended.account),
        sid=None if ended.session is None else sid_of(service, ended.session, client.client_id),
        issued_at=seconds(service.ports.log.now()),
        token_id=token_id,
    )
    # Back-Channel Logout 2.4: "Logout Tokens SHOULD be explicitly typed [...] by including a typ (type) Header Parameter with
    # a value of logout+jwt"; 2.6: encrypted "using the keys and algorithms that the Client specified during Registration
    # that the OP was to use to encrypt ID Tokens"
    return await signed_for(
        service,
        client,
        claims,
        typ=logout_token.TYP,
        alg=algorithm_for(service, client, client.metadata.id_token_signed_response_alg),
        encryption=client.metadata.id_token_encryption,
    )
