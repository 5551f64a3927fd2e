"""Sessions: who is logged in in this browser. The cookie is a token like any other; the log holds its hash."""

from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest

from grantlog.core.decision import Origin, Stamp
from grantlog.core.grant.standing import closed_gate
from grantlog.core.identifiers import MICROS, StreamId, bucket_of
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, read, write
from grantlog.core.session import decide
from grantlog.core.session.state import SessionState, evolve
from grantlog.flows.handle import Prepared, begin, handle, plain
from grantlog.flows.service import Service

PASSWORD = ("pwd",)
"""RFC 8176 section 2: the session began with a password."""


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
    def stamps(self) -> tuple[Stamp, ...]:
        """What everything issued from this session inherits. An open gate of a session has epoch 0; it closes once."""
        return (*self.state.stamps, Stamp("session", str(self.stream), 0))


async def begin_session(
    service: Service, account: StreamId, epoch: int, device: bytes, origin: Origin
) -> tuple[str, Session]:
    """Begins a session of who has just proven to be ``account``; the text of its cookie, and the session.

    ``epoch`` is that of the account's gate, read together with the proof. Always a new id: what stood in the browser
    before, planted or not, is never authenticated. Raises UnavailableError.
    """
    log, secrets = service.ports.log, service.ports.secrets
    now = log.now()
    stream, secret = log.mint(bucket_of(account)), secrets.random(SECRET_BYTES)
    command = decide.Start(
        account=account,
        secret_hash=sha256(secret).digest(),
        amr=PASSWORD,
        acr=None,
        stamps=(Stamp("account", str(account), epoch),),
        device=device,
        lifetime=service.policy.session_lifetime,
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


async def end_session(service: Service, session: Session, origin: Origin) -> None:
    """Ends a session, and with it everything stamped by it. Returns when every reader knows, also on a second try.

    Raises UnavailableError while a reader may not know yet: try again.
    """
    rule = plain(lambda state: decide.end(state, session.stream, "logout"), denies=True)
    await handle(service, session.stream, evolve, rule, replace(origin, account=session.account))
