"""The second step of a login, and the step up of a session: something one has, after something one knows.

What was proven before waits in Redis under the id of the authorization request, bound to the browser like that. A session
begins only when the step is done, and carries the epoch that was read with the first proof.
"""

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from json import dumps, loads
from typing import Literal
from uuid import UUID

from structlog import get_logger

from grantlog import metrics
from grantlog.core.account.factors import of_kind
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.acr import BY_RECOVERY_CODE, BY_TOTP, MFA, by_passkey, reachable, satisfies, two_factors
from grantlog.flows import passkeys, recovery, totp
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.browser_binding import belongs, binding
from grantlog.flows.known_device import failures_of, known_device
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session, find_session

_log = get_logger(__name__)

KIND = "second_factor"
RULE = "second_factor"
LIFETIME = 300
"""Seconds for the step; it ends with the login that it belongs to at the latest."""
Way = Literal["totp", "recovery_code", "passkey"]


@dataclass(frozen=True, slots=True)
class Goal:
    """The request that a login is for, and the browser it happens in."""

    tx: str
    browser: str
    """The pre-login cookie."""


@dataclass(frozen=True, slots=True)
class Step:
    """A login whose first half is done."""

    proven: Proven
    goal: Goal
    session: str = ""
    """Of a step up: the session that it goes on with, and not beyond its end."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page can ask for."""

    totp: bool
    recovery_codes: bool
    passkey_options: str | None
    """For ``navigator.credentials.get``, as JSON."""


@dataclass(frozen=True, slots=True)
class NotProven:
    """It is not; ``retry_after`` in seconds where it is too many attempts."""

    retry_after: int = 0


def meets(session: Session, wanted: Collection[str]) -> bool:
    """Whether the session's authentication is of one of the classes ``wanted`` (RFC 9470 section 4), or worth more."""
    return satisfies(session.state.acr, wanted)


async def can_meet(service: Service, account: StreamId, wanted: Collection[str]) -> bool:
    """Whether this person could meet one of ``wanted`` by logging in with what is enrolled. Raises UnavailableError."""
    return reachable(wanted, second_factor=await enrolled(service, account))


async def enrolled(service: Service, account: StreamId) -> bool:
    """Whether the account has a second factor. Raises UnavailableError."""
    state = (await service.ports.log.load(account)).state
    return isinstance(state, AccountState) and bool(state.factors)


async def ask(service: Service, proven: Proven, goal: Goal, session: str = "") -> Step:
    """Keeps what is proven until the second factor is. Raises UnavailableError."""
    noise = None if proven.noise is None else b64encode(proven.noise).decode()
    kept = {
        "account": str(proven.account),
        "epoch": proven.epoch,
        "amr": proven.amr,
        "noise": noise,
        "auth_time": proven.auth_time,
        "binding": binding(goal.browser),
        "session": session,
    }
    lifetime = min(LIFETIME, service.policy.login_lifetime)
    await service.ports.transactions.put(KIND, goal.tx, dumps(kept).encode(), lifetime)
    return Step(proven, goal, session)


async def step_up(service: Service, session: Session, device: str | None, goal: Goal) -> Step | None:
    """A step that makes two factors of a session's one; None where nothing is enrolled, or both were proven.

    The step says when the first factor was proven, and takes the epoch that the session has. Raises UnavailableError.
    """
    if meets(session, (MFA,)) or not await enrolled(service, session.account):
        return None
    proven = Proven(
        account=session.account,
        epoch=epoch_of(session),
        amr=session.state.amr,
        noise=known_device(service, session.account, device),
        auth_time=session.state.auth_time,
    )
    return await ask(service, proven, goal, str(session.stream))


def epoch_of(session: Session) -> int:
    """The epoch of the account's gate that the session was stamped with."""
    return next(stamp.epoch for stamp in session.state.stamps if stamp.kind == "account")


async def find(service: Service, goal: Goal) -> Step | None:
    """The step that is left of this login, where there is one in this browser. Raises UnavailableError."""
    return _read(await service.ports.transactions.get(KIND, goal.tx), goal)


