"""The rules of identities at other OpenID providers: an account may have several, and each belongs to one account.

An identity is issuer and ``sub`` together, and nothing else: an e-mail address never links.
"""

from base64 import urlsafe_b64encode
from dataclasses import replace

from grantlog.core.account.decide import Create, create
from grantlog.core.account.events import UpstreamLinked
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Decision, Name, Refused
from grantlog.core.identifiers import Micros

LABEL = "upstream"
"""Under which identities are hashed: no name of them stands in clear."""


def identity_input(issuer: str, subject: str) -> bytes:
    """What is hashed. An issuer is a URL and has no line break, so no two identities are written alike."""
    return f"{issuer}\n{subject}".encode()


def identity_name(identity_hash: bytes) -> Name:
    """The name by which the log finds the account of an identity."""
    return Name("upstream", urlsafe_b64encode(identity_hash).decode().rstrip("="))


def link(state: AccountState | None, identity_hash: bytes, issuer: str) -> Decision[Refused | None]:
    """Links an identity. That it is nobody else's is proved by the append, which claims its name."""
    if state is None or state.locked:
        return Decision(None, Refused("invalid_request", "the account is not known or locked", "account_unknown"))
    event = UpstreamLinked(identity_hash=identity_hash, issuer=issuer)
    return Decision(event, None, names=(identity_name(identity_hash),))


def create_for(command: Create, identity_hash: bytes, now: Micros) -> Decision[Refused | None]:
    """A new account that has the identity from its birth: of two that come at once, one is created."""
    decision = create(None, command, now)
    return replace(decision, names=(*decision.names, identity_name(identity_hash)))


def note(state: AccountState | None, identity_hash: bytes, issuer: str) -> Decision[Refused | None]:
    """Says on the account which identity it was created for, whose name it bears already."""
    return replace(link(state, identity_hash, issuer), names=())
