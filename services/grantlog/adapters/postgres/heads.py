"""The head row, as every statement that touches the log brings it along."""

from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from grantlog.core.identifiers import Micros, StreamId
from grantlog.ports import Head, Projection


class _Stored(msgspec.Struct):
    """``head.projection``."""

    generation: int
    runs: dict[str, str]
    since: int
    next: int | None = None


def plain_id(value: UUID) -> StreamId:
    """An ordinary UUID: the driver's own class looks the same, but is not what codecs know."""
    return StreamId(UUID(int=value.int))


def head_of(log_id: UUID, position: int, gate_sequence: int, recorded_at: int, projection: str) -> Head:
    """A head from its columns."""
    return Head(_log_id(log_id.int), position, gate_sequence, Micros(recorded_at), projection_of(projection))


def head_from(row: Any) -> Head:
    """A head from a row that has its columns."""
    return head_of(row["log_id"], row["position"], row["gate_sequence"], row["recorded_at"], row["projection"])


@lru_cache(maxsize=8)
def projection_of(stored: str) -> Projection:
    """The named projection. It rarely changes, and comes with every answer."""
    found = msgspec.json.decode(stored, type=_Stored)
    return Projection(found.generation, found.runs, Micros(found.since), found.next)


def projection_text(projection: Projection) -> str:
    """The JSON of ``head.projection``."""
    stored = _Stored(projection.generation, dict(projection.runs), projection.since, projection.next_generation)
    return msgspec.json.encode(stored).decode()


@lru_cache(maxsize=4)
def _log_id(number: int) -> UUID:
    return UUID(int=number)
