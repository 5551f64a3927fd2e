"""Time-based one-time passwords (RFC 6238), as every authenticator has them: SHA-1, 6 digits, 30 seconds.

The key is kept sealed under the root key, its owner the factor; the log holds which time step was used last.
"""

from base64 import b32encode
from hmac import compare_digest
from uuid import UUID

from pyotp import TOTP

from grantlog.core.account.factors import of_kind, use
from grantlog.core.account.state import AccountState, evolve
from grantlog.core.decision import Origin
from grantlog.core.identifiers import Micros, StreamId, seconds
from grantlog.flows.handle import handle, plain
from grantlog.flows.service import Service

PURPOSE = "totp"
# RFC 4226 4: "The length of the shared secret MUST be at least 128 bits. This document RECOMMENDs a shared secret length of 160
# bits."
KEY_BYTES = 20
STEP = 30
DIGITS = 6
# RFC 6238 5.2: "at most one time step is allowed as the network delay"; the other way for a clock that is ahead
WINDOW = (-1, 0, 1)


def matching_step(key: bytes, code: str, now: Micros) -> int | None:
    """The time step whose code this is, within the window; None where it is none."""
    given = "".join(code.split())
    if len(given) != DIGITS or not given.isascii() or not given.isdigit():
        return None
    totp, current = _totp(key), seconds(now) // STEP
    # every step is compared, whichever fits: the time it takes says nothing
    fitting = [step for offset in WINDOW if _same(totp.generate_otp(step := current + offset), given)]
    return fitting[-1] if fitting else None


def provisioning_uri(key: bytes, username: str, issuer: str) -> str:
    """The ``otpauth`` URI that an authenticator reads from the QR code."""
    return _totp(key).provisioning_uri(name=username, issuer_name=issuer)


def as_text(key: bytes) -> str:
    """The key as it is typed in (RFC 4648 section 6), in groups of four."""
    text = b32encode(key).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


async def prove(service: Service, account: StreamId, code: str, origin: Origin) -> bool:
    """Whether ``code`` is one of the account's, and was not used yet. Of two that come with it, one wins.

    Raises UnavailableError.
    """
    loaded = await service.ports.log.load(account)
    known = of_kind(loaded.state, "totp") if isinstance(loaded.state, AccountState) else ()
    if not known:
        return False
    factor = known[0].id
    key = await service.ports.kept.recall(factor, PURPOSE)
    step = None if key is None else matching_step(key, code, service.ports.log.now())
    return step is not None and await spend(service, account, factor, step, origin)


async def spend(service: Service, account: StreamId, factor: UUID, counter: int, origin: Origin) -> bool:
    """Whether a factor proves something with ``counter``, for the first time. Raises UnavailableError."""
    now = service.ports.log.now()
    done = await handle(service, account, evolve, plain(lambda state: use(state, factor, counter, now)), origin)
    return done.answer is None


def _totp(key: bytes) -> TOTP:
    return TOTP(b32encode(key).decode(), digits=DIGITS, interval=STEP)


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())
