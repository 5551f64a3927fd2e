"""Sets of public keys as they were fetched (RFC 7517 section 5), by URL.

A set is kept for a while. A key that nobody has seen yet makes it be fetched again, so that who rotates is not refused, but
not more often than every half minute; and a server that is down for a while does no harm.
"""

from asyncio import Lock
from dataclasses import dataclass, field
from http import HTTPStatus

from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol.jwk import Jwk, MalformedKeyError, known_kid, read_jwks
from grantlog.ports import Egress, UnavailableError

FRESH = 600 * MICROS
"""So long a set is not asked for again, unless a key is missing."""
AGAIN = 30 * MICROS
"""So long nobody asks again: for a key that was missing, or where there was no answer."""
STALE = 3600 * MICROS
"""So long a set counts whose server has stopped answering."""
REMEMBERED = 1024


_NEVER = Micros(0)


@dataclass(slots=True)
class _Set:
    keys: tuple[Jwk, ...] | None = None
    fetched_at: Micros = _NEVER
    tried_at: Micros | None = None
    missed_at: Micros | None = None
    """When it was last fetched again for a key that was not in it."""
    lock: Lock = field(default_factory=Lock)


class KeySets:
    """What this process has fetched, by URL; the oldest go first."""

    def __init__(self) -> None:
        self._sets: dict[str, _Set] = {}

    async def keys(self, egress: Egress, url: str, kid: str | None, now: Micros) -> tuple[Jwk, ...]:
        """The keys at ``url``, fetched again where ``kid`` is not among them. Raises UnavailableError."""
        found = self._sets.get(url)
        if found is None:
            if len(self._sets) >= REMEMBERED:
                del self._sets[next(iter(self._sets))]
            found = self._sets[url] = _Set()
        if found.keys is not None and now < found.fetched_at + FRESH and known_kid(found.keys, kid):
            return found.keys
        # one asks, the others wait for what it finds
        async with found.lock:
            if _outdated(found, now) or _misses(found, kid, now):
                await _fetch(egress, url, found, now)
        if found.keys is None or now >= found.fetched_at + STALE:
            raise UnavailableError("the keys cannot be had")
        return found.keys


def _outdated(found: _Set, now: Micros) -> bool:
    if found.keys is not None and now < found.fetched_at + FRESH:
        return False
    return found.tried_at is None or now >= found.tried_at + AGAIN


def _misses(found: _Set, kid: str | None, now: Micros) -> bool:
    """Whether to look for a key that is not there; counted from now on where it is so."""
    if found.keys is None or known_kid(found.keys, kid):
        return False
    if found.missed_at is not None and now < found.missed_at + AGAIN:
        return False
    found.missed_at = now
    return True


async def _fetch(egress: Egress, url: str, found: _Set, now: Micros) -> None:
    found.tried_at = now
    try:
        answer = await egress.get(url, accept="application/jwk-set+json, application/json")
        if answer.status != HTTPStatus.OK:
            return
        found.keys, found.fetched_at = read_jwks(answer.body), now
    except (UnavailableError, MalformedKeyError):
        # what was known before is still the best that is known
        return
