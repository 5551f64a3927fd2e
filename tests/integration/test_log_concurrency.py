"""Promises 1 and 6: one winner, and nothing is skipped, whatever happens to the writers."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.appends import again, issued, revoked

from grantlog.adapters.postgres import Postgres, open_postgres
from grantlog.core.identifiers import StreamId
from grantlog.ports import Appended, Conflict, LogRow

ROOT = Path(__file__).parents[2]
EVENTS = int(os.environ.get("GRANTLOG_TEST_EVENTS", "4000"))
"""Set it to 100000 for the long run."""


async def test_of_20_writers_one_wins_each_round(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(open_postgres(postgres_url)) for _ in range(4)]
        for _ in range(10):
            row = issued(processes[0].log.mint(), processes[0].log.now())
            await processes[0].log.append(row)
            verdicts = await asyncio.gather(
                *(process.log.append(revoked(row)) for process in processes for _ in range(5))
            )
            assert sum(isinstance(verdict, Appended) for verdict in verdicts) == 1
            assert sum(isinstance(verdict, Conflict) for verdict in verdicts) == 19


async def test_two_processes_that_bear_one_stream_agree_on_the_winner(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as one, open_postgres(postgres_url) as two:
        for _ in range(20):
            row = issued(one.log.mint(), one.log.now())
            other = again(row)
            verdicts = await asyncio.gather(one.log.append(row), two.log.append(other))
            winners = [
                each for each, verdict in zip((row, other), verdicts, strict=True) if isinstance(verdict, Appended)
            ]
            (event,) = await one.log.history(row.stream)
            assert [winner.envelope for winner in winners] == [event.envelope]


class Tail:
    """Follows the log as the tail does, and notes every gap."""

    def __init__(self, opened: Postgres) -> None:
        self._opened = opened
        self.seen: list[LogRow] = []
        self.done = asyncio.Event()

    async def run(self) -> None:
        while True:
            last = self.done.is_set()
            rows = await self._opened.tail.follow(len(self.seen), 1000)
            for row in rows:
                assert row.position == len(self.seen) + 1, "a position was skipped"
                self.seen.append(row)
            if last and not rows:
                return
            await asyncio.sleep(0.01)


async def start_writer(url: str, events: int, seed: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.log_writer",
        url,
        str(events),
        str(seed),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def lines_of(process: asyncio.subprocess.Process, enough: int) -> list[str]:
    """What it acknowledged; killed without warning once that is enough, and what it said before is kept."""
    assert process.stdout is not None
    lines: list[str] = []
    while line := await process.stdout.readline():
        lines.append(line.decode())
        if len(lines) == enough:
            process.kill()
    await process.wait()
    return [line for line in lines if line.endswith("\n")]


@pytest.mark.faults
async def test_a_tail_misses_nothing_of_writers_that_are_killed(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as opened:
        tail = Tail(opened)
        following = asyncio.create_task(tail.run())
        acknowledged: list[str] = []
        seed = 0
        while len(acknowledged) < EVENTS:
            seed += 2
            enough = EVENTS // 3
            steady = await start_writer(postgres_url, EVENTS // 4, seed)
            doomed = await start_writer(postgres_url, EVENTS * 2, seed + 1)
            for lines in await asyncio.gather(lines_of(steady, EVENTS), lines_of(doomed, enough)):
                acknowledged += lines
            assert (steady.returncode, doomed.returncode) == (0, -9)
        tail.done.set()
        await following

    stored = {(row.stream, row.version): row.position for row in tail.seen}
    assert len(stored) == len(tail.seen), "an event stands twice"
    for line in acknowledged:
        stream, version, position = line.split()
        assert stored[StreamId(UUID(stream)), int(version)] == int(position), "an acknowledged event is not on the log"
    times = [row.recorded_at for row in tail.seen]
    assert times == sorted(times)
