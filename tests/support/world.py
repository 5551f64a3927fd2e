"""One process on memory ports with a client, and codes for it without a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from json import loads
from typing import Any
from uuid import UUID

from tests.support.memory_service import MemoryProcess, memory_process

from grantlog.adapters.memory.throttle import MemoryThrottle
from grantlog.core.client.events import ClientMetadata
from grantlog.core.decision import GateChange, Origin, Stamp
from grantlog.core.grant.events import Authentication, Authorized
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import after, seconds
from grantlog.core.incident.events import FindingRecorded
from grantlog.core.incident.state import evolve as evolve_incident
from grantlog.core.protocol.pkce import challenge_of
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.resource import Catalog, ResourceRule
from grantlog.core.protocol.token_text import Handle, Kind, write
from grantlog.flows.clients import NewClient, register
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.introspect import introspect
from grantlog.flows.mint import json_bytes
from grantlog.flows.revoke import revoke
from grantlog.flows.rotate_keys import ensure_keys
from grantlog.flows.service import Service
from grantlog.flows.token import token

API = "https://api.example.com/"
BILLING = "https://billing.example.com/"
JWT_API = "https://jwt.example.com/"
SCOPES = ("api:read", "api:write")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REDIRECT = "https://client.example/callback"
RULES = {
    "token": "50/minute",
    "introspect": "50/minute",
    "revoke": "50/minute",
    "register": "50/minute",
    "login_account": "50/minute",
    "login_address": "50/minute",
    "second_factor": "50/minute",
    "retry": "5/minute",
    "finding": "1/minute",
}


@dataclass
class World:
    """A service on memory ports, and a client of it that is a resource server as well."""

    service: Service
    process: MemoryProcess
    client: NewClient
    requests: int = field(default=0)

    def origin(self, address: str = "192.0.2.1") -> Origin:
        """Where one more request comes from."""
        self.requests += 1
        return Origin(request_id=f"request-{self.requests}", address=address)

    def parameters(self, resource: tuple[str, ...] = (), **parameters: str) -> Parameters:
        """A form of the client's, with its secret."""
        known = {"client_id": self.client.state.client_id, "client_secret": self.client.secret or ""}
        return Parameters({**known, **parameters}, {"resource": resource} if resource else {})

    async def token(
        self, address: str = "192.0.2.1", resource: tuple[str, ...] = (), **parameters: str
    ) -> dict[str, Any]:
        """What ``/token`` answers the client. Raises ProtocolError."""
        asked = self.parameters(resource, **parameters)
        answer: dict[str, Any] = loads(await token(self.service, asked, Proofs(), self.origin(address)))
        return answer

    async def introspect(self, text: str) -> dict[str, Any]:
        """What ``/introspect`` says of a token."""
        told = await introspect(self.service, self.parameters(token=text), Proofs(), self.origin())
        answer: dict[str, Any] = loads(json_bytes(told))
        return answer

    async def active(self, text: str) -> bool:
        """Whether introspection calls the token active."""
        return (await self.introspect(text))["active"] is True

    async def revoke(self, text: str) -> None:
        """Gives a token back."""
        await revoke(self.service, self.parameters(token=text), Proofs(), self.origin())

    async def family(self) -> dict[str, Any]:
        """The first tokens of a fresh family."""
        return await self.token(grant_type="authorization_code", code=await self.code(), code_verifier=VERIFIER)

    async def close_gate(self, change: GateChange) -> None:
        """Closes a gate by an event of any stream: here a finding."""
        log = self.service.ports.log
        finding = FindingRecorded(
            kind="refresh_reuse",
            severity="warning",
            grant=None,
            client_id=None,
            account=None,
            detail=(),
            recorded_at=log.now(),
        )
        prepared = Prepared(event=finding, answer=None, gate=change, denies=True)
        await begin(self.service, log.mint(), evolve_incident, prepared, self.origin())

    async def code(self, **changes: Any) -> str:
        """The text of a fresh authorization code."""
        service, log = self.service, self.service.ports.log
        stream, now = log.mint(), log.now()
        secret = service.ports.secrets.random(32)
        client_id = self.client.state.client_id
        usual: dict[str, Any] = {
            "client_id": client_id,
            "account": UUID(int=7),
            "session": UUID(int=8),
            "subject": "alice",
            "stamps": (Stamp("account", "alice", 0), Stamp("client", client_id, 0)),
            "scope": SCOPES,
            "resources": (),
            "redirect_uri": REDIRECT,
            "code_challenge": challenge_of(VERIFIER),
            "code_hash": sha256(secret).digest(),
            "code_expires_at": after(now, 60),
            "authorized_at": now,
            "expires_at": after(now, 86_400),
            "authentication": Authentication(auth_time=seconds(now), nonce="n-0S6_WzA2Mj"),
        }
        event = Authorized(**(usual | changes))
        await begin(service, stream, evolve, Prepared(event=event, answer=None), self.origin())
        handle = Handle(Kind.CODE, stream, 1, seconds(now) + 60)
        return write(handle, secret, service.ports.secrets.token_mac_keys()[0], service.policy.token_prefix)


@asynccontextmanager
async def memory_world(**policy: Any) -> AsyncIterator[World]:
    """A process with three resources and a confidential client."""
    async with memory_process(**policy) as process:
        rules = (ResourceRule(API, SCOPES), ResourceRule(BILLING, SCOPES), ResourceRule(JWT_API, SCOPES, "jwt"))
        service = replace(
            process.service,
            policy=replace(process.service.policy, catalog=Catalog(rules)),
            ports=replace(process.service.ports, throttle=MemoryThrottle(RULES)),
        )
        await ensure_keys(service)
        metadata = ClientMetadata(
            name="client",
            grant_types=("authorization_code", "refresh_token", "client_credentials"),
            redirect_uris=(REDIRECT,),
            scope=(*SCOPES, "openid"),
            introspects=(API, BILLING, JWT_API, service.policy.issuer),
        )
        client = await register(service, metadata, Origin(request_id="register", address=""))
        yield World(service, process, client)
