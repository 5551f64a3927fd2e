"""What the query tables must learn from each event."""

import pytest
from tests.support.grants import (
    ACCOUNT,
    CLIENT,
    NOW,
    SESSION,
    authorized,
    beside,
    child_of,
    exchanged,
    for_itself,
    hashed,
    redeemed,
    renewed,
    rotated,
)

from grantlog.core.client.events import ClientMetadata, Registered, Resumed
from grantlog.core.events import UnknownEventError
from grantlog.core.grant.events import AccessTokenRevoked, ReuseDetected, Revoked
from grantlog.core.identifiers import MICROS, ClientId, Micros, after, mint_stream_id, seconds
from grantlog.projections.queries import (
    ClientNamed,
    Counted,
    FamilyBorn,
    FamilyMoved,
    FamilyRevoked,
    Operation,
    TokenIssued,
    operations,
)

STREAM = mint_stream_id(NOW, 0, bytes(9))
EXPIRY = Micros((seconds(NOW) + 600) * MICROS)
IDLE = after(NOW, 86_400)
MORE = Counted("grant", begins=False)


def test_an_authorization_bears_a_family_with_a_code() -> None:
    assert operations(STREAM, 1, authorized()) == (
        Counted("grant", begins=True),
        FamilyBorn(STREAM, 1, CLIENT, ACCOUNT, SESSION, NOW, after(NOW, 30 * 86_400)),
        TokenIssued(hashed("code"), STREAM, 1, "code", after(NOW, 60)),
    )


def test_client_credentials_bear_a_family_of_nobody() -> None:
    assert operations(STREAM, 1, for_itself()) == (
        Counted("grant", begins=True),
        FamilyBorn(STREAM, 1, CLIENT, None, None, NOW, after(NOW, 600)),
        TokenIssued(hashed("a1"), STREAM, 1, "access", EXPIRY),
    )


def test_a_token_for_another_bears_a_family_of_the_same_account() -> None:
    event = exchanged("c1")
    assert operations(STREAM, 1, event) == (
        Counted("grant", begins=True),
        FamilyBorn(STREAM, 1, event.client_id, event.account, event.session, event.issued_at, event.expires_at),
        TokenIssued(hashed("c1"), STREAM, 1, "access", Micros(event.access_token.expires_at * MICROS)),
    )


@pytest.mark.parametrize(
    ("event", "tokens"),
    [
        (redeemed("a1", None), [("a1", "access", EXPIRY)]),
        (redeemed("a1", "r1"), [("a1", "access", EXPIRY), ("r1", "refresh", IDLE)]),
        (rotated("a2", "r2"), [("a2", "access", EXPIRY), ("r2", "refresh", IDLE)]),
        (beside("b1", b"other"), [("b1", "access", EXPIRY)]),
        (renewed("a2"), [("a2", "access", EXPIRY)]),
        (child_of("a1"), []),
        (AccessTokenRevoked(hash=hashed("a1")), []),
    ],
)
def test_every_issued_token_can_be_found_by_its_hash(event: object, tokens: list[tuple[str, str, Micros]]) -> None:
    learned = operations(STREAM, 5, event)
    assert learned[:2] == (MORE, FamilyMoved(STREAM, 5))
    issued = [found for found in learned if isinstance(found, TokenIssued)]
    assert [(found.hash, found.kind, found.expires_at) for found in issued] == [
        (hashed(secret), kind, expiry) for secret, kind, expiry in tokens
    ]
    assert {(found.stream, found.version) for found in issued} <= {(STREAM, 5)}


@pytest.mark.parametrize(
    "event",
    [Revoked(cause="wish"), ReuseDetected(credential="refresh_token", presented_version=2, cause="wish")],
    ids=["revoked", "reuse"],
)
def test_a_dead_family_says_why(event: object) -> None:
    expected: tuple[Operation, ...] = (MORE, FamilyRevoked(STREAM, 6, "wish"))
    assert operations(STREAM, 6, event) == expected


def test_a_client_is_listed_and_its_other_events_are_counted() -> None:
    client = ClientId("web-shop")
    born = Registered(
        client_id=client,
        metadata=ClientMetadata(name="Shop"),
        secret_hash=b"s",
        secret_expires_at=None,
        registered_at=NOW,
    )
    assert operations(STREAM, 1, born) == (Counted("client", begins=True), ClientNamed(STREAM, client, NOW))
    assert operations(STREAM, 2, Resumed()) == (Counted("client", begins=False),)


def test_what_nobody_registered_is_an_error_and_never_skipped() -> None:
    with pytest.raises(UnknownEventError):
        operations(STREAM, 1, object())
