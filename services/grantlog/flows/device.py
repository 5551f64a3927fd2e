"""Device authorization (RFC 8628): a device asks, and its user allows or denies it in a browser elsewhere.

The device code names the stream of its grant from the start. Who allows gives birth to that stream; redeeming it is then
like redeeming any code, and has one winner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from grantlog import metrics
from grantlog.core.decision import Origin, Refused
from grantlog.core.grant.events import Authentication, Authorized
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import MICROS, after
from grantlog.core.protocol import device as rules
from grantlog.core.protocol import resource, scope
from grantlog.core.protocol.errors import ProtocolError, TooManyRequestsError
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.token_text import SECRET_BYTES, Handle, Kind, write
from grantlog.flows import consents, details, device_records
from grantlog.flows.authenticate import authenticate, may_use
from grantlog.flows.browser_binding import binding
from grantlog.flows.client_directory import KnownClient
from grantlog.flows.consent import stamps_of
from grantlog.flows.consents import Wish
from grantlog.flows.device_records import DeviceRequest
from grantlog.flows.handle import Prepared, begin
from grantlog.flows.known_client import known_client
from grantlog.flows.one_time import claim_once
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session
from grantlog.flows.subjects import subject_of
from grantlog.ports import UnavailableError

RULE = "device_authorization"
GUESS_RULE = "user_code"
FULL_FOR = 30
"""Seconds after which a client with too many open device codes may find a place again."""


async def ask(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> Mapping[str, str | int]:
    """The answer of RFC 8628 section 3.2 to a device. Raises ProtocolError, UnavailableError."""
    client = await authenticate(service, RULE, parameters, proofs, origin)
    may_use(client.client, rules.GRANT_TYPE)
    state = client.client.state
    # RFC 8628 5.2 and 5.3: nobody needs many at once, and who is public has proven nothing
    wait = await service.ports.throttle.hit(RULE, state.client_id, origin.subscriber)
    if wait:
        metrics.THROTTLED.labels(RULE).inc()
        raise TooManyRequestsError(wait)
    await claim_once(service, client)
    wanted, resources = _wanted(service, client.client, parameters)
    asked = parameters.get(details.PARAMETER)
    checked = "" if asked is None else details.parse(asked, service.policy, state)
    log, secrets = service.ports.log, service.ports.secrets
    now, secret, lifetime = log.now(), secrets.random(SECRET_BYTES), service.policy.device_lifetime
    request = DeviceRequest(
        stream=log.mint(),
        client_id=state.client_id,
        code_hash=sha256(secret).digest(),
        user_code=await device_records.free_user_code(service),
        scope=wanted,
        resources=resources,
        details=checked,
        address=origin.address,
        asked_at=now,
        expires_at=after(now, lifetime),
        pace=rules.first_pace(service.policy.device_interval),
    )
    if not await device_records.keep(service, request):
        raise ProtocolError(
            "temporarily_unavailable",
            "too many device codes of this client are open",
            "device_codes_full",
            headers={"Retry-After": str(FULL_FOR)},
        )
    handle = Handle(Kind.DEVICE, request.stream, 1, -(-request.expires_at // MICROS))
    text = write(handle, secret, secrets.token_mac_keys()[0], service.policy.token_prefix)
    metrics.DEVICE.labels("asked").inc()
    return rules.members(
        service.policy.issuer,
        text,
        rules.shown(request.user_code),
        expires_in=lifetime,
        interval=service.policy.device_interval,
    )


def _wanted(service: Service, client: KnownClient, parameters: Parameters) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The scope and the resources that a device asks for, as ``/authorize`` reads them."""
    metadata = client.state.metadata
    asked = scope.within(scope.parse(parameters.get("scope")), metadata.scope)
    # RFC 6749 3.3: a pre-defined default, or an error; who somebody is has to be asked for
    wanted = asked or tuple(value for value in metadata.scope if value not in scope.OIDC_SCOPES)
    if not wanted:
        raise scope.invalid_scope("scope is missing", "scope_missing")
    named = parameters.all("resource")
    choice = resource.choose(service.policy.catalog, service.policy.issuer, wanted, named, metadata.resources)
    return wanted, choice.audience if named else ()


