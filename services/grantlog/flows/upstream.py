"""Login by another OpenID provider: the browser goes there and comes back, and what it brings is checked and exchanged.

Bound to the browser that began it, single-use, and short. What comes of it (``Identity``) is whose login it was there; who
that is here, ``upstream_accounts`` says.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from json import dumps, loads
from typing import Any
from urllib.parse import quote_plus, urlencode

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.identifiers import MICROS, Micros, seconds
from grantlog.core.protocol import upstream as rules
from grantlog.core.protocol.errors import ProtocolError, TooManyRequestsError
from grantlog.core.protocol.id_token import at_hash
from grantlog.core.protocol.jwk import select
from grantlog.core.protocol.jwt_text import SIGNATURE_ALGS, MalformedJwtError, read_jwt, read_object
from grantlog.core.protocol.pkce import challenge_of
from grantlog.core.protocol.policy import UpstreamProvider
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.upstream import ProviderMetadata, UpstreamError
from grantlog.flows import client_keys, pending
from grantlog.flows.browser_binding import belongs, binding, is_id, new_id
from grantlog.flows.service import Service

KIND = "upstream"
RULE = "authorize"
CALLBACK = "/login/upstream/callback"
_SLACK = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A login that is under way at another provider."""

    provider: str
    binding: str
    """SHA-256 (hex) of the pre-login cookie of the browser that began it."""
    nonce: str
    verifier: str
    tx: str
    """The login here that it is for; empty: an identity is to be linked."""
    link: str
    """The session whose account gets the identity; empty: it is a login."""
    fresh: bool
    begun_at: Micros


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody has proven to be, elsewhere."""

    provider: UpstreamProvider
    subject: str
    claims: Mapping[str, Any]
    auth_time: int | None
    begun: Begun


def provider_of(service: Service, name: str) -> UpstreamProvider:
    """The configured provider of this name. Raises UpstreamError."""
    found = next((known for known in service.policy.upstream_providers if known.name == name), None)
    if found is None:
        raise UpstreamError("upstream_provider_unknown")
    return found


async def metadata_of(service: Service, provider: UpstreamProvider) -> ProviderMetadata:
    """What is known of a provider. Raises UnavailableError, UpstreamError."""
    return await service.upstream.metadata(service.ports.egress, provider, service.ports.log.now())


async def begin_login(service: Service, name: str, tx: str, browser: str | None, origin: Origin) -> str:
    """Where the browser goes, for the login with the id ``tx``, which has to be its own. Raises UpstreamError,
    TooManyRequestsError, ProtocolError, UnavailableError.
    """
    if service.policy.login_delegate is not None:
        raise UpstreamError("upstream_off")
    waiting = await pending.find(service, tx, browser)
    if waiting is None or browser is None:
        raise UpstreamError("upstream_login_over")
    fresh = "login" in waiting.request.prompt or waiting.request.max_age is not None
    return await _begin(service, name, browser, origin, tx=tx, fresh=fresh)


async def begin_link(service: Service, name: str, session: str, browser: str, origin: Origin) -> str:
    """The same, to link an identity to the account of ``session``."""
    return await _begin(service, name, browser, origin, link=session, fresh=True)


async def _begin(
    service: Service, name: str, browser: str, origin: Origin, *, tx: str = "", link: str = "", fresh: bool
) -> str:
    provider = provider_of(service, name)
    owner = f"upstream {name}"
    wait = await service.ports.throttle.hit(RULE, owner, origin.subscriber)
    if wait:
        metrics.THROTTLED.labels(RULE).inc()
        raise TooManyRequestsError(wait)
    metadata = await metadata_of(service, provider)
    state = new_id(service)
    begun = Begun(
        provider=name,
        binding=binding(browser),
        nonce=new_id(service),
        verifier=new_id(service),
        tx=tx,
        link=link,
        fresh=fresh,
        begun_at=service.ports.log.now(),
    )
    limit, lifetime = service.policy.pending_logins_per_client, service.policy.login_lifetime
    text = dumps(asdict(begun)).encode()
    if not await service.ports.transactions.put(KIND, state, text, lifetime, owner=owner, limit=limit):
        raise ProtocolError("temporarily_unavailable", "too many logins are under way", "upstream_full")
    wanted = rules.Wanted(
        redirect_uri=service.policy.issuer + CALLBACK,
        state=state,
        nonce=begun.nonce,
        code_challenge=challenge_of(begun.verifier),
        fresh=fresh,
    )
    metrics.UPSTREAM.labels("begun").inc()
    return rules.authorization_url(provider, metadata, wanted)


async def finish(service: Service, parameters: Parameters, browser: str | None) -> Identity:
    """Who came back. Raises UpstreamError, UnavailableError."""
    begun = await _taken(service, parameters.get("state") or "", browser)
    provider = provider_of(service, begun.provider)
    metadata = await metadata_of(service, provider)
    alone = len(service.policy.upstream_providers) == 1
    rules.check_answer_issuer(provider.issuer, metadata, parameters.get("iss"), alone=alone)
    code = parameters.get("code")
    if parameters.get("error") is not None or not code:
        # its text is for the log of the other side: it may be anybody's
        raise UpstreamError("upstream_refused")
    answer = await _exchanged(service, provider, metadata, begun, code)
    claims = await _proven(service, provider, metadata, begun, answer)
    now = seconds(service.ports.log.now())
    auth_time = rules.authenticated_at(claims, now)
    if begun.fresh:
        # it was asked to be now; who says that it was not has not heard us
        if auth_time is not None and auth_time < seconds(begun.begun_at) - _SLACK:
            raise UpstreamError("upstream_not_fresh")
        auth_time = None
    return Identity(provider, str(claims["sub"]), claims, auth_time, begun)


async def _taken(service: Service, state: str, browser: str | None) -> Begun:
    """What was begun under this state in this browser, once. Another browser takes it from nobody."""
    if not is_id(state) or browser is None:
        raise UpstreamError("upstream_state")
    stored = await service.ports.transactions.get(KIND, state)
    if stored is None or not belongs(_read(stored).binding, browser):
        raise UpstreamError("upstream_state")
    taken = await service.ports.transactions.take(KIND, state)
    if taken is None:
        raise UpstreamError("upstream_state")
    return _read(taken)


async def _exchanged(
    service: Service, provider: UpstreamProvider, metadata: ProviderMetadata, begun: Begun, code: str
) -> Mapping[str, Any]:
    """The token response (RFC 6749 section 5.1)."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": service.policy.issuer + CALLBACK,
        "code_verifier": begun.verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if metadata.by_post:
        form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    else:
        # RFC 6749 2.3.1: both are encoded "using the 'application/x-www-form-urlencoded' encoding algorithm"
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    answer = await service.ports.egress.exchange(metadata.token_endpoint, urlencode(form).encode(), headers)
    if answer.status != HTTPStatus.OK:
        raise UpstreamError("upstream_code_refused")
    try:
        return read_object(answer.body)
    except MalformedJwtError:
        raise UpstreamError("upstream_answer_malformed") from None


