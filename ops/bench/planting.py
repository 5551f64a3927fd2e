"""What stands in the stores before anything is measured: clients, tokens, and families."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar
from urllib.parse import quote

from ops.bench.settings import API, ISSUER, SCOPES

from grantlog.core.client.events import ClientMetadata
from grantlog.core.decision import Stamp
from grantlog.core.grant.events import Authentication, Authorized
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import ClientId, after
from grantlog.core.protocol.pkce import challenge_of
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import read_form
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, write
from grantlog.flows import clients
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.operators import operator_origin
from grantlog.flows.service import Service
from grantlog.flows.token import token

T = TypeVar("T")

REDIRECT = "https://client.example/callback"
VERIFIER = "a-verifier-of-the-benchmark-that-is-long-enough-0"
CHUNK = 256


@dataclass(frozen=True, slots=True)
class Party:
    """A registered client, as it knows itself."""

    client_id: str
    client_secret: str

    @property
    def basic(self) -> str:
        """Its Authorization header (RFC 6749 section 2.3.1)."""
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()


CLIENT = ClientMetadata(
    name="Bench",
    redirect_uris=(REDIRECT,),
    grant_types=("authorization_code", "refresh_token", "client_credentials"),
    scope=(*SCOPES, "openid"),
)
GUARD = ClientMetadata(name="Resource server", grant_types=(), response_types=(), introspects=(API, ISSUER))


async def register(service: Service, metadata: ClientMetadata) -> Party:
    """One more confidential client."""
    made = await clients.register(service, metadata, operator_origin(service, "operator:bench"))
    assert made.secret is not None
    return Party(made.state.client_id, made.secret)


async def ask(service: Service, party: Party, form: str) -> dict[str, str]:
    """The token endpoint's answer to a form, past HTTP."""
    origin = operator_origin(service, "operator:bench")
    answer: dict[str, str] = json.loads(
        await token(service, read_form(form.encode()), Proofs(authorization=party.basic), origin)
    )
    return answer


async def access_tokens(service: Service, party: Party, count: int) -> list[str]:
    """Opaque access tokens, a family each, from client credentials."""
    form = f"grant_type=client_credentials&scope={quote('api:read')}"
    return [answer["access_token"] for answer in await _together(count, lambda: ask(service, party, form))]


async def codes(service: Service, party: Party, count: int, *scope: str) -> list[str]:
    """Fresh authorization codes, a family each, of users that exist only here."""
    client = await service.clients.find(ClientId(party.client_id))
    assert client is not None

    async def one() -> str:
        log, secrets = service.ports.log, service.ports.secrets
        now, account, session = log.now(), log.mint(), log.mint()
        stream, secret = log.mint(), secrets.random(SECRET_BYTES)
        expires_at = after(now, 600)
        event = Authorized(
            client_id=client.state.client_id,
            account=account,
            session=session,
            subject=str(account),
            stamps=(Stamp("account", str(account), 0), Stamp("session", str(session), 0), client.stamp),
            scope=scope,
            resources=(API,),
            redirect_uri=REDIRECT,
            code_challenge=challenge_of(VERIFIER),
            code_hash=sha256(secret).digest(),
            code_expires_at=expires_at,
            authorized_at=now,
            expires_at=after(now, service.policy.refresh_absolute_lifetime),
            authentication=Authentication(auth_time=now // 1_000_000),
        )
        origin = operator_origin(service, "operator:bench")
        await begin(service, stream, evolve, Prepared(event=event, answer=None), origin)
        handle = Handle(Kind.CODE, stream, 1, expires_at // 1_000_000)
        return write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)

    return await _together(count, one)


def redemption(code: str) -> str:
    """The form that redeems a code."""
    return f"grant_type=authorization_code&code={code}&redirect_uri={quote(REDIRECT, safe='')}&code_verifier={VERIFIER}"


async def refresh_tokens(service: Service, party: Party, count: int) -> list[str]:
    """Refresh tokens, a family each."""
    waiting = iter(await codes(service, party, count, "api:read"))
    answers = await _together(count, lambda: ask(service, party, redemption(next(waiting))))
    return [answer["refresh_token"] for answer in answers]


async def _together(count: int, make: Callable[[], Awaitable[T]]) -> list[T]:
    """Makes many, some at a time: group commit makes that fast."""
    made: list[T] = []
    while len(made) < count:
        made += await asyncio.gather(*(make() for _ in range(min(CHUNK, count - len(made)))))
    return made
