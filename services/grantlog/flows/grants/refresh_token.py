"""OAuth 2.1 section 4.3: a refresh token for a new pair. One winner; a lost answer is given again; reuse kills the family.

A sender-constrained refresh token may stay what it is: then each use gives another access token, and nothing is spent.
"""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from grantlog import metrics
from grantlog.core.decision import Origin, Refused
from grantlog.core.grant import decide
from grantlog.core.grant.decide import GraceRules, Issue, IssueBeside, Renew, Repeat
from grantlog.core.grant.events import (
    AccessToken,
    AccessTokenIssued,
    CodeRedeemed,
    Confirmation,
    Refreshed,
    RefreshToken,
    RefreshTokenRotated,
    ReuseDetected,
)
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.identifiers import Micros, seconds
from grantlog.core.protocol import scope, token_text
from grantlog.core.protocol.errors import ProtocolError, TooManyRequestsError, from_refused
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.token_text import Kind, Presented
from grantlog.flows import mint
from grantlog.flows.authenticate import Authenticated
from grantlog.flows.findings import record_finding
from grantlog.flows.handle import Prepared, handle, refuse_closed
from grantlog.flows.sealed_answer import SealedAnswer, seal, unseal
from grantlog.flows.sender_constraint import confirmation_for, refresh_confirmation, rotates
from grantlog.flows.service import Service
from grantlog.flows.token_profile import profile_of_request
from grantlog.flows.token_request import TokenRequest
from grantlog.ports import Loaded