async def _proven(
    service: Service,
    provider: UpstreamProvider,
    metadata: ProviderMetadata,
    begun: Begun,
    answer: Mapping[str, Any],
) -> Mapping[str, Any]:
    """The claims of the ID token, after its signature and all that it has to say."""
    text, access = answer.get("id_token"), answer.get("access_token")
    if not isinstance(text, str):
        raise UpstreamError("upstream_token_missing")
    try:
        jwt = read_jwt(text, algs=SIGNATURE_ALGS, typ=(None, "JWT"))
    except MalformedJwtError as wrong:
        raise UpstreamError(f"upstream_token_{wrong.reason}") from None
    keys = await client_keys.fetched_keys(service, metadata.jwks_uri, jwt.kid)
    if await service.ports.verifier.verify(jwt, select(keys, jwt.alg, jwt.kid)) is None:
        raise UpstreamError("upstream_token_signature")
    hashed = at_hash(access, jwt.alg) if isinstance(access, str) and access.isascii() else None
    expected = rules.Expected(
        issuer=provider.issuer,
        client_id=provider.client_id,
        nonce=begun.nonce,
        at_hash=hashed,
        now=service.ports.log.now() / MICROS,
    )
    rules.check_id_token(jwt.claims, expected)
    return jwt.claims


def _read(stored: bytes) -> Begun:
    members = loads(stored)
    return Begun(**(members | {"begun_at": Micros(members["begun_at"])}))
