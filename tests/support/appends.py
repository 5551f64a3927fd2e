"""Rows for the log: the shortest lives a grant and a client can lead."""

from dataclasses import replace
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID

from grantlog.core.client.events import ClientMetadata, Registered, Suspended
from grantlog.core.client.state import evolve as evolve_client
from grantlog.core.decision import Envelope, GateChange, Name, Stamp
from grantlog.core.grant.events import (
    AccessToken,
    Authentication,
    Authorized,
    ClientCredentialsIssued,
    CodeRedeemed,
    Profile,
    RefreshToken,
    Revoked,
)
from grantlog.core.grant.state import evolve as evolve_grant
from grantlog.core.identifiers import ClientId, Micros, StreamId, after, seconds
from grantlog.ports import Append

_requests = count(1)
PROFILE = Profile(scope=("api:read",), audience=("https://api.example.com/",))


def envelope(request_id: str | None = None) -> Envelope:
    """An envelope with a request id of its own."""
    return Envelope(actor="server", request_id=request_id or f"request-{next(_requests)}")


def access_token(name: str, now: Micros, lifetime: int = 600) -> AccessToken:
    """An access token whose secret is ``name``."""
    issued = seconds(now)
    return AccessToken(
        hash=sha256(name.encode()).digest(), issued_at=issued, expires_at=issued + lifetime, profile=PROFILE
    )


def issued(stream: StreamId, now: Micros, *, client: str = "machine", lifetime: int = 600, **claims: Any) -> Append:
    """A client-credentials family: one access token, named after its stream."""
    event = ClientCredentialsIssued(
        client_id=ClientId(client),
        stamps=(Stamp("client", client, 0),),
        access_token=access_token(str(stream), now, lifetime),
        issued_at=now,
        expires_at=after(now, lifetime),
    )
    given = {"envelope": envelope(), **claims}
    return Append(stream=stream, version=1, event=event, state=evolve_grant(None, event, 1), **given)


def authorized(stream: StreamId, now: Micros, *, account: UUID, session: UUID, client: str = "app") -> Append:
    """A family of a person, with its code."""
    event = Authorized(
        client_id=ClientId(client),
        account=account,
        session=session,
        subject="subject",
        stamps=(),
        scope=("openid",),
        resources=(),
        redirect_uri="https://client.example/callback",
        code_challenge="x" * 43,
        code_hash=sha256(b"code" + stream.bytes).digest(),
        code_expires_at=after(now, 60),
        authorized_at=now,
        expires_at=after(now, 86_400),
        authentication=Authentication(auth_time=seconds(now)),
    )
    return Append(stream=stream, version=1, event=event, state=evolve_grant(None, event, 1), envelope=envelope())


def redeemed(before: Append, now: Micros) -> Append:
    """The code of ``authorized`` exchanged for an access and a refresh token."""
    event = CodeRedeemed(
        access_token=access_token(f"access {before.stream}", now),
        refresh_token=RefreshToken(
            hash=sha256(f"refresh {before.stream}".encode()).digest(), expires_at=after(now, 86_400)
        ),
        redeemed_at=now,
    )
    return _next(before, event)


def revoked(before: Append, cause: str = "client") -> Append:
    """The family that ``before`` left, revoked."""
    return _next(before, Revoked(cause=cause))


def registered(stream: StreamId, now: Micros, client_id: str = "c1", **claims: Any) -> Append:
    """A public client, bearing its name; its gate changes as every client event's does."""
    event = Registered(
        client_id=ClientId(client_id),
        metadata=ClientMetadata(name="A client", token_endpoint_auth_method="none"),
        secret_hash=None,
        secret_expires_at=None,
        registered_at=now,
    )
    given = {
        "envelope": envelope(),
        "names": (Name("client_id", client_id),),
        "gate": GateChange("client", client_id),
        **claims,
    }
    return Append(stream=stream, version=1, event=event, state=evolve_client(None, event, 1), **given)


def suspended(before: Append) -> Append:
    """The client that ``before`` left, suspended: everything issued to it is dead."""
    event = Suspended(cause="operator")
    version = before.version + 1
    state = evolve_client(before.state, event, version)
    gate = GateChange("client", state.client_id, closes=True)
    return Append(stream=before.stream, version=version, event=event, state=state, envelope=envelope(), gate=gate)


def again(row: Append) -> Append:
    """The same intent from another request: not the same attempt."""
    return replace(row, envelope=envelope())


def _next(before: Append, event: Any) -> Append:
    version = before.version + 1
    state = evolve_grant(before.state, event, version)
    return Append(stream=before.stream, version=version, event=event, state=state, envelope=envelope())
