"""Login on memory ports: attempts count before they are checked."""

import asyncio
from dataclasses import replace

from tests.support.world import RULES, memory_world

from grantlog.adapters.memory.throttle import MemoryThrottle
from grantlog.flows import accounts
from grantlog.flows.admit import LoggedIn
from grantlog.flows.login import ACCOUNT_RULE, LoginRefused, log_in
from grantlog.flows.second_factor import Goal

PASSWORD = "correct horse battery staple"
GOAL = Goal("a transaction", "a browser")


async def test_of_many_guesses_at_once_no_more_are_checked_than_one_after_another() -> None:
    async with memory_world() as world:
        throttle = MemoryThrottle({**RULES, ACCOUNT_RULE: "3/minute"})
        service = replace(world.service, ports=replace(world.service.ports, throttle=throttle))
        await accounts.create_account(service, "alice", PASSWORD, world.origin())
        guesses = [f"guess {number}" for number in range(7)]
        outcomes = await asyncio.gather(
            *(log_in(service, "alice", guess, None, world.origin(), goal=GOAL) for guess in [*guesses, PASSWORD])
        )
    assert not any(isinstance(outcome, LoggedIn) for outcome in outcomes)
    waits = [outcome.retry_after for outcome in outcomes if isinstance(outcome, LoginRefused)]
    assert len(waits) == len(outcomes)
    assert [bool(wait) for wait in waits] == [False] * 3 + [True] * 5
