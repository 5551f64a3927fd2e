"""Login and consent by the operator's own application, over one-time challenges.

The browser is sent there with a challenge. The application, which proves itself as its confidential client, reads what is
asked for and answers; it is given where to send the browser back to, with a one-time verifier. Both are bound to the browser
that began, signed, used once, and short.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hmac import compare_digest
from json import dumps, loads
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from grantlog import metrics
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Origin
from grantlog.core.identifiers import StreamId, seconds
from grantlog.core.protocol import claims
from grantlog.core.protocol import scope as scopes
from grantlog.core.protocol.claims import USERNAME
from grantlog.core.protocol.delegate import Accepted, Rejected, read_answer
from grantlog.core.protocol.errors import ProtocolError, invalid_request
from grantlog.core.protocol.policy import LoginDelegate
from grantlog.core.protocol.proofs import Proofs
from grantlog.core.protocol.requests import Parameters
from grantlog.flows import consent, consents, pending
from grantlog.flows.accounts import find_account
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.authenticate import Authenticated, authenticate, count_failure
from grantlog.flows.authorization_answer import Answer, refuse
from grantlog.flows.authorization_step import Show, next_step
from grantlog.flows.browser_binding import belongs, binding, is_id, new_id
from grantlog.flows.claims import profile_of
from grantlog.flows.known_client import known_client
from grantlog.flows.known_device import known_device
from grantlog.flows.one_time import claim_once
from grantlog.flows.own_pages import own_page
from grantlog.flows.pending import Pending
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session

KIND = "delegated"
VERDICT_KIND = "delegate_verdict"
RULE = "delegate"
RETURN = "/login/delegate/return"
VERDICT_LIFETIME = 120
"""Seconds: the browser is on its way already."""
CHALLENGES_PER_LOGIN = 16
_LABELS = {KIND: "delegate challenge", VERDICT_KIND: "delegate verifier"}


@dataclass(frozen=True, slots=True)
class Return:
    """What the browser brings back: who is logged in, and the client's answer or the page of ours that this was for."""

    logged_in: LoggedIn | None
    answer: Answer | str


async def begin(
    service: Service, delegate: LoginDelegate, tx: str, browser: str, session: Session | None
) -> str | None:
    """Where the browser goes with its request; None where that is over. Raises ProtocolError, UnavailableError."""
    waiting = await pending.find(service, tx, browser)
    if waiting is None:
        return None
    record = {"tx": tx, "binding": binding(browser), "told": await _told(service, waiting, session)}
    key = new_id(service)
    kept = await service.ports.transactions.put(
        KIND,
        key,
        dumps(record).encode(),
        service.policy.login_lifetime,
        owner=f"delegated {tx}",
        limit=CHALLENGES_PER_LOGIN,
    )
    if not kept:
        return None
    metrics.DELEGATED.labels("begun").inc()
    joint = "&" if urlsplit(delegate.url).query else "?"
    return f"{delegate.url}{joint}{urlencode({'challenge': _signed(service, KIND, key)})}"


