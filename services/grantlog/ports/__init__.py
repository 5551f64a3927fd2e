"""What the flows need from the world, as protocols. A port is its contract suite (``tests/contract``).

Times are microseconds on PostgreSQL's clock (``Micros``) unless a name says otherwise.
"""

from grantlog.ports.errors import UnavailableError
from grantlog.ports.keys import (
    DataKeys,
    KeptSecrets,
    KeyWrapping,
    PasswordCheck,
    Passwords,
    PublicKey,
    Rewrapped,
    Secrets,
    Signer,
    Verifier,
)
from grantlog.ports.log import (
    Append,
    Appended,
    Conflict,
    EventLog,
    Gates,
    Head,
    Loaded,
    LogRow,
    Projection,
    Recorded,
    Rejected,
    Replay,
    Verdict,
)
from grantlog.ports.outside import Egress, Fetched, Outbox, Partitions
from grantlog.ports.passing import Throttle, Transactions
from grantlog.ports.projection import ProjectionKeeper, ReadModel, Snapshot
from grantlog.ports.records import DeadLetter, DeadLetters, FamilyRow, Queries
from grantlog.ports.tail import Lease, Leases, LogTail
from grantlog.ports.together import Ports

__all__ = [
    "Append",
    "Appended",
    "Conflict",
    "DataKeys",
    "DeadLetter",
    "DeadLetters",
    "Egress",
    "EventLog",
    "FamilyRow",
    "Fetched",
    "Gates",
    "Head",
    "KeptSecrets",
    "KeyWrapping",
    "Lease",
    "Leases",
    "Loaded",
    "LogRow",
    "LogTail",
    "Outbox",
    "Partitions",
    "PasswordCheck",
    "Passwords",
    "Ports",
    "Projection",
    "ProjectionKeeper",
    "PublicKey",
    "Queries",
    "ReadModel",
    "Recorded",
    "Rejected",
    "Replay",
    "Rewrapped",
    "Secrets",
    "Signer",
    "Snapshot",
    "Throttle",
    "Transactions",
    "UnavailableError",
    "Verdict",
    "Verifier",
]
