"""Operations on the query tables, gathered by table for one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import Recorded
from grantlog.projections.queries import (
    ClientNamed,
    Counted,
    FamilyBorn,
    FamilyMoved,
    FamilyRevoked,
    Operation,
    TokenIssued,
    operations,
)

_STILL: tuple[int, str | None, Micros] = (0, None, Micros(0))


@dataclass(slots=True)
class Changes:
    """What a run of events does to the query tables, each family moved at most once."""

    born: list[FamilyBorn] = field(default_factory=list)
    moved: dict[StreamId, tuple[int, str | None, Micros]] = field(default_factory=dict)
    """The last version of each family, the first cause of its death, and when it last did anything else (0: not here)."""
    tokens: list[TokenIssued] = field(default_factory=list)
    clients: list[ClientNamed] = field(default_factory=list)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """New streams and events by kind."""


def gather(rows: Iterable[Recorded]) -> Changes:
    """The changes that these events amount to. Raises UnknownEventError."""
    changes = Changes()
    for row in rows:
        for operation in operations(row.stream, row.version, row.event):
            _take(changes, operation, row.recorded_at)
    return changes


def _take(changes: Changes, operation: Operation, at: Micros) -> None:
    match operation:
        case Counted(kind, begins):
            streams, events = changes.counts.get(kind, (0, 0))
            changes.counts[kind] = (streams + begins, events + 1)
        case FamilyBorn():
            changes.born.append(operation)
        case FamilyMoved(stream, version):
            changes.moved[stream] = (version, changes.moved.get(stream, _STILL)[1], at)
        case FamilyRevoked(stream, version, cause):
            _, earlier, used_at = changes.moved.get(stream, _STILL)
            changes.moved[stream] = (version, earlier or cause, used_at)
        case TokenIssued():
            changes.tokens.append(operation)
        case ClientNamed():
            changes.clients.append(operation)
        case _:
            assert_never(operation)
