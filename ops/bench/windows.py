"""Short windows of load in alternating order, so that whatever else the machine does meets all that are compared."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from ops.bench.machine import cpu_seconds, pin

CONNECTIONS = 64


class WrongAnswerError(Exception):
    """A server answered what it should not have: there is no figure then."""


@dataclass(slots=True)
class Load:
    """What is asked of one server. ``chain``: ``bodies`` are refresh tokens, and replaced by their successors."""

    name: str
    port: int
    path: str
    bodies: Sequence[str]
    expected: str
    """Text that every answer holds."""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "again"
    connections: int = CONNECTIONS
    watched: Mapping[str, int] = field(default_factory=dict)
    """Processes whose time is counted, by name: their pids."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one window saw. Latencies in ms; ``cost`` is processor time (µs) a request by process."""

    rate: float
    p50: float
    p99: float
    busy: float
    """Share of its core that the load generator used: near 1, and it would be what was measured."""
    cost: Mapping[str, float]


def window(load: Load, seconds: float, warmup: float) -> Window:
    """Runs one window. Raises WrongAnswerError."""
    job = {
        "host": "127.0.0.1",
        "port": load.port,
        "path": load.path,
        "headers": dict(load.headers),
        "bodies": list(load.bodies),
        "expected": load.expected,
        "kind": load.kind,
        "connections": load.connections,
        "seconds": seconds,
        "warmup": warmup,
    }
    before = {name: cpu_seconds(pid) for name, pid in load.watched.items()}
    with subprocess.Popen(
        [sys.executable, "-m", "ops.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        pin(process.pid, "others")
        output, _ = process.communicate(json.dumps(job).encode())
    if process.returncode:
        raise WrongAnswerError(f"{load.name}: the load generator ended with status {process.returncode}")
    seen = json.loads(output)
    if set(seen["statuses"]) != {"200"} or seen["wrong"]:
        raise WrongAnswerError(f"{load.name}: answers by status {seen['statuses']}, {seen['wrong']} with a wrong body")
    if load.kind == "chain":
        load.bodies = seen["left"]
    answers = seen["statuses"]["200"]
    cost = {name: 1e6 * (cpu_seconds(pid) - before[name]) / answers for name, pid in load.watched.items()}
    return Window(seen["rate"], seen["p50"], seen["p99"], seen["busy"], cost)


@dataclass(frozen=True, slots=True)
class Compared:
    """The windows of several loads, in rounds."""

    windows: Mapping[str, Sequence[Window]]

    def rate(self, name: str) -> float:
        """Median requests a second."""
        return median(window.rate for window in self.windows[name])

    def ratio(self, name: str, to: str) -> tuple[float, float, float]:
        """Median, smallest and largest ratio of rates within a round."""
        pairs = zip(self.windows[name], self.windows[to], strict=True)
        ratios = [one.rate / other.rate for one, other in pairs]
        return median(ratios), min(ratios), max(ratios)

    def cost(self, name: str) -> dict[str, float]:
        """Median processor time (µs) a request, by process."""
        windows = self.windows[name]
        return {process: median(window.cost[process] for window in windows) for process in windows[0].cost}

    def thrift(self, name: str, to: str) -> float:
        """The ratio again, by what a request costs the first process that is watched: true also on a busy machine."""
        one, other = (next(iter(self.cost(each).values())) for each in (name, to))
        return other / one

    def median(self, name: str, figure: str) -> float:
        """The median of ``p50``, ``p99`` or ``busy``."""
        values: list[float] = [getattr(window, figure) for window in self.windows[name]]
        return median(values)


def alternate(loads: Sequence[Load], *, rounds: int, seconds: float, warmup: float = 0.3) -> Compared:
    """Runs a window of each load a round; every second round the other way round."""
    windows: dict[str, list[Window]] = {load.name: [] for load in loads}
    for number in range(rounds):
        for load in loads if number % 2 == 0 else reversed(loads):
            windows[load.name].append(window(load, seconds, warmup))
    return Compared(windows)
