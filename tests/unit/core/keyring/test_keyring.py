"""The keyring: what is published, what signs, what is stolen."""

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.decision import Decision, GateChange
from grantlog.core.identifiers import Micros, after
from grantlog.core.keyring.decide import KEYRING_NAME, Publish, compromise, publish, retire
from grantlog.core.keyring.events import KeyCompromised, KeyPublished, KeyRetired
from grantlog.core.keyring.state import KeyringEvent, evolve, published_keys, signing_key

NOW = Micros(1_760_000_000_000_000)
T100, T200 = after(NOW, 100), after(NOW, 200)


def published(kid: str, *, activates_at: Micros = NOW, alg: str = "ES256") -> KeyPublished:
    return KeyPublished(kid=kid, alg=alg, jwk=(("kty", "EC"),), published_at=NOW, activates_at=activates_at)


FIRST, NEXT = published("k1"), published("k2", activates_at=T100)


def test_the_first_key_begins_the_keyring_and_claims_its_name() -> None:
    command = Publish(kid="k1", alg="ES256", jwk={"y": "2", "kty": "EC"}, activates_at=NOW)
    decision = publish(None, command, NOW)
    assert decision.names == (KEYRING_NAME,)
    assert isinstance(decision.event, KeyPublished)
    assert decision.event.jwk == (("kty", "EC"), ("y", "2"))


def test_later_keys_claim_nothing_and_sign_no_sooner_than_they_are_published() -> None:
    decision = publish(given(evolve, FIRST), Publish(kid="k2", alg="ES256", jwk={}, activates_at=Micros(0)), NOW)
    assert decision.names == ()
    assert isinstance(decision.event, KeyPublished)
    assert decision.event.activates_at == NOW


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_private_members_never_reach_the_log(member: str) -> None:
    command = Publish(kid="k1", alg="ES256", jwk={"kty": "EC", member: "x"}, activates_at=NOW)
    assert reason_of(publish(None, command, NOW)) == "key_private"


def test_a_kid_is_published_once() -> None:
    command = Publish(kid="k1", alg="ES256", jwk={}, activates_at=NOW)
    assert reason_of(publish(given(evolve, FIRST), command, NOW)) == "key_known"


def test_the_newest_activated_key_signs() -> None:
    state = given(evolve, FIRST, NEXT, published("other", alg="RS256"))
    for now, kid in ((NOW, "k1"), (Micros(T100 - 1), "k1"), (T100, "k2")):
        key = signing_key(state, "ES256", now)
        assert key is not None
        assert key.kid == kid
    assert signing_key(state, "EdDSA", NOW) is None


def test_the_jwk_set_shows_next_current_and_retiring_keys() -> None:
    state = given(evolve, FIRST, NEXT, KeyRetired(kid="k1", retires_at=T200))
    assert [key.kid for key in published_keys(state, Micros(T200 - 1))] == ["k1", "k2"]
    assert [key.kid for key in published_keys(state, T200)] == ["k2"]


def test_without_a_keyring_nothing_is_published_and_nothing_signs() -> None:
    assert published_keys(None, NOW) == ()
    assert signing_key(None, "ES256", NOW) is None


def test_a_key_with_a_successor_may_retire() -> None:
    decision = retire(given(evolve, FIRST, NEXT), "k1", T200)
    assert decision == Decision(KeyRetired(kid="k1", retires_at=T200), None)


def test_a_retirement_is_put_off_but_never_brought_forward() -> None:
    state = given(evolve, FIRST, NEXT, KeyRetired(kid="k1", retires_at=T100))
    assert retire(state, "k1", T200).event == KeyRetired(kid="k1", retires_at=T200)
    assert retire(state, "k1", T100) == Decision(None, None)


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ((), "key_unknown"),
        ((published("k9"),), "key_unknown"),
        ((FIRST,), "key_without_successor"),
        ((FIRST, published("other", alg="RS256", activates_at=T100)), "key_without_successor"),
        ((FIRST, NEXT, KeyCompromised(kid="k2")), "key_without_successor"),
    ],
)
def test_a_key_that_nothing_follows_stays(history: tuple[KeyringEvent, ...], reason: str) -> None:
    assert reason_of(retire(given(evolve, *history), "k1", T200)) == reason


def test_a_stolen_key_is_gone_at_once_with_its_tokens() -> None:
    decision = compromise(given(evolve, FIRST), "k1")
    assert decision == Decision(KeyCompromised(kid="k1"), None, gate=GateChange("key", "k1", closes=True))
    state = given(evolve, FIRST, NEXT, KeyCompromised(kid="k1"))
    assert [key.kid for key in published_keys(state, NOW)] == ["k2"]
    assert signing_key(state, "ES256", NOW) is None
    assert compromise(state, "k1") == Decision(None, None)
    assert retire(state, "k1", T200) == Decision(None, None)


def test_a_key_that_nobody_published_cannot_be_stolen() -> None:
    assert reason_of(compromise(None, "k1")) == "key_unknown"


@pytest.mark.parametrize("event", [KeyRetired(kid="k1", retires_at=NOW), KeyCompromised(kid="k1")])
def test_only_a_publication_begins_a_keyring(event: KeyringEvent) -> None:
    with pytest.raises(ValueError, match="cannot begin a keyring"):
        evolve(None, event, 1)
