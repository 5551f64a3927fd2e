"""What somebody does with his own ways to log in: the authenticator app, passkeys, recovery codes, the password.

Each change ends every session and grant of the account. The browser that made it goes on in a new session, which carries the
epoch that this change alone has made: where anything else closed the account's gate meanwhile, it is born dead.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from structlog import get_logger

from grantlog import metrics
from grantlog.core.account import factors
from grantlog.core.account.decide import change_password as password_changed
from grantlog.core.account.state import AccountState, Factor, evolve
from grantlog.core.decision import Decision, Origin, Refused
from grantlog.core.identifiers import bucket_of
from grantlog.core.protocol.acr import BY_TOTP, two_factors
from grantlog.flows import passkeys, recovery, totp
from grantlog.flows.accounts import read_profile
from grantlog.flows.admit import LoggedIn, Proven, admit
from grantlog.flows.handle import Prepared, handle
from grantlog.flows.known_device import failures_of, known_device
from grantlog.flows.login import ACCOUNT_RULE
from grantlog.flows.second_factor import RULE, epoch_of
from grantlog.flows.service import Service
from grantlog.flows.sessions import Session
from grantlog.ports import Loaded

_log = get_logger(__name__)

RECENT = 900
"""Seconds: who logged in longer ago does so again before he changes anything."""
ENROLMENT = "totp_enrolment"
PASSWORD_MINIMUM = 8
"""NIST SP 800-63B section 5.1.1.2: "at least 8 characters in length"."""
_Rule = Callable[[AccountState | None], Decision[Refused | None]]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, in which session, from which browser."""

    session: Session
    device: str | None
    """The device cookie."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class Overview:
    """How somebody logs in now."""

    username: str
    totp: tuple[Factor, ...]
    passkeys: tuple[Factor, ...]
    recovery_codes: int
    """How many are unspent."""


@dataclass(frozen=True, slots=True)
class NotChanged:
    """Nothing was changed. ``reason`` for logs and for what the page says; ``retry_after`` in seconds."""

    reason: str
    retry_after: int = 0


async def overview(service: Service, session: Session) -> Overview:
    """What the page shows. Raises UnavailableError."""
    state = (await service.ports.log.load(session.account)).state
    profile = await read_profile(service, session.account, state) or {}
    return Overview(
        username=str(profile.get("username") or session.account),
        totp=factors.of_kind(state, "totp"),
        passkeys=factors.of_kind(state, "passkey"),
        recovery_codes=len(state.recovery_codes),
    )


async def offer_totp(service: Service, session: Session) -> bytes:
    """The key that this session may enrol: the same until it has, or has not in time. Raises UnavailableError."""
    known = await _offered(service, session)
    if known is not None:
        return known
    key = service.ports.secrets.random(totp.KEY_BYTES)
    # what is short-lived stands in Redis, and a key stands nowhere in clear
    box = service.ports.secrets.seal(session.stream.bytes, ENROLMENT.encode(), key)
    await service.ports.transactions.put(ENROLMENT, str(session.stream), box, service.policy.login_lifetime)
    return key


async def add_totp(service: Service, actor: Actor, code: str) -> LoggedIn | NotChanged:
    """Enrols the offered key, where the code proves that the authenticator has it; that code proves nothing again.

    Raises UnavailableError.
    """
    wait = await service.ports.throttle.hit(RULE, _subject(service, actor))
    if wait:
        return _not_changed("throttled", actor, wait)
    key = await _offered(service, actor.session)
    step = None if key is None else totp.matching_step(key, code, service.ports.log.now())
    if key is None or step is None:
        return _not_changed("code_wrong", actor)
    log, account = service.ports.log, actor.session.account
    factor = log.mint(bucket_of(account))
    await service.ports.kept.keep(factor, totp.PURPOSE, key)
    add = factors.Add(factor=factor, kind="totp", counter=step)
    changed = await _change(service, actor, lambda state: factors.add(state, account, add, log.now()), "totp_added")
    if isinstance(changed, NotChanged):
        await service.ports.kept.forget(factor, totp.PURPOSE)
        return changed
    await service.ports.transactions.take(ENROLMENT, str(actor.session.stream))
    await service.ports.throttle.clear(RULE, _subject(service, actor))
    # the code is a proof like any other, and was given now
    return await _renewed(service, actor, two_factors(actor.session.state.amr, BY_TOTP))


async def offer_passkey(service: Service, session: Session) -> str | None:
    """What ``navigator.credentials.create`` is asked, as JSON; None where there can be no passkey. Raises UnavailableError."""
    if passkeys.relying_party(service) is None:
        return None
    known = await overview(service, session)
    challenge = await passkeys.new_challenge(service, _about(session))
    return passkeys.registration_options(service, session.account, known.username, known.passkeys, challenge)


async def add_passkey(service: Service, actor: Actor, answer: str) -> LoggedIn | NotChanged:
    """Enrols the key that the browser made for this session's challenge. Raises UnavailableError."""
    challenge = await passkeys.take_challenge(service, _about(actor.session))
    made = None if challenge is None else passkeys.read_registration(service, answer, challenge)
    if made is None:
        return _not_changed("passkey_refused", actor)
    log, account = service.ports.log, actor.session.account
    add = factors.Add(
        factor=log.mint(bucket_of(account)),
        kind="passkey",
        counter=made.sign_count,
        credential_id=made.credential_id,
        public_key=made.public_key,
    )
    changed = await _change(service, actor, lambda state: factors.add(state, account, add, log.now()), "passkey_added")
    return changed if isinstance(changed, NotChanged) else await _renewed(service, actor)


