"""The port Passwords with its table in memory and an Argon2id that costs little."""

from grantlog.adapters.crypto.passwords import ArgonPasswords
from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.core.identifiers import StreamId
from grantlog.ports import EventLog


class MemoryPasswordHashes:
    """Table ``password`` in memory, beside the gates of a log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._rows: dict[StreamId, str] = {}

    async def read(self, account: StreamId) -> tuple[str | None, int]:
        """The hash and the epoch of the account's gate. The epoch first: never younger than the hash."""
        gates = await self._log.gates_after(0)
        epochs = [gate.epoch for gate in gates.changes if (gate.kind, gate.id) == ("account", str(account))]
        return self._rows.get(account), epochs[0] if epochs else 0

    async def write(self, account: StreamId, text: str) -> None:
        """Stores a hash over whatever stood."""
        self._rows[account] = text

    async def replace(self, account: StreamId, old: str, new: str) -> bool:
        """Exchanges ``old`` for ``new``; False where another hash stands by now."""
        if self._rows.get(account) != old:
            return False
        self._rows[account] = new
        return True

    async def remove(self, account: StreamId) -> None:
        """Removes the hash, if it stands."""
        self._rows.pop(account, None)


class MemoryPasswords(ArgonPasswords):
    """The cheapest Argon2id there is: tests hash often."""

    def __init__(self, log: EventLog, *, workers: int = 2, queue: int = 32) -> None:
        threads = BoundedThreads("passwords", workers=workers, queue=queue)
        super().__init__(MemoryPasswordHashes(log), threads, memory_kib=8, passes=1, lanes=1)
