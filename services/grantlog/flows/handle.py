"""The one load, decide, append, retry loop, and what follows a commit.

Losing a race re-reads PostgreSQL and decides again. The append is the last thing that can fail; commit and projection run
shielded together, so that neither a cancelled request nor a timeout can split them.
"""

from asyncio import shield
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from grantlog import metrics
from grantlog.core.decision import Decision, Envelope, GateChange, Name, Origin
from grantlog.core.grant.children import closes
from grantlog.core.grant.standing import closed_gate, family_of
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import MICROS, Micros, StreamId
from grantlog.core.protocol.errors import ProtocolError
from grantlog.flows.service import Service
from grantlog.ports import Append, Appended, Conflict, Head, Loaded, Projection, Rejected, Replay, UnavailableError

A = TypeVar("A")
_NOWHERE = Head(UUID(int=0), 0, 0, Micros(0), Projection(0, {}, Micros(0)))
ATTEMPTS = 16
"""So many times in a row somebody else was faster: the stream is under attack, and 503 is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Generic[A]):
    """A decision made ready to append: everything that can fail without a trace has happened."""

    event: object | None
    answer: A
    denies: bool = False
    """The answer promises that something is inactive: it leaves only when every reader knows."""
    seal: bytes | None = None
    gate: GateChange | None = None
    names: tuple[Name, ...] = ()
    replays: tuple[Replay, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Handled(Generic[A]):
    """What came of a command: its answer, the stream's state after it, and whether an event was appended."""

    answer: A
    state: Any
    version: int
    appended: bool


class RejectedError(Exception):
    """The log would not take the row: ``name_taken``, ``replayed``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Rule = Callable[[Loaded], Awaitable[Prepared[A]]]
Evolve = Callable[[Any, Any, int], Any]


def plain(decide: Callable[[Any], Decision[A]], *, denies: bool = False) -> Rule[A]:
    """A pure rule as the loop wants it."""

    async def rule(loaded: Loaded) -> Prepared[A]:
        decision = decide(loaded.state)
        return Prepared(
            event=decision.event,
            answer=decision.answer,
            denies=denies or decision.gate is not None,
            gate=decision.gate,
            names=decision.names,
        )

    return rule


async def handle(service: Service, stream: StreamId, evolve: Evolve, rule: Rule[A], origin: Origin) -> Handled[A]:
    """Loads ``stream``, asks ``rule``, appends its event and brings the projection along.

    Raises RejectedError where a name or one-time value is taken, UnavailableError where a store does not answer or a
    denial is not acknowledged in time (the retry is then a no-op append and a fresh put).
    """
    for attempt in range(ATTEMPTS):
        loaded = await service.ports.log.load(stream)
        if loaded.head.gate_sequence > service.gates.sequence:
            await service.gates.catch_up(loaded.head.gate_sequence)
        prepared = await rule(loaded)
        if prepared.event is None:
            # what came with a request counts once, also where there is nothing new to say
            if prepared.replays and not await service.ports.log.claim(prepared.replays):
                raise RejectedError("replayed")
            await shield(_project(service, stream, loaded.state, loaded.head, prepared))
            return Handled(prepared.answer, loaded.state, loaded.version, appended=False)
        done = await shield(append(service, stream, loaded, evolve, prepared, origin, attempt))
        if done is not None:
            return done
    raise UnavailableError("the stream is contended")


async def begin(
    service: Service, stream: StreamId, evolve: Evolve, prepared: Prepared[A], origin: Origin
) -> Handled[A]:
    """Begins a stream with its first event. The stream id is fresh, so there is nothing to load and nobody to race."""
    nobody = Loaded(0, None, _NOWHERE)
    done = await shield(append(service, stream, nobody, evolve, prepared, origin, 0))
    if done is None:
        raise UnavailableError("the stream id is taken")
    return done


async def append(
    service: Service,
    stream: StreamId,
    loaded: Loaded,
    evolve: Evolve,
    prepared: Prepared[A],
    origin: Origin,
    attempt: int,
) -> Handled[A] | None:
    """Appends one prepared event and projects the state after it; None when the version was lost."""
    version = loaded.version + 1
    state = evolve(loaded.state, prepared.event, version)
    if isinstance(state, GrantState):
        prepared = _with_children(stream, loaded.state, prepared)
    row = Append(
        stream=stream,
        version=version,
        event=prepared.event,
        state=state,
        envelope=Envelope(actor=actor_of(origin), request_id=f"{origin.request_id}.{attempt}"),
        seal=prepared.seal,
        gate=prepared.gate,
        names=prepared.names,
        replays=prepared.replays,
    )
    verdict = await service.ports.log.append(row)
    match verdict:
        case Appended():
            await _project(service, stream, state, verdict.head, prepared)
            await _refuse_born_dead(service, state, verdict.head, prepared)
            return Handled(prepared.answer, state, version, appended=True)
        case Conflict():
            metrics.APPEND_CONFLICTS.inc()
            return None
        case Rejected():
            if verdict.reason == "bad_id":
                raise UnavailableError("the stream id lies outside the partitions")
            raise RejectedError(verdict.reason)


def _with_children(stream: StreamId, state: GrantState | None, prepared: Prepared[A]) -> Prepared[A]:
    """What a family's death does to the families that were exchanged for its tokens: here, so that no rule can forget it."""
    gate = closes(stream, state, prepared.event)
    return prepared if gate is None else replace(prepared, gate=gate, denies=True)


