"""RFC 7523 section 2.1: an assertion of an issuer that the operator trusts, for an access token. It counts once.

A CI system has no secret to keep: by the issuer's rules, its claims say which client it acts for, and what it may do.
"""

from typing import Final

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.grant.events import Exchanged
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import MICROS, ClientId, Micros, after
from grantlog.core.protocol import assertion_grant
from grantlog.core.protocol.assertion_grant import invalid_assertion
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.jwk import MalformedKeyError, read_jwks, select
from grantlog.core.protocol.jwt_text import ReadJwt
from grantlog.core.protocol.policy import AssertionRule, TrustedIssuer
from grantlog.core.protocol.requests import Parameters
from grantlog.core.protocol.scope import OIDC_SCOPES
from grantlog.flows import client_keys, details, mint
from grantlog.flows.authenticate import Authenticated, count_failure, refuse_throttled
from grantlog.flows.handle import Prepared, RejectedError, begin
from grantlog.flows.service import Service
from grantlog.flows.token_profile import own_profile
from grantlog.flows.token_request import TokenRequest
from grantlog.ports import Replay

GRANT_TYPE: Final = assertion_grant.GRANT_TYPE
PARAMETERS: Final = frozenset({"assertion", "scope", "resource", details.PARAMETER})
BY_RULE: Final = "assertion"
"""How a client was identified that nobody but the rule of an issuer has named."""


async def client_by_rule(service: Service, rule: str, parameters: Parameters, origin: Origin) -> Authenticated:
    """The client that an assertion is for, where the request names none. Nothing is proven: ``redeem`` does that.

    Failures count against ``rule`` for the address. Raises invalid_grant, TooManyRequestsError, UnavailableError.
    """
    await refuse_throttled(service, rule, "", origin.subscriber)
    try:
        # RFC 7523 2.1: "Authentication of the client is optional"
        jwt, issuer = assertion_grant.read(parameters.require("assertion"), service.policy)
        chosen = assertion_grant.rule_for(issuer, jwt.claims, None)
        client = None if chosen is None else await service.clients.find(ClientId(chosen.client_id))
        if client is None or client.state.suspended:
            raise invalid_assertion("assertion_no_client")
    except ProtocolError:
        await count_failure(service, rule, "", origin.subscriber)
        raise
    return Authenticated(client, BY_RULE)


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """An access token for the assertion's subject.

    Raises ProtocolError invalid_grant, invalid_request, invalid_scope, invalid_target, invalid_authorization_details;
    UnavailableError where the issuer's keys cannot be had.
    """
    client, log = request.client.client, service.ports.log
    jwt, issuer = assertion_grant.read(request.parameters.require("assertion"), service.policy)
    rule = _rule(request, issuer, jwt)
    now = log.now()
    fapi2 = service.policy.fapi2_for(client.state.metadata.profile)
    said = assertion_grant.check(jwt, issuer, service.policy, now / MICROS, fapi2=fapi2)
    await _verify(service, issuer, jwt)
    allowed = tuple(known for known in client.state.metadata.scope if known not in OIDC_SCOPES)
    profile = own_profile(service, request, allowed if rule is None else rule.scope, said.attributes)
    usual = service.policy.access_token_lifetime
    lifetime = usual if rule is None or rule.lifetime is None else min(usual, rule.lifetime)
    not_after = after(now, lifetime)
    stream = log.mint()
    about = mint.About(client=client.state, subject=said.subject)
    text, access = await mint.access_token(service, mint.Place(stream, 1), about, profile, now, not_after)
    event = Exchanged(
        client_id=client.state.client_id,
        subject=said.subject,
        account=None,
        session=None,
        parent=None,
        issuer=issuer.issuer,
        stamps=(client.stamp,),
        access_token=access,
        authentication=None,
        issued_at=now,
        expires_at=not_after,
    )
    once = Replay(said.once, Micros(int(said.expires_at * MICROS) + 1))
    prepared = Prepared(event=event, answer=mint.answer(text, access), replays=(*request.replays, once))
    try:
        done = await begin(service, stream, evolve, prepared, request.origin)
    except RejectedError as refused:
        # which of them was it? Where the assertion could still be claimed, it was what else came with the request.
        if refused.reason != "replayed" or await log.claim((once,)):
            raise
        raise invalid_assertion("assertion_replayed") from None
    metrics.TOKENS_ISSUED.labels("access_token", GRANT_TYPE).inc()
    return done.answer


def _rule(request: TokenRequest, issuer: TrustedIssuer, jwt: ReadJwt) -> AssertionRule | None:
    """What the operator lets these claims have; None where the issuer has no rules: then the client counts alone."""
    if not issuer.rules:
        return None
    found = assertion_grant.rule_for(issuer, jwt.claims, request.client.client.state.client_id)
    if found is None:
        raise invalid_assertion("assertion_no_rule")
    return found


async def _verify(service: Service, issuer: TrustedIssuer, jwt: ReadJwt) -> None:
    try:
        keys = (
            read_jwks(issuer.jwks)
            if issuer.jwks_uri is None
            else await client_keys.fetched_keys(service, issuer.jwks_uri, jwt.kid)
        )
    except MalformedKeyError:
        raise invalid_assertion("assertion_keys") from None
    # RFC 7523 3: "The JWT MUST be digitally signed or have a Message Authentication Code (MAC) applied by the issuer. The
    # authorization server MUST reject JWTs with an invalid signature or MAC."
    if await service.ports.verifier.verify(jwt, select(keys, jwt.alg, jwt.kid)) is None:
        raise invalid_assertion("assertion_signature")
