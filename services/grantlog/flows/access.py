"""Which applications have access to an account: what is remembered of its consent, and the grants that are alive."""

from asyncio import gather
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from grantlog.core.account.state import AccountState, Consent
from grantlog.core.client.state import ClientState
from grantlog.core.grant.standing import closed_gate
from grantlog.core.grant.state import GrantState, live_tokens
from grantlog.core.identifiers import ClientId, Micros, StreamId
from grantlog.core.protocol.scope import OFFLINE_ACCESS
from grantlog.flows.service import Service
from grantlog.ports import FamilyRow

FAMILIES_READ = 500
"""So many of the account's newest grants are looked at."""
GRANTS_OF_CLIENT = 20
"""So many of them of any one client are loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one client may do with an account."""

    client_id: ClientId
    client: ClientState | None
    """None: it is not known any more."""
    scope: tuple[str, ...]
    given_at: Micros
    used_at: Micros | None
    """When it last came for a token; None: never that we know."""
    offline: bool
    """Whether it keeps its access when the session is over."""
    grants: int


async def who_has_access(service: Service, account: StreamId) -> Sequence[Access]:
    """Every client with access, the most recently used first. Raises UnavailableError."""
    loaded = await service.ports.log.load(account)
    await service.gates.catch_up(loaded.head.gate_sequence)
    consents = loaded.state.consents if isinstance(loaded.state, AccountState) else ()
    allowed = {consent.client_id: consent for consent in consents}
    rows: defaultdict[ClientId, list[FamilyRow]] = defaultdict(list)
    for row in await service.ports.queries.families(account=account, limit=FAMILIES_READ):
        rows[ClientId(row.client_id)].append(row)
    clients = dict.fromkeys((*allowed, *rows))
    found = await gather(*(_access(service, name, allowed.get(name), rows[name]) for name in clients))
    return sorted((each for each in found if each is not None), key=lambda each: -(each.used_at or each.given_at))


async def _access(
    service: Service, client_id: ClientId, consent: Consent | None, rows: Sequence[FamilyRow]
) -> Access | None:
    grants = await _alive(service, rows)
    if consent is None and not grants:
        return None
    known = await service.clients.find(client_id)
    scope = dict.fromkeys(consent.scope if consent else ())
    scope.update(dict.fromkeys(token for grant in grants for token in grant.scope))
    given = [grant.born for grant in grants] if consent is None else [consent.given_at]
    used = [row.used_at for row in rows if row.used_at]
    return Access(
        client_id=client_id,
        client=None if known is None else known.state,
        scope=tuple(scope),
        given_at=min(given),
        used_at=Micros(max(used)) if used else None,
        offline=any(OFFLINE_ACCESS in grant.scope for grant in grants),
        grants=len(grants),
    )


async def _alive(service: Service, rows: Sequence[FamilyRow]) -> Sequence[GrantState]:
    """The grants among these by which a client could still get or use a token. What the tables say may lag; the log does not."""
    streams = [row.stream for row in rows if row.revoked is None][:GRANTS_OF_CLIENT]
    now = service.ports.log.now()
    states = [loaded.state for loaded in await gather(*(service.ports.log.load(stream) for stream in streams))]
    return [state for state in states if isinstance(state, GrantState) and _usable(service, state, now)]


def _usable(service: Service, state: GrantState, now: Micros) -> bool:
    if state.revoked is not None or now >= state.expires_at:
        return False
    if closed_gate(state.stamps, now, service.gates.map) is not None:
        return False
    waiting = state.code is not None and not state.code.redeemed and now < state.code.expires_at
    renewable = state.refresh is not None and now < state.refresh.expires_at
    return waiting or renewable or bool(live_tokens(state, now))
