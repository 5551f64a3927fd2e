"""Login with a password: who are you? Every refusal is the same answer, at the same cost."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hmac import compare_digest

from structlog import get_logger

from grantlog import metrics
from grantlog.core.account.decide import username_name
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId
from grantlog.flows.accounts import username_hash
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session, begin_session

_log = get_logger(__name__)

ACCOUNT_RULE = "login_account"
ADDRESS_RULE = "login_address"
_NOISE_BYTES = 16
_DEVICE_BYTES = _NOISE_BYTES + 32


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who they said they are, they are."""

    session_cookie: str
    device_cookie: str
    session: Session


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """They are not, or may not; ``retry_after`` in seconds where it is too many attempts. Never says which."""

    retry_after: int = 0


async def log_in(
    service: Service, username: str, password: str, device: str | None, origin: Origin
) -> LoggedIn | LoginRefused:
    """Checks a password and begins a session. ``device``: the device cookie, where the browser has one.

    Only failures count, per account and per address. Whoever failed too often on an account from elsewhere does not lock
    out a device that has logged in to it before: that device has a bucket of its own.
    Raises UnavailableError when a store does not answer or too many passwords are being checked.
    """
    account, subject = await _find(service, username)
    noise = known_device(service, account, device)
    if noise is not None:
        subject = f"device:{noise.hex()}"
    throttle = service.ports.throttle
    for rule, of in ((ACCOUNT_RULE, subject), (ADDRESS_RULE, origin.subscriber)):
        wait = await throttle.peek(rule, of)
        if wait:
            metrics.THROTTLED.labels(rule).inc()
            return _refused("throttled", origin, wait)
    check = await service.ports.passwords.check(account, password)
    if account is None or not check.ok:
        waits = [await throttle.hit(ACCOUNT_RULE, subject), await throttle.hit(ADDRESS_RULE, origin.subscriber)]
        if any(waits):
            metrics.THROTTLED.labels(ACCOUNT_RULE if waits[0] else ADDRESS_RULE).inc()
        return _refused("wrong", origin, max(waits))
    # After the check, whose statement read the epoch: who is locked between the two closes a gate that was read open.
    loaded = await service.ports.log.load(account)
    if not isinstance(loaded.state, AccountState) or loaded.state.locked:
        return _refused("locked", origin)
    noise = noise or service.ports.secrets.random(_NOISE_BYTES)
    device_cookie = _device_text(service, account, noise)
    device_hash = service.ports.secrets.keyed_hash("device", device_cookie.encode())
    session_cookie, session = await begin_session(service, account, check.epoch, device_hash, origin)
    await throttle.clear(ACCOUNT_RULE, subject)
    metrics.LOGINS.labels("ok").inc()
    return LoggedIn(session_cookie, device_cookie, session)


async def _find(service: Service, username: str) -> tuple[StreamId | None, str]:
    """The account with this username, and what its failures are counted under: the same whether there is one or not."""
    hashed = username_hash(service, username)
    if hashed is None:
        return None, service.ports.secrets.keyed_hash("no username", username.encode()).hex()
    return await service.ports.log.bearer(username_name(hashed)), hashed.hex()


def known_device(service: Service, account: StreamId | None, cookie: str | None) -> bytes | None:
    """What names the device, where its cookie proves that it has logged in to this account before."""
    if account is None or cookie is None:
        return None
    try:
        raw = urlsafe_b64decode(cookie)
    except (Base64Error, ValueError):
        return None
    noise = raw[:_NOISE_BYTES]
    if len(raw) != _DEVICE_BYTES or not compare_digest(cookie.encode(), _device_text(service, account, noise).encode()):
        return None
    return noise


def _device_text(service: Service, account: StreamId, noise: bytes) -> str:
    """A device cookie: it tells nobody whose it is, and only for its account does it prove anything."""
    proof = service.ports.secrets.keyed_hash("device cookie", account.bytes + noise)
    return urlsafe_b64encode(noise + proof).decode()


def _refused(outcome: str, origin: Origin, retry_after: int = 0) -> LoginRefused:
    metrics.LOGINS.labels(outcome).inc()
    _log.info("login_refused", reason=outcome, request_id=origin.request_id)
    return LoginRefused(retry_after)
