"""What tasks do, on memory ports: at least once in time, once in effect."""

import asyncio
import hashlib
import hmac
import json
from uuid import UUID

import pytest
from tests.support import appends
from tests.support.tails import System, found, memory_system

from grantlog.core.decision import Envelope
from grantlog.core.events import REGISTRY
from grantlog.core.grant.events import ReuseDetected
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import StreamId
from grantlog.core.incident.state import IncidentState
from grantlog.flows import respond
from grantlog.flows.catch_up import record_queries
from grantlog.flows.dispatch import HANDLERS, tasks_of
from grantlog.flows.incidents import incident_of
from grantlog.flows.jobs import ATTEMPTS, LONGEST_DELAY, GiveUpError, Outcome, following, periodic
from grantlog.ports import Append, UnavailableError

ACCOUNT = UUID("01980f2c-3a00-7abc-8123-456789abcdef")
SESSION = UUID("01980f2c-3b00-7abc-9123-456789abcdef")
HOOK = respond.Webhook("https://hooks.example/grantlog", b"webhook secret")


@pytest.fixture
def system() -> System:
    return memory_system()


async def person(system: System, session: UUID = SESSION) -> Append:
    """A family of a person with an access and a refresh token."""
    now = system.log.now()
    born = appends.authorized(system.log.mint(), now, account=ACCOUNT, session=session)
    await system.append(born)
    row = appends.redeemed(born, now)
    await system.append(row)
    return row


async def reused(system: System, row: Append, credential: str = "refresh_token") -> int:
    """A spent token of the family came again. The position of that."""
    event = ReuseDetected(credential=credential, presented_version=1, cause="refresh_reuse")
    version = row.version + 1
    after = Append(
        stream=row.stream,
        version=version,
        event=event,
        state=evolve(row.state, event, version),
        envelope=Envelope(actor="client:app", request_id=f"reuse-{row.stream}"),
    )
    return (await system.append(after)).position


async def incident_after(system: System, row: Append) -> tuple[StreamId, IncidentState]:
    cause = await system.log.event_at(row.stream, row.version + 1)
    assert cause is not None
    stream = incident_of("families", cause)
    state = (await system.log.load(stream)).state
    assert isinstance(state, IncidentState)
    return stream, state


async def query_tables(system: System) -> None:
    await record_queries(system.ports, 0)


async def test_a_reuse_becomes_one_incident_that_lists_what_it_touches(system: System) -> None:
    row, other, elsewhere = await person(system), await person(system), await person(system, UUID(int=9))
    position = await reused(system, row)
    await query_tables(system)
    await respond.families(system.ports, position, row.stream, row.version + 1)
    _, incident = await incident_after(system, row)
    assert incident.kind == "refresh_reuse"
    assert incident.severity == "critical"
    assert incident.grant == row.stream
    assert incident.client_id == "app"
    assert incident.account == ACCOUNT
    # The family itself, then its session's, then the account's others.
    assert incident.families == (row.stream, other.stream, elsewhere.stream)
    assert incident.families_count == 3
    detail = dict(incident.detail)
    assert (detail["tokens_issued"], detail["tokens_live"]) == ("1", "1")
    assert detail["session"] == str(SESSION)


async def test_a_replayed_code_is_named_as_such(system: System) -> None:
    row = await person(system)
    position = await reused(system, row, "authorization_code")
    await respond.families(system.ports, position, row.stream, row.version + 1)
    _, incident = await incident_after(system, row)
    assert incident.kind == "code_replay"


async def test_the_task_run_again_and_at_once_leaves_one_incident(system: System) -> None:
    row = await person(system)
    position = await reused(system, row)
    before = len(system.log.rows)
    runs = (respond.families(system.ports, position, row.stream, row.version + 1) for _ in range(5))
    await asyncio.gather(*runs)
    await respond.families(system.ports, position, row.stream, row.version + 1)
    assert [stored.row.type for stored in system.log.rows[before:]] == [
        "incident.finding_recorded",
        "incident.families_listed",
    ]


