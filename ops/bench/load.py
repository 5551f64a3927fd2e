"""The load generator: a process of its own, raw HTTP/1.1 on keep-alive connections, one request in flight on each.

Reads one JSON job from standard input and writes one JSON result to standard output; ``windows.py`` runs it. Requests are
bytes that were made before the window; every answer's status and text is checked, inside the window and outside it.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter, process_time
from typing import Any, cast
from urllib.parse import quote

import uvloop

Next = Callable[[bytes | None], bytes | None]
"""From the body of the last answer (None at first) to the bytes of the next request; None: nothing is left to ask."""

DRAIN_SECONDS = 5.0


@dataclass(slots=True)
class Tally:
    """Counts all answers by status, and the latencies of those within the window."""

    expected: bytes
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: int = 0
    latencies: list[float] = field(default_factory=list)
    counting: bool = False
    stopped: bool = False

    def answered(self, seconds: float, status: int, body: bytes) -> None:
        """Takes one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.wrong += self.expected not in body
        if self.counting:
            self.latencies.append(seconds)


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last has arrived in full."""

    def __init__(self, following: Next, tally: Tally) -> None:
        self._following = following
        self._tally = tally
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.idle = asyncio.get_running_loop().create_future()
        """Done when nothing is in flight any more; with an exception when the server hung up first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send(None)

    def data_received(self, data: bytes) -> None:
        """Takes an answer, or a piece of one."""
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        at = self._buffer.find(b"ontent-Length: ", 0, head_end)
        end = head_end + 4 + (int(self._buffer[at + 15 : self._buffer.index(b"\r", at)]) if at >= 0 else 0)
        if len(self._buffer) < end:
            return
        status, body = int(self._buffer[9:12]), self._buffer[head_end + 4 : end]
        # One request is in flight: whatever follows its answer belongs to nobody.
        self._tally.wrong += len(self._buffer) > end
        self._buffer = b""
        self._tally.answered(perf_counter() - self._sent, status, body)
        self._send(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server may hang up only when it owes nothing."""
        if not self.idle.done():
            self.idle.set_exception(exc or ConnectionError("the server hung up"))

    def _send(self, body: bytes | None) -> None:
        request = self._following(body)
        if request is None or self._tally.stopped:
            self.idle.set_result(None)
            return
        assert self._transport is not None
        self._sent = perf_counter()
        self._transport.write(request)


class Chains:
    """Families, each with its newest refresh token: every connection spends its own in turn."""

    def __init__(self, tokens: Sequence[str], connections: int, encoded: Callable[[str], bytes]) -> None:
        self._queues = [deque(tokens[number::connections]) for number in range(connections)]
        self._encoded = encoded

    def following(self, number: int) -> Next:
        """What connection ``number`` asks: the answer to one request brings the token of a later one."""
        queue = self._queues[number]

        def answered(body: bytes | None) -> bytes:
            if body is not None:
                queue.append(json.loads(body)["refresh_token"])
            return self._encoded(f"grant_type=refresh_token&refresh_token={quote(queue.popleft())}")

        return answered

    def left(self) -> list[str]:
        """The tokens that may be spent next."""
        return [token for queue in self._queues for token in queue]


def requests_of(job: dict[str, Any], encoded: Callable[[str], bytes]) -> Iterator[Next]:
    """For each connection, what it sends: all bodies again and again, or each body once."""
    bodies = [encoded(body) for body in job["bodies"]]
    if job["kind"] == "once":
        shared = iter(bodies)
        for _ in range(job["connections"]):
            yield lambda _: next(shared, None)
        return
    for number in range(job["connections"]):
        first = number * len(bodies) // job["connections"]
        rotating = cycle(bodies[first:] + bodies[:first])
        yield lambda _, rotating=rotating: next(rotating)  # type: ignore[misc]  # a default binds the loop's variable


def encoder(job: dict[str, Any]) -> Callable[[str], bytes]:
    """From the text of a form to the bytes of its request."""
    head = "".join(f"{name}: {value}\r\n" for name, value in job["headers"].items())
    start = f"POST {job['path']} HTTP/1.1\r\nHost: bench\r\n{head}Content-Type: application/x-www-form-urlencoded\r\n"
    return lambda body: f"{start}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def run(job: dict[str, Any]) -> dict[str, Any]:
    """Warms up, counts for the window (or until every body was sent once), and says what it saw."""
    loop, tally, encoded = asyncio.get_running_loop(), Tally(job["expected"].encode()), encoder(job)
    chains = Chains(job["bodies"] if job["kind"] == "chain" else (), job["connections"], encoded)
    if job["kind"] == "chain":
        following = [chains.following(number) for number in range(job["connections"])]
    else:
        following = list(requests_of(job, encoded))
    tally.counting = job["kind"] == "once"
    began, worked = perf_counter(), process_time()
    connections = [
        (await loop.create_connection(lambda asks=asks: Connection(asks, tally), job["host"], job["port"]))[1]  # type: ignore[misc]  # a default binds the loop's variable
        for asks in following
    ]
    everybody = asyncio.gather(*(connection.idle for connection in connections))
    if job["kind"] != "once":
        await asyncio.sleep(job["warmup"])
        tally.counting, began, worked = True, perf_counter(), process_time()
        await asyncio.wait([everybody], timeout=job["seconds"])
        tally.counting = False
    else:
        await everybody
    seconds, work = perf_counter() - began, process_time() - worked
    tally.stopped = True
    await asyncio.wait_for(everybody, DRAIN_SECONDS)
    return {
        "rate": len(tally.latencies) / seconds,
        "statuses": tally.statuses,
        "wrong": tally.wrong,
        "p50": quantile(tally.latencies, 0.5) * 1000,
        "p99": quantile(tally.latencies, 0.99) * 1000,
        "busy": work / seconds,
        "left": chains.left(),
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(run(json.load(sys.stdin))), sys.stdout)
