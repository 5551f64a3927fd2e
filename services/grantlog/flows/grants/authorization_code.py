"""RFC 6749 section 4.1.3 with RFC 7636: a code, once, for the first tokens of a family."""

from hashlib import sha256
from typing import Final

from grantlog import metrics
from grantlog.core.decision import Refused
from grantlog.core.grant import decide
from grantlog.core.grant.events import Confirmation
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.protocol import pkce, token_text
from grantlog.core.protocol.errors import ProtocolError, from_refused
from grantlog.core.protocol.token_text import Kind
from grantlog.flows import first_tokens, mint
from grantlog.flows.handle import Prepared, handle, refuse_closed
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest
from grantlog.ports import Loaded

GRANT_TYPE: Final = "authorization_code"
PARAMETERS: Final = first_tokens.PARAMETERS | {"code", "redirect_uri", "code_verifier"}


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """Access, refresh and ID token of a new family.

    Raises ProtocolError invalid_grant, invalid_request, invalid_target, invalid_authorization_details. A replay with every
    proof revokes the family before it is refused.
    """
    secrets = service.ports.secrets
    client, parameters, origin = request.client, request.parameters, request.origin
    text, verifier = parameters.require("code"), parameters.get("code_verifier")
    # RFC 7636 4.5: its form is checked before it is hashed
    challenge = None if verifier is None else pkce.challenge_of(verifier)
    code = token_text.read(text, Kind.CODE, secrets.token_mac_keys(), service.policy.token_prefix)
    if code is None:
        raise ProtocolError("invalid_grant", "the code is not known", "code_malformed")
    command = decide.RedeemCode(
        client_id=client.client.state.client_id,
        code_hash=sha256(code.secret).digest(),
        redirect_uri=parameters.get("redirect_uri"),
        challenge=challenge,
        presented_version=code.handle.version,
        jkt=_jkt(request.sender.confirmation),
    )
    stream = code.handle.stream

    async def rule(loaded: Loaded) -> Prepared[bytes | Refused]:
        now = service.ports.log.now()
        state: GrantState | None = loaded.state
        decision = decide.redeem_code(state, command, now)
        if isinstance(decision.answer, Refused):
            dead = decision.event is not None or (state is not None and state.revoked is not None)
            return Prepared(event=decision.event, answer=decision.answer, denies=dead, replays=request.replays)
        assert state is not None
        refuse_closed(service, state)
        place = mint.Place(stream, loaded.version + 1)
        event, body = await first_tokens.first_tokens(service, request, place, state, now)
        return Prepared(event=event, answer=body, replays=request.replays)

    done = await handle(service, stream, evolve, rule, origin)
    if isinstance(done.answer, Refused):
        if done.appended:
            metrics.REVOCATIONS.labels("family", "code_replay").inc()
        raise from_refused(done.answer)
    first_tokens.count_issued(done.state, GRANT_TYPE)
    return done.answer


def _jkt(confirmation: Confirmation | None) -> str | None:
    """The DPoP key that was proven; a certificate is none."""
    return confirmation.thumbprint if confirmation is not None and confirmation.method == "jkt" else None