async def challenge(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> Mapping[str, Any]:
    """What the application is asked. Raises ProtocolError, UnavailableError."""
    client = await _application(service, parameters, proofs, origin)
    await claim_once(service, client)
    _, record = await _open(service, client, parameters, origin)
    told: Mapping[str, Any] = record["told"]
    return told


async def answer(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> Mapping[str, Any]:
    """Takes the application's answer, once: where it sends the browser. Raises ProtocolError, UnavailableError."""
    client = await _application(service, parameters, proofs, origin)
    await claim_once(service, client)
    key, record = await _open(service, client, parameters, origin)
    asked = scopes.parse(record["told"]["scope"] or None)
    given = read_answer(parameters, asked, seconds(service.ports.log.now()))
    verdict: dict[str, Any] = {"tx": record["tx"], "binding": record["binding"]}
    if isinstance(given, Rejected):
        verdict |= {"error": given.error, "description": given.description}
    else:
        verdict |= await _accepted(service, given)
    # of two answers to one challenge, one counts
    if await service.ports.transactions.take(KIND, key) is None:
        raise _over()
    verifier = new_id(service)
    await service.ports.transactions.put(VERDICT_KIND, verifier, dumps(verdict).encode(), VERDICT_LIFETIME)
    metrics.DELEGATED.labels("rejected" if isinstance(given, Rejected) else "accepted").inc()
    query = urlencode({"verifier": _signed(service, VERDICT_KIND, verifier)})
    return {"redirect_to": f"{service.policy.issuer}{RETURN}?{query}"}


async def come_back(
    service: Service, verifier: str, browser: str | None, device: str | None, former: str | None, origin: Origin
) -> Return | None:
    """Does what the application has decided, in the browser that it was decided for; None where that is not this one, or is
    over. Raises ProtocolError, UnavailableError.
    """
    verdict = await _taken(service, verifier, browser)
    if verdict is None:
        return None
    waiting = await pending.find(service, verdict["tx"], browser)
    if waiting is None:
        return None
    if "error" in verdict:
        error = ProtocolError(verdict["error"], verdict["description"], "delegate_rejected")
        return await _refused(service, verdict, browser, waiting, error, None, origin)
    account = StreamId(UUID(verdict["account"]))
    proven = Proven(
        account, verdict["epoch"], tuple(verdict["amr"]), known_device(service, account, device), verdict["auth_time"]
    )
    logged_in = await admit(service, proven, origin, former, acr=verdict["acr"])
    own = own_page(waiting)
    if own is not None:
        return Return(logged_in, own)
    client = await known_client(service, waiting.request.client_id)
    # acr_values is voluntary: the application knew of it, and did what it could
    wanted = replace(waiting, request=replace(waiting.request, acr_values=()))
    step = await next_step(service, client, wanted, logged_in.session)
    if step != Show("consent"):
        error = step if isinstance(step, ProtocolError) else _insufficient(step)
        return await _refused(service, verdict, browser, waiting, error, logged_in, origin)
    taken = await pending.take(service, verdict["tx"], browser)
    if taken is None:
        return None
    given = await consent.allow(
        service,
        _narrowed(taken, verdict["scope"]),
        logged_in.session,
        origin,
        asked=True,
        remember=bool(verdict["remember"]),
    )
    return Return(logged_in, given)


def _narrowed(taken: Pending, allowed: Sequence[str]) -> Pending:
    """The request without what the application did not allow: scopes, and claims that were asked for one by one."""
    request = taken.request
    scope = tuple(token for token in request.scope if token in allowed)
    return replace(taken, request=replace(request, scope=scope, claims=claims.within(request.claims, allowed)))


async def _refused(
    service: Service,
    verdict: Mapping[str, Any],
    browser: str | None,
    waiting: Pending,
    error: ProtocolError,
    logged_in: LoggedIn | None,
    origin: Origin,
) -> Return | None:
    if own_page(waiting) is not None:
        raise error
    taken = await pending.take(service, verdict["tx"], browser)
    return None if taken is None else Return(logged_in, await refuse(service, taken.request, error, origin))


def _insufficient(step: Show) -> ProtocolError:
    if step.page == "login":
        return ProtocolError("login_required", "the end user has not logged in afresh", "delegate_stale")
    return ProtocolError(
        "unmet_authentication_requirements", "the authentication that is asked for was not made", "delegate_acr"
    )


async def _application(service: Service, parameters: Parameters, proofs: Proofs, origin: Origin) -> Authenticated:
    """The application, proven. Raises ProtocolError: no other client answers for it, and no public one at all."""
    client = await authenticate(service, RULE, parameters, proofs, origin)
    delegate = service.policy.login_delegate
    if delegate is None or client.client.state.client_id != delegate.client_id or client.how == "none":
        await count_failure(service, RULE, client.client.state.client_id, origin.subscriber)
        raise ProtocolError("unauthorized_client", "the client may not answer for the login", "delegate_other_client")
    return client


async def _open(
    service: Service, client: Authenticated, parameters: Parameters, origin: Origin
) -> tuple[str, Mapping[str, Any]]:
    """The challenge that waits for an answer: its key, and what is kept of it. Raises ProtocolError."""
    key = _key(service, KIND, parameters.require("challenge"))
    stored = None if key is None else await service.ports.transactions.get(KIND, key)
    if key is None or stored is None:
        await count_failure(service, RULE, client.client.state.client_id, origin.subscriber)
        raise _over()
    record: Mapping[str, Any] = loads(stored)
    return key, record


def _over() -> ProtocolError:
    return invalid_request("the challenge is not known, has expired or was answered", "delegate_challenge")


async def _accepted(service: Service, given: Accepted) -> Mapping[str, Any]:
    """What is kept of a yes, with the epoch of the account's gate: who is locked meanwhile gets nothing."""
    account = await _account(service, given)
    await service.gates.catch_up((await service.ports.log.head()).gate_sequence)
    epoch = 0 if account is None else service.gates.epoch("account", str(account))
    state = None if account is None else (await service.ports.log.load(account)).state
    if not isinstance(state, AccountState) or state.locked:
        raise invalid_request("the subject is not known, or may not log in", "delegate_subject_unknown")
    return {
        "account": str(account),
        "epoch": epoch,
        "amr": given.amr,
        "acr": given.acr,
        "auth_time": given.auth_time,
        "scope": given.scope,
        "remember": given.remember,
    }


async def _account(service: Service, given: Accepted) -> StreamId | None:
    if given.username is not None:
        return await find_account(service, given.username)
    try:
        return StreamId(UUID(given.subject))
    except ValueError:
        return None


async def _told(service: Service, waiting: Pending, session: Session | None) -> Mapping[str, Any]:
    """What the application needs to know to ask the person what we would."""
    request, own = waiting.request, own_page(waiting)
    client = None if own is not None else (await consent.acting_client(service, waiting)).state
    return {
        "client_id": None if client is None else client.client_id,
        "client_name": None if client is None else client.metadata.name,
        "client_verified": client is not None and client.metadata.verified,
        "redirect_uri": None if client is None else request.redirect_uri,
        # claims that are asked for one by one are consented to as the scopes that hold them
        "scope": scopes.write(consents.asked_scope(request)),
        "resource": request.resources,
        "authorization_details": loads(request.details) if request.details else [],
        "prompt": request.prompt,
        "max_age": request.max_age,
        "login_hint": request.login_hint,
        "hinted_subject": request.hinted_subject,
        "acr_values": request.acr_values,
        "essential_acr": request.essential_acr,
        "ui_locales": request.ui_locales,
        "display": request.display,
        "session": None if session is None else await _known(service, waiting, session),
    }


async def _known(service: Service, waiting: Pending, session: Session) -> Mapping[str, Any]:
    """Who is logged in in this browser, and whether that is recent enough for the request."""
    profile = await profile_of(service, session.account) or {}
    return {
        "subject": str(session.account),
        "username": profile.get(USERNAME),
        "auth_time": session.state.auth_time,
        "amr": session.state.amr,
        "acr": session.state.acr,
        "sufficient": waiting.satisfied_by(session),
    }


async def _taken(service: Service, verifier: str, browser: str | None) -> Mapping[str, Any] | None:
    key = _key(service, VERDICT_KIND, verifier)
    if key is None or browser is None:
        return None
    stored = await service.ports.transactions.get(VERDICT_KIND, key)
    # another browser takes it from nobody
    if stored is None or not belongs(loads(stored)["binding"], browser):
        return None
    taken = await service.ports.transactions.take(VERDICT_KIND, key)
    verdict: Mapping[str, Any] | None = None if taken is None else loads(taken)
    return verdict


def _signed(service: Service, kind: str, key: str) -> str:
    """The text of a challenge or verifier: its key, and our proof that it is one."""
    proof = service.ports.secrets.keyed_hash(_LABELS[kind], key.encode())
    return f"{key}.{urlsafe_b64encode(proof).decode().rstrip('=')}"


def _key(service: Service, kind: str, text: str) -> str | None:
    """The key in a text of ours; None for every other text, without I/O."""
    key = text.partition(".")[0]
    if not is_id(key) or not text.isascii():
        return None
    return key if compare_digest(text.encode(), _signed(service, kind, key).encode()) else None
