"""The ports Queries, DeadLetters and Partitions in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from grantlog.adapters.query_changes import gather
from grantlog.core.identifiers import StreamId
from grantlog.ports import DeadLetter, FamilyRow, Recorded


class MemoryQueries:
    """The query tables as dictionaries."""

    def __init__(self) -> None:
        self._position = 0
        self._families: dict[StreamId, FamilyRow] = {}
        self._tokens: dict[bytes, StreamId] = {}
        self._clients: dict[StreamId, str] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    async def families(
        self,
        *,
        account: UUID | None = None,
        client_id: str | None = None,
        session: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[FamilyRow]:
        """Families, newest first."""
        found = [
            row
            for row in self._families.values()
            if account in {None, row.account} and client_id in {None, row.client_id} and session in {None, row.session}
        ]
        return sorted(found, key=lambda row: row.stream, reverse=True)[:limit]

    async def find_token(self, token_hash: bytes) -> StreamId | None:
        """The family that issued a token with this hash."""
        return self._tokens.get(token_hash)

    async def record(self, rows: Sequence[Recorded], position: int) -> None:
        """Applies the events that were not applied before."""
        fresh = (row for row in rows if row.position > self._position)
        changes = gather(fresh)
        for born in changes.born:
            self._families[born.stream] = FamilyRow(
                born.stream, born.client_id, born.account, born.session, born.born, None, born.version, born.born
            )
        for stream, (version, cause, used_at) in changes.moved.items():
            if stream in self._families:
                known = self._families[stream]
                self._families[stream] = replace(
                    known, version=version, revoked=known.revoked or cause, used_at=max(known.used_at, used_at)
                )
        self._tokens.update((token.hash, token.stream) for token in changes.tokens)
        self._clients.update((client.stream, client.client_id) for client in changes.clients)
        for kind, (streams, events) in changes.counts.items():
            known_streams, known_events = self._counts.get(kind, (0, 0))
            self._counts[kind] = (known_streams + streams, known_events + events)
        self._position = max(self._position, position)

    async def clients(self, limit: int = 1000) -> Sequence[tuple[StreamId, str]]:
        """Registered clients, newest first."""
        return sorted(self._clients.items(), reverse=True)[:limit]

    async def counts(self) -> Mapping[str, int]:
        """Streams by kind, and all ``events``."""
        counts = {kind: streams for kind, (streams, _) in self._counts.items()}
        return {**counts, "events": sum(events for _, events in self._counts.values())}


class MemoryDeadLetters:
    """Tasks that failed for good."""

    def __init__(self) -> None:
        self._letters: list[DeadLetter] = []

    async def add(self, letter: DeadLetter) -> None:
        """Keeps one."""
        self._letters.append(letter)

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        """The newest."""
        return self._letters[::-1][:limit]


class MemoryPartitions:
    """There is nothing to partition here."""

    async def ensure_ahead(self) -> int:
        """Nothing was missing."""
        return 0

    async def drop_expired(self) -> int:
        """Nothing went."""
        return 0