async def asked(service: Service, step: Step) -> Asked:
    """What the person can prove it with; a challenge for the passkeys goes with it. Raises UnavailableError."""
    state = (await service.ports.log.load(step.proven.account)).state
    if not isinstance(state, AccountState):
        return Asked(totp=False, recovery_codes=False, passkey_options=None)
    keys, options = of_kind(state, "passkey"), None
    if keys and passkeys.relying_party(service) is not None:
        challenge = await passkeys.new_challenge(service, _about(step))
        options = passkeys.authentication_options(service, keys, challenge)
    return Asked(totp=bool(of_kind(state, "totp")), recovery_codes=bool(state.recovery_codes), passkey_options=options)


async def prove(
    service: Service, step: Step, way: Way, answer: str, origin: Origin, former: str | None = None
) -> LoggedIn | NotProven | None:
    """Checks one answer; a session where it is right, and None where the step is over meanwhile. ``former``: the session cookie.

    Every attempt counts before it is checked, so that many at once are as many; a good one clears the count. A known device
    has a count of its own. Raises UnavailableError.
    """
    if step.session and not await _goes_on(service, step, former):
        await service.ports.transactions.take(KIND, step.goal.tx)
        return None
    subject = failures_of(step.proven.account, step.proven.noise)
    wait = await service.ports.throttle.hit(RULE, subject)
    if wait:
        metrics.THROTTLED.labels(RULE).inc()
        return _not_proven(way, "throttled", origin, wait)
    amr = await _WAYS[way](service, step, answer, origin)
    if amr is None:
        return _not_proven(way, "wrong", origin)
    if await service.ports.transactions.take(KIND, step.goal.tx) is None:
        return None
    await service.ports.throttle.clear(RULE, subject)
    before = step.proven
    proven = Proven(before.account, before.epoch, two_factors(before.amr, amr), before.noise, before.auth_time)
    metrics.SECOND_FACTORS.labels(way, "ok").inc()
    return await admit(service, proven, origin, former)


async def _goes_on(service: Service, step: Step, former: str | None) -> bool:
    """Whether the session that is stepped up is still the one in this browser."""
    session = await find_session(service, former)
    return session is not None and str(session.stream) == step.session


async def _by_totp(service: Service, step: Step, answer: str, origin: Origin) -> tuple[str, ...] | None:
    return BY_TOTP if await totp.prove(service, step.proven.account, answer, origin) else None


async def _by_recovery_code(service: Service, step: Step, answer: str, origin: Origin) -> tuple[str, ...] | None:
    return BY_RECOVERY_CODE if await recovery.prove(service, step.proven.account, answer, origin) else None


async def _by_passkey(service: Service, step: Step, answer: str, origin: Origin) -> tuple[str, ...] | None:
    challenge = await passkeys.take_challenge(service, _about(step))
    if challenge is None:
        return None
    used = await passkeys.prove(service, step.proven.account, answer, challenge, origin)
    return None if used is None else by_passkey(synced=used.synced)


_WAYS: dict[Way, Callable[[Service, Step, str, Origin], Awaitable[tuple[str, ...] | None]]] = {
    "totp": _by_totp,
    "recovery_code": _by_recovery_code,
    "passkey": _by_passkey,
}


def _not_proven(way: Way, outcome: str, origin: Origin, retry_after: int = 0) -> NotProven:
    metrics.SECOND_FACTORS.labels(way, outcome).inc()
    _log.info("second_factor_refused", factor=way, reason=outcome, request_id=origin.request_id)
    return NotProven(retry_after)


def _about(step: Step) -> str:
    return f"step {step.goal.tx}"


def _read(stored: bytes | None, goal: Goal) -> Step | None:
    if stored is None:
        return None
    kept = loads(stored)
    if not belongs(kept["binding"], goal.browser):
        return None
    proven = Proven(
        account=StreamId(UUID(kept["account"])),
        epoch=kept["epoch"],
        amr=tuple(kept["amr"]),
        noise=None if kept["noise"] is None else b64decode(kept["noise"]),
        auth_time=kept["auth_time"],
    )
    return Step(proven, goal, kept["session"])
