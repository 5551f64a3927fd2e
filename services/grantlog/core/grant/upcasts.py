"""How facts of a grant that were written by earlier versions are read: ``dict -> dict`` steps.

Each step here only brings members whose defaults say what was so before, so there is nothing to change in the stored ones.
"""

from grantlog.core.events import Payload, upcast


@upcast("grant.authorized", from_version=1)
@upcast("grant.code_redeemed", from_version=1)
@upcast("grant.client_credentials_issued", from_version=1)
@upcast("grant.refresh_token_rotated", from_version=1)
@upcast("grant.access_token_issued", from_version=1)
def additions(payload: Payload) -> Payload:
    """Version 2: sender constraint, authorization details, actors and attributes; before it there were none."""
    return payload
