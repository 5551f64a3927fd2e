"""A family with a long history, and its revocation again and again.

One real rotation is copied as many times as are wanted, below the head's lock and with dense positions, so that tables,
indexes and pages are what that many rotations leave behind; only the copies' payloads repeat. After each revocation the
state (not the log) is set back to what it was, so that one family gives many samples.
"""

from dataclasses import dataclass, replace
from http.client import HTTPConnection
from time import perf_counter
from urllib.parse import quote

import asyncpg
import msgspec
from ops.bench.planting import Party, ask, refresh_tokens
from ops.bench.windows import WrongAnswerError

from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.token_text import Kind, read
from grantlog.flows.service import Service

_COPY = """
WITH top AS (
    SELECT position, greatest(recorded_at, micros()) AS stamp FROM head WHERE log = 0 FOR UPDATE
), fresh AS (
    SELECT e.stream, e.version + n AS version, top.position + n AS position, e.type, e.schema, top.stamp, e.envelope, e.payload
    FROM event e, top, generate_series(1, $3::integer) AS n WHERE e.stream = $1 AND e.version = $2
), logged AS (
    INSERT INTO log (position, stream, version, type, leaf, recorded_at)
    SELECT position, stream, version, type, sha256(int8send(position)), stamp FROM fresh
), stored AS (
    INSERT INTO event (stream, version, position, type, schema, recorded_at, envelope, payload)
    SELECT stream, version, position, type, schema, stamp, envelope, payload FROM fresh
)
UPDATE head SET position = head.position + $3, recorded_at = top.stamp FROM top WHERE log = 0
"""
_PUT_BACK = "UPDATE state SET blob = $2, version = coalesce($3, version) WHERE stream = $1"


@dataclass(frozen=True, slots=True)
class Family:
    """A family with some rotations behind it, its newest refresh token, and its state before anybody revoked it."""

    stream: StreamId
    refresh_token: str
    state: GrantState


async def family(service: Service, database: asyncpg.Connection, party: Party, rotations: int) -> Family:
    """Begins a family and rotates it so many times; all but the first and the last rotation are copies."""
    (first,) = await refresh_tokens(service, party, 1)
    second = await _rotated(service, party, first)
    presented = read(second, Kind.REFRESH, service.ports.secrets.token_mac_keys(), service.policy.token_prefix)
    assert presented is not None
    stream, copies = presented.handle.stream, rotations - 2
    state: GrantState = (await service.ports.log.load(stream)).state
    async with database.transaction():
        await database.execute(_COPY, stream, state.version, copies)
        # The newest refresh token stays the one that was told, so the state only counts the versions.
        older = replace(state, version=state.version + copies)
        await database.execute(_PUT_BACK, stream, _encoded(older), older.version)
    third = await _rotated(service, party, second)
    return Family(stream, third, (await service.ports.log.load(stream)).state)


async def skip_readers(database: asyncpg.Connection) -> None:
    """Tells the readers of the log, before the tail starts, that they have seen everything."""
    await database.execute(
        "INSERT INTO cursor (name, position, fence)"
        " SELECT name, position, 0 FROM head, unnest(array['queries', 'dispatch']) AS name WHERE log = 0"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position"
    )


async def revocations(
    database: asyncpg.Connection, families: list[Family], port: int, party: Party, samples: int
) -> list[list[float]]:
    """Seconds that each revocation took over HTTP, the families in turn. Raises WrongAnswerError."""
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": party.basic, "Content-Type": "application/x-www-form-urlencoded"}
    taken: list[list[float]] = [[] for _ in families]
    for number in range(samples):
        for index, each in enumerate(families):
            began = perf_counter()
            connection.request("POST", "/revoke", f"token={quote(each.refresh_token)}", headers)
            answer = connection.getresponse()
            answer.read()
            taken[index].append(perf_counter() - began)
            revoked = await database.fetchval("SELECT blob FROM state WHERE stream = $1", each.stream)
            if answer.status != 200 or msgspec.json.decode(revoked)["revoked"] != "client_request":
                raise WrongAnswerError(f"revocation {number} was answered {answer.status}")
            version = each.state.version + number + 1
            await database.execute(_PUT_BACK, each.stream, _encoded(replace(each.state, version=version)), None)
    connection.close()
    return taken


def _encoded(state: GrantState) -> bytes:
    return msgspec.json.encode(state, order="sorted")


async def _rotated(service: Service, party: Party, text: str) -> str:
    return (await ask(service, party, f"grant_type=refresh_token&refresh_token={quote(text)}"))["refresh_token"]
