"""Who an identity of another OpenID provider is here: an account that has it, that gets it, or that is made for it.

How the person authenticated there is not known here, so ``amr`` says nothing of it, and ``acr`` that it was elsewhere. A
second factor that is enrolled here is asked for here.
"""

from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from json import dumps
from typing import Any

from grantlog import metrics
from grantlog.core.account import decide, upstream
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.acr import FEDERATED
from grantlog.core.protocol.claims import USERNAME, check_profile
from grantlog.core.protocol.upstream import UpstreamError, profile_of
from grantlog.flows import second_factor
from grantlog.flows.accounts import PROFILE, username_hash
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.handle import RejectedError, begin, handle, plain
from grantlog.flows.known_device import known_device
from grantlog.flows.operators import CommandRefusedError, birth, settle
from grantlog.flows.second_factor import Goal
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session
from grantlog.flows.upstream import Identity
from grantlog.ports import UnavailableError

_NAME_BYTES = 5
"""Of a generated username: eight letters and digits."""
_TRIES = 4


async def log_in(
    service: Service, identity: Identity, goal: Goal, device: str | None, origin: Origin, former: str | None
) -> LoggedIn | None:
    """Begins a session of the account that has the identity; None where its second factor is to be asked for first.

    Raises UpstreamError for an identity that is nobody's, UnavailableError.
    """
    hashed = _hash(service, identity)
    account = await service.ports.log.bearer(upstream.identity_name(hashed))
    if account is None:
        if not identity.provider.creates_accounts:
            raise UpstreamError("upstream_unknown")
        account = await _create(service, identity, hashed, origin)
    await service.gates.catch_up((await service.ports.log.head()).gate_sequence)
    # before the account is looked at: who is locked between the two closes a gate that was read open
    epoch = service.gates.epoch("account", str(account))
    state = (await service.ports.log.load(account)).state
    if not isinstance(state, AccountState) or state.locked:
        raise UpstreamError("upstream_locked")
    proven = Proven(account, epoch, (), known_device(service, account, device), identity.auth_time)
    if state.factors:
        await second_factor.ask(service, proven, goal)
        metrics.UPSTREAM.labels("second_factor").inc()
        return None
    metrics.UPSTREAM.labels("logged_in").inc()
    return await admit(service, proven, origin, former, acr=FEDERATED)


async def link(service: Service, identity: Identity, session: Session, origin: Origin) -> None:
    """Links the identity to the account of the session that began this. Raises UpstreamError, UnavailableError."""
    if identity.begun.link != str(session.stream):
        raise UpstreamError("upstream_link_session")
    hashed = _hash(service, identity)
    bearer = await service.ports.log.bearer(upstream.identity_name(hashed))
    if bearer == session.account:
        return
    if bearer is not None:
        raise UpstreamError("upstream_linked_elsewhere")
    rule = plain(lambda state: upstream.link(state, hashed, identity.provider.issuer))
    try:
        settle((await handle(service, session.account, evolve, rule, replace(origin, account=session.account))).answer)
    except RejectedError:
        raise UpstreamError("upstream_linked_elsewhere") from None
    except CommandRefusedError:
        raise UpstreamError("upstream_locked") from None
    metrics.UPSTREAM.labels("linked").inc()


async def linked(service: Service, session: Session) -> tuple[str, ...]:
    """The issuers of the identities that the session's account has. Raises UnavailableError."""
    state = (await service.ports.log.load(session.account)).state
    return state.upstream if isinstance(state, AccountState) else ()


async def _create(service: Service, identity: Identity, hashed: bytes, origin: Origin) -> StreamId:
    """A new account for the identity; the one that was made for it at the same moment, where somebody was faster."""
    for _ in range(_TRIES):
        account = await _created(service, identity, hashed, origin)
        if account is not None:
            return account
        known = await service.ports.log.bearer(upstream.identity_name(hashed))
        if known is not None:
            return known
    raise UnavailableError("no username is free")


async def _created(service: Service, identity: Identity, hashed: bytes, origin: Origin) -> StreamId | None:
    """None: its username, or the identity, is somebody's meanwhile."""
    log = service.ports.log
    noise = b32encode(service.ports.secrets.random(_NAME_BYTES)).decode().lower()
    username = f"{identity.provider.name}-{noise}"
    named = username_hash(service, username)
    assert named is not None, "a provider's name is letters, digits and dashes"
    account = log.mint()
    profile: Mapping[str, Any] = check_profile({**profile_of(identity.claims), USERNAME: username})
    text = dumps(profile, separators=(",", ":"), sort_keys=True)
    box = await service.ports.data_keys.protect(account, PROFILE, text.encode())
    command = decide.Create(username_hash=named, profile=box)
    try:
        await begin(service, account, evolve, birth(upstream.create_for(command, hashed, log.now())), origin)
    except RejectedError:
        await service.ports.data_keys.erase(account)
        return None
    issuer = identity.provider.issuer
    who = replace(origin, account=account, request_id=f"{origin.request_id}.link")
    await handle(service, account, evolve, plain(lambda state: upstream.note(state, hashed, issuer)), who)
    metrics.UPSTREAM.labels("created").inc()
    return account


def _hash(service: Service, identity: Identity) -> bytes:
    return service.ports.secrets.keyed_hash(
        upstream.LABEL, upstream.identity_input(identity.provider.issuer, identity.subject)
    )
