"""What a rule says: a decision is an event (or none) and an answer; a refusal is a value.

``decide(state, command, now) -> Decision``: the event is what the log will hold if the append wins, the answer is what the
caller gets when it has. A refusal may carry an event: a replay is recorded and refused in the same append.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Network
from typing import Generic, Literal, TypeVar

from grantlog.core.identifiers import ClientId, Micros, StreamId

A_co = TypeVar("A_co", covariant=True)

NEVER = Micros(0)

GateKind = Literal["account", "session", "client", "resource", "key", "tenant", "family", "consent"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """The epoch of a gate, as it was read together with the credential. Inherited by all that is issued from it."""

    kind: GateKind
    id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class GateChange:
    """What an append does to a gate above families.

    ``closes`` raises the epoch: everything stamped below is dead. ``quarantined_until`` (0: not) makes everything stamped
    inactive until that moment. A change with neither only tells readers to forget what they remember of ``id``.
    """

    kind: GateKind
    id: str
    closes: bool = False
    quarantined_until: Micros = NEVER


@dataclass(frozen=True, slots=True)
class Name:
    """A name that only one stream may bear: a client_id, a keyed hash of a username or of an upstream identity."""

    kind: Literal["client_id", "username", "user_code", "keyring", "upstream"]
    value: str


@dataclass(frozen=True, slots=True)
class Decision(Generic[A_co]):
    """The outcome of a rule: the event to append (None: nothing new to say), the answer, and the claims that go with it."""

    event: object | None
    answer: A_co
    gate: GateChange | None = None
    names: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal.

    ``error`` is the code of the specification (``invalid_grant``), ``description`` its public text, and ``reason`` the
    private, stable, greppable name of the rule that refused (``code_expired``), for logs and metrics only.
    """

    error: str
    description: str
    reason: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who caused an append, under the leaf from the first event."""

    actor: str
    """``client:<client_id>``, ``account:<uuid>``, ``worker:<job>``, ``operator:<name>`` or ``server``."""
    request_id: str
    """One id for one attempt to append: a retry of an append whose outcome is unknown sends the same one."""
    cause: int | None = None
    """The position of the event that caused this one."""
    tenant: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: what envelopes, throttles and findings want to know."""

    request_id: str
    address: str
    client_id: ClientId | None = None
    account: StreamId | None = None
    actor: str | None = None
    """``operator:<name>`` or ``worker:<job>``, where neither a client nor a person asked."""

    @property
    def subscriber(self) -> str:
        """What is counted against: the address; of IPv6 its /64, all of whose addresses are one subscriber's."""
        return _subscriber(self.address)


@lru_cache(maxsize=4096)
def _subscriber(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
