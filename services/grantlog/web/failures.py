"""What an exception means to whoever asked: status, the specification's code, public text, private reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.ports import UnavailableError
from grantlog.web.pages.problem import Problem

_NOTHING: Final[Mapping[str, str]] = {}
_BUSY: Final = "Part of this service does not answer at the moment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as programs and as people are told it."""

    status: int
    code: str
    """The specification's name of the error (RFC 6749 section 5.2)."""
    text: str
    reason: str
    """Private, stable and greppable; for logs and metrics alone."""
    title: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def failure_of(error: Exception) -> Failure:
    """What ``error`` means. What nobody foresaw is a ``server_error`` that tells nothing."""
    match error:
        case ProtocolError():
            return Failure(
                status=error.status,
                code=error.error,
                text=error.description,
                reason=error.reason,
                headers=error.headers,
            )
        case Problem():
            return Failure(
                status=error.status,
                code="invalid_request" if error.status < 500 else "temporarily_unavailable",
                text=error.text,
                reason=error.reason,
                title=error.title,
                headers=_NOTHING if error.retry_after is None else {"Retry-After": str(error.retry_after)},
            )
        case UnavailableError():
            return Failure(
                status=503,
                code="temporarily_unavailable",
                text=_BUSY,
                reason="unavailable",
                headers={"Retry-After": str(error.retry_after)},
            )
        case web.HTTPRequestEntityTooLarge():
            return Failure(status=413, code="invalid_request", text="the body is too large", reason="body_too_large")
        case web.HTTPException():
            allow = error.headers.get("Allow")
            return Failure(
                status=error.status,
                code="invalid_request",
                text=error.reason,
                reason=f"http_{error.status}",
                headers=_NOTHING if allow is None else {"Allow": allow},
            )
        case _:
            return Failure(
                status=500,
                code="server_error",
                text="Something went wrong on our side.",
                reason=f"unforeseen:{type(error).__name__}",
            )
