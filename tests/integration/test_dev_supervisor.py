"""The supervisor starts again what ends and ends what it started; metrics of many processes become one page."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.servers import free_port

from grantlog.adapters.embedded.child import Child
from grantlog.adapters.embedded.metrics import merge, metrics_app
from grantlog.adapters.embedded.supervisor import Supervised, stop_all, supervise

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
FAILING = "raise SystemExit(3)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def python(name: str, code: str, directory: Path) -> Child:
    return Child(name, (sys.executable, "-c", code), directory / f"{name}.log")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[list[Supervised]]:
    processes = [Supervised("sleeper", python("sleeper", SLEEPER, tmp_path))]
    yield processes
    for supervised in processes:
        supervised.process.kill()


async def until(condition: object, seconds: float = 15) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # it is a process that changes, and processes set no events
            await asyncio.sleep(0.02)


async def test_a_process_that_is_killed_is_started_again(group: list[Supervised]) -> None:
    (sleeper,) = group
    sleeper.launch()
    lines: list[str] = []
    stop = asyncio.Event()
    watching = asyncio.create_task(supervise(group, stop, lines.append))
    sleeper.process.send(signal.SIGKILL)
    await until(lambda: sleeper.starts == 2 and sleeper.process.status is None)
    stop.set()
    await watching
    assert lines == ["sleeper ended (SIGKILL); it starts again in 0.5 s"]


async def test_a_process_that_fails_at_once_is_started_later_and_later(group: list[Supervised], tmp_path: Path) -> None:
    failing = Supervised("failing", python("failing", FAILING, tmp_path))
    group[:] = [failing]
    failing.launch()
    lines: list[str] = []
    stop = asyncio.Event()
    watching = asyncio.create_task(supervise(group, stop, lines.append))
    await until(lambda: len(lines) >= 2)
    stop.set()
    await watching
    assert lines[:2] == [
        "failing ended (status 3); it starts again in 0.5 s",
        "failing ended (status 3); it starts again in 1 s",
    ]


async def test_a_process_that_cannot_be_started_is_reported_and_tried_again(group: list[Supervised]) -> None:
    class Broken(Child):
        def launch(self) -> None:
            raise FileNotFoundError("no such program")

    broken = Supervised("broken", Broken("broken", ("nothing",), Path("nowhere")))
    group[:] = [broken]
    broken._due = 0.0
    lines: list[str] = []
    broken.look(lines.append)
    assert lines == ["broken does not start: no such program"]
    assert broken._due is not None
    assert broken._due > time.monotonic()


def test_groups_end_in_order_and_what_will_not_end_is_killed(group: list[Supervised], tmp_path: Path) -> None:
    stubborn = Supervised("stubborn", python("stubborn", STUBBORN, tmp_path), patience=0.3)
    never = Supervised("never", python("never", SLEEPER, tmp_path))
    (sleeper,) = group
    group.append(stubborn)
    for supervised in (stubborn, sleeper):
        supervised.launch()
        child = supervised.process
        assert isinstance(child, Child)
        child.wait_until(lambda child=child: "up" in child.tail(), 10)  # type: ignore[misc]  # the default binds the loop's child
    stop_all([[stubborn, never], [sleeper]])
    assert stubborn.process.status == -signal.SIGKILL
    assert sleeper.process.status == -signal.SIGTERM
    assert never.process.status is None


def exposition(value: float) -> str:
    registry = CollectorRegistry()
    Counter("grantlog_things", "Things.", ("kind",), registry=registry).labels('odd "\n\\ one').inc(value)
    Histogram("grantlog_seconds", "Time.", buckets=(1, 2), registry=registry).observe(value)
    return generate_latest(registry).decode()


def samples(page: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["worker"]): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_metrics_of_two_processes_become_one_page() -> None:
    page = merge({"one": exposition(1), "two": exposition(5)}).decode()
    found = samples(page)
    assert found["grantlog_things_total", "one"] == 1
    assert found["grantlog_things_total", "two"] == 5
    assert found["grantlog_seconds_count", "two"] == 1
    assert page.count("# TYPE grantlog_things_total counter") == 1
    assert 'kind="odd \\"\\n\\\\ one"' in page


def test_a_label_worker_of_the_process_itself_is_kept() -> None:
    page = merge({"outside": 'grantlog_things_total{worker="inside"} 3\n'}).decode()
    assert samples(page)["grantlog_things_total", "inside"] == 3


def test_a_process_without_metrics_is_down_and_hides_nobody() -> None:
    page = merge({"silent": None, "garbled": "{{{", "one": exposition(1)}).decode()
    found = samples(page)
    assert [found["grantlog_dev_up", name] for name in ("silent", "garbled", "one")] == [0, 0, 1]
    assert ("grantlog_things_total", "one") in found


async def test_the_page_is_scraped_anew_for_every_request() -> None:
    count = 0

    async def own(_request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(text=exposition(count))

    child_app = web.Application()
    child_app.router.add_get("/metrics", own)
    child, merged = free_port(), free_port()
    app = metrics_app({"one": f"http://127.0.0.1:{child}/metrics", "gone": f"http://127.0.0.1:{free_port()}/metrics"})
    runners = [web.AppRunner(child_app), web.AppRunner(app)]
    for runner, port in zip(runners, (child, merged), strict=True):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with aiohttp.ClientSession() as session:
            for expected in (1, 2):
                async with session.get(f"http://127.0.0.1:{merged}/metrics") as answer:
                    assert answer.status == 200
                    found = samples(await answer.text())
                    assert found["grantlog_things_total", "one"] == expected
                    assert found["grantlog_dev_up", "gone"] == 0
    finally:
        for runner in runners:
            await runner.cleanup()
