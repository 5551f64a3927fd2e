"""The rules of a client: registration, rotation of secrets, suspension.

Every event carries a change of the gate ``('client', client_id)``: a suspension closes it, everything else only makes
readers forget what they remember of the client.
"""

from dataclasses import dataclass
from hmac import compare_digest

from grantlog.core.client.events import (
    ClientMetadata,
    Deregistered,
    Registered,
    RegistrationTokenReplaced,
    Resumed,
    SecretAdded,
    Suspended,
    Updated,
)
from grantlog.core.client.state import ClientState, live_secrets
from grantlog.core.decision import Decision, GateChange, Name, Refused
from grantlog.core.identifiers import ClientId, Micros, after
from grantlog.core.protocol.subject import is_of_a_person

HASHED = frozenset({"client_secret_basic", "client_secret_post"})
"""Methods whose secret is kept as its SHA-256; that of ``client_secret_jwt`` is sealed, and the others have none."""


def client_name(client_id: ClientId) -> Name:
    """The name by which the log finds a client's stream."""
    return Name("client_id", client_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A client as it was asked for, its metadata validated (RFC 7591 section 2)."""

    client_id: ClientId
    metadata: ClientMetadata
    secret_hash: bytes | None = None
    """SHA-256 of the first secret; None for a client that does not present one."""
    secret_expires_at: Micros | None = None
    registration_token_hash: bytes | None = None
    """SHA-256 of the registration access token (RFC 7592 section 3); None: nobody manages it by HTTP."""


def register(state: ClientState | None, command: Register, now: Micros) -> Decision[Refused | None]:
    """RFC 7591 section 3: a new client. That its id is free is proved by the append, which claims it."""
    if state is not None:
        return _refused("the client is registered already", "client_registered")
    # RFC 9068 5: "Authorization servers should prevent scenarios where clients can affect the value of the 'sub' claim": a
    # client's own token has its id for a subject, which must never be a person's
    if is_of_a_person(command.client_id):
        return _refused("a client_id may not look like the subject of a person", "client_id_of_a_person")
    # RFC 7591 2: "'none': The client is a public client as defined in OAuth 2.0, Section 2.1, and does not have a
    # client secret."
    if (command.metadata.token_endpoint_auth_method in HASHED) != (command.secret_hash is not None):
        return _refused("the authentication method does not fit the secret", "client_secret_mismatch")
    event = Registered(
        client_id=command.client_id,
        metadata=command.metadata,
        secret_hash=command.secret_hash,
        secret_expires_at=command.secret_expires_at,
        registered_at=now,
        registration_token_hash=command.registration_token_hash,
    )
    gate = GateChange("client", command.client_id)
    return Decision(event, None, gate=gate, names=(client_name(command.client_id),))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSecret:
    """A new secret; the one before it works on for ``overlap`` seconds (0: not at all)."""

    secret_hash: bytes
    overlap: int
    secret_expires_at: Micros | None = None


def add_secret(state: ClientState | None, command: AddSecret, now: Micros) -> Decision[Refused | None]:
    """Rotates the client's secret. Never more than two are alive."""
    if state is None or state.deregistered:
        return _unknown()
    if state.metadata.token_endpoint_auth_method not in HASHED:
        return _refused("the client does not present a secret", "client_public")
    if any(secret.hash == command.secret_hash for secret in live_secrets(state, now)):
        return _refused("the client has this secret already", "client_secret_known")
    event = SecretAdded(
        secret_hash=command.secret_hash,
        secret_expires_at=command.secret_expires_at,
        overlap_ends_at=after(now, command.overlap),
        added_at=now,
    )
    return Decision(event, None, gate=GateChange("client", state.client_id))


def suspend(state: ClientState | None, cause: str) -> Decision[Refused | None]:
    """Stops a client: it may not act, and everything issued to it is dead. Again: nothing new to say."""
    if state is None or state.deregistered:
        return _unknown()
    if state.suspended:
        return Decision(None, None)
    return Decision(Suspended(cause=cause), None, gate=GateChange("client", state.client_id, closes=True))


def resume(state: ClientState | None) -> Decision[Refused | None]:
    """Lets a suspended client act again. What was issued before stays dead."""
    if state is None or state.deregistered:
        return _unknown()
    if not state.suspended:
        return Decision(None, None)
    return Decision(Resumed(), None, gate=GateChange("client", state.client_id))


def update(state: ClientState | None, metadata: ClientMetadata, now: Micros) -> Decision[Refused | None]:
    """Replaces the registration as a whole, as RFC 7592 section 2.2 does. No change: nothing new to say."""
    if state is None or state.deregistered:
        return _unknown()
    if metadata == state.metadata:
        return Decision(None, None)
    method = metadata.token_endpoint_auth_method
    if method in HASHED and not live_secrets(state, now):
        return _refused("the client has no secret to authenticate with", "client_without_secret")
    if method == "client_secret_jwt" and state.metadata.token_endpoint_auth_method != method:
        return _refused("the secret that the client has is not one to sign with", "client_without_secret")
    return Decision(Updated(metadata=metadata), None, gate=GateChange("client", state.client_id))


def may_manage(state: ClientState | None, token_hash: bytes) -> bool:
    """Whether the registration access token with this SHA-256 is the client's own (RFC 7592 section 3).

    A suspended client may look and may leave; whoever suspended it has not given it away.
    """
    known = None if state is None else state.registration_token_hash
    # an unknown client costs the same comparison
    return compare_digest(known or bytes(32), token_hash) and known is not None


def replace_registration_token(state: ClientState | None, token_hash: bytes) -> Decision[Refused | None]:
    """Another registration access token (RFC 7592 section 3): the one before it is dead."""
    if state is None or state.deregistered:
        return _unknown()
    event = RegistrationTokenReplaced(registration_token_hash=token_hash)
    return Decision(event, None, gate=GateChange("client", state.client_id))


def deregister(state: ClientState | None) -> Decision[Refused | None]:
    """RFC 7592 section 2.3: the client is gone, and all that was issued to it is dead. Again: nothing new to say.

    Its id stays taken for ever: the name on the log is never given back.
    """
    if state is None:
        return _unknown()
    if state.deregistered:
        return Decision(None, None)
    # RFC 7592 2.3: "the authorization server SHOULD immediately invalidate all existing authorization grants and currently
    # active access tokens, all refresh tokens, and other tokens associated with this client."
    return Decision(Deregistered(), None, gate=GateChange("client", state.client_id, closes=True))


def _unknown() -> Decision[Refused | None]:
    return Decision(None, Refused("invalid_client", "the client is not known", "client_unknown"))


def _refused(description: str, reason: str) -> Decision[Refused | None]:
    # RFC 7591 3.2.2: "invalid_client_metadata: The value of one of the client metadata fields is invalid"
    return Decision(None, Refused("invalid_client_metadata", description, reason))
