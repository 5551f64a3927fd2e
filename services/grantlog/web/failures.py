"""What an exception means to whoever asked: status, the specification's code, public text, private reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from grantlog.core.protocol.errors import ProtocolError
from grantlog.ports import UnavailableError

_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Problem(Exception):  # noqa: N818  # it is a page to show, and an error only to Python
    """A page's own refusal, for what no specification names. ``text`` is for people, ``reason`` for logs and metrics."""

    status: int
    text: str
    reason: str
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as programs and as people are told it."""

    status: int
    code: str
    """The specification's name of the error (RFC 6749 section 5.2)."""
    description: str
    """For programs and those who write them (RFC 6749 section 5.2, ``error_description``)."""
    reason: str
    """Private, stable and greppable; for logs and metrics alone."""
    title: str | None = None
    text: str | None = None
    """For people; None: what is always said of the status."""
    headers: Mapping[str, str] = field(default_factory=dict)


def failure_of(error: Exception) -> Failure:
    """What ``error`` means. What nobody foresaw is a ``server_error`` that tells nothing."""
    match error:
        case ProtocolError():
            return Failure(
                status=error.status,
                code=error.error,
                description=error.description,
                reason=error.reason,
                headers=error.headers,
            )
        case Problem():
            return Failure(
                status=error.status,
                code="invalid_request",
                description="the form was not accepted",
                reason=error.reason,
                title=error.title,
                text=error.text,
            )
        case UnavailableError():
            return Failure(
                status=503,
                code="temporarily_unavailable",
                description="a part of this service does not answer at the moment",
                reason="unavailable",
                headers={"Retry-After": str(error.retry_after)},
            )
        case web.HTTPRequestEntityTooLarge():
            return Failure(
                status=413, code="invalid_request", description="the body is too large", reason="body_too_large"
            )
        case web.RequestPayloadError():
            return Failure(
                status=400, code="invalid_request", description="the body cannot be read", reason="body_unreadable"
            )
        case web.HTTPException():
            allow = error.headers.get("Allow")
            return Failure(
                status=error.status,
                code="invalid_request",
                description=error.reason,
                reason=f"http_{error.status}",
                headers=_NOTHING if allow is None else {"Allow": allow},
            )
        case _:
            return Failure(
                status=500,
                code="server_error",
                description="something went wrong on our side",
                reason=f"unforeseen:{type(error).__name__}",
            )
