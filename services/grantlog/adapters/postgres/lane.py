"""One piece of work in flight, whoever comes meanwhile goes with the next: batching without a timer."""

from asyncio import CancelledError, Future, Task, get_running_loop, shield
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from grantlog.ports import UnavailableError

I = TypeVar("I")  # noqa: E741  # the item; its answer is O
O = TypeVar("O")  # noqa: E741

Work = Callable[[Sequence[I]], Awaitable[Sequence[O | Exception]]]
"""Does a batch; answers in its order, an exception for what failed alone. What it raises is everybody's."""


class Lane(Generic[I, O]):
    """Collects what callers bring while a batch is under way. Bounded: beyond that, UnavailableError at once."""

    def __init__(self, name: str, work: Work[I, O], *, bound: int, batch: int) -> None:
        """At most ``bound`` items wait; at most ``batch`` go together."""
        self._name = name
        self._work = work
        self._bound = bound
        self._batch = batch
        self._waiting: deque[tuple[I, Future[O]]] = deque()
        self._runner: Task[None] | None = None
        self._closed = False

    async def put(self, item: I) -> O:
        """The answer to ``item``. Raises UnavailableError when the lane is full, closed, or the work cannot be done."""
        if self._closed:
            raise UnavailableError(f"{self._name} is closing")
        if len(self._waiting) >= self._bound:
            raise UnavailableError(f"{self._name} is full")
        loop = get_running_loop()
        answer: Future[O] = loop.create_future()
        self._waiting.append((item, answer))
        if self._runner is None:
            # The task begins with the next turn of the loop, so all callers of this one go together.
            self._runner = loop.create_task(self._run())
        return await answer

    async def close(self) -> None:
        """Takes nothing more; returns when everything that waits has its answer."""
        self._closed = True
        while self._runner is not None:
            await shield(self._runner)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
                # Nobody waits for what was cancelled before it was sent.
                await self._answer([(item, answer) for item, answer in batch if not answer.done()])
        finally:
            self._runner = None

    async def _answer(self, batch: list[tuple[I, Future[O]]]) -> None:
        if not batch:
            return
        try:
            outcomes: Sequence[O | Exception] = await self._work([item for item, _ in batch])
        except CancelledError:
            self._fail([*batch, *self._waiting], UnavailableError(f"{self._name} was stopped"))
            self._waiting.clear()
            raise
        except UnavailableError as error:
            # Who waited meanwhile has waited long enough to hear the same.
            self._fail([*batch, *self._waiting], error)
            self._waiting.clear()
            return
        except Exception as error:  # noqa: BLE001  # handed to every caller of the batch
            self._fail(batch, error)
            return
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

    @staticmethod
    def _fail(batch: Sequence[tuple[I, Future[O]]], error: Exception) -> None:
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(_own(error))


def _own(error: Exception) -> Exception:
    """An exception for one caller alone: a shared one would collect everybody's traceback."""
    if isinstance(error, UnavailableError):
        own = UnavailableError(str(error), error.retry_after)
        own.__cause__ = error
        return own
    return error
