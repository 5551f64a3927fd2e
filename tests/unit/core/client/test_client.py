"""A client: its registration (RFC 7591), its secrets, and whether it may act."""

from dataclasses import replace

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.client import upcasts  # noqa: F401  # registers the steps
from grantlog.core.client.decide import (
    AddSecret,
    Register,
    add_secret,
    deregister,
    may_manage,
    register,
    replace_registration_token,
    resume,
    suspend,
    update,
)
from grantlog.core.client.events import (
    ClientMetadata,
    Deregistered,
    Registered,
    RegistrationTokenReplaced,
    Resumed,
    SecretAdded,
    Suspended,
    Updated,
)
from grantlog.core.client.state import ClientEvent, ClientSecret, ClientState, evolve, live_secret_hashes, live_secrets
from grantlog.core.decision import Decision, GateChange, Name
from grantlog.core.events import REGISTRY
from grantlog.core.identifiers import ClientId, Micros, after

NOW = Micros(1_760_000_000_000_000)
ID = ClientId("web-shop")
CONFIDENTIAL = ClientMetadata(name="Shop", redirect_uris=("https://client.example/callback",))
PUBLIC = replace(CONFIDENTIAL, token_endpoint_auth_method="none")
KEYED = replace(CONFIDENTIAL, token_endpoint_auth_method="private_key_jwt", jwks_uri="https://client.example/jwks")
SEALED = replace(CONFIDENTIAL, token_endpoint_auth_method="client_secret_jwt")
FORGET = GateChange("client", ID)
CLOSE = GateChange("client", ID, closes=True)


def registered(*, expires_at: Micros | None = None) -> Registered:
    return Registered(
        client_id=ID, metadata=CONFIDENTIAL, secret_hash=b"s1", secret_expires_at=expires_at, registered_at=NOW
    )


def registered_public() -> Registered:
    return Registered(client_id=ID, metadata=PUBLIC, secret_hash=None, secret_expires_at=None, registered_at=NOW)


def added(secret: bytes, *, at: Micros, overlap: int = 3600, expires_at: Micros | None = None) -> SecretAdded:
    return SecretAdded(
        secret_hash=secret, secret_expires_at=expires_at, overlap_ends_at=after(at, overlap), added_at=at
    )


def after_events(*events: ClientEvent) -> ClientState:
    state = given(evolve, *events)
    assert state is not None
    return state


# registration


def test_registering_claims_the_client_id() -> None:
    decision = register(None, Register(client_id=ID, metadata=CONFIDENTIAL, secret_hash=b"s1"), NOW)
    assert decision == Decision(registered(), None, gate=FORGET, names=(Name("client_id", ID),))


@pytest.mark.parametrize(
    "taken", ["01980f2c-3a00-7abc-8123-456789abcdef", "01980F2C-3A00-7ABC-8123-456789ABCDEF", "c" * 43]
)
def test_no_client_is_called_like_the_subject_of_a_person(taken: str) -> None:
    command = Register(client_id=ClientId(taken), metadata=CONFIDENTIAL, secret_hash=b"s1")
    assert reason_of(register(None, command, NOW)) == "client_id_of_a_person"


def test_a_public_client_is_registered_without_a_secret() -> None:
    decision = register(None, Register(client_id=ID, metadata=PUBLIC), NOW)
    assert decision.event == registered_public()


@pytest.mark.parametrize(
    "command",
    [
        Register(client_id=ID, metadata=PUBLIC, secret_hash=b"s1"),
        Register(client_id=ID, metadata=CONFIDENTIAL),
        Register(client_id=ID, metadata=KEYED, secret_hash=b"s1"),
        Register(client_id=ID, metadata=SEALED, secret_hash=b"s1"),
    ],
    ids=["public with a secret", "confidential without", "of a key with a secret", "of a sealed secret with a hash"],
)
def test_the_authentication_method_must_fit_the_secret(command: Register) -> None:
    assert reason_of(register(None, command, NOW)) == "client_secret_mismatch"


