"""Identities at other providers: issuer and subject together, and each of one account."""

from tests.support.grants import NOW
from tests.support.refusals import reason_of

from grantlog.core.account import upstream
from grantlog.core.account.decide import Create, username_name
from grantlog.core.account.events import Created, Locked, UpstreamLinked
from grantlog.core.account.state import AccountState, evolve

HASH = b"h" * 32
CREATED = Created(username_hash=b"u" * 32, profile=b"box", created_at=NOW)


def given(*events: Created | Locked | UpstreamLinked) -> AccountState:
    state: AccountState | None = None
    for version, event in enumerate(events, start=1):
        state = evolve(state, event, version)
    assert state is not None
    return state


def test_no_two_identities_are_written_alike() -> None:
    assert upstream.identity_input("https://a", "b") == b"https://a\nb"
    assert upstream.identity_input("https://a", "b") != upstream.identity_input("https://a/", "b")


def test_linking_claims_the_identity() -> None:
    decision = upstream.link(given(CREATED), HASH, "https://op.example")
    assert decision.event == UpstreamLinked(identity_hash=HASH, issuer="https://op.example")
    assert decision.names == (upstream.identity_name(HASH),)
    assert decision.answer is None


def test_an_account_that_is_locked_or_unknown_gets_no_identity() -> None:
    assert reason_of(upstream.link(None, HASH, "https://op.example")) == "account_unknown"
    assert (
        reason_of(upstream.link(given(CREATED, Locked(cause="test")), HASH, "https://op.example")) == "account_unknown"
    )


def test_an_account_that_is_made_for_an_identity_bears_it_from_its_birth() -> None:
    decision = upstream.create_for(Create(username_hash=b"u" * 32, profile=b"box"), HASH, NOW)
    assert decision.event == CREATED
    assert set(decision.names) == {username_name(b"u" * 32), upstream.identity_name(HASH)}
    noted = upstream.note(given(CREATED), HASH, "https://op.example")
    assert noted.names == ()
    assert isinstance(noted.event, UpstreamLinked)
    assert given(CREATED, noted.event).upstream == ("https://op.example",)
