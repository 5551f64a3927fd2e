"""The one predicate: is this access token alive?"""

from dataclasses import replace

import pytest
from tests.support.given import given
from tests.support.grants import ACCOUNT, CLIENT, NOW, STAMPS, access, authorized, for_itself, hashed, redeemed

from grantlog.core.decision import GateKind, Stamp
from grantlog.core.grant.events import Revoked
from grantlog.core.grant.standing import Active, Family, Gate, Inactive, Login, closed_gate, family_of, standing
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import Micros, after, seconds

SOON = Micros(NOW + 1)


def family(*events: object) -> Family:
    state = given(evolve, *events)
    assert state is not None
    return family_of(state)


def gates(*all_gates: Gate) -> dict[tuple[GateKind, str], Gate]:
    return {(gate.kind, gate.id): gate for gate in all_gates}


ALIVE = family(authorized(), redeemed())


def test_a_live_token_below_open_gates_is_active() -> None:
    found = standing(ALIVE, hashed("a1"), SOON, {})
    assert isinstance(found, Active)
    assert found.family == ALIVE
    assert found.token.hash == hashed("a1")


def test_a_truncated_hash_is_compared_by_what_is_left_of_it() -> None:
    token = access("a1")
    short = Family(2, CLIENT, "s", (), (replace(token, hash=token.hash[:16]),))
    assert isinstance(standing(short, hashed("a1"), SOON, {}), Active)
    assert standing(short, hashed("a2"), SOON, {}) == Inactive("revoked_or_unknown")


@pytest.mark.parametrize(
    ("subject", "reason"),
    [(None, "unknown"), (family(authorized(), redeemed(), Revoked(cause="x")), "revoked_or_unknown")],
)
def test_an_unknown_or_revoked_family_is_inactive(subject: Family | None, reason: str) -> None:
    assert standing(subject, hashed("a1"), SOON, {}) == Inactive(reason)


def test_a_token_is_inactive_from_the_second_of_its_expiry() -> None:
    assert isinstance(standing(ALIVE, hashed("a1"), Micros(after(NOW, 600) - 1), {}), Active)
    assert standing(ALIVE, hashed("a1"), after(NOW, 600), {}) == Inactive("expired")


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        (Gate("account", str(ACCOUNT), 4, Micros(0)), "account_revoked"),
        (Gate("client", CLIENT, 2, Micros(0)), "client_revoked"),
        (Gate("account", str(ACCOUNT), 3, after(NOW, 60)), "account_quarantined"),
    ],
)
def test_a_closed_gate_above_the_family_makes_its_tokens_inactive(gate: Gate, reason: str) -> None:
    assert standing(ALIVE, hashed("a1"), SOON, gates(gate)) == Inactive(reason)


@pytest.mark.parametrize(
    "gate",
    [
        Gate("account", str(ACCOUNT), 3, Micros(0)),
        Gate("account", str(ACCOUNT), 0, SOON),
        Gate("account", "somebody else", 9, after(NOW, 60)),
    ],
    ids=["stamped as high", "quarantine has lapsed", "another account"],
)
def test_an_open_gate_lets_tokens_through(gate: Gate) -> None:
    assert isinstance(standing(ALIVE, hashed("a1"), SOON, gates(gate)), Active)


def test_a_token_born_below_a_gate_that_closed_meanwhile_is_born_dead() -> None:
    assert closed_gate((Stamp("session", "s", 0),), NOW, gates(Gate("session", "s", 1, Micros(0)))) == "session_revoked"


def test_every_stamp_is_asked() -> None:
    assert closed_gate(STAMPS, NOW, gates(Gate("client", CLIENT, 2, Micros(0)))) == "client_revoked"
    assert closed_gate(STAMPS, NOW, {}) is None


def test_the_tokens_of_a_compromised_key_are_inactive_and_those_of_others_are_not() -> None:
    signed = Family(2, CLIENT, "s", (), (access("a1", kid="k1"), access("a2", kid="k2"), access("a3")))
    compromised = gates(Gate("key", "k1", 1, Micros(0)), Gate("key", "k2", 0, Micros(0)))
    assert standing(signed, hashed("a1"), SOON, compromised) == Inactive("key_compromised")
    assert isinstance(standing(signed, hashed("a2"), SOON, compromised), Active)
    assert isinstance(standing(signed, hashed("a3"), SOON, compromised), Active)


def test_a_family_tells_how_its_user_authenticated_and_nothing_where_there_is_none() -> None:
    assert ALIVE.login == Login(seconds(NOW), None, ("pwd",))
    assert family(for_itself()).login is None


@pytest.mark.parametrize("kind", ["family", "consent"])
def test_a_token_below_the_gate_of_its_parent_or_its_consent_is_dead(kind: GateKind) -> None:
    child = replace(ALIVE, stamps=(*STAMPS, Stamp(kind, "x", 0)))
    assert isinstance(standing(child, hashed("a1"), SOON, {}), Active)
    closed = gates(Gate(kind, "x", 1, Micros(0)))
    assert standing(child, hashed("a1"), SOON, closed) == Inactive(f"{kind}_revoked")
