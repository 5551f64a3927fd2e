"""What is kept of a device authorization until it ends: in Redis, short-lived, never on the log.

One record for a device code, under the stream that its grant will have; one that leads from the user code to it; and one
for each browser that has typed the code. Every change is a swap of what was read, so that one of many at once counts.
"""

from dataclasses import asdict, dataclass, replace
from json import dumps, loads
from typing import Literal
from uuid import UUID

from grantlog.core.identifiers import MICROS, ClientId, Micros, StreamId
from grantlog.core.protocol import device as rules
from grantlog.core.protocol.device import Pace
from grantlog.flows.browser_binding import belongs, binding, is_id, new_id
from grantlog.flows.service import Service
from grantlog.ports import UnavailableError

KIND = "device"
CODE_KIND = "user_code"
PAGE_KIND = "device_page"
_SWAPS = 16
Status = Literal["pending", "allowed", "denied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """A device that waits for its user (RFC 8628 section 3.2)."""

    stream: StreamId
    """Of the grant that it will be, if somebody allows it."""
    client_id: ClientId
    code_hash: bytes
    user_code: str
    """Its eight letters."""
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    details: str
    address: str
    """Where the device asked from."""
    asked_at: Micros
    expires_at: Micros
    pace: Pace
    status: Status = "pending"


async def keep(service: Service, request: DeviceRequest) -> bool:
    """Keeps a new request; False where its client has as many as it may. Raises UnavailableError."""
    transactions, lifetime = service.ports.transactions, service.policy.device_lifetime
    limit = service.policy.device_codes_per_client
    text = _write(request)
    if not await transactions.put(KIND, str(request.stream), text, lifetime, owner=request.client_id, limit=limit):
        return False
    return await transactions.put(CODE_KIND, request.user_code, str(request.stream).encode(), lifetime)


async def free_user_code(service: Service) -> str:
    """The letters of a user code that leads nowhere yet. Raises UnavailableError."""
    for _ in range(_SWAPS):
        letters = rules.read_user_code(rules.user_code(service.ports.secrets.random(rules.RANDOM_BYTES))) or ""
        if await service.ports.transactions.get(CODE_KIND, letters) is None:
            return letters
    raise UnavailableError("no user code is free")


async def by_stream(service: Service, stream: StreamId) -> DeviceRequest | None:
    """The request whose grant this will be, while it is kept. Raises UnavailableError."""
    stored = await service.ports.transactions.get(KIND, str(stream))
    request = None if stored is None else _read(stored)
    return request if request is not None and service.ports.log.now() < request.expires_at else None


async def by_user_code(service: Service, letters: str) -> DeviceRequest | None:
    """The request that waits under this user code, while nobody has answered it. Raises UnavailableError."""
    found = await service.ports.transactions.get(CODE_KIND, letters)
    request = None if found is None else await by_stream(service, StreamId(UUID(found.decode())))
    return request if request is not None and request.status == "pending" else None


async def decide(service: Service, request: DeviceRequest, status: Literal["allowed", "denied"]) -> bool:
    """The user's answer, once: True for exactly one caller. Raises UnavailableError."""
    for _ in range(_SWAPS):
        stored = await service.ports.transactions.get(KIND, str(request.stream))
        current = None if stored is None else _read(stored)
        if stored is None or current is None or current.status != "pending":
            return False
        if await _swap(service, stored, replace(current, status=status)):
            await service.ports.transactions.take(CODE_KIND, request.user_code)
            return True
    raise UnavailableError("the device polls too fast")


async def reopen(service: Service, request: DeviceRequest) -> None:
    """What was allowed did not reach the log: the user may try again. Raises UnavailableError."""
    stored = await service.ports.transactions.get(KIND, str(request.stream))
    if stored is not None:
        await _swap(service, stored, replace(_read(stored), status="pending"))
        left = max(1, (request.expires_at - service.ports.log.now()) // MICROS)
        await service.ports.transactions.put(CODE_KIND, request.user_code, str(request.stream).encode(), left)


async def polled(service: Service, stream: StreamId) -> tuple[DeviceRequest, bool] | None:
    """Counts a poll, in whatever process it arrives: the request, and whether it came too soon. Raises UnavailableError.

    Who was answered is asked no more: the pace counts only while the user has not decided.
    """
    for _ in range(_SWAPS):
        stored = await service.ports.transactions.get(KIND, str(stream))
        request = None if stored is None else _read(stored)
        now = service.ports.log.now()
        if stored is None or request is None or now >= request.expires_at:
            return None
        if request.status != "pending":
            return request, False
        pace, too_soon = rules.polled(request.pace, now)
        if await _swap(service, stored, replace(request, pace=pace)):
            return request, too_soon
    raise UnavailableError("the device polls too fast")


async def open_page(service: Service, request: DeviceRequest, browser: str) -> str:
    """A browser has shown the user code: the id of the page on which its user may answer. Raises UnavailableError."""
    key = new_id(service)
    kept = f"{binding(browser)}{request.stream}"
    await service.ports.transactions.put(PAGE_KIND, key, kept.encode(), service.policy.device_lifetime)
    return key


async def of_page(service: Service, key: str, browser: str | None) -> DeviceRequest | None:
    """The request that a page is about, in the browser that has shown its code, while nobody has answered it.

    Raises UnavailableError.
    """
    if not is_id(key) or browser is None:
        return None
    stored = await service.ports.transactions.get(PAGE_KIND, key)
    if stored is None:
        return None
    bound, stream = stored[:64].decode(), stored[64:].decode()
    if not belongs(bound, browser):
        return None
    request = await by_stream(service, StreamId(UUID(stream)))
    return request if request is not None and request.status == "pending" else None


async def _swap(service: Service, stored: bytes, request: DeviceRequest) -> bool:
    return await service.ports.transactions.swap(KIND, str(request.stream), stored, _write(request))


def _write(request: DeviceRequest) -> bytes:
    members = asdict(request) | {"stream": str(request.stream), "code_hash": request.code_hash.hex()}
    return dumps(members).encode()


def _read(stored: bytes) -> DeviceRequest:
    members = loads(stored)
    return DeviceRequest(
        stream=StreamId(UUID(members["stream"])),
        client_id=ClientId(members["client_id"]),
        code_hash=bytes.fromhex(members["code_hash"]),
        user_code=members["user_code"],
        scope=tuple(members["scope"]),
        resources=tuple(members["resources"]),
        details=members["details"],
        address=members["address"],
        asked_at=Micros(members["asked_at"]),
        expires_at=Micros(members["expires_at"]),
        pace=Pace(members["pace"]["interval"], Micros(members["pace"]["not_before"])),
        status=members["status"],
    )