async def enter(service: Service, typed: str, browser: str, origin: Origin) -> str | None:
    """A person has typed a user code: the id of the page about it; None where it is wrong, answered or expired: nobody is
    told which.

    Only what fails counts, per address and per browser (RFC 8628 section 5.1). Raises TooManyRequestsError,
    UnavailableError.
    """
    subjects = (origin.subscriber, f"browser:{binding(browser)}")
    throttle = service.ports.throttle
    for subject in subjects:
        wait = await throttle.peek(GUESS_RULE, subject)
        if wait:
            metrics.THROTTLED.labels(GUESS_RULE).inc()
            raise TooManyRequestsError(wait)
    letters = rules.read_user_code(typed)
    request = None if letters is None else await device_records.by_user_code(service, letters)
    if request is None:
        for subject in subjects:
            await throttle.hit(GUESS_RULE, subject)
        metrics.DEVICE.labels("wrong_code").inc()
        return None
    return await device_records.open_page(service, request, browser)


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked."""

    client: KnownClient
    wish: Wish


async def question(service: Service, request: DeviceRequest) -> Question:
    """What the page says. Raises ProtocolError where the client may not have this any more, UnavailableError."""
    client = await known_client(service, request.client_id)
    if client.state.suspended:
        raise ProtocolError("unauthorized_client", "the client is suspended", "client_suspended")
    may_use(client, rules.GRANT_TYPE)
    return Question(client, consents.wish_of(service, client, request.scope, request.resources))


async def answer(
    service: Service, request: DeviceRequest, decision: Literal["allow", "deny"], session: Session, origin: Origin
) -> bool:
    """The user's answer; False where it was given before. Raises ProtocolError, UnavailableError."""
    if decision == "deny":
        decided = await device_records.decide(service, request, "denied")
        metrics.DEVICE.labels("denied" if decided else "answered_before").inc()
        return decided
    # before anybody asks what may be had: who takes his consent back in between gets a grant that is born dead
    stamp = consents.stamp_of(service, session.account, request.client_id)
    client = (await question(service, request)).client
    if not await device_records.decide(service, request, "allowed"):
        metrics.DEVICE.labels("answered_before").inc()
        return False
    event = Authorized(
        client_id=request.client_id,
        account=session.account,
        session=session.root,
        subject=subject_of(service, client.state, session.account),
        stamps=(*stamps_of(session, request.scope), client.stamp, stamp),
        scope=request.scope,
        resources=request.resources,
        redirect_uri="",
        code_challenge="",
        code_hash=request.code_hash,
        code_expires_at=request.expires_at,
        authorized_at=service.ports.log.now(),
        expires_at=after(service.ports.log.now(), service.policy.refresh_absolute_lifetime),
        authentication=Authentication(auth_time=session.state.auth_time, amr=session.state.amr, acr=session.state.acr),
        credential="device_code",
        details=request.details,
    )
    who = replace(origin, client_id=request.client_id, account=session.account)
    try:
        await begin(service, request.stream, evolve, Prepared(event=event, answer=None), who)
    except UnavailableError:
        await device_records.reopen(service, request)
        raise
    metrics.DEVICE.labels("allowed").inc()
    metrics.TOKENS_ISSUED.labels("device_code", "device_code").inc()
    return True


def refused_poll(request: DeviceRequest | None, *, too_soon: bool) -> Refused:
    """What a device is told while there is nothing to redeem (RFC 8628 section 3.5)."""
    if request is None:
        return Refused("expired_token", "the device code has expired", "device_code_over")
    if request.status == "denied":
        return Refused("access_denied", "the user denied the request", "device_denied")
    if too_soon:
        return Refused("slow_down", "this is polled too fast, wait 5 seconds longer from now on", "device_slow_down")
    return Refused("authorization_pending", "the user has not answered yet", "device_pending")
