"""One piece of work in flight; who comes meanwhile goes with the next."""

import asyncio
from collections.abc import Sequence

import pytest

from grantlog.adapters.postgres.lane import Lane
from grantlog.ports import UnavailableError


class Work:
    """Doubles numbers, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: BaseException | None = None

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(numbers))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [ValueError(f"{number} is odd") if number % 2 else number * 2 for number in numbers]


@pytest.fixture
def work() -> Work:
    return Work()


def lane(work: Work, *, bound: int = 100, batch: int = 10) -> Lane[int, int]:
    return Lane("the lane", work, bound=bound, batch=batch)


async def turn() -> None:
    """Lets everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_of_one_moment_go_together_and_get_their_own_answers(work: Work) -> None:
    found = lane(work)
    assert await asyncio.gather(*(found.put(number) for number in (2, 4, 6))) == [4, 8, 12]
    assert work.batches == [[2, 4, 6]]


async def test_who_comes_while_work_is_under_way_goes_with_the_next(work: Work) -> None:
    found = lane(work)
    work.gate.clear()
    first = asyncio.create_task(found.put(2))
    await turn()
    later = [asyncio.create_task(found.put(number)) for number in (4, 6)]
    await turn()
    assert work.batches == [[2]]
    work.gate.set()
    assert list(await asyncio.gather(first, *later)) == [4, 8, 12]
    assert work.batches == [[2], [4, 6]]


async def test_a_batch_has_a_largest_size(work: Work) -> None:
    found = lane(work, batch=2)
    await asyncio.gather(*(found.put(number) for number in (2, 4, 6, 8, 10)))
    assert work.batches == [[2, 4], [6, 8], [10]]


async def test_what_fails_alone_harms_no_other(work: Work) -> None:
    outcomes = await asyncio.gather(*(lane(work).put(number) for number in (2, 3)), return_exceptions=True)
    assert outcomes[0] == 4
    assert isinstance(outcomes[1], ValueError)


async def test_a_full_lane_refuses_at_once(work: Work) -> None:
    found = lane(work, bound=1)
    work.gate.clear()
    first = asyncio.create_task(found.put(2))
    await turn()
    second = asyncio.create_task(found.put(4))
    await turn()
    with pytest.raises(UnavailableError, match="full"):
        await found.put(6)
    work.gate.set()
    assert list(await asyncio.gather(first, second)) == [4, 8]


async def test_a_failure_is_everybodys_and_the_next_batch_is_tried(work: Work) -> None:
    found = lane(work)
    work.error = RuntimeError("broken")
    outcomes = await asyncio.gather(found.put(2), found.put(4), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RuntimeError, RuntimeError]
    work.error = None
    assert await found.put(2) == 4


async def test_an_outage_is_told_to_those_who_waited_as_well(work: Work) -> None:
    found = lane(work)
    work.gate.clear()
    work.error = UnavailableError("gone", retry_after=7)
    first = asyncio.create_task(found.put(2))
    await turn()
    second = asyncio.create_task(found.put(4))
    await turn()
    work.gate.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert work.batches == [[2]]
    assert all(isinstance(outcome, UnavailableError) and outcome.retry_after == 7 for outcome in outcomes)
    assert outcomes[0] is not outcomes[1], "each caller raises an exception of its own"
    work.error = None
    assert await found.put(6) == 12


async def test_a_caller_that_was_cancelled_before_its_turn_is_not_sent(work: Work) -> None:
    found = lane(work)
    work.gate.clear()
    first = asyncio.create_task(found.put(2))
    await turn()
    cancelled, kept = asyncio.create_task(found.put(4)), asyncio.create_task(found.put(6))
    await turn()
    cancelled.cancel()
    work.gate.set()
    assert list(await asyncio.gather(first, kept)) == [4, 12]
    assert work.batches == [[2], [6]]


async def test_a_caller_that_was_cancelled_under_way_shifts_no_answer(work: Work) -> None:
    found = lane(work)
    work.gate.clear()
    tasks = [asyncio.create_task(found.put(number)) for number in (2, 4, 6)]
    await turn()
    tasks[1].cancel()
    work.gate.set()
    assert list(await asyncio.gather(tasks[0], tasks[2])) == [4, 12]


async def test_a_batch_of_the_cancelled_is_not_sent_at_all(work: Work) -> None:
    found = lane(work)
    task = asyncio.create_task(found.put(2))
    await asyncio.sleep(0)
    task.cancel()
    await turn()
    assert work.batches == []
    assert await found.put(4) == 8


async def test_closing_waits_for_everybody_and_takes_nothing_more(work: Work) -> None:
    found = lane(work)
    work.gate.clear()
    first = asyncio.create_task(found.put(2))
    await turn()
    second = asyncio.create_task(found.put(4))
    await turn()
    closing = asyncio.create_task(found.close())
    await turn()
    assert not closing.done()
    with pytest.raises(UnavailableError, match="closing"):
        await found.put(6)
    work.gate.set()
    await closing
    assert list(await asyncio.gather(first, second)) == [4, 8]


async def test_a_lane_that_is_stopped_leaves_nobody_waiting(work: Work) -> None:
    found = lane(work)
    work.gate.clear()
    first = asyncio.create_task(found.put(2))
    await turn()
    second = asyncio.create_task(found.put(4))
    await turn()
    assert found._runner is not None
    found._runner.cancel()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError, UnavailableError]
