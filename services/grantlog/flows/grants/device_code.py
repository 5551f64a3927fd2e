"""RFC 8628 section 3.4: a device polls until its user has answered, and gets the first tokens of a family once."""

from hashlib import sha256
from hmac import compare_digest
from typing import Final

from grantlog import metrics
from grantlog.core.decision import Refused
from grantlog.core.grant import decide
from grantlog.core.grant.state import GrantState, evolve
from grantlog.core.identifiers import MICROS
from grantlog.core.protocol import device, token_text
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.token_text import Kind, Presented
from grantlog.flows import device_records, first_tokens, mint
from grantlog.flows.device import refused_poll
from grantlog.flows.device_records import DeviceRequest
from grantlog.flows.handle import Prepared, handle, refuse_closed
from grantlog.flows.service import Service
from grantlog.flows.token_request import TokenRequest
from grantlog.ports import Loaded

GRANT_TYPE: Final = device.GRANT_TYPE
PARAMETERS: Final = first_tokens.PARAMETERS | {"device_code"}
_WAITING = frozenset({"authorization_pending", "slow_down"})


async def redeem(service: Service, request: TokenRequest) -> bytes:
    """Access, refresh and ID token of a new family.

    Raises ProtocolError authorization_pending, slow_down, access_denied, expired_token, invalid_grant (section 3.5), and
    what the first tokens of any code raise. A device whose polls cross is refused, and harms nobody.
    """
    text = request.parameters.require("device_code")
    code = token_text.read(text, Kind.DEVICE, service.ports.secrets.token_mac_keys(), service.policy.token_prefix)
    if code is None:
        raise ProtocolError("invalid_grant", "the device code is not known", "device_code_malformed")
    expired = code.handle.expires_at * MICROS <= service.ports.log.now()
    polled = None if expired else await device_records.polled(service, code.handle.stream)
    if polled is not None:
        _own(polled[0], request, code)
        if polled[0].status != "allowed":
            raise _refusal(refused_poll(polled[0], too_soon=polled[1]))
    return await _redeem(service, request, code, None if polled is None else polled[0])


def _own(kept: DeviceRequest, request: TokenRequest, code: Presented) -> None:
    """Raises invalid_grant for a device code that is not the one, or that is another client's."""
    if kept.client_id != request.client.client.state.client_id:
        raise ProtocolError("invalid_grant", "the device code was issued to another client", "device_code_other_client")
    if not compare_digest(kept.code_hash, sha256(code.secret).digest()):
        raise ProtocolError("invalid_grant", "the device code is not known", "device_code_unknown")


async def _redeem(service: Service, request: TokenRequest, code: Presented, kept: DeviceRequest | None) -> bytes:
    stream = code.handle.stream
    command = decide.RedeemDeviceCode(
        client_id=request.client.client.state.client_id, code_hash=sha256(code.secret).digest()
    )

    async def rule(loaded: Loaded) -> Prepared[bytes | Refused]:
        now = service.ports.log.now()
        state: GrantState | None = loaded.state
        if state is None:
            # it is being allowed at this moment; or it has expired, or what was kept of it is lost
            return Prepared(event=None, answer=refused_poll(kept, too_soon=False), replays=request.replays)
        decision = decide.redeem_device_code(state, command, now)
        if isinstance(decision.answer, Refused):
            return Prepared(event=None, answer=decision.answer, replays=request.replays)
        refuse_closed(service, state)
        place = mint.Place(stream, loaded.version + 1)
        event, body = await first_tokens.first_tokens(service, request, place, state, now)
        return Prepared(event=event, answer=body, replays=request.replays)

    done = await handle(service, stream, evolve, rule, request.origin)
    if isinstance(done.answer, Refused):
        raise _refusal(done.answer)
    metrics.DEVICE.labels("redeemed").inc()
    first_tokens.count_issued(done.state, "device_code")
    return done.answer


def _refusal(refused: Refused) -> ProtocolError:
    """RFC 8628 section 3.5: the errors of RFC 6749 section 5.2, all of them with the status 400."""
    metrics.DEVICE.labels("polled" if refused.error in _WAITING else refused.reason).inc()
    return ProtocolError(refused.error, refused.description, refused.reason, status=400)
