"""The contract of LogTail."""

from dataclasses import replace

from tests.support.appends import issued, registered, revoked
from tests.support.logs import Store

from grantlog.core.identifiers import Micros, after
from grantlog.ports import Projection

RUNS = {"0": "a" * 40}


async def test_following_yields_the_rows_after_a_position_in_order(store: Store) -> None:
    rows = [issued(store.log.mint(), store.log.now()) for _ in range(5)]
    for row in rows:
        await store.log.append(row)
    found = await store.tail.follow(2, 2)
    assert [(row.position, row.stream, row.version) for row in found] == [
        (3, rows[2].stream, 1),
        (4, rows[3].stream, 1),
    ]
    assert found[0].type == "grant.client_credentials_issued"
    assert await store.tail.follow(5, 10) == []


async def test_states_come_in_the_order_asked_for(store: Store) -> None:
    first, second = issued(store.log.mint(), store.log.now()), registered(store.log.mint(), store.log.now())
    await store.log.append(first)
    await store.log.append(second)
    found = await store.tail.states([second.stream, store.log.mint(), first.stream])
    assert [each.state for each in found] == [second.state, None, first.state]
    assert await store.tail.states([]) == []


async def test_events_are_read_by_the_rows_of_the_log(store: Store) -> None:
    first, second = issued(store.log.mint(), store.log.now()), registered(store.log.mint(), store.log.now())
    await store.log.append(first)
    await store.log.append(second)
    rows = await store.tail.follow(0, 10)
    found = await store.tail.recorded(rows)
    assert [each.event for each in found] == [first.event, second.event]
    assert await store.tail.recorded([]) == []


async def test_only_grants_with_a_live_access_token_are_walked(store: Store) -> None:
    now = store.log.now()
    short = [issued(store.log.mint(), now, lifetime=60) for _ in range(3)]
    long = [issued(store.log.mint(), now, lifetime=600) for _ in range(3)]
    for row in [*short, *long, registered(store.log.mint(), now)]:
        await store.log.append(row)
    chunks = [chunk async for chunk in store.tail.live_grants(after(now, 300), 2)]
    assert [len(chunk) for chunk in chunks] == [2, 1]
    assert {stream for chunk in chunks for stream, _ in chunk} == {row.stream for row in long}
    assert {state for chunk in chunks for _, state in chunk} == {row.state for row in long}


async def test_a_revoked_grant_is_walked_while_its_tokens_could_have_lived(store: Store) -> None:
    row = issued(store.log.mint(), store.log.now())
    await store.log.append(row)
    await store.log.append(revoked(row))
    chunks = [chunk async for chunk in store.tail.live_grants(store.log.now())]
    assert [state.revoked for chunk in chunks for _, state in chunk] == ["client"]


async def test_a_new_log_trusts_no_projection(store: Store) -> None:
    assert not (await store.log.head()).projection.named


async def test_the_named_projection_comes_with_every_answer(store: Store) -> None:
    named = Projection(4, RUNS, store.log.now(), 5)
    head = await store.tail.name_projection(named)
    assert head is not None
    for seen in (
        head,
        (await store.log.append(issued(store.log.mint(), store.log.now()))).head,
        await store.log.head(),
    ):
        assert (seen.projection.generation, seen.projection.runs, seen.projection.next_generation) == (4, RUNS, 5)


async def test_none_counts_from_the_logs_own_time_and_once(store: Store) -> None:
    await store.tail.name_projection(Projection(1, RUNS, Micros(0)))
    before = (await store.log.head()).recorded_at
    first = await store.tail.name_projection(Projection(1, {}, Micros(0)))
    second = await store.tail.name_projection(Projection(1, {}, Micros(0)))
    assert first is not None
    assert second is not None
    assert first.projection.since >= before
    assert second.projection.since == first.projection.since


async def test_who_lost_the_lease_names_nothing(store: Store) -> None:
    lease = await store.leases.acquire("tail", "one", 60)
    assert lease is not None
    assert await store.tail.name_projection(Projection(2, RUNS, Micros(0)), lease) is not None
    await store.leases.release(lease)
    newer = await store.leases.acquire("tail", "two", 60)
    assert await store.tail.name_projection(Projection(3, RUNS, Micros(0)), lease) is None
    assert (await store.log.head()).projection.generation == 2
    assert await store.tail.name_projection(Projection(3, RUNS, Micros(0)), newer) is not None


async def test_a_cursor_begins_at_0_and_only_moves_forward(store: Store) -> None:
    assert await store.tail.cursor("dispatch") == 0
    assert await store.tail.advance("dispatch", 5, 1)
    assert await store.tail.advance("dispatch", 3, 1)
    assert await store.tail.cursor("dispatch") == 5


async def test_an_older_fence_moves_no_cursor(store: Store) -> None:
    assert await store.tail.advance("dispatch", 5, 2)
    assert not await store.tail.advance("dispatch", 6, 1)
    assert await store.tail.cursor("dispatch") == 5


async def test_a_newer_holder_of_the_lease_fences_the_cursor_before_it_has_moved_it(store: Store) -> None:
    old = await store.leases.acquire("dispatch", "one", 60)
    assert old is not None
    await store.leases.release(old)
    new = await store.leases.acquire("dispatch", "two", 60)
    assert new is not None
    assert new.fence > old.fence
    assert not await store.tail.advance("dispatch", 6, old.fence)
    assert await store.tail.advance("dispatch", 6, new.fence)


async def test_a_row_that_the_log_does_not_hold_is_never_skipped(store: Store) -> None:
    await store.log.append(issued(store.log.mint(), store.log.now()))
    (row,) = await store.tail.follow(0, 1)
    try:
        found = await store.tail.recorded([replace(row, position=row.position + 1)])
    except LookupError:
        return
    raise AssertionError(found)
