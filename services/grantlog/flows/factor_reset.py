"""What an operator does for somebody who lost everything: all second factors and recovery codes go, and what they opened ends."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from grantlog.core.account import factors
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.decision import Decision, Origin, Refused
from grantlog.core.identifiers import StreamId
from grantlog.flows import totp
from grantlog.flows.accounts import known_account
from grantlog.flows.handle import handle, plain
from grantlog.flows.operators import settle
from grantlog.flows.service import Service

_Rule = Callable[[AccountState | None], Decision[Refused | None]]


async def reset_second_factor(service: Service, username: str, origin: Origin) -> StreamId:
    """Removes every factor and recovery code of an account, each on the log; every session and grant from before is dead when it
    returns. Interrupted, it may be repeated.

    Raises CommandRefusedError (``account_unknown``), UnavailableError while a reader may not know yet.
    """
    account = await known_account(service, username)
    # codes first: none of them may open what has no factor any more, and be read as a proof of one
    await _command(service, account, lambda state: factors.void_recovery_codes(state, account), origin)
    state = (await service.ports.log.load(account)).state
    for factor in state.factors:
        await _command(service, account, _removal(account, factor.id), origin)
        await service.ports.kept.forget(factor.id, totp.PURPOSE)
    return account


def _removal(account: StreamId, factor: UUID) -> _Rule:
    return lambda state: factors.remove(state, account, factor)


async def _command(service: Service, account: StreamId, rule: _Rule, origin: Origin) -> None:
    # each step is an attempt of its own: with one request id the second append would be taken for the first again
    step = replace(origin, request_id=service.ports.secrets.random(16).hex())
    settle((await handle(service, account, evolve, plain(rule, denies=True), step)).answer)
