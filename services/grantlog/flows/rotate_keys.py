"""Signing keys follow each other: published before they sign, kept until their last token has expired, dropped when stolen.

What to do when is the core's (core/keyring/rotation.py). Here a private key is made and stored first and named on the keyring
after; whoever loses the race for a version destroys what nobody will ever use.
"""

from collections.abc import Callable

from grantlog.core.decision import Decision, Origin, Refused
from grantlog.core.identifiers import Micros, StreamId
from grantlog.core.keyring import decide
from grantlog.core.keyring.rotation import PublishNext, RetireOld, RotationRules, next_activation, plan_rotation
from grantlog.core.keyring.state import KeyringState, SigningKey, evolve, published_keys, signing_key
from grantlog.core.protocol.metadata import SIGNING_ALGS
from grantlog.flows.handle import RejectedError, begin, handle, plain
from grantlog.flows.operators import CommandRefusedError, birth, operator_origin, settle
from grantlog.flows.service import Service
from grantlog.ports import PublicKey, UnavailableError

PROPAGATION = 60
"""Seconds within which every process has read a change of the keyring: JWK Sets that lack it may leave so much later."""
STEPS = 16
"""No keyring needs more steps to be put in order."""

When = Callable[[KeyringState | None, Micros], Micros | None]
"""From when a new key shall sign; None: none is needed (any more)."""


def rules(service: Service) -> RotationRules:
    """The operator's lifetimes, as the rules of rotation want them."""
    policy = service.policy
    return RotationRules(
        lifetime=policy.signing_key_lifetime,
        max_age=policy.jwks_max_age + PROPAGATION,
        token_lifetime=max(policy.access_token_lifetime, policy.id_token_lifetime),
    )


async def keyring(service: Service) -> KeyringState | None:
    """The keyring as it stands; None before the first key. Raises UnavailableError."""
    stream = await service.ports.log.bearer(decide.KEYRING_NAME)
    return None if stream is None else (await service.ports.log.load(stream)).state


async def ensure_keys(service: Service, origin: Origin | None = None) -> int:
    """One key that signs for every algorithm, published where there is none. How many were. Safe to race.

    Raises UnavailableError.
    """
    asked = origin or operator_origin(service, "server")
    published = 0
    for alg in SIGNING_ALGS:
        if signing_key(await keyring(service), alg, service.ports.log.now()) is None:
            published += await _publish(service, alg, _where_none_signs(alg), asked) is not None
    await service.ports.signer.refresh()
    return published


async def rotate_due(service: Service, origin: Origin) -> int:
    """Whatever is due now for the keys of every algorithm. How many events it took. Safe to race and to repeat.

    Raises UnavailableError.
    """
    done = 0
    for alg in SIGNING_ALGS:
        done += await _follow_plan(service, alg, origin)
    now = service.ports.log.now()
    state = await keyring(service)
    for key in () if state is None else state.keys:
        if key.compromised or (key.retires_at is not None and key.retires_at <= now):
            await service.ports.signer.destroy(key.kid)
    await service.ports.signer.refresh()
    return done


async def rotate_now(service: Service, alg: str, origin: Origin) -> PublicKey:
    """Publishes the next key of ``alg`` before its time; it signs one JWKS max-age later. Raises UnavailableError."""

    def soon(state: KeyringState | None, now: Micros) -> Micros:
        newest = max((key.activates_at for key in published_keys(state, now) if key.alg == alg), default=Micros(0))
        return max(next_activation(state, alg, now, rules(service).max_age), Micros(newest + 1))

    key = await _publish(service, alg, soon, origin)
    assert key is not None, "a key is always wanted"
    await _follow_plan(service, alg, origin)
    await service.ports.signer.refresh()
    return key