async def test_the_incident_says_which_position_caused_it(system: System) -> None:
    row = await person(system)
    position = await reused(system, row)
    await respond.families(system.ports, position, row.stream, row.version + 1)
    stream, _ = await incident_after(system, row)
    history = await system.log.history(stream)
    assert {recorded.envelope.cause for recorded in history} == {position}
    assert {recorded.envelope.actor for recorded in history} == {"worker:families"}


async def test_an_event_that_is_no_reuse_lists_nothing(system: System) -> None:
    row = await person(system)
    before = len(system.log.rows)
    await respond.families(system.ports, 1, row.stream, row.version)
    assert len(system.log.rows) == before


async def test_a_reuse_is_told_when_its_families_are_listed_and_a_finding_at_once(system: System) -> None:
    row = await person(system)
    position = await reused(system, row)
    await respond.families(system.ports, position, row.stream, row.version + 1)
    stream, _ = await incident_after(system, row)
    await respond.tell(system.ports, HOOK, position + 1, stream, 1)
    assert system.egress.posted == []
    await respond.tell(system.ports, HOOK, position + 2, stream, 2)
    assert len(system.egress.posted) == 1
    finding = found(system.log.mint(), system.log.now())
    await system.append(finding)
    await respond.tell(system.ports, HOOK, position + 5, finding.stream, 1)
    assert len(system.egress.posted) == 2


async def test_the_webhook_is_signed_over_moment_and_body_and_keyed_by_position(system: System) -> None:
    finding = found(system.log.mint(), system.log.now())
    position = (await system.append(finding)).position
    await respond.tell(system.ports, HOOK, position, finding.stream, 1)
    url, body, headers = system.egress.posted[0]
    assert url == HOOK.url
    assert headers["Idempotency-Key"] == f"notify:0:{position}"
    moment, signature = (part.partition("=")[2] for part in headers["Grantlog-Signature"].split(","))
    assert hmac.new(b"webhook secret", f"{moment}.".encode() + body, hashlib.sha256).hexdigest() == signature
    told = json.loads(body)
    assert told["incident"] == str(finding.stream)
    assert told["kind"] == "foreign_revocation"
    assert told["client_id"] == "c1"
    assert list(told) == sorted(told)


async def test_without_a_secret_nothing_is_signed_and_without_a_url_nothing_is_posted(system: System) -> None:
    finding = found(system.log.mint(), system.log.now())
    await system.append(finding)
    await respond.tell(system.ports, None, 1, finding.stream, 1)
    assert system.egress.posted == []
    await respond.tell(system.ports, respond.webhook_of("https://hooks.example/", None), 1, finding.stream, 1)
    assert "Grantlog-Signature" not in system.egress.posted[0][2]
    assert respond.webhook_of(None, "secret") is None


async def test_what_was_delivered_is_not_told_again(system: System) -> None:
    finding = found(system.log.mint(), system.log.now())
    await system.append(finding)
    for _ in range(3):
        await respond.tell(system.ports, HOOK, 1, finding.stream, 1)
    assert len(system.egress.posted) == 1
    state = (await system.log.load(finding.stream)).state
    assert {(told.channel, told.outcome) for told in state.notifications} == {
        ("log", "delivered"),
        ("webhook", "delivered"),
    }


async def test_a_receiver_that_refuses_is_tried_again_with_the_same_key(system: System) -> None:
    finding = found(system.log.mint(), system.log.now())
    await system.append(finding)
    system.egress.statuses = [500, 302, 204]
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await respond.tell(system.ports, HOOK, 1, finding.stream, 1)
    await respond.tell(system.ports, HOOK, 1, finding.stream, 1)
    assert len({headers["Idempotency-Key"] for _, _, headers in system.egress.posted}) == 1


async def test_a_webhook_that_was_given_up_is_recorded_as_failed(system: System) -> None:
    finding = found(system.log.mint(), system.log.now())
    await system.append(finding)
    await respond.give_up(system.ports, 1, finding.stream)
    state = (await system.log.load(finding.stream)).state
    assert [(told.channel, told.outcome) for told in state.notifications] == [("webhook", "failed")]


async def nothing() -> int:
    return 0