def test_a_stream_holds_one_client() -> None:
    command = Register(client_id=ID, metadata=CONFIDENTIAL, secret_hash=b"s2")
    assert reason_of(register(after_events(registered()), command, NOW)) == "client_registered"


def test_a_registered_client_may_act() -> None:
    state = after_events(registered())
    assert (state.version, state.client_id, state.metadata, state.registered_at) == (1, ID, CONFIDENTIAL, NOW)
    assert not state.suspended
    assert live_secret_hashes(state, NOW) == (b"s1",)
    assert after_events(registered_public()).secrets == ()


# secrets


def test_a_new_secret_lets_the_old_one_overlap() -> None:
    decision = add_secret(after_events(registered()), AddSecret(secret_hash=b"s2", overlap=3600), NOW)
    assert decision == Decision(added(b"s2", at=NOW), None, gate=FORGET)


@pytest.mark.parametrize(
    ("history", "secret", "reason"),
    [
        ((), b"s2", "client_unknown"),
        ((registered_public(),), b"s2", "client_public"),
        ((registered(),), b"s1", "client_secret_known"),
    ],
)
def test_a_secret_is_new_and_for_a_confidential_client(
    history: tuple[ClientEvent, ...], secret: bytes, reason: str
) -> None:
    command = AddSecret(secret_hash=secret, overlap=3600)
    assert reason_of(add_secret(given(evolve, *history), command, NOW)) == reason


def test_both_secrets_work_in_the_overlap_and_the_old_one_no_longer() -> None:
    state = after_events(registered(), added(b"s2", at=NOW))
    assert live_secret_hashes(state, Micros(after(NOW, 3600) - 1)) == (b"s1", b"s2")
    assert live_secret_hashes(state, after(NOW, 3600)) == (b"s2",)


def test_without_an_overlap_the_old_secret_is_dead_at_once() -> None:
    state = after_events(registered(), added(b"s2", at=NOW, overlap=0))
    assert live_secret_hashes(state, NOW) == (b"s2",)


def test_a_third_secret_ends_the_first() -> None:
    state = after_events(registered(), added(b"s2", at=NOW), added(b"s3", at=NOW))
    assert live_secret_hashes(state, NOW) == (b"s2", b"s3")


def test_an_overlap_never_prolongs_a_secret() -> None:
    ends = after(NOW, 60)
    state = after_events(registered(expires_at=ends), added(b"s2", at=NOW, expires_at=after(NOW, 7200)))
    assert state.secrets == (
        ClientSecret(hash=b"s1", created_at=NOW, expires_at=ends),
        ClientSecret(hash=b"s2", created_at=NOW, expires_at=after(NOW, 7200)),
    )


def test_an_expired_secret_is_forgotten_at_the_next_rotation() -> None:
    state = after_events(registered(expires_at=NOW), added(b"s2", at=NOW))
    assert [secret.hash for secret in live_secrets(state, NOW)] == [b"s2"]
    assert len(state.secrets) == 1


# suspension


def test_suspending_closes_the_gate_once() -> None:
    decision = suspend(after_events(registered()), "operator")
    assert decision == Decision(Suspended(cause="operator"), None, gate=CLOSE)
    assert suspend(after_events(registered(), Suspended(cause="operator")), "again") == Decision(None, None)


def test_resuming_opens_nothing_that_was_issued_before() -> None:
    suspended = after_events(registered(), Suspended(cause="operator"))
    assert suspended.suspended
    assert resume(suspended) == Decision(Resumed(), None, gate=FORGET)
    resumed = after_events(registered(), Suspended(cause="operator"), Resumed())
    assert not resumed.suspended
    assert resume(resumed) == Decision(None, None)


# updates


def test_an_update_replaces_the_registration_as_a_whole() -> None:
    new = replace(CONFIDENTIAL, name="New")
    assert update(after_events(registered()), new, NOW) == Decision(Updated(metadata=new), None, gate=FORGET)
    assert after_events(registered(), Updated(metadata=new)).metadata == new


