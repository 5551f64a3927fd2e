"""One child process: on a leash, with its output in a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


class StartError(Exception):
    """A server or child did not come up; the message ends with the last lines it wrote."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """Whom a program runs as: words put before it, or another user of the system (``user`` and ``group`` ids)."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None


OURSELVES = RunAs()


@dataclass(slots=True)
class Child:
    """A child process. Start it from the main thread: the leash is tied to the thread that started it.

    ``leash`` is the signal it gets when we die. ``environment`` replaces ours; None keeps it.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    leash: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    run_as: RunAs = OURSELVES
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def status(self) -> int | None:
        """The exit status: None while it runs or before it was started, negative for a signal."""
        return self._process.poll() if self._process is not None else None

    def launch(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone."""
        identity = ("-", "-") if self.run_as.user is None else (str(self.run_as.user), str(self.run_as.group))
        leash = (sys.executable, "-I", "-S", str(LEASH), str(int(self.leash)), str(os.getpid()), *identity)
        words = [*self.run_as.prefix, *leash, *map(str, self.command)]
        with open(self.log, "ab", opener=_private) as log:  # Path.open takes no opener
            self._process = subprocess.Popen(  # noqa: S603  # our own command line, no shell
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.environment is None else dict(self.environment),
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until ``ready()``; raises StartError when it ends first or the time is up (it is then killed)."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process is None or self._process.poll() is not None:
                raise StartError(f"{self.name} ended with status {self.status}\n{self.tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise StartError(f"{self.name} was not ready after {seconds:g} s\n{self.tail()}")
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
        """Asks it to end and waits; kills it when the time is up."""
        if self._process is None:
            return
        self.send(number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to it and to everything in its session, as a crash would."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def tail(self, lines: int = 12) -> str:
        """The last lines of its output."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def _private(path: str, flags: int) -> int:
    """Opens what only we may read, whatever the umask."""
    return os.open(path, flags, 0o600)
