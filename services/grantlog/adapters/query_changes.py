"""Operations on the query tables, gathered by table for one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from grantlog.core.identifiers import StreamId
from grantlog.projections.queries import (
    ClientNamed,
    Counted,
    FamilyBorn,
    FamilyMoved,
    FamilyRevoked,
    Operation,
    TokenIssued,
)


@dataclass(slots=True)
class Changes:
    """What a run of events does to the query tables, each family moved at most once."""

    born: list[FamilyBorn] = field(default_factory=list)
    moved: dict[StreamId, tuple[int, str | None]] = field(default_factory=dict)
    """The last version of each family, and the first cause of its death."""
    tokens: list[TokenIssued] = field(default_factory=list)
    clients: list[ClientNamed] = field(default_factory=list)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """New streams and events by kind."""


def gather(operations: Iterable[Operation]) -> Changes:
    """The changes that these operations amount to."""
    changes = Changes()
    for operation in operations:
        _take(changes, operation)
    return changes


def _take(changes: Changes, operation: Operation) -> None:
    match operation:
        case Counted(kind, begins):
            streams, events = changes.counts.get(kind, (0, 0))
            changes.counts[kind] = (streams + begins, events + 1)
        case FamilyBorn():
            changes.born.append(operation)
        case FamilyMoved(stream, version):
            changes.moved[stream] = (version, changes.moved.get(stream, (0, None))[1])
        case FamilyRevoked(stream, version, cause):
            changes.moved[stream] = (version, changes.moved.get(stream, (0, None))[1] or cause)
        case TokenIssued():
            changes.tokens.append(operation)
        case ClientNamed():
            changes.clients.append(operation)
        case _:
            assert_never(operation)
