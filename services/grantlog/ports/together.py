"""Everything a process holds open."""

from dataclasses import dataclass

from grantlog.ports.keys import DataKeys, KeptSecrets, KeyWrapping, Passwords, Secrets, Signer, Verifier
from grantlog.ports.log import EventLog
from grantlog.ports.outside import Egress, Outbox, Partitions
from grantlog.ports.passing import Throttle, Transactions
from grantlog.ports.projection import ProjectionKeeper, ReadModel
from grantlog.ports.records import DeadLetters, Queries
from grantlog.ports.tail import Leases, LogTail


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a process holds open. Built by ``wiring.open_ports`` only."""

    log: EventLog
    tail: LogTail
    leases: Leases
    read_model: ReadModel
    keeper: ProjectionKeeper
    transactions: Transactions
    throttle: Throttle
    signer: Signer
    secrets: Secrets
    kept: KeptSecrets
    verifier: Verifier
    data_keys: DataKeys
    passwords: Passwords
    key_wrapping: KeyWrapping
    queries: Queries
    dead_letters: DeadLetters
    outbox: Outbox
    partitions: Partitions
    egress: Egress
