"""Rotation: the next key is published before it signs, the old outlives its tokens, and asking again comes to an end."""

from hypothesis import given as examples
from hypothesis import strategies

from grantlog.core.identifiers import Micros, after
from grantlog.core.keyring.decide import Publish, compromise, publish, retire
from grantlog.core.keyring.rotation import PublishNext, RetireOld, RotationRules, next_activation, plan_rotation
from grantlog.core.keyring.state import KeyringState, evolve, published_keys, signing_key

NOW = Micros(1_760_000_000_000_000)
RULES = RotationRules(lifetime=1000, max_age=100, token_lifetime=50)


def carry_out(state: KeyringState | None, step: PublishNext | RetireOld, now: Micros) -> KeyringState:
    version = 1 if state is None else state.version + 1
    if isinstance(step, PublishNext):
        command = Publish(kid=f"k{version}", alg=step.alg, jwk={}, activates_at=step.activates_at)
        decision = publish(state, command, now)
    else:
        decision = retire(state, step.kid, step.retires_at)
    assert decision.event is not None
    return evolve(state, decision.event, version)  # type: ignore[arg-type]  # an event of the keyring


def rotate(
    state: KeyringState | None, now: Micros, rules: RotationRules = RULES
) -> tuple[KeyringState | None, list[PublishNext | RetireOld]]:
    """Does all there is to do at ``now``."""
    steps: list[PublishNext | RetireOld] = []
    while (step := plan_rotation(state, "ES256", now, rules)) is not None:
        state = carry_out(state, step, now)
        steps.append(step)
        assert len(steps) < 10
    return state, steps


def steal(state: KeyringState, kid: str) -> KeyringState:
    event = compromise(state, kid).event
    assert event is not None
    return evolve(state, event, state.version + 1)  # type: ignore[arg-type]  # an event of the keyring


def test_the_first_key_signs_at_once() -> None:
    assert next_activation(None, "ES256", NOW, 100) == NOW
    assert rotate(None, NOW)[1] == [PublishNext(alg="ES256", activates_at=NOW)]


def test_a_young_key_is_left_alone() -> None:
    state, _ = rotate(None, NOW)
    assert rotate(state, Micros(after(NOW, 900) - 1))[1] == []


def test_the_next_key_is_published_one_max_age_before_it_signs_and_the_old_outlives_its_tokens() -> None:
    state, _ = rotate(None, NOW)
    state, steps = rotate(state, after(NOW, 900))
    assert steps == [
        PublishNext(alg="ES256", activates_at=after(NOW, 1000)),
        RetireOld(kid="k1", retires_at=after(NOW, 1050)),
    ]
    assert rotate(state, after(NOW, 950))[1] == []


def test_a_late_rotation_still_publishes_first() -> None:
    state, _ = rotate(None, NOW)
    assert next_activation(state, "ES256", after(NOW, 5000), 100) == after(NOW, 5100)
    assert rotate(state, after(NOW, 5000))[1][0] == PublishNext(alg="ES256", activates_at=after(NOW, 5100))


def test_a_stolen_key_is_followed_at_once_even_where_a_next_one_waits() -> None:
    state, _ = rotate(None, NOW)
    state, _ = rotate(state, after(NOW, 900))
    assert state is not None
    stolen, steps = rotate(steal(state, "k1"), after(NOW, 910))
    assert steps[0] == PublishNext(alg="ES256", activates_at=after(NOW, 910))
    assert signing_key(stolen, "ES256", after(NOW, 910)) is not None


def test_a_key_whose_successor_was_stolen_gets_another_and_stays_longer() -> None:
    state, _ = rotate(None, NOW)
    state, _ = rotate(state, after(NOW, 900))
    assert state is not None
    _, steps = rotate(steal(state, "k2"), after(NOW, 990))
    assert steps == [
        PublishNext(alg="ES256", activates_at=after(NOW, 1090)),
        RetireOld(kid="k1", retires_at=after(NOW, 1140)),
    ]


def test_a_young_key_whose_early_successor_was_stolen_gets_another_before_it_retires() -> None:
    state, _ = rotate(None, NOW)
    early = PublishNext(alg="ES256", activates_at=after(NOW, 200))
    state, steps = rotate(carry_out(state, early, after(NOW, 100)), after(NOW, 100))
    assert steps == [RetireOld(kid="k1", retires_at=after(NOW, 250))]
    assert state is not None
    _, steps = rotate(steal(state, "k2"), after(NOW, 150))
    assert steps == [
        PublishNext(alg="ES256", activates_at=after(NOW, 250)),
        RetireOld(kid="k1", retires_at=after(NOW, 300)),
    ]


def test_the_successor_of_a_waiting_key_signs_after_it() -> None:
    quick = RotationRules(lifetime=1000, max_age=10, token_lifetime=50)
    state, _ = rotate(None, NOW, quick)
    for activates_at in (after(NOW, 1000), after(NOW, 1050)):
        state = carry_out(state, PublishNext(alg="ES256", activates_at=activates_at), after(NOW, 950))
    state, _ = rotate(state, after(NOW, 950), quick)
    assert state is not None
    _, steps = rotate(steal(state, "k3"), after(NOW, 955), quick)
    assert steps[0] == PublishNext(alg="ES256", activates_at=Micros(after(NOW, 1000) + 1))


def test_without_a_max_age_rotation_comes_to_an_end_too() -> None:
    eager = RotationRules(lifetime=1000, max_age=0, token_lifetime=50)
    state, _ = rotate(None, NOW, eager)
    state, steps = rotate(state, after(NOW, 1000), eager)
    assert steps == [
        PublishNext(alg="ES256", activates_at=after(NOW, 1000)),
        RetireOld(kid="k1", retires_at=after(NOW, 1050)),
    ]


@examples(
    strategies.lists(
        strategies.tuples(strategies.integers(min_value=0, max_value=1500), strategies.booleans()), max_size=12
    )
)
def test_whatever_happens_something_signs_and_every_signature_stays_verifiable(story: list[tuple[int, bool]]) -> None:
    """Time passes by steps; now and then the newest key is stolen. Tokens of honest keys can be verified to the end."""
    state, now = rotate(None, NOW)[0], NOW
    used: dict[str, Micros] = {}
    for passed, stolen in story:
        now = after(now, passed)
        key = signing_key(state, "ES256", now)
        if key is not None:
            used[key.kid] = after(now, RULES.token_lifetime)
        if stolen and state is not None:
            state = steal(state, state.keys[-1].kid) if not state.keys[-1].compromised else state
        state, _ = rotate(state, now)
        assert state is not None
        assert signing_key(state, "ES256", now) is not None
        shown = {key.kid for key in published_keys(state, now)}
        honest = {key.kid for key in state.keys if not key.compromised}
        assert {kid for kid, until in used.items() if until > now and kid in honest} <= shown
