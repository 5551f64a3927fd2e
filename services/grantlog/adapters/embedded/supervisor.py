"""Keeps processes running: starts again what ends, later and later, and ends all of them in order."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

FIRST_DELAY = 0.5
LONGEST_DELAY = 15.0
STEADY_AFTER = 30.0
"""Seconds after which a process counts as having started well: its next delay is the first one again."""
LOOK_EVERY = 0.1


class Process(Protocol):
    """What can be supervised: a child, or a server of its own kind."""

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        ...

    def launch(self) -> None:
        """Starts it, without waiting until it is ready."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        ...

    def kill(self) -> None:
        """Ends it at once."""
        ...


@dataclass(slots=True)
class Supervised:
    """One process under supervision. ``stop_signal`` asks it to end; it is killed ``patience`` seconds later."""

    name: str
    process: Process
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15.0
    starts: int = 0
    _started: float = field(default=0.0, repr=False)
    _delay: float = field(default=FIRST_DELAY, repr=False)
    _due: float | None = field(default=None, repr=False)

    def launch(self) -> None:
        """Starts it."""
        self.process.launch()
        self.starts += 1
        self._started = time.monotonic()
        self._due = None

    def look(self, report: Callable[[str], None]) -> None:
        """Notices that it ended, and starts it again when its delay is over."""
        now = time.monotonic()
        if self._due is not None:
            if now >= self._due:
                self._launch_again(report, now)
        elif self.process.status is not None:
            if now - self._started > STEADY_AFTER:
                self._delay = FIRST_DELAY
            report(f"{self.name} ended ({_how(self.process.status)}); it starts again in {self._delay:g} s")
            self._postpone(now)

    def _launch_again(self, report: Callable[[str], None], now: float) -> None:
        try:
            self.launch()
        except Exception as wrong:  # noqa: BLE001  # whatever it is, the others go on and it is tried again
            report(f"{self.name} does not start: {wrong}")
            self._postpone(now)

    def _postpone(self, now: float) -> None:
        self._due = now + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY)


async def supervise(processes: Sequence[Supervised], stop: asyncio.Event, report: Callable[[str], None]) -> None:
    """Looks after processes (launched already) until ``stop`` is set. They run on; ``stop_all`` ends them."""
    while not stop.is_set():
        for supervised in processes:
            supervised.look(report)
        try:
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)
        except TimeoutError:
            continue


def stop_all(groups: Sequence[Sequence[Supervised]]) -> None:
    """Ends the groups one after another, the members of a group together; kills what outlives its patience."""
    for group in groups:
        running = [each for each in group if each.process.status is None and each.starts]
        for supervised in running:
            supervised.process.send(supervised.stop_signal)
        began = time.monotonic()
        while running and (waited := time.monotonic() - began) >= 0:
            for supervised in running:
                if waited > supervised.patience:
                    supervised.process.kill()
            running = [each for each in running if each.process.status is None]
            time.sleep(0.02)


def _how(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
