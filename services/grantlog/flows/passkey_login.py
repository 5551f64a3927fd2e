"""Login with a passkey alone: who has the key, and has proven to it who he is, need not even say his name."""

from structlog import get_logger

from grantlog import metrics
from grantlog.core.decision import Origin
from grantlog.core.identifiers import seconds
from grantlog.core.protocol.acr import by_passkey, two_factors
from grantlog.flows import passkeys
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.browser_binding import binding
from grantlog.flows.known_device import known_device
from grantlog.flows.login import ADDRESS_RULE, LoginRefused
from grantlog.flows.second_factor import Goal
from grantlog.flows.service import Service

_log = get_logger(__name__)


async def options(service: Service, goal: Goal) -> str | None:
    """What ``navigator.credentials.get`` is asked, as JSON; None where there can be no passkey. Raises UnavailableError."""
    if passkeys.relying_party(service) is None:
        return None
    return passkeys.authentication_options(service, (), await passkeys.new_challenge(service, _about(goal)))


async def log_in_by_passkey(
    service: Service, answer: str, device: str | None, origin: Origin, *, goal: Goal, former: str | None = None
) -> LoggedIn | LoginRefused:
    """Checks the key's signature and begins a session. Every refusal is the same; failures count per address.

    Raises UnavailableError.
    """
    throttle, log = service.ports.throttle, service.ports.log
    wait = await throttle.peek(ADDRESS_RULE, origin.subscriber)
    if wait:
        metrics.THROTTLED.labels(ADDRESS_RULE).inc()
        return _refused("throttled", origin, wait)
    challenge = await passkeys.take_challenge(service, _about(goal))
    account = passkeys.claimed_account(answer)
    if challenge is None or account is None:
        return _refused("wrong", origin, await throttle.hit(ADDRESS_RULE, origin.subscriber))
    # Before the proof is looked at: a log-out of everybody from here on leaves the session dead.
    await service.gates.catch_up((await log.head()).gate_sequence)
    epoch = service.gates.epoch("account", str(account))
    used = await passkeys.prove(service, account, answer, challenge, origin)
    if used is None:
        return _refused("wrong", origin, await throttle.hit(ADDRESS_RULE, origin.subscriber))
    amr = two_factors((), by_passkey(synced=used.synced))
    proven = Proven(account, epoch, amr, known_device(service, account, device), seconds(log.now()))
    metrics.SECOND_FACTORS.labels("passkey_alone", "ok").inc()
    return await admit(service, proven, origin, former)


def _refused(outcome: str, origin: Origin, retry_after: int = 0) -> LoginRefused:
    metrics.SECOND_FACTORS.labels("passkey_alone", outcome).inc()
    _log.info("login_refused", reason=outcome, request_id=origin.request_id)
    return LoginRefused(retry_after)


def _about(goal: Goal) -> str:
    return f"login {goal.tx} {binding(goal.browser)}"
