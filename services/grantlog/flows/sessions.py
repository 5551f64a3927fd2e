"""Sessions: who is logged in in this browser. The cookie is a token like any other; the log holds its hash.

Who authenticates again in the same browser (``prompt=login``, ``max_age``, a second factor) gets a session of a new id that
goes on with the one before: it carries the stamp of the first of them, its root. What is issued from any of them belongs to
the root, and ending it ends them all.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from uuid import UUID

from grantlog.core.decision import Origin, Stamp
from grantlog.core.grant.standing import closed_gate
from grantlog.core.identifiers import MICROS, ClientId, StreamId, after, born_at, bucket_of
from grantlog.core.protocol.acr import BY_PASSWORD, PWD
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, read, write
from grantlog.core.session import decide
from grantlog.core.session.state import SessionState, evolve
from grantlog.flows.handle import Prepared, begin, handle, plain
from grantlog.flows.service import Service

CONTINUED_FOR = 30 * 86_400
"""Seconds for which one login may be gone on with by others: the stream of its root must be there to be ended."""
_SID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Session:
    """A session in the hands of whom it belongs to."""

    stream: StreamId
    state: SessionState

    @property
    def account(self) -> StreamId:
        """Whose session it is."""
        return StreamId(self.state.account)

    @property
    def root(self) -> StreamId:
        """The first session of this browser that this one goes on with; itself, where it is the first."""
        inherited = next((stamp.id for stamp in self.state.stamps if stamp.kind == "session"), None)
        return self.stream if inherited is None else StreamId(UUID(inherited))

    @property
    def account_stamps(self) -> tuple[Stamp, ...]:
        """What is issued with ``offline_access`` inherits: it outlives the session, and never the account's gate."""
        return tuple(stamp for stamp in self.state.stamps if stamp.kind == "account")

    @property
    def stamps(self) -> tuple[Stamp, ...]:
        """What everything else issued from it inherits. An open gate of a session has epoch 0; it closes once."""
        return (*self.account_stamps, Stamp("session", str(self.root), 0))


async def begin_session(
    service: Service,
    account: StreamId,
    epoch: int,
    device: bytes,
    origin: Origin,
    *,
    amr: tuple[str, ...] = BY_PASSWORD,
    acr: str = PWD,
    former: str | None = None,
    auth_time: int | None = None,
) -> tuple[str, Session]:
    """Begins a session of who has just proven to be ``account``; the text of its cookie, and the session.

    ``epoch`` is that of the account's gate, read together with the proof. Always a new id: what stood in the browser
    before, planted or not, is never authenticated. ``former`` is the session cookie that stood there: the same person's
    session goes on in the new one, and somebody else's is ended. ``auth_time``: when the first factor was proven, where that
    was not now. Raises UnavailableError.
    """
    log, secrets = service.ports.log, service.ports.secrets
    lineage = await _lineage(service, account, former, origin)
    now = log.now()
    stream, secret = log.mint(bucket_of(account)), secrets.random(SECRET_BYTES)
    command = decide.Start(
        account=account,
        secret_hash=sha256(secret).digest(),
        amr=amr,
        acr=acr,
        stamps=(Stamp("account", str(account), epoch), *lineage),
        device=device,
        lifetime=service.policy.session_lifetime,
        auth_time=auth_time,
    )
    decision = decide.start(None, command, now)
    prepared = Prepared(event=decision.event, answer=decision.answer)
    begun = await begin(service, stream, evolve, prepared, replace(origin, account=account))
    handle_ = Handle(Kind.SESSION, stream, 1, -(-begun.state.expires_at // MICROS))
    cookie = write(handle_, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
    return cookie, Session(stream, begun.state)


async def find_session(service: Service, cookie: str | None) -> Session | None:
    """The session that a cookie proves, while it is alive. Junk and the expired cost no I/O. Raises UnavailableError."""
    found = await proven_session(service, cookie)
    if found is None:
        return None
    closed = closed_gate(found.stamps, service.ports.log.now(), service.gates.map) is not None
    dead = decide.alive(found.state, found.state.secret_hash, service.ports.log.now(), closed=closed)
    return None if dead else found


async def proven_session(service: Service, cookie: str | None) -> Session | None:
    """The session that a cookie proves to be its holder's, though it may be over. Raises UnavailableError."""
    log = service.ports.log
    if cookie is None:
        return None
    presented = read(cookie, Kind.SESSION, service.ports.secrets.token_mac_keys(), service.policy.token_prefix)
    if presented is None or presented.handle.expires_at * MICROS <= log.now():
        return None
    stream = presented.handle.stream
    loaded = await log.load(stream)
    if not isinstance(loaded.state, SessionState):
        return None
    if not compare_digest(loaded.state.secret_hash, sha256(presented.secret).digest()):
        return None
    await service.gates.catch_up(loaded.head.gate_sequence)
    return Session(stream, loaded.state)


async def end_session(service: Service, session: Session, origin: Origin, cause: str = "logout") -> None:
    """Ends a session with all it goes on with, and everything stamped by it. Returns when every reader knows, also on a
    second try.

    Raises UnavailableError while a reader may not know yet: try again.
    """
    rule = plain(lambda state: decide.end(state, session.root, cause), denies=True)
    await handle(service, session.root, evolve, rule, replace(origin, account=session.account))


def sid_of(service: Service, session: UUID, client_id: ClientId) -> str:
    """What a client is told to call a session (``sid``, OpenID Connect Front-Channel Logout section 3).

    ``session`` is a root. Each client gets another name of it, so that no two of them can tell that it is the same person.
    """
    named = service.ports.secrets.keyed_hash("sid", f"{session}|{client_id}".encode())
    return urlsafe_b64encode(named[:_SID_BYTES]).decode().rstrip("=")


async def _lineage(service: Service, account: StreamId, former: str | None, origin: Origin) -> tuple[Stamp, ...]:
    """The stamp of the root that a new session of ``account`` goes on with; somebody else's session is ended."""
    before = await find_session(service, former)
    if before is None:
        return ()
    if before.account == account and service.ports.log.now() < after(born_at(before.root), CONTINUED_FOR):
        return (Stamp("session", str(before.root), 0),)
    await end_session(service, before, origin, "replaced")
    return ()
