"""Authorization details (RFC 9396) of a request: checked for its client, narrowed to what was granted, shown to people."""

from grantlog.core.client.state import ClientState
from grantlog.core.protocol import details
from grantlog.core.protocol.details import invalid_details, narrow
from grantlog.core.protocol.details_shown import Shown, shown
from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.requests import Parameters

__all__ = ["PARAMETER", "Shown", "narrow", "narrowed", "parse", "shown"]

PARAMETER = "authorization_details"


def parse(text: str, policy: Policy, client: ClientState) -> str:
    """The checked text, written compactly, its members in their order. Raises invalid_authorization_details."""
    return details.parse(text, policy, client.metadata.authorization_details_types)


def narrowed(granted: str, parameters: Parameters, policy: Policy, client: ClientState) -> str:
    """What a token request gets of the granted details: those it names, or all. Raises invalid_authorization_details."""
    asked = parameters.get(PARAMETER)
    if asked is None:
        return granted
    if not granted:
        raise invalid_details("no authorization_details were granted", "details_none_granted")
    return narrow(granted, parse(asked, policy, client))
