"""The port ``Outbox`` in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from grantlog.ports import UnavailableError

Task = tuple[str, str, Mapping[str, Any]]


class MemoryOutbox:
    """Keeps what was published; ``gone`` makes it refuse."""

    def __init__(self) -> None:
        self.published: list[Task] = []
        self.gone = False

    async def publish(self, tasks: Sequence[Task]) -> None:
        """See the port."""
        if self.gone:
            raise UnavailableError("the broker is gone")
        self.published.extend(tasks)
