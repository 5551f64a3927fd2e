"""A session: somebody, authenticated in one browser."""

from dataclasses import replace
from uuid import UUID

import pytest
from tests.support.given import given
from tests.support.refusals import reason_of

from grantlog.core.decision import Decision, GateChange, Stamp
from grantlog.core.identifiers import Micros, after, seconds
from grantlog.core.session.decide import Start, alive, end, start
from grantlog.core.session.events import Ended, Started
from grantlog.core.session.state import SessionEvent, evolve

NOW = Micros(1_760_000_000_500_000)
ACCOUNT, SESSION = UUID(int=1), UUID(int=2)
COMMAND = Start(
    account=ACCOUNT,
    secret_hash=b"secret",
    amr=("pwd",),
    acr=None,
    stamps=(Stamp("account", str(ACCOUNT), 7),),
    device=b"device",
    lifetime=3600,
)
STARTED = Started(
    account=ACCOUNT,
    secret_hash=b"secret",
    auth_time=1_760_000_000,
    amr=("pwd",),
    acr=None,
    stamps=COMMAND.stamps,
    device=b"device",
    started_at=NOW,
    expires_at=after(NOW, 3600),
)


def test_a_session_starts_with_the_stamps_read_with_the_proof() -> None:
    assert start(None, COMMAND, NOW) == Decision(STARTED, None)
    state = given(evolve, STARTED)
    assert state is not None
    assert (state.version, state.account, state.stamps, state.ended) == (1, ACCOUNT, COMMAND.stamps, False)
    assert state.auth_time == seconds(NOW)


def test_a_session_says_when_the_first_factor_was_proven_not_the_second() -> None:
    command = replace(COMMAND, auth_time=1_759_999_000)
    assert start(None, command, NOW).event == replace(STARTED, auth_time=1_759_999_000)


def test_a_session_id_is_never_authenticated_twice() -> None:
    assert reason_of(start(given(evolve, STARTED), COMMAND, NOW)) == "session_exists"


def test_ending_closes_the_sessions_gate_once() -> None:
    decision = end(given(evolve, STARTED), SESSION, "logout")
    assert decision == Decision(Ended(cause="logout"), None, gate=GateChange("session", str(SESSION), closes=True))
    assert end(given(evolve, STARTED, Ended(cause="logout")), SESSION, "logout") == Decision(None, None)
    assert end(None, SESSION, "logout") == Decision(None, None)


def test_who_presents_the_secret_may_use_the_session_until_it_expires() -> None:
    assert alive(given(evolve, STARTED), b"secret", Micros(after(NOW, 3600) - 1), closed=False) is None


@pytest.mark.parametrize(
    ("history", "secret", "now", "closed", "reason"),
    [
        ((), b"secret", NOW, False, "session_unknown"),
        ((STARTED,), b"guess", NOW, False, "session_forged"),
        ((STARTED, Ended(cause="logout")), b"secret", NOW, False, "session_ended"),
        ((STARTED,), b"secret", after(NOW, 3600), False, "session_expired"),
        ((STARTED,), b"secret", NOW, True, "session_gate_closed"),
    ],
)
def test_anybody_else_must_log_in(
    history: tuple[SessionEvent, ...], secret: bytes, now: Micros, closed: bool, reason: str
) -> None:
    refusal = alive(given(evolve, *history), secret, now, closed=closed)
    assert refusal is not None
    assert (refusal.error, refusal.reason) == ("login_required", reason)


def test_only_a_start_begins_a_session() -> None:
    with pytest.raises(ValueError, match="cannot begin a session"):
        evolve(None, Ended(cause="logout"), 1)
