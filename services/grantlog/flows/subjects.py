"""What a client knows a person by (OpenID Connect Core section 8)."""

from uuid import UUID

from grantlog.core.client.state import ClientState
from grantlog.core.protocol.subject import LABEL, pairwise, pairwise_input
from grantlog.flows.service import Service


def subject_of(service: Service, client: ClientState, account: UUID) -> str:
    """The ``sub`` of this account at this client: the account's own id, or one that all clients of its sector share.

    The key of the hash stands behind the index key, which outlives every root key: OpenID Connect Core section 2, "A
    locally unique and never reassigned identifier within the Issuer for the End-User".
    """
    if client.metadata.subject_type == "public":
        return str(account)
    # a client without a sector is one of its own, by a name that no host can have: nobody can compare what it knows
    sector = client.metadata.sector_identifier or f"client {client.client_id}"
    return pairwise(service.ports.secrets.keyed_hash(LABEL, pairwise_input(sector, str(account))))
