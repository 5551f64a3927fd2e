"""The contract of Queries."""

from hashlib import sha256
from uuid import UUID

from tests.support.appends import authorized, issued, redeemed, registered, revoked
from tests.support.logs import Store

from grantlog.core.identifiers import Micros
from grantlog.ports import Append, FamilyRow

ANN, BEN = UUID(int=0xA), UUID(int=0xB)
MORNING, EVENING = UUID(int=0x1), UUID(int=0x2)


async def follow(store: Store, *rows: Append) -> None:
    """Appends rows and brings the query tables along, as the tail does."""
    before = (await store.log.head()).position
    for row in rows:
        await store.log.append(row)
    found = await store.tail.recorded(await store.tail.follow(before, 100))
    await store.queries.record(found, found[-1].position)


async def test_families_are_found_by_account_client_and_session_newest_first(store: Store) -> None:
    log, now = store.log, store.log.now()
    first = authorized(log.mint(), now, account=ANN, session=MORNING)
    other = authorized(log.mint(), now, account=BEN, session=EVENING, client="other")
    second = authorized(log.mint(), now, account=ANN, session=EVENING)
    await follow(store, first, other, second)
    ours = sorted([first.stream, second.stream], reverse=True)
    assert [row.stream for row in await store.queries.families(account=ANN)] == ours
    assert [row.stream for row in await store.queries.families(client_id="app")] == ours
    assert [row.stream for row in await store.queries.families(account=ANN, session=MORNING)] == [first.stream]
    assert len(await store.queries.families()) == 3
    assert len(await store.queries.families(limit=1)) == 1
    assert await store.queries.families(account=ANN, client_id="other") == []


async def test_a_family_is_told_as_it_stands(store: Store) -> None:
    now = store.log.now()
    row = authorized(store.log.mint(), now, account=ANN, session=MORNING)
    await follow(store, row, redeemed(row, now))
    (family,) = await store.queries.families()
    assert [family] == [FamilyRow(row.stream, "app", ANN, MORNING, now, None, 2, family.used_at)]


async def test_a_family_was_used_when_it_last_did_anything_but_die(store: Store) -> None:
    row = authorized(store.log.mint(), Micros(1_000), account=ANN, session=MORNING)
    await follow(store, row)
    (born,) = await store.queries.families()
    then = redeemed(row, store.log.now())
    await follow(store, then)
    (used,) = await store.queries.families()
    await follow(store, revoked(then))
    (dead,) = await store.queries.families()
    moment = (await store.log.history(row.stream))[1].recorded_at
    assert (born.used_at, used.used_at, dead.used_at) == (1_000, moment, moment)


async def test_a_machines_family_has_neither_account_nor_session(store: Store) -> None:
    row = issued(store.log.mint(), store.log.now())
    await follow(store, row, revoked(row, "incident"))
    (family,) = await store.queries.families(client_id="machine")
    assert (family.account, family.session, family.revoked, family.version) == (None, None, "incident", 2)


async def test_the_first_cause_of_death_stays(store: Store) -> None:
    row = issued(store.log.mint(), store.log.now())
    await follow(store, row, revoked(row, "first"))
    await follow(store, revoked(revoked(row), "second"))
    (family,) = await store.queries.families()
    assert (family.revoked, family.version) == ("first", 3)


async def test_tokens_lead_to_their_family(store: Store) -> None:
    now = store.log.now()
    row = authorized(store.log.mint(), now, account=ANN, session=MORNING)
    await follow(store, row, redeemed(row, now))
    for secret in (b"code" + row.stream.bytes, f"access {row.stream}".encode(), f"refresh {row.stream}".encode()):
        assert await store.queries.find_token(sha256(secret).digest()) == row.stream
    assert await store.queries.find_token(bytes(32)) is None


async def test_clients_are_listed_newest_first(store: Store) -> None:
    rows = [registered(store.log.mint(), store.log.now(), f"c{n}") for n in range(3)]
    await follow(store, *rows)
    newest = sorted(((row.stream, row.state.client_id) for row in rows), reverse=True)
    assert list(await store.queries.clients()) == newest
    assert list(await store.queries.clients(1)) == newest[:1]


async def test_streams_and_events_are_counted_once_however_often_they_come(store: Store) -> None:
    row = issued(store.log.mint(), store.log.now())
    await follow(store, row, revoked(row), registered(store.log.mint(), store.log.now()))
    found = await store.tail.recorded(await store.tail.follow(0, 100))
    await store.queries.record(found, 3)
    await store.queries.record(found[:1], 1)
    assert dict(await store.queries.counts()) == {"grant": 1, "client": 1, "events": 3}
    assert len(await store.queries.families()) == 1


async def test_nothing_is_counted_before_anything_was_recorded(store: Store) -> None:
    assert dict(await store.queries.counts()) == {"events": 0}