def actor_of(origin: Origin) -> str:
    """The envelope's name for who asked."""
    if origin.actor is not None:
        return origin.actor
    if origin.account is not None:
        return f"account:{origin.account}"
    return "server" if origin.client_id is None else f"client:{origin.client_id}"


async def _project(service: Service, stream: StreamId, state: Any, head: Head, prepared: Prepared[Any]) -> None:
    """Brings the projection to what the answer says; a denial waits for exactly the named run to acknowledge it."""
    read_model, log = service.ports.read_model, service.ports.log
    began = log.now()
    known = True
    if isinstance(state, GrantState) and state.last_expiry:
        known = await read_model.put(head.projection, stream, family_of(state), state.last_expiry)
    # A denial that needed no append may repeat one whose gate, above children, was not acknowledged.
    gated = prepared.denies and (prepared.event is None or not isinstance(state, GrantState))
    if prepared.gate is not None or (gated and state is not None):
        await service.gates.catch_up(head.gate_sequence)
        known = await read_model.raise_gates(head.projection, head.gate_sequence) and known
    if not prepared.denies:
        return
    if not known:
        _postgres_alone_decides(service, head)
    metrics.REVOKE_TO_DENY.observe((log.now() - began) / MICROS)


async def _refuse_born_dead(service: Service, state: Any, head: Head, prepared: Prepared[Any]) -> None:
    """A gate was closed while tokens were issued below it: they stand on the log and are dead, and nobody gets them."""
    if prepared.denies or not isinstance(state, GrantState) or head.gate_sequence <= service.gates.sequence:
        return
    await service.gates.catch_up(head.gate_sequence)
    refuse_closed(service, state)


def refuse_closed(service: Service, state: GrantState) -> None:
    """Raises ProtocolError invalid_grant for a grant below a closed gate, temporarily_unavailable for a quarantined one."""
    closed = closed_gate(state.stamps, service.ports.log.now(), service.gates.map)
    if closed is None:
        return
    if closed.endswith("_quarantined"):
        raise ProtocolError("temporarily_unavailable", "the grant is suspended", closed)
    raise ProtocolError("invalid_grant", "the grant was revoked", closed)


def _postgres_alone_decides(service: Service, head: Head) -> None:
    """Where no projection is named and the lease has run out, nobody trusts one: the commit alone is the truth.

    Raises UnavailableError before that: RFC 7009 section 2.2.1, "the client must assume the token still exists and may
    retry after a reasonable delay".
    """
    waited = (head.recorded_at - head.projection.since) / MICROS
    if head.projection.named or waited < service.policy.projection_lease:
        raise UnavailableError("the projection has not acknowledged the revocation")
