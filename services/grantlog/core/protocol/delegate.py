"""Login and consent by the operator's own application: what it may answer to a challenge, read and checked."""

import re
from dataclasses import dataclass

from grantlog.core.protocol import scope
from grantlog.core.protocol.acr import acr_of
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.requests import Parameters

ERRORS = frozenset(
    {
        "access_denied",
        "login_required",
        "consent_required",
        "interaction_required",
        "account_selection_required",
        "temporarily_unavailable",
    }
)
"""What a rejected client may be told (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6)."""
DESCRIPTION_LIMIT = 200
ACR_LIMIT = 128
AHEAD = 10
"""Seconds by which ``auth_time`` may lie ahead."""
_AMR = re.compile(r"[a-z0-9_-]{1,32}(?: [a-z0-9_-]{1,32}){0,15}")
_ACR = re.compile(r"[\x21-\x7E]+")
_TIME = re.compile(r"[0-9]{1,12}")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Somebody has logged in there and allowed the client this."""

    subject: str | None
    """The id of the account; None: ``username`` names it."""
    username: str | None
    amr: tuple[str, ...]
    acr: str
    auth_time: int | None
    """NumericDate; None: now."""
    scope: tuple[str, ...]
    """What is allowed of what was asked for."""
    remember: bool
    """Whether the consent is remembered, so that the next request of the client needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Nobody has, or he did not allow it."""

    error: str
    description: str


def read_answer(parameters: Parameters, asked: tuple[str, ...], now: int) -> Accepted | Rejected:
    """The answer to a challenge about a request of the scope ``asked``. Raises invalid_request, invalid_scope."""
    decision = parameters.require("decision")
    if decision == "reject":
        return _rejected(parameters)
    if decision != "accept":
        raise invalid_request("decision must be accept or reject", "delegate_decision")
    subject, username = parameters.get("subject"), parameters.get("username")
    # two names for one thing: a username may look like the id of somebody else
    if (subject is None) == (username is None):
        raise invalid_request("either subject or username", "delegate_subject")
    amr = _matching(parameters, "amr", _AMR, 1024)
    methods = () if amr is None else tuple(dict.fromkeys(amr.split(" ")))
    acr = _matching(parameters, "acr", _ACR, ACR_LIMIT)
    told = _matching(parameters, "auth_time", _TIME, 12)
    auth_time = None if told is None else int(told)
    if auth_time is not None and auth_time > now + AHEAD:
        raise invalid_request("auth_time lies ahead", "delegate_auth_time")
    return Accepted(
        subject=subject,
        username=username,
        amr=methods,
        acr=acr_of(methods) if acr is None else acr,
        auth_time=auth_time,
        scope=_allowed(parameters, asked),
        remember=_remembered(parameters),
    )


def _allowed(parameters: Parameters, asked: tuple[str, ...]) -> tuple[str, ...]:
    named = parameters.get("scope")
    if named is None or not asked:
        return asked
    allowed = scope.within(scope.parse(named), asked)
    return tuple(token for token in asked if token in allowed)


def _remembered(parameters: Parameters) -> bool:
    wanted = _TRUTH.get(parameters.get("remember") or "false")
    if wanted is None:
        raise invalid_request("remember must be true or false", "delegate_remember")
    return wanted


def _rejected(parameters: Parameters) -> Rejected:
    error = parameters.get("error") or "access_denied"
    if error not in ERRORS:
        raise invalid_request("no client can be told this error here", "delegate_error")
    description = parameters.get("error_description") or "the request was denied"
    try:
        ProtocolError(error, description, "delegate_rejected")
    except ValueError:
        description = ""
    if not 0 < len(description) <= DESCRIPTION_LIMIT:
        raise invalid_request("error_description is too long or malformed", "delegate_description")
    return Rejected(error=error, description=description)


def _matching(parameters: Parameters, name: str, form: re.Pattern[str], limit: int) -> str | None:
    value = parameters.get(name)
    if value is not None and (len(value) > limit or form.fullmatch(value) is None):
        raise invalid_request(f"{name} is malformed", f"delegate_{name}")
    return value
