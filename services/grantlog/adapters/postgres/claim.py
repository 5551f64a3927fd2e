"""One call of ``claim_v1`` for everybody who claims one-time values in the same moment."""

from collections.abc import Sequence
from time import monotonic

from grantlog.adapters.clock import PostgresClock
from grantlog.adapters.postgres.pool import Pool
from grantlog.adapters.postgres.statements import statement
from grantlog.core.identifiers import Micros
from grantlog.ports import Replay


class ClaimCall:
    """Claims on the connection of the appends: both want the same lock."""

    def __init__(self, pool: Pool, clock: PostgresClock) -> None:
        self._pool = pool
        self._clock = clock

    async def claim(self, claims: Sequence[Sequence[Replay]]) -> Sequence[bool]:
        """Whether each claim got all of its values. Raises UnavailableError; they may be spent then, and cannot be again."""
        values = [(number, each.key, each.expires_at) for number, claim in enumerate(claims, 1) for each in claim]
        sent = monotonic()
        answer = await self._pool.fetchrow(
            statement("claim"),
            [number for number, _, _ in values],
            [key for _, key, _ in values],
            [expires_at for _, _, expires_at in values],
            len(claims),
        )
        self._clock.learn(Micros(answer["head_recorded_at"]), monotonic(), sent)
        claimed: list[bool] = answer["claimed"]
        return claimed
