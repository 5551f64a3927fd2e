"""RFC 6749 section 4.1.3 with RFC 7636: a code, once, for the first tokens of a family."""

from hashlib import sha256
from typing import Final

from grantlog import metrics
from grantlog.core.decision import Refused
from grantlog.core.grant import decide
from grantlog.core.grant.events import CodeRedeemed, Profile
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.protocol import pkce, resource, token_text
from grantlog.core.protocol.errors import ProtocolError, from_refused
from grantlog.core.protocol.token_text import Kind
from grantlog.flows import mint
from grantlog.flows.handle import Prepared, handle, refuse_closed
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest
from grantlog.ports import Loaded

GRANT_TYPE: Final = "authorization_code"
PARAMETERS: Final = frozenset({"code", "redirect_uri", "code_verifier", "resource"})


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """Access, refresh and ID token of a new family. Raises ProtocolError invalid_grant, invalid_target, invalid_request.

    A replay with every proof revokes the family before it is refused.
    """
    secrets = service.ports.secrets
    client, parameters, origin = request.client, request.parameters, request.origin
    text = parameters.require("code")
    # RFC 7636 4.5 and OAuth 2.1 4.1.3: checked before it is hashed
    challenge = pkce.challenge_of(parameters.require("code_verifier"))
    code = token_text.read(text, Kind.CODE, secrets.token_mac_keys(), service.policy.token_prefix)
    if code is None:
        raise ProtocolError("invalid_grant", "the code is not known", "code_malformed")
    command = decide.RedeemCode(
        client_id=client.client.state.client_id,
        code_hash=sha256(code.secret).digest(),
        redirect_uri=parameters.get("redirect_uri"),
        challenge=challenge,
        presented_version=code.handle.version,
    )
    wanted = parameters.all("resource")

    async def rule(loaded: Loaded) -> Prepared[bytes | Refused]:
        now = service.ports.log.now()
        state: GrantState | None = loaded.state
        decision = decide.redeem_code(state, command, now)
        if isinstance(decision.answer, Refused):
            dead = decision.event is not None or (state is not None and state.revoked is not None)
            return Prepared(event=decision.event, answer=decision.answer, denies=dead)
        assert state is not None
        refuse_closed(service, state)
        choice = resource.narrow(
            service.policy.catalog,
            service.policy.issuer,
            resource.Choice(state.resources, state.scope),
            (),
            wanted,
            client.client.state.metadata.resources,
        )
        place = mint.Place(code.handle.stream, loaded.version + 1)
        about = mint.About(client=client.client.state, subject=state.subject, authentication=state.authentication)
        profile = Profile(scope=choice.scope, audience=choice.audience)
        access_text, access = await mint.access_token(service, place, about, profile, now, state.expires_at)
        refresh_text, refresh = None, None
        if "refresh_token" in client.client.state.metadata.grant_types:
            refresh_text, refresh = mint.refresh_token(service, place, now, state.expires_at)
        identity = None
        if "openid" in state.scope:
            identity = await mint.identity_token(service, about, access_text, now, with_nonce=True)
        body = mint.answer(access_text, access, refresh=refresh_text, identity=identity)
        return Prepared(
            event=CodeRedeemed(access_token=access, refresh_token=refresh, redeemed_at=now),
            answer=body,
            replays=request.replays,
        )

    done = await handle(service, code.handle.stream, evolve, rule, origin)
    if isinstance(done.answer, Refused):
        if done.appended:
            metrics.REVOCATIONS.labels("family", "code_replay").inc()
        raise from_refused(done.answer)
    count_issued(done.state)
    return done.answer


def count_issued(state: GrantState) -> None:
    """Counts what a redemption has issued."""
    metrics.TOKENS_ISSUED.labels("access_token", GRANT_TYPE).inc()
    if state.refresh is not None:
        metrics.TOKENS_ISSUED.labels("refresh_token", GRANT_TYPE).inc()
    if "openid" in state.scope:
        metrics.TOKENS_ISSUED.labels("id_token", GRANT_TYPE).inc()