async def nobody() -> None:
    return None


async def test_a_task_that_fails_comes_again_later_and_later_and_ends_as_a_dead_letter(system: System) -> None:
    runs, dead = [], []

    async def failing() -> int:
        runs.append(1)
        raise RuntimeError("broken")

    async def on_dead() -> None:
        dead.append(1)

    outcomes = [await following(system.ports, "notify", 7, failing, on_dead) for _ in range(ATTEMPTS)]
    assert [outcome.name for outcome in outcomes] == ["again"] * (ATTEMPTS - 1) + ["dead"]
    delays = [outcome.delay for outcome in outcomes[:-1]]
    assert delays == sorted(delays)
    assert delays[0] >= 1
    assert delays[-1] <= LONGEST_DELAY
    (letter,) = await system.dead_letters.list()
    assert (letter.task, letter.key, letter.reason) == ("notify", "notify:0:7", "RuntimeError")
    assert (len(runs), len(dead)) == (ATTEMPTS, 1)


async def test_what_will_never_work_is_a_dead_letter_at_once(system: System) -> None:
    async def hopeless() -> int:
        raise GiveUpError("http_400")

    assert await following(system.ports, "notify", 7, hopeless, nobody) == Outcome("dead")
    (letter,) = await system.dead_letters.list()
    assert (letter.key, letter.reason) == ("notify:0:7", "http_400")


async def test_several_things_about_one_event_have_attempts_of_their_own(system: System) -> None:
    async def failing() -> int:
        raise RuntimeError("broken")

    for _ in range(ATTEMPTS):
        await following(system.ports, "notify", 7, failing, nobody, key="notify:0:7:one")
    assert await following(system.ports, "notify", 7, nothing, nobody, key="notify:0:7:other") == Outcome("done")
    assert [letter.key for letter in await system.dead_letters.list()] == ["notify:0:7:one"]


async def test_an_attempt_that_ended_with_its_process_counts_too(system: System) -> None:
    async def killed() -> int:
        raise asyncio.CancelledError

    for _ in range(ATTEMPTS):
        with pytest.raises(asyncio.CancelledError):
            await following(system.ports, "notify", 7, killed, nobody)
    assert await following(system.ports, "notify", 7, nothing, nobody) == Outcome("dead")
    assert len(await system.dead_letters.list()) == 1
    assert await following(system.ports, "notify", 8, nothing, nobody) == Outcome("done")


async def test_a_log_that_does_not_answer_costs_no_attempt(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_job: str, _slot: int) -> bool:
        raise UnavailableError("PostgreSQL is away")

    with monkeypatch.context() as patched:
        patched.setattr(system.ports.leases, "claim_slot", gone)
        for _ in range(ATTEMPTS + 5):
            assert (await following(system.ports, "notify", 7, nothing, nobody)).name == "again"
    assert await following(system.ports, "notify", 7, nothing, nobody) == Outcome("done")


async def test_of_many_that_fire_in_one_slot_one_runs(system: System) -> None:
    runs = []

    async def counted() -> int:
        runs.append(1)
        return 0

    outcomes = await asyncio.gather(*(periodic(system.ports, "expire", 10**9, counted) for _ in range(4)))
    assert sorted(outcome.name for outcome in outcomes) == ["done", "skipped", "skipped", "skipped"]
    assert len(runs) == 1


async def test_what_follows_from_what_stands_in_one_table(system: System) -> None:
    row = await person(system)
    await reused(system, row)
    await system.append(found(system.log.mint(), system.log.now()))
    rows = await system.ports.tail.follow(0, 100)
    assert [[handler for handler, _, _ in tasks_of(row)] for row in rows] == [[], [], ["families"], ["notify"]]


def test_what_ends_sessions_is_told_to_clients() -> None:
    told = {name for name, handlers in HANDLERS.items() if "logout" in handlers}
    factors = {"account.factor_added", "account.factor_removed", "account.recovery_codes_made"}
    assert told == {"session.ended", "account.password_changed", "account.locked", *factors}
    assert told <= {registered.name for registered in REGISTRY.all()}
