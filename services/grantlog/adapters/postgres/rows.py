"""Rows of the log as the ports speak of them."""

from typing import Any

from grantlog.adapters.codec import decode_envelope, decode_event
from grantlog.adapters.postgres.heads import plain_id
from grantlog.core.identifiers import Micros
from grantlog.ports import LogRow, Recorded


def recorded_of(row: Any) -> Recorded:
    """An event with its envelope. Raises UnknownEventError, CodecError: nothing is skipped."""
    return Recorded(
        position=row["position"],
        stream=plain_id(row["stream"]),
        version=row["version"],
        type=row["type"],
        schema=row["schema"],
        recorded_at=Micros(row["recorded_at"]),
        envelope=decode_envelope(row["envelope"]),
        event=decode_event(row["type"], row["schema"], row["payload"]),
        payload=row["payload"],
        leaf=row["leaf"],
    )


def log_row_of(row: Any) -> LogRow:
    """A row of the narrow log."""
    return LogRow(row["position"], plain_id(row["stream"]), row["version"], row["type"], Micros(row["recorded_at"]))
