"""Who has proven enough is let in: a session of his own, and a cookie by which his device is known again."""

from dataclasses import dataclass

from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId
from grantlog.core.protocol.acr import acr_of
from grantlog.flows.known_device import NOISE_BYTES, device_text
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session, begin_session


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Who they said they are, they are."""

    session_cookie: str
    device_cookie: str
    session: Session


@dataclass(frozen=True, slots=True)
class Proven:
    """What somebody has proven so far, and when."""

    account: StreamId
    epoch: int
    """Of the account's gate, read together with the first proof: a log-out of everybody in between leaves the session dead."""
    amr: tuple[str, ...]
    noise: bytes | None = None
    """What names the device, where it is known to the account."""
    auth_time: int | None = None
    """NumericDate of the first proof, where it was not now."""


async def admit(
    service: Service, proven: Proven, origin: Origin, former: str | None = None, *, acr: str | None = None
) -> LoggedIn:
    """Begins the session. ``former``: the session cookie that stood in this browser. ``acr``: the class of what was proven,
    where ``amr`` does not say it. Raises UnavailableError.
    """
    noise = proven.noise or service.ports.secrets.random(NOISE_BYTES)
    device_cookie = device_text(service, proven.account, noise)
    session_cookie, session = await begin_session(
        service,
        proven.account,
        proven.epoch,
        service.ports.secrets.keyed_hash("device", device_cookie.encode()),
        origin,
        amr=proven.amr,
        acr=acr_of(proven.amr) if acr is None else acr,
        former=former,
        auth_time=proven.auth_time,
    )
    return LoggedIn(session_cookie, device_cookie, session)
