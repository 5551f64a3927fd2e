"""The contract of EventLog."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest
from tests.support.appends import again, issued, registered, revoked, suspended
from tests.support.logs import Store

from grantlog.adapters.codec import CodecError, leaf_of
from grantlog.core.decision import GateChange, Name
from grantlog.core.grant.standing import Gate
from grantlog.core.identifiers import Micros, StreamId, after, born_at, bucket_of, mint_stream_id
from grantlog.ports import Appended, Conflict, EventLog, Gates, Rejected, Replay, Verdict

WEEK = 7 * 86_400


@pytest.fixture
def log(store: Store) -> EventLog:
    return store.log


def appended(verdict: Verdict) -> Appended:
    assert isinstance(verdict, Appended), verdict
    return verdict


async def test_an_appended_state_is_loaded_with_its_version(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    loaded = await log.load(row.stream)
    assert (loaded.version, loaded.state) == (1, row.state)


async def test_an_unknown_stream_loads_as_version_0(log: EventLog) -> None:
    loaded = await log.load(log.mint())
    assert (loaded.version, loaded.state) == (0, None)


async def test_a_long_lived_stream_is_loaded_like_any_other(log: EventLog) -> None:
    row = registered(log.mint(), log.now())
    await log.append(row)
    assert (await log.load(row.stream)).state == row.state


async def test_positions_are_dense_and_in_the_order_of_answers(log: EventLog) -> None:
    first = appended(await log.append(issued(log.mint(), log.now())))
    second = appended(await log.append(registered(log.mint(), log.now())))
    assert (first.position, second.position) == (1, 2)
    assert first.recorded_at <= second.recorded_at
    assert second.head.position == 2


async def test_rows_of_one_moment_get_dense_positions(log: EventLog) -> None:
    rows = [issued(log.mint(), log.now()) for _ in range(300)]
    verdicts = await asyncio.gather(*(log.append(row) for row in rows))
    assert sorted(appended(verdict).position for verdict in verdicts) == list(range(1, 301))


async def test_exactly_one_of_many_wins_a_version(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    verdicts = await asyncio.gather(*(log.append(revoked(row, f"cause {n}")) for n in range(50)))
    assert sum(isinstance(verdict, Appended) for verdict in verdicts) == 1
    assert sum(isinstance(verdict, Conflict) for verdict in verdicts) == 49
    assert (await log.load(row.stream)).version == 2


async def test_a_version_that_skips_one_conflicts(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    assert isinstance(await log.append(replace(revoked(row), version=3)), Conflict)


async def test_a_stream_cannot_begin_at_version_2(log: EventLog) -> None:
    assert isinstance(await log.append(revoked(issued(log.mint(), log.now()))), Conflict)


async def test_the_same_attempt_repeated_stands_once_and_says_where(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    first = appended(await log.append(row))
    second = appended(await log.append(row))
    assert (second.position, second.recorded_at, second.again) == (first.position, first.recorded_at, True)
    assert not first.again
    assert (await log.head()).position == 1


async def test_the_same_attempt_twice_in_one_moment_stands_once(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    verdicts = [appended(verdict) for verdict in await asyncio.gather(*(log.append(row) for _ in range(3)))]
    assert {verdict.position for verdict in verdicts} == {1}
    assert sorted(verdict.again for verdict in verdicts) == [False, True, True]


async def test_the_same_attempt_is_recognised_after_the_stream_moved_on(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    await log.append(revoked(row))
    assert appended(await log.append(row)).position == 1


async def test_another_attempt_at_the_same_version_conflicts(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    assert isinstance(await log.append(again(row)), Conflict)


async def test_a_request_id_that_comes_with_another_event_conflicts(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    other = issued(row.stream, after(log.now(), 5), envelope=row.envelope)
    assert isinstance(await log.append(other), Conflict)


@pytest.mark.parametrize("weeks", [-30, 30])
async def test_an_id_born_outside_the_partitions_is_refused_and_harms_nobody(log: EventLog, weeks: int) -> None:
    strange = mint_stream_id(after(log.now(), weeks * WEEK), 0, bytes(9))
    good = issued(log.mint(), log.now())
    bad, kept = await asyncio.gather(log.append(issued(strange, log.now())), log.append(good))
    assert isinstance(bad, Rejected)
    assert bad.reason == "bad_id"
    assert appended(kept).position == 1
    assert (await log.load(strange)).version == 0


async def test_a_long_lived_stream_may_be_born_at_any_time(log: EventLog) -> None:
    strange = mint_stream_id(after(log.now(), -30 * WEEK), 0, bytes(9))
    assert isinstance(await log.append(registered(strange, log.now())), Appended)


async def test_a_name_is_borne_by_one_stream(log: EventLog) -> None:
    first, second = registered(log.mint(), log.now()), registered(log.mint(), log.now())
    await log.append(first)
    verdict = await log.append(second)
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "name_taken"
    assert await log.bearer(Name("client_id", "c1")) == first.stream
    assert (await log.load(second.stream)).version == 0


async def test_one_of_many_gets_a_name_in_the_same_moment_and_others_are_unharmed(log: EventLog) -> None:
    rivals = [registered(log.mint(), log.now()) for _ in range(5)]
    bystander = registered(log.mint(), log.now(), "c2")
    verdicts = await asyncio.gather(*(log.append(row) for row in [*rivals, bystander]))
    assert sum(isinstance(verdict, Appended) for verdict in verdicts[:5]) == 1
    assert isinstance(verdicts[5], Appended)
    assert (await log.head()).position == 2


async def test_nobody_bears_an_unknown_name(log: EventLog) -> None:
    assert await log.bearer(Name("username", "c1")) is None


async def test_a_one_time_value_is_taken_once(log: EventLog) -> None:
    claim = Replay(b"jti", after(log.now(), 60))
    await log.append(issued(log.mint(), log.now(), replays=(claim,)))
    verdict = await log.append(issued(log.mint(), log.now(), replays=(Replay(b"jti", after(log.now(), 90)),)))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "replayed"


async def test_one_of_many_gets_a_one_time_value_in_the_same_moment(log: EventLog) -> None:
    until = after(log.now(), 60)
    rows = [issued(log.mint(), log.now(), replays=(Replay(b"jti", until),)) for _ in range(5)]
    verdicts = await asyncio.gather(*(log.append(row) for row in rows))
    assert sum(isinstance(verdict, Appended) for verdict in verdicts) == 1


@pytest.mark.parametrize("span", [-1, 90 * 86_400])
async def test_a_one_time_value_that_cannot_be_remembered_is_refused(log: EventLog, span: int) -> None:
    claim = Replay(b"jti", after(log.now(), span))
    verdict = await log.append(issued(log.mint(), log.now(), replays=(claim,)))
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "replayed"


async def test_a_repeated_attempt_is_no_replay_and_takes_no_name_from_itself(log: EventLog) -> None:
    row = registered(log.mint(), log.now(), replays=(Replay(b"jti", after(log.now(), 60)),))
    await log.append(row)
    assert appended(await log.append(row)).again


async def test_what_loses_its_version_claims_nothing(log: EventLog) -> None:
    row = registered(log.mint(), log.now())
    await log.append(row)
    loser = registered(row.stream, log.now(), "other", replays=(Replay(b"jti", after(log.now(), 60)),))
    assert isinstance(await log.append(loser), Conflict)
    assert await log.bearer(Name("client_id", "other")) is None
    free = issued(log.mint(), log.now(), replays=(Replay(b"jti", after(log.now(), 60)),))
    assert isinstance(await log.append(free), Appended)


async def test_a_sealed_answer_is_kept_with_its_event(log: EventLog) -> None:
    row = issued(log.mint(), log.now(), seal=b"box")
    await log.append(row)
    assert await log.sealed(row.stream, 1) == b"box"
    assert await log.sealed(row.stream, 2) is None
    assert await log.sealed(log.mint(), 1) is None


async def test_an_event_without_a_seal_has_none(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    await log.append(row)
    assert await log.sealed(row.stream, 1) is None


async def test_history_tells_every_event_with_its_envelope(log: EventLog) -> None:
    first = issued(log.mint(), log.now())
    second = revoked(first)
    await log.append(first)
    await log.append(second)
    history = await log.history(first.stream)
    assert [(each.version, each.event, each.envelope) for each in history] == [
        (1, first.event, first.envelope),
        (2, second.event, second.envelope),
    ]
    assert [each.position for each in history] == [1, 2]
    assert [each.type for each in history] == ["grant.client_credentials_issued", "grant.revoked"]
    assert await log.history(log.mint()) == []


async def test_one_event_is_read_by_its_version(log: EventLog) -> None:
    for row in (issued(log.mint(), log.now()), registered(log.mint(), log.now())):
        await log.append(row)
        found = await log.event_at(row.stream, 1)
        assert found is not None
        assert found.event == row.event
        assert await log.event_at(row.stream, 2) is None


async def test_the_leaf_covers_the_whole_row(log: EventLog) -> None:
    row = registered(log.mint(), log.now(), "é")
    await log.append(row)
    found = await log.event_at(row.stream, 1)
    assert found is not None
    head = await log.head()
    assert found.leaf == leaf_of(
        head.log_id,
        found.position,
        found.stream,
        found.version,
        found.type,
        found.schema,
        found.recorded_at,
        b'{"actor":"server","cause":null,"request_id":"%s","tenant":0}' % row.envelope.request_id.encode(),
        found.payload,
    )


async def test_a_gate_opens_with_the_next_sequence_and_epoch_0(log: EventLog) -> None:
    verdict = appended(await log.append(registered(log.mint(), log.now())))
    assert verdict.head.gate_sequence == 1
    assert await log.gates_after(0) == Gates(1, (Gate("client", "c1", 0, Micros(0)),))


async def test_a_closing_gate_raises_its_epoch_and_tells_only_what_is_new(log: EventLog) -> None:
    row = registered(log.mint(), log.now())
    await log.append(row)
    await log.append(registered(log.mint(), log.now(), "c2"))
    verdict = appended(await log.append(suspended(row)))
    assert verdict.head.gate_sequence == 3
    assert await log.gates_after(2) == Gates(3, (Gate("client", "c1", 1, Micros(0)),))
    assert await log.gates_after(3) == Gates(3, ())
    everything = await log.gates_after(0)
    assert [gate.id for gate in everything.changes] == ["c2", "c1"]


async def test_gates_of_one_moment_each_get_a_sequence(log: EventLog) -> None:
    rows = [issued(log.mint(), log.now(), gate=GateChange("account", "a", closes=True)) for _ in range(4)]
    await asyncio.gather(*(log.append(row) for row in rows))
    assert await log.gates_after(0) == Gates(4, (Gate("account", "a", 4, Micros(0)),))


async def test_a_quarantine_stays_until_another_is_set(log: EventLog) -> None:
    until = after(log.now(), 60)
    for change in (
        GateChange("account", "a", quarantined_until=until),
        GateChange("account", "a", closes=True),
    ):
        await log.append(issued(log.mint(), log.now(), gate=change))
    assert (await log.gates_after(0)).changes == (Gate("account", "a", 1, until),)
    await log.append(issued(log.mint(), log.now(), gate=GateChange("account", "a", quarantined_until=Micros(1))))
    assert (await log.gates_after(0)).changes == (Gate("account", "a", 1, Micros(1)),)


async def test_what_does_not_stand_changes_no_gate(log: EventLog) -> None:
    row = registered(log.mint(), log.now())
    await log.append(row)
    # In one batch with something that stands.
    losers = (row, again(row), registered(log.mint(), log.now()))
    await asyncio.gather(*(log.append(each) for each in (*losers, issued(log.mint(), log.now()))))
    assert (await log.gates_after(0)).sequence == 1
    assert (await log.head()).position == 2


async def test_ids_are_minted_on_the_logs_clock_in_the_bucket_asked_for(log: EventLog) -> None:
    stream = log.mint(7)
    assert bucket_of(stream) == 7
    assert abs(born_at(stream) - log.now()) < 5_000_000
    assert len({log.mint() for _ in range(100)}) == 100
    assert len({bucket_of(log.mint()) for _ in range(200)}) > 20


async def test_the_logs_time_moves_on_with_every_answer(log: EventLog) -> None:
    verdict = appended(await log.append(issued(log.mint(), log.now())))
    head = await log.head()
    assert verdict.recorded_at <= head.recorded_at
    assert head.recorded_at - log.now() < 1_000_000


async def test_an_event_that_could_not_be_read_again_is_not_written(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    token = replace(row.event.access_token, issued_at=1.5)
    with pytest.raises(CodecError):
        await log.append(replace(row, event=replace(row.event, access_token=token)))
    assert (await log.head()).position == 0


async def test_a_state_of_another_kind_is_not_written(log: EventLog) -> None:
    row = issued(log.mint(), log.now())
    with pytest.raises(CodecError, match="ClientState"):
        await log.append(replace(row, state=registered(log.mint(), log.now()).state))


@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
async def test_a_name_that_no_database_holds_is_refused_before_it_is_sent(log: EventLog, value: str) -> None:
    with pytest.raises(CodecError):
        await log.append(registered(log.mint(), log.now(), names=(Name("client_id", value),)))


async def test_loads_of_one_moment_each_get_their_own(log: EventLog) -> None:
    rows = [issued(log.mint(), log.now(), client=f"client {n}") for n in range(20)]
    await asyncio.gather(*(log.append(row) for row in rows))
    wanted: list[StreamId] = [row.stream for row in rows] + [rows[0].stream, log.mint()]
    loaded = await asyncio.gather(*(log.load(stream) for stream in wanted))
    assert [each.state for each in loaded] == [row.state for row in rows] + [rows[0].state, None]


def once(log: EventLog, name: bytes, span: int = 60) -> Replay:
    return Replay(sha256(name).digest(), after(log.now(), span))


async def test_a_value_is_claimed_once_without_an_append(log: EventLog) -> None:
    assert await log.claim([once(log, b"a")])
    assert not await log.claim([once(log, b"a")])
    assert not await log.claim([once(log, b"a", 120)])
    assert (await log.head()).position == 0


async def test_all_values_of_a_claim_are_taken_or_none(log: EventLog) -> None:
    assert await log.claim([once(log, b"a")])
    assert not await log.claim([once(log, b"b"), once(log, b"a")])
    assert await log.claim([once(log, b"b"), once(log, b"c")])


async def test_nothing_is_claimed_by_nobody_losing(log: EventLog) -> None:
    assert await log.claim([])
    assert await log.claim([])


async def test_one_value_twice_in_a_claim_is_one_value(log: EventLog) -> None:
    one = once(log, b"a")
    assert await log.claim([one, one])
    assert not await log.claim([one])


async def test_exactly_one_of_many_claims_a_value(log: EventLog) -> None:
    one = once(log, b"a")
    others = [once(log, f"{n}".encode()) for n in range(20)]
    won = await asyncio.gather(*(log.claim([one]) for _ in range(20)), *(log.claim([each]) for each in others))
    assert (sum(won[:20]), sum(won[20:])) == (1, 20)


@pytest.mark.parametrize("span", [-1, 30 * 86_400])
async def test_what_cannot_be_remembered_cannot_be_claimed(log: EventLog, span: int) -> None:
    assert not await log.claim([once(log, b"a", span)])
    assert not await log.claim([once(log, b"a", span), once(log, b"b")])
    assert await log.claim([once(log, b"b")])


async def test_a_claim_and_an_append_take_from_each_other(log: EventLog) -> None:
    one, other = once(log, b"a"), once(log, b"b")
    assert await log.claim([one])
    refused = await log.append(issued(log.mint(), log.now(), replays=(one,)))
    assert isinstance(refused, Rejected)
    assert refused.reason == "replayed"
    appended(await log.append(issued(log.mint(), log.now(), replays=(other,))))
    assert not await log.claim([other])
