"""A process that appends until it is told to stop, or killed, and prints what was acknowledged.

``python -m tests.support.log_writer <url> <events> <seed>``: a line ``stream version position`` for every answer.
"""

import asyncio
import random
import sys

from tests.support.appends import issued, revoked

from grantlog.adapters.postgres import open_postgres
from grantlog.ports import Appended, EventLog

CALLERS = 16


async def write(log: EventLog, dice: random.Random, events: int) -> None:
    for _ in range(events // 2):
        row = issued(log.mint(), log.now(), seal=b"box")
        for each in (row, revoked(row)):
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() / 500)
            verdict = await log.append(each)
            assert isinstance(verdict, Appended), verdict
            sys.stdout.write(f"{each.stream} {each.version} {verdict.position}\n")
            sys.stdout.flush()


async def main(url: str, events: int, seed: int) -> None:
    async with open_postgres(url) as opened:
        dice = [random.Random(seed * CALLERS + n) for n in range(CALLERS)]
        await asyncio.gather(*(write(opened.log, each, events // CALLERS) for each in dice))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
