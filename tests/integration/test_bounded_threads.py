"""The bounded threads: the bound holds whatever callers do, and the loop never waits for them."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from grantlog.adapters.crypto.threads import BoundedThreads
from grantlog.ports import UnavailableError


@pytest.fixture
async def threads() -> AsyncIterator[BoundedThreads]:
    pool = BoundedThreads("test", workers=1, queue=1)
    yield pool
    await pool.close()


async def test_work_is_done_on_another_thread_and_its_result_comes_back(threads: BoundedThreads) -> None:
    assert await threads.run(threading.get_ident) != threading.get_ident()
    assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_what_work_raises_comes_back_and_frees_the_place(threads: BoundedThreads) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await threads.run(divmod, 7, 0)


async def test_one_more_than_workers_and_queue_is_refused(threads: BoundedThreads) -> None:
    gate = threading.Event()
    waiting = [asyncio.create_task(threads.run(gate.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError, match="full"):
        await threads.run(divmod, 7, 2)
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_a_cancelled_caller_keeps_its_place_until_its_work_is_done(threads: BoundedThreads) -> None:
    """Else cancelling would let any number of hashes be computed at once."""
    gate, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(10)

    running = asyncio.create_task(threads.run(work))
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    waiting = asyncio.create_task(threads.run(divmod, 7, 2))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await threads.run(divmod, 7, 2)
    gate.set()
    assert await waiting == (3, 1)


async def test_a_cancelled_caller_that_waited_gives_up_its_place_at_once(threads: BoundedThreads) -> None:
    gate = threading.Event()
    running = asyncio.create_task(threads.run(gate.wait, 10))
    waiting = asyncio.create_task(threads.run(divmod, 7, 2))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    again = asyncio.create_task(threads.run(divmod, 9, 2))
    gate.set()
    assert await again == (4, 1)
    assert await running


async def test_closed_threads_take_no_work() -> None:
    threads = BoundedThreads("test", workers=1, queue=1)
    await threads.close()
    for _ in range(3):
        with pytest.raises(UnavailableError, match="closing"):
            await threads.run(divmod, 7, 2)