GRANT_TYPE: Final = "refresh_token"
PARAMETERS: Final = frozenset({"refresh_token", "scope", "resource", "authorization_details"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the request; ``name`` is the label of ``grantlog_refresh_total``."""

    name: str
    body: bytes = b""
    refused: Refused | None = None
    event: object | None = None
    elsewhere: bool = False
    """The same answer was given again, to another address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """One presented refresh token and what is asked for it."""

    service: Service
    client: Authenticated
    text: str = field(repr=False)
    presented: Presented = field(repr=False)
    parameters: Parameters
    scope: tuple[str, ...] | None
    confirmation: Confirmation | None
    origin: Origin

    @property
    def digest(self) -> bytes:
        """Digest of what shapes the answer: another scope, resource, detail or key of the sender is another request."""
        asked = "\x00" if self.scope is None else " ".join(sorted(self.scope))
        proven = "" if self.confirmation is None else f"{self.confirmation.method}:{self.confirmation.thumbprint}"
        details = self.parameters.get("authorization_details") or ""
        parts = (asked, proven, details, *sorted(self.parameters.all("resource")))
        return sha256("\n".join(parts).encode()).digest()


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """The next pair of the family, or another access token beside the refresh token that stays.

    Raises ProtocolError invalid_grant, invalid_request, invalid_scope, invalid_target, invalid_authorization_details.
    """
    client, parameters, origin = request.client, request.parameters, request.origin
    text = parameters.require("refresh_token")
    presented = token_text.read(text, Kind.REFRESH, service.ports.secrets.token_mac_keys(), service.policy.token_prefix)
    if presented is None:
        raise _refused("refresh_malformed", "the refresh token is not known")
    if presented.handle.expires_at <= seconds(service.ports.log.now()):
        raise _refused("refresh_expired", "the refresh token has expired")
    asked = parameters.get("scope")
    redemption = Redemption(
        service=service,
        client=client,
        text=text,
        presented=presented,
        parameters=parameters,
        scope=None if asked is None else scope.parse(asked),
        confirmation=confirmation_for(service, client.client.state, request.sender.confirmation),
        origin=origin,
    )

    async def rule(loaded: Loaded) -> Prepared[Outcome]:
        # whatever becomes of the request: the proofs that came with it count once
        return replace(await _rule(redemption, loaded), replays=request.replays)

    done = await handle(service, presented.handle.stream, evolve, rule, origin)
    return await _concluded(redemption, done.answer, appended=done.appended)


def _refused(reason: str, description: str) -> ProtocolError:
    metrics.REFRESH.labels("refused").inc()
    return ProtocolError("invalid_grant", description, reason)


async def _rule(redemption: Redemption, loaded: Loaded) -> Prepared[Outcome]:
    service, presented = redemption.service, redemption.presented
    state: GrantState | None = loaded.state
    now = service.ports.log.now()
    given = await _answer_given(redemption, state)
    client, issued = redemption.client.client.state, await _issued(redemption, state)
    command = decide.Refresh(
        client_id=client.client_id,
        token_hash=sha256(presented.secret).digest(),
        presented_version=presented.handle.version,
        issued_hash=None if issued is None else issued.hash,
        issued_confirmation=None if issued is None else issued.confirmation,
        request_digest=redemption.digest,
        client_authentication=redemption.client.how,
        same_address=None if given is None else given.address == redemption.origin.address,
        confirmation=redemption.confirmation,
        rotates=state is None or rotates(service, client, state, redemption.confirmation),
    )
    decision = decide.refresh(state, command, now, GraceRules(window=service.policy.grace_window))
    match decision.answer:
        case Refused() as refused:
            name = "reused" if decision.event is not None else "refused"
            outcome = Outcome(name, refused=refused, event=decision.event)
            dead = decision.event is not None or (state is not None and state.revoked is not None)
            return Prepared(event=decision.event, answer=outcome, denies=dead)
        case Repeat(version=version):
            assert state is not None
            refuse_closed(service, state)
            return await _repeat(redemption, version)
        case IssueBeside():
            assert state is not None
            refuse_closed(service, state)
            return await _issue_beside(redemption, state, given, now)
        case Renew():
            assert state is not None
            refuse_closed(service, state)
            return await _renew(redemption, state, now)
        case Issue():
            assert state is not None
            refuse_closed(service, state)
            return await _rotate(redemption, state, now)


async def _answer_given(redemption: Redemption, state: GrantState | None) -> SealedAnswer | None:
    """The first answer that the presented token was given, where it is the directly preceding one."""
    if state is None or state.spent is None or state.spent.version != redemption.presented.handle.version:
        return None
    return await unseal(redemption.service, redemption.presented, state.spent.answers[0].version)


async def _issued(redemption: Redemption, state: GrantState | None) -> RefreshToken | None:
    """The refresh token that the log says was issued at the presented version, where the state no longer tells."""
    version = redemption.presented.handle.version
    if state is None or state.refresh is None or version >= state.refresh.version:
        return None
    if state.spent is not None and state.spent.version == version:
        return None
    recorded = await redemption.service.ports.log.event_at(redemption.presented.handle.stream, version)
    if recorded is None or not isinstance(recorded.event, CodeRedeemed | RefreshTokenRotated):
        return None
    return recorded.event.refresh_token


async def _rotate(redemption: Redemption, state: GrantState, now: Micros) -> Prepared[Outcome]:
    service, version = redemption.service, state.version + 1
    place = mint.Place(redemption.presented.handle.stream, version)
    bound = refresh_confirmation(redemption.client.client.state, redemption.confirmation)
    refresh_text, refresh = mint.refresh_token(service, place, now, state.expires_at, bound)
    body, access = await _access(redemption, state, now, refresh_text)
    event = RefreshTokenRotated(
        spent_version=redemption.presented.handle.version,
        request_digest=redemption.digest,
        client_authentication=redemption.client.how,
        access_token=access,
        refresh_token=refresh,
        rotated_at=now,
    )
    return Prepared(event=event, answer=Outcome("rotated", body), seal=_sealed(redemption, version, body))


async def _renew(redemption: Redemption, state: GrantState, now: Micros) -> Prepared[Outcome]:
    # RFC 6749 6: "The authorization server MAY issue a new refresh token": this one stays, and says so itself, because
    # many clients forget what an answer does not name
    body, access = await _access(redemption, state, now, redemption.text)
    idles_out = mint.idles_out(redemption.service, now, state.expires_at)
    event = Refreshed(access_token=access, refreshed_at=now, refresh_expires_at=idles_out)
    return Prepared(event=event, answer=Outcome("renewed", body))


async def _issue_beside(
    redemption: Redemption, state: GrantState, given: SealedAnswer | None, now: Micros
) -> Prepared[Outcome]:
    if given is None:
        return _unanswerable()
    version = state.version + 1
    body, access = await _access(redemption, state, now, given.refresh_token)
    event = AccessTokenIssued(request_digest=redemption.digest, access_token=access)
    elsewhere = given.address != redemption.origin.address
    return Prepared(
        event=event,
        answer=Outcome("beside", body, elsewhere=elsewhere),
        seal=_sealed(redemption, version, body),
    )


async def _repeat(redemption: Redemption, version: int) -> Prepared[Outcome]:
    handle_ = redemption.presented.handle
    wait = await redemption.service.ports.throttle.hit("retry", str(handle_.stream), str(handle_.version))
    if wait:
        metrics.THROTTLED.labels("retry").inc()
        await record_finding(
            redemption.service,
            "retry_limit",
            redemption.origin,
            grant=handle_.stream,
            client_id=redemption.client.client.state.client_id,
        )
        raise TooManyRequestsError(wait)
    again = await unseal(redemption.service, redemption.presented, version)
    if again is None:
        return _unanswerable()
    elsewhere = again.address != redemption.origin.address
    return Prepared(event=None, answer=Outcome("repeated", again.body, elsewhere=elsewhere))


def _unanswerable() -> Prepared[Outcome]:
    """Inside the window, but the seal is gone: refused without killing the family."""
    refused = Refused("invalid_grant", "the answer is no longer kept", "refresh_seal_missing")
    return Prepared(event=None, answer=Outcome("refused", refused=refused))


async def _access(
    redemption: Redemption, state: GrantState, now: Micros, refresh_text: str
) -> tuple[bytes, AccessToken]:
    """The body of the answer with ``refresh_text`` in it, and the trace of its access token."""
    service, client = redemption.service, redemption.client.client.state
    # RFC 6749 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner"
    profile = await profile_of_request(
        service, client, state, redemption.parameters, redemption.scope or (), redemption.confirmation
    )
    about = mint.about_grant(client, state)
    place = mint.Place(redemption.presented.handle.stream, state.version + 1)
    text, access = await mint.access_token(service, place, about, profile, now, state.expires_at)
    identity = None
    if "openid" in profile.scope:
        # OpenID Connect Core 12.2: the ID token of a refresh "SHOULD NOT have a nonce Claim"
        identity = await mint.identity_token(service, about, text, now, with_nonce=False)
    return mint.answer(text, access, refresh=refresh_text, identity=identity), access


def _sealed(redemption: Redemption, version: int, body: bytes) -> bytes | None:
    if not redemption.service.policy.grace_window:
        return None
    return seal(redemption.service, redemption.presented, version, SealedAnswer(body, redemption.origin.address))


async def _concluded(redemption: Redemption, outcome: Outcome, *, appended: bool) -> bytes:
    """Counts, records what is suspicious, and turns a refusal into the error."""
    metrics.REFRESH.labels(outcome.name).inc()
    grant, client_id = redemption.presented.handle.stream, redemption.client.client.state.client_id
    if outcome.refused is not None:
        if appended and isinstance(outcome.event, ReuseDetected):
            metrics.REVOCATIONS.labels("family", outcome.event.cause).inc()
        raise from_refused(outcome.refused)
    if outcome.elsewhere:
        await record_finding(
            redemption.service, "retry_from_other_address", redemption.origin, grant=grant, client_id=client_id
        )
    if appended:
        metrics.TOKENS_ISSUED.labels("access_token", GRANT_TYPE).inc()
        if outcome.name == "rotated":
            metrics.TOKENS_ISSUED.labels("refresh_token", GRANT_TYPE).inc()
    return outcome.body
