"""One loop in one thread; whatever interrupts a task ends its coroutine too."""

import asyncio
import json
import logging
import signal
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import structlog

from grantlog import metrics
from grantlog.exposition import exposition, listen
from grantlog.logs import configure_logging
from grantlog_workers.loop import LoopThread


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread()
    yield made
    made.stop()


class SoftLimitError(Exception):
    """As Celery raises it in the main thread, out of a signal handler."""


def test_it_runs_a_coroutine_and_returns_or_raises(loop: LoopThread) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    async def fail() -> int:
        raise KeyError("x")

    assert loop.run(answer(), 5) == 42
    with pytest.raises(KeyError):
        loop.run(fail(), 5)


def test_every_task_meets_the_same_loop(loop: LoopThread) -> None:
    async def which() -> int:
        return id(asyncio.get_running_loop())

    assert loop.run(which(), 5) == loop.run(which(), 5)


@pytest.mark.parametrize("interrupted_by", ["signal", "time"])
def test_an_interrupted_task_has_ended_when_its_caller_goes_on(loop: LoopThread, interrupted_by: str) -> None:
    story: list[str] = []

    async def long() -> None:
        story.append("began")
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            story.append("cleaned up")

    def limit(*_: object) -> None:
        raise SoftLimitError

    before = signal.signal(signal.SIGALRM, limit)
    try:
        if interrupted_by == "signal":
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(SoftLimitError):
                loop.run(long(), 30)
        else:
            with pytest.raises(TimeoutError):
                loop.run(long(), 0.1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert story == ["began", "cleaned up"]


def test_a_process_shows_its_metrics_with_its_name_on_every_sample() -> None:
    metrics.JOB_BACKLOG.labels("dispatch").set(3)
    text = exposition("tail").decode()
    assert 'grantlog_job_backlog{job="dispatch",worker="tail"} 3.0' in text
    samples = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert samples
    assert all('worker="tail"' in line for line in samples)
    assert "# TYPE grantlog_http_requests_total counter" in text


def test_its_listener_answers_for_life_readiness_and_metrics() -> None:
    ready = False
    listener = listen("127.0.0.1", 0, "tail", lambda: ready)
    try:

        def status(path: str) -> int:
            connection = HTTPConnection("127.0.0.1", listener.port, timeout=5)
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status

        assert [status(path) for path in ("/livez", "/readyz", "/metrics", "/else")] == [200, 503, 200, 404]
        ready = True
        assert status("/readyz") == 200
        with pytest.raises(OSError, match=r".+"):
            listen("127.0.0.1", listener.port, "second", lambda: True)
    finally:
        listener.close()
    with pytest.raises(OSError, match=r".+"):
        urllib.request.urlopen(f"http://127.0.0.1:{listener.port}/livez", timeout=1)  # a closed port


def test_logs_are_one_json_document_a_line_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    before = structlog.get_config()
    try:
        configure_logging("info", "worker-1")

        def broken() -> None:
            secret = "hunter2"
            raise ValueError(len(secret))

        try:
            broken()
        except ValueError:
            structlog.get_logger("grantlog.test").exception("broken", job="notify")
        logging.getLogger("celery").warning("from a library")
        structlog.get_logger("grantlog.test").debug("not shown")
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.configure(**before)
    lines = capsys.readouterr().err.splitlines()
    first, second = (json.loads(line) for line in lines)
    assert (first["event"], first["job"], first["level"], first["worker"]) == (
        "broken",
        "notify",
        "error",
        "worker-1",
    )
    assert first["exception"][0]["exc_type"] == "ValueError"
    assert (second["event"], second["worker"], second["logger"]) == ("from a library", "worker-1", "celery")
    assert "hunter2" not in "".join(lines)
