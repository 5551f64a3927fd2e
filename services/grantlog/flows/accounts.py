"""What operators do with accounts, and how an account is found by its username."""

from collections.abc import Callable, Mapping
from json import dumps, loads
from typing import Any

from grantlog.core.account import decide
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.account.username import normalise
from grantlog.core.decision import Decision, Origin, Refused
from grantlog.core.identifiers import StreamId, seconds
from grantlog.core.protocol.claims import USERNAME, check_profile
from grantlog.flows.handle import Prepared, RejectedError, begin, handle, plain
from grantlog.flows.operators import CommandRefusedError, birth, settle
from grantlog.flows.service import Service
from grantlog.ports import Loaded

PROFILE = b"account.profile"
_TAKEN = Refused("invalid_request", "the username is taken", "username_taken")
_UNKNOWN = Refused("invalid_request", "the account is not known", "account_unknown")
_MALFORMED = Refused("invalid_request", "this cannot be a username", "username_malformed")

_Rule = Callable[[AccountState | None], Decision[Refused | None]]


def username_hash(service: Service, username: str) -> bytes | None:
    """The keyed hash by which the log knows a username, however it is spelt; None for what cannot be one."""
    folded = normalise(username)
    return None if folded is None else service.ports.secrets.keyed_hash("username", folded)


async def find_account(service: Service, username: str) -> StreamId | None:
    """The account with this username; None where there is none. Raises UnavailableError."""
    hashed = username_hash(service, username)
    return None if hashed is None else await service.ports.log.bearer(decide.username_name(hashed))


async def known_account(service: Service, username: str) -> StreamId:
    """The account with this username. Raises CommandRefusedError (``account_unknown``), UnavailableError."""
    account = await find_account(service, username)
    if account is None:
        raise CommandRefusedError(_UNKNOWN)
    return account


async def create_account(
    service: Service, username: str, password: str, origin: Origin, profile: Mapping[str, Any] | None = None
) -> StreamId:
    """A new account. Its profile, the username in it, stands on the log under the account's own data key only.

    ``profile``: standard claims (OpenID Connect Core section 5.1), ``roles``, ``groups`` and ``entitlements``. Raises
    CommandRefusedError (``username_taken``, ``username_malformed``), ValueError for a claim or password that cannot be one,
    UnavailableError.
    """
    ports = service.ports
    hashed = username_hash(service, username)
    if hashed is None:
        raise CommandRefusedError(_MALFORMED)
    if await ports.log.bearer(decide.username_name(hashed)) is not None:
        raise CommandRefusedError(_TAKEN)
    claims = check_profile({**(profile or {}), USERNAME: username})
    account = ports.log.mint()
    await ports.passwords.set(account, password)
    box = await _protected(service, account, claims)
    decision = decide.create(None, decide.Create(username_hash=hashed, profile=box), ports.log.now())
    try:
        await begin(service, account, evolve, birth(decision), origin)
    except RejectedError:
        # never born: what was stored for it is nobody's. After an UnavailableError it may have been born after all.
        await ports.data_keys.erase(account)
        await ports.passwords.remove(account)
        raise CommandRefusedError(_TAKEN) from None
    return account


async def set_password(service: Service, username: str, password: str, cause: str, origin: Origin) -> StreamId:
    """Replaces a password and ends every session and grant of the account. Returns when every reader knows.

    The hash is replaced before the gate closes: whoever still logs in by the old password stamps what the gate kills.
    Raises CommandRefusedError (``account_unknown``), ValueError for a password that cannot be one, and UnavailableError
    while a reader may not know yet: try again.
    """
    account = await known_account(service, username)
    await service.ports.passwords.set(account, password)
    await _command(service, account, lambda state: decide.change_password(state, account, cause), origin)
    return account


async def change_profile(service: Service, username: str, changes: Mapping[str, Any], origin: Origin) -> StreamId:
    """Sets claims of an account; None takes one away. What was issued before goes on, and tells the new ones.

    Raises CommandRefusedError (``account_unknown``), ValueError for what cannot be a claim, UnavailableError.
    """
    if USERNAME in changes:
        raise ValueError("the username is no claim: it cannot be changed here")
    account = await known_account(service, username)

    async def rule(loaded: Loaded) -> Prepared[Refused | None]:
        known = None if loaded.state is None else await read_profile(service, account, loaded.state)
        if known is None:
            raise CommandRefusedError(_UNKNOWN)
        changed = {**known, "updated_at": seconds(service.ports.log.now()), **changes}
        kept = check_profile({name: value for name, value in changed.items() if value is not None})
        decision = decide.change_profile(loaded.state, await _protected(service, account, kept))
        return Prepared(event=decision.event, answer=decision.answer)

    settle((await handle(service, account, evolve, rule, origin)).answer)
    return account


async def lock(service: Service, username: str, cause: str, origin: Origin) -> StreamId:
    """Locks an account and ends every session and grant of it. Returns when every reader knows.

    Raises CommandRefusedError (``account_unknown``), UnavailableError while a reader may not know yet: try again.
    """
    account = await known_account(service, username)
    await _command(service, account, lambda state: decide.lock(state, account, cause), origin)
    return account


async def unlock(service: Service, username: str, cause: str, origin: Origin) -> StreamId:
    """Lets the person log in again. Raises CommandRefusedError (``account_unknown``), UnavailableError."""
    account = await known_account(service, username)
    await _command(service, account, lambda state: decide.unlock(state, account, cause), origin)
    return account


async def read_profile(service: Service, account: StreamId, state: AccountState) -> Mapping[str, Any] | None:
    """What the account says of its person; None when it was erased. Raises UnavailableError."""
    text = await service.ports.data_keys.reveal(account, PROFILE, state.profile)
    if text is None:
        return None
    profile: Mapping[str, Any] = loads(text)
    return profile


async def _protected(service: Service, account: StreamId, profile: Mapping[str, Any]) -> bytes:
    text = dumps(profile, separators=(",", ":"), sort_keys=True)
    return await service.ports.data_keys.protect(account, PROFILE, text.encode())


async def _command(service: Service, account: StreamId, rule: _Rule, origin: Origin) -> None:
    done = await handle(service, account, evolve, plain(rule, denies=True), origin)
    settle(done.answer)
