"""An operator takes tokens back: one access token, or a family. Returns when every reader knows."""

from grantlog.core.decision import Origin
from grantlog.core.grant import decide
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import StreamId
from grantlog.flows.examine_token import examine_family, examine_token, find
from grantlog.flows.handle import handle, plain
from grantlog.flows.operators import settle
from grantlog.flows.service import Service

CAUSE = "operator"


async def withdraw_family(service: Service, stream: StreamId, origin: Origin) -> bool:
    """Revokes a family as a whole; False where it was revoked before.

    Raises CommandRefusedError where there is none, UnavailableError while a reader may not know yet: try again.
    """
    await examine_family(service, stream)
    rule = plain(lambda state: decide.revoke_family(state, None, CAUSE), denies=True)
    done = await handle(service, stream, evolve, rule, origin)
    settle(done.answer)
    return done.appended


async def withdraw_token(service: Service, text: str, origin: Origin, *, family: bool) -> bool:
    """Revokes one access token, or its family; of any other token always the family. False where it was dead before.

    Raises CommandRefusedError where it is none of ours, UnavailableError while a reader may not know yet: try again.
    """
    examined = await examine_token(service, text)
    located = find(service, text)
    assert located is not None, "it was examined"
    if family or examined.kind != "access_token":
        return await withdraw_family(service, located.handle.stream, origin)
    rule = plain(lambda state: decide.revoke_access_token(state, None, located.hash), denies=True)
    done = await handle(service, located.handle.stream, evolve, rule, origin)
    settle(done.answer)
    return done.appended
