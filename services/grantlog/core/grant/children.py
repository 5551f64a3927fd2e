"""Children of a family: tokens that others got in exchange for its own (RFC 8693).

A child is a family of its own, born first and harmless; it lives from the moment at which its parent points at it, and
below two gates that it inherits to its own children: that of the parent's family, and that of the token it was exchanged
for. So who revokes a parent revokes its children by one change of one gate, however many there are.
"""

from typing import Literal
from uuid import UUID

from grantlog.core.decision import Decision, GateChange, Refused, Stamp
from grantlog.core.grant.events import AccessTokenRevoked, ChildIssued, ReuseDetected, Revoked
from grantlog.core.grant.standing import Gates, Inactive, family_of, standing
from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import Micros


def family_gate(parent: UUID) -> tuple[Literal["family"], str]:
    """The gate above everything that was exchanged for any token of a family."""
    return "family", str(parent)


def token_gate(token_hash: bytes) -> tuple[Literal["family"], str]:
    """The gate above everything that was exchanged for one access token."""
    return "family", token_hash.hex()


def generation(stamps: tuple[Stamp, ...]) -> int:
    """How many exchanges lie between a family and the one that a person or a client began."""
    return sum(stamp.kind == "family" for stamp in stamps) // 2


def issue_child(
    state: GrantState | None, child: UUID, token_hash: bytes, now: Micros, gates: Gates
) -> Decision[Refused | None]:
    """Points the parent at its child, if the subject token is alive at this very version."""
    found = standing(None if state is None else family_of(state), token_hash, now, gates)
    if isinstance(found, Inactive):
        # RFC 8693 2.2.2: "if either the subject_token or actor_token are invalid for any reason, or are unacceptable based
        # on policy, the authorization server MUST construct an error response [...] invalid_request"
        return Decision(None, Refused("invalid_request", "the subject_token is not valid", f"subject_{found.reason}"))
    return Decision(ChildIssued(child=child, token_hash=token_hash), None)


def closes(stream: UUID, state: GrantState | None, event: object) -> GateChange | None:
    """The gate that ``event`` closes above the children of the family; None where it has none that could be alive."""
    if state is None or not state.children:
        return None
    if isinstance(event, ReuseDetected | Revoked):
        return GateChange(*family_gate(stream), closes=True)
    if isinstance(event, AccessTokenRevoked) and event.hash.hex() in state.children:
        return GateChange(*token_gate(event.hash), closes=True)
    return None