async def remove(service: Service, actor: Actor, named: str) -> LoggedIn | NotChanged:
    """Removes the factor that the form named. Raises UnavailableError."""
    account = actor.session.account
    try:
        factor = UUID(named)
    except ValueError:
        return _not_changed("factor_unknown", actor)
    changed = await _change(service, actor, lambda state: factors.remove(state, account, factor), "factor_removed")
    if isinstance(changed, NotChanged):
        return changed
    await service.ports.kept.forget(factor, totp.PURPOSE)
    return await _renewed(service, actor)


async def make_recovery_codes(service: Service, actor: Actor) -> tuple[tuple[str, ...], LoggedIn] | NotChanged:
    """New recovery codes, to be shown now and never again. Raises UnavailableError."""
    account, codes = actor.session.account, recovery.new_codes(service)
    hashes = tuple(recovery.hash_of(service, account, code) for code in codes)
    changed = await _change(
        service, actor, lambda state: factors.make_recovery_codes(state, account, hashes), "recovery_codes_made"
    )
    return changed if isinstance(changed, NotChanged) else (codes, await _renewed(service, actor))


async def change_password(service: Service, actor: Actor, current: str, new: str) -> LoggedIn | NotChanged:
    """Replaces the password of who knows the current one. Failures count as those of a login do. Raises UnavailableError."""
    account, throttle = actor.session.account, service.ports.throttle
    state = (await service.ports.log.load(account)).state
    noise = known_device(service, account, actor.device)
    subject = state.username_hash.hex() if noise is None else failures_of(account, noise)
    if len(new) < PASSWORD_MINIMUM:
        return _not_changed("password_short", actor)
    wait = await throttle.hit(ACCOUNT_RULE, subject)
    if wait:
        return _not_changed("throttled", actor, wait)
    try:
        # In one step with the check, so that what an operator sets meanwhile stays; and before the gate closes: whoever still
        # logs in by the old one stamps what the gate kills.
        replaced = await service.ports.passwords.change(account, current, new)
    except ValueError:
        return _not_changed("password_long", actor)
    if not replaced:
        return _not_changed("password_wrong", actor)
    await throttle.clear(ACCOUNT_RULE, subject)
    changed = await _change(service, actor, lambda state: password_changed(state, account, "user"), "password_changed")
    return changed if isinstance(changed, NotChanged) else await _renewed(service, actor)


async def _change(service: Service, actor: Actor, decide: _Rule, change: str) -> NotChanged | None:
    """Appends one change of the account, while the session that makes it lives. Returns when every reader knows."""
    session = actor.session

    async def rule(loaded: Loaded) -> Prepared[Refused | None]:
        # everything that ends a session of this account stands on its stream, or is known by now
        if service.gates.epoch("account", str(session.account)) != epoch_of(session):
            return Prepared(event=None, answer=Refused("login_required", "the session is over", "session_gate_closed"))
        decision = decide(loaded.state)
        denies = decision.gate is not None
        return Prepared(event=decision.event, answer=decision.answer, gate=decision.gate, denies=denies)

    done = await handle(service, session.account, evolve, rule, replace(actor.origin, account=session.account))
    if done.answer is not None:
        return _not_changed(done.answer.reason, actor)
    metrics.FACTOR_CHANGES.labels(change).inc()
    _log.info("security_changed", change=change, request_id=actor.origin.request_id)
    return None


async def _renewed(service: Service, actor: Actor, amr: tuple[str, ...] | None = None) -> LoggedIn:
    """A new session for who has just ended all of his. Nobody logged in: when he did, and how, stays what it was."""
    session = actor.session
    proven = Proven(
        account=session.account,
        epoch=epoch_of(session) + 1,
        amr=session.state.amr if amr is None else amr,
        noise=known_device(service, session.account, actor.device),
        auth_time=session.state.auth_time,
    )
    return await admit(service, proven, actor.origin)


async def _offered(service: Service, session: Session) -> bytes | None:
    box = await service.ports.transactions.get(ENROLMENT, str(session.stream))
    return None if box is None else service.ports.secrets.unseal(session.stream.bytes, ENROLMENT.encode(), box)


def _not_changed(reason: str, actor: Actor, retry_after: int = 0) -> NotChanged:
    if retry_after:
        metrics.THROTTLED.labels(RULE).inc()
    _log.info("security_refused", reason=reason, request_id=actor.origin.request_id)
    return NotChanged(reason, retry_after)


def _subject(service: Service, actor: Actor) -> str:
    account = actor.session.account
    return failures_of(account, known_device(service, account, actor.device))


def _about(session: Session) -> str:
    return f"enrolment {session.stream}"
