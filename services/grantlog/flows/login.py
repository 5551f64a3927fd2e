"""Login with a password: who are you? Every refusal is the same answer, at the same cost.

A right password of somebody who has a second factor is half a login: it says so, and begins nothing.
"""

from dataclasses import dataclass

from structlog import get_logger

from grantlog import metrics
from grantlog.core.account.decide import username_name
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId, seconds
from grantlog.core.protocol.acr import BY_PASSWORD
from grantlog.flows import second_factor
from grantlog.flows.accounts import username_hash
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.known_device import known_device
from grantlog.flows.second_factor import Goal
from grantlog.flows.service import Service

_log = get_logger(__name__)

ACCOUNT_RULE = "login_account"
ADDRESS_RULE = "login_address"


@dataclass(frozen=True, slots=True)
class SecondFactorNeeded:
    """The password is right, and not enough."""


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """They are not, or may not; ``retry_after`` in seconds where it is too many attempts. Never says which."""

    retry_after: int = 0


async def log_in(  # what was typed, what the browser holds, where it leads
    service: Service,
    username: str,
    password: str,
    device: str | None,
    origin: Origin,
    *,
    goal: Goal,
    former: str | None = None,
) -> LoggedIn | SecondFactorNeeded | LoginRefused:
    """Checks a password and begins a session, or asks for the second factor. ``device`` and ``former``: the device and session
    cookies, where the browser has them.

    Only failures count, per account and per address; on an account every attempt does before it is checked, so that many at
    once are as many, and a good one clears the count. Whoever failed too often on an account from elsewhere does not lock out a
    device that has logged in to it before: that device has a bucket of its own.
    Raises UnavailableError when a store does not answer or too many passwords are being checked.
    """
    account, subject = await _find(service, username)
    noise = known_device(service, account, device)
    if noise is not None:
        subject = f"device:{noise.hex()}"
    throttle = service.ports.throttle
    wait = await throttle.peek(ADDRESS_RULE, origin.subscriber)
    if wait:
        return _throttled(ADDRESS_RULE, origin, wait)
    wait = await throttle.hit(ACCOUNT_RULE, subject)
    if wait:
        return _throttled(ACCOUNT_RULE, origin, wait)
    check = await service.ports.passwords.check(account, password)
    if account is None or not check.ok:
        wait = await throttle.hit(ADDRESS_RULE, origin.subscriber)
        return _throttled(ADDRESS_RULE, origin, wait) if wait else _refused("wrong", origin)
    # After the check, whose statement read the epoch: who is locked between the two closes a gate that was read open.
    loaded = await service.ports.log.load(account)
    if not isinstance(loaded.state, AccountState) or loaded.state.locked:
        return _refused("locked", origin)
    await throttle.clear(ACCOUNT_RULE, subject)
    proven = Proven(account, check.epoch, BY_PASSWORD, noise, seconds(service.ports.log.now()))
    if loaded.state.factors:
        metrics.LOGINS.labels("second_factor").inc()
        await second_factor.ask(service, proven, goal)
        return SecondFactorNeeded()
    admitted = await admit(service, proven, origin, former)
    metrics.LOGINS.labels("ok").inc()
    return admitted


async def _find(service: Service, username: str) -> tuple[StreamId | None, str]:
    """The account with this username, and what its failures are counted under: the same whether there is one or not."""
    hashed = username_hash(service, username)
    if hashed is None:
        return None, service.ports.secrets.keyed_hash("no username", username.encode()).hex()
    return await service.ports.log.bearer(username_name(hashed)), hashed.hex()


def _throttled(rule: str, origin: Origin, wait: int) -> LoginRefused:
    metrics.THROTTLED.labels(rule).inc()
    return _refused("throttled", origin, wait)


def _refused(outcome: str, origin: Origin, retry_after: int = 0) -> LoginRefused:
    metrics.LOGINS.labels(outcome).inc()
    _log.info("login_refused", reason=outcome, request_id=origin.request_id)
    return LoginRefused(retry_after)