def test_an_update_that_changes_nothing_is_no_event() -> None:
    assert update(after_events(registered()), CONFIDENTIAL, NOW) == Decision(None, None)


def test_a_client_cannot_become_confidential_without_a_secret() -> None:
    assert reason_of(update(after_events(registered_public()), CONFIDENTIAL, NOW)) == "client_without_secret"
    assert update(after_events(registered_public()), replace(PUBLIC, name="New"), NOW).event is not None


def test_a_client_cannot_come_to_sign_by_a_secret_that_nobody_can_read() -> None:
    assert reason_of(update(after_events(registered()), SEALED, NOW)) == "client_without_secret"
    sealed = after_events(
        Registered(client_id=ID, metadata=SEALED, secret_hash=None, secret_expires_at=None, registered_at=NOW)
    )
    assert update(sealed, replace(SEALED, name="New"), NOW).event is not None
    assert update(after_events(registered()), KEYED, NOW).event == Updated(metadata=KEYED)


def test_an_unknown_client_has_nothing_to_change() -> None:
    for state in (None, after_events(registered(), Deregistered())):
        for decision in (
            suspend(state, "x"),
            resume(state),
            update(state, PUBLIC, NOW),
            add_secret(state, AddSecret(secret_hash=b"s9", overlap=0), NOW),
            replace_registration_token(state, b"t2"),
        ):
            assert reason_of(decision) == "client_unknown"
    assert reason_of(deregister(None)) == "client_unknown"


# management


def managed() -> Registered:
    return replace(registered(), registration_token_hash=bytes(31) + b"1")


def test_a_client_may_be_registered_with_a_registration_access_token() -> None:
    command = Register(client_id=ID, metadata=CONFIDENTIAL, secret_hash=b"s1", registration_token_hash=bytes(31) + b"1")
    assert register(None, command, NOW).event == managed()


def test_only_its_own_registration_access_token_manages_a_client() -> None:
    state = after_events(managed())
    assert may_manage(state, bytes(31) + b"1")
    assert not may_manage(state, bytes(31) + b"2")
    for other in (None, after_events(registered()), after_events(managed(), Deregistered())):
        assert not may_manage(other, bytes(31) + b"1")
        assert not may_manage(other, bytes(32))


def test_a_new_registration_access_token_ends_the_old_one() -> None:
    decision = replace_registration_token(after_events(managed()), bytes(31) + b"2")
    event = RegistrationTokenReplaced(registration_token_hash=bytes(31) + b"2")
    assert decision == Decision(event, None, gate=FORGET)
    state = after_events(managed(), event)
    assert may_manage(state, bytes(31) + b"2")
    assert not may_manage(state, bytes(31) + b"1")


def test_a_removed_client_is_dead_with_all_it_had_and_stays_so() -> None:
    assert deregister(after_events(managed())) == Decision(Deregistered(), None, gate=CLOSE)
    gone = after_events(managed(), Deregistered())
    assert gone.suspended
    assert gone.deregistered
    assert live_secret_hashes(gone, NOW) == ()
    assert deregister(gone) == Decision(None, None)


@pytest.mark.parametrize(
    "event",
    [
        added(b"s", at=NOW),
        Suspended(cause="x"),
        Resumed(),
        Updated(metadata=PUBLIC),
        RegistrationTokenReplaced(registration_token_hash=b""),
        Deregistered(),
    ],
)
def test_only_a_registration_begins_a_client(event: ClientEvent) -> None:
    with pytest.raises(ValueError, match="cannot begin a client"):
        evolve(None, event, 1)


# earlier versions


@pytest.mark.parametrize("name", ["client.registered", "client.updated"])
def test_what_an_earlier_version_did_not_say_has_its_default(name: str) -> None:
    old = {"metadata": {"name": "Shop"}}
    kind, payload = REGISTRY.upcast(name, 1, old)
    assert (kind.version, payload) == (2, old)