async def compromise(service: Service, kid: str, origin: Origin) -> PublicKey | None:
    """Drops a stolen key with every token it signed, destroys its private part, and publishes a successor that signs at once.

    Returns the successor; None where another key signs already. Returns when every reader knows. Raises CommandRefusedError
    (``key_unknown``), UnavailableError while a reader may not know yet: try again.
    """
    stream = await service.ports.log.bearer(decide.KEYRING_NAME)
    stolen = _find(await keyring(service), kid)
    if stream is None or stolen is None:
        raise CommandRefusedError(Refused("invalid_request", "the key is not known", "key_unknown"))
    unsaid: UnavailableError | None = None
    try:
        done = await handle(
            service, stream, evolve, plain(lambda state: decide.compromise(state, kid), denies=True), origin
        )
        settle(done.answer)
    except UnavailableError as late:
        # the event may stand although not every reader knows: then what follows must not wait
        unsaid = late
    successor = None
    now_stolen = _find(await keyring(service), kid)
    if now_stolen is not None and now_stolen.compromised:
        await service.ports.signer.destroy(kid)
        successor = await _publish(service, stolen.alg, _after_a_theft(stolen), origin)
        await _follow_plan(service, stolen.alg, origin)
    await service.ports.signer.refresh()
    if unsaid is not None:
        raise unsaid
    return successor


def _where_none_signs(alg: str) -> When:
    return lambda state, now: now if signing_key(state, alg, now) is None else None


def _after_a_theft(stolen: SigningKey) -> When:
    """At once where the stolen key was the one that signed. One that had not begun to sign, or had ended, leaves no gap."""

    def when(state: KeyringState | None, now: Micros) -> Micros | None:
        signing = signing_key(state, stolen.alg, now)
        ended = signing is not None and signing.activates_at > stolen.activates_at
        return None if stolen.activates_at > now or ended else now

    return when


async def _follow_plan(service: Service, alg: str, origin: Origin) -> int:
    """Does what the rules of rotation say for ``alg``, until they say nothing."""
    for step in range(STEPS):
        plan = plan_rotation(await keyring(service), alg, service.ports.log.now(), rules(service))
        if plan is None:
            return step
        if isinstance(plan, PublishNext):
            await _publish(service, alg, _as_planned(service, alg), origin)
        else:
            await _retire(service, plan, origin)
    return STEPS


def _as_planned(service: Service, alg: str) -> When:
    def when(state: KeyringState | None, now: Micros) -> Micros | None:
        plan = plan_rotation(state, alg, now, rules(service))
        return plan.activates_at if isinstance(plan, PublishNext) else None

    return when


async def _retire(service: Service, plan: RetireOld, origin: Origin) -> None:
    stream = await _stream(service)
    rule = plain(lambda state: decide.retire(state, plan.kid, plan.retires_at))
    settle((await handle(service, stream, evolve, rule, origin)).answer)


async def _publish(service: Service, alg: str, when: When, origin: Origin) -> PublicKey | None:
    """Makes a key and names it on the keyring, if one is wanted still when its turn has come; None where not."""
    key = await service.ports.signer.generate(alg)

    def rule(state: KeyringState | None) -> Decision[Refused | None]:
        now = service.ports.log.now()
        activates_at = when(state, now)
        if activates_at is None:
            return Decision(None, None)
        command = decide.Publish(kid=key.kid, alg=alg, jwk=key.jwk, activates_at=activates_at)
        return decide.publish(state, command, now)

    named = await _begin(service, rule, origin)
    if not named:
        done = await handle(service, await _stream(service), evolve, plain(rule), origin)
        settle(done.answer)
        named = done.appended
    if not named:
        await service.ports.signer.destroy(key.kid)
        return None
    return key


async def _begin(service: Service, rule: Callable[[None], Decision[Refused | None]], origin: Origin) -> bool:
    """Begins the keyring with the key of ``rule``; False where it stands already."""
    log = service.ports.log
    if await log.bearer(decide.KEYRING_NAME) is not None:
        return False
    decision = rule(None)
    if decision.event is None:
        return False
    try:
        await begin(service, log.mint(), evolve, birth(decision), origin)
    except RejectedError:
        return False
    return True


async def _stream(service: Service) -> StreamId:
    stream = await service.ports.log.bearer(decide.KEYRING_NAME)
    if stream is None:
        raise UnavailableError("the keyring is not to be found")
    return stream


def _find(state: KeyringState | None, kid: str) -> SigningKey | None:
    keys = () if state is None else state.keys
    return next((key for key in keys if key.kid == kid), None)
