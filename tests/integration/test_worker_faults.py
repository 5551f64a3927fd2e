"""Worker, beat and broker as real processes: killed in the middle, nothing is lost and nothing counts twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from tests.support import appends
from tests.support.processes import Issuer, Role, Site, issuer, site, started
from tests.support.servers import StartValkey, free_port
from tests.support.tails import until

from grantlog.adapters.celery_outbox import open_outbox
from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.grant.events import ReuseDetected
from grantlog.core.grant.state import evolve
from grantlog.core.identifiers import StreamId
from grantlog.core.incident.state import IncidentState
from grantlog.flows.dispatch import tasks_of
from grantlog.flows.incidents import incident_of
from grantlog.ports import Append, Appended

pytestmark = pytest.mark.faults


@dataclass(slots=True)
class Receiver:
    """A webhook's receiver: what it was sent by key, and how it behaves."""

    url: str
    sent: dict[str, int] = field(default_factory=dict)
    signatures: list[str] = field(default_factory=list)
    failures: int = 0
    """So many more requests are answered 500."""
    hold: asyncio.Event | None = None
    """While set to an unset event, answers wait for it."""


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver(f"http://127.0.0.1:{free_port()}/hook")

    async def take(request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        receiver.sent[key] = receiver.sent.get(key, 0) + 1
        receiver.signatures.append(request.headers["Grantlog-Signature"])
        await request.read()
        if receiver.hold is not None:
            await receiver.hold.wait()
        if receiver.failures:
            receiver.failures -= 1
            return web.Response(status=500)
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(receiver.url.split(":")[2].split("/")[0])).start()
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Stage:
    """An installation with a broker and a receiver, and somebody who issues."""

    place: Site
    broker: EmbeddedValkey
    receiver: Receiver
    writer: Issuer

    async def reuse(self) -> tuple[Append, int]:
        """A family in which a spent token came again, and the position of that."""
        row = await self.writer.issue()
        event = ReuseDetected(credential="refresh_token", presented_version=1, cause="theft")
        after = Append(
            stream=row.stream,
            version=2,
            event=event,
            state=evolve(row.state, event, 2),
            envelope=appends.envelope(f"reuse-{row.stream}"),
        )
        verdict = await self.writer.service.ports.log.append(after)
        assert isinstance(verdict, Appended), verdict
        return row, verdict.position

    async def incident(self, row: Append) -> tuple[StreamId, IncidentState | None]:
        """The incident that follows from the reuse."""
        cause = await self.writer.service.ports.log.event_at(row.stream, 2)
        assert cause is not None
        stream = incident_of("families", cause)
        state = (await self.writer.service.ports.log.load(stream)).state
        assert state is None or isinstance(state, IncidentState)
        return stream, state

    async def told(self, row: Append) -> bool:
        """Whether the webhook of its incident is on the log as delivered."""
        _, state = await self.incident(row)
        told = () if state is None else state.notifications
        return any((each.channel, each.outcome) == ("webhook", "delivered") for each in told)

    async def dead(self, row: Append) -> bool:
        """Whether its access token is inactive."""
        return await self.writer.alive(row) is False

    async def types(self, row: Append) -> list[str]:
        """The events of its incident."""
        stream, _ = await self.incident(row)
        return [recorded.type for recorded in await self.writer.service.ports.log.history(stream)]


WHOLE = ["incident.finding_recorded", "incident.families_listed", "incident.notified", "incident.notified"]


@pytest.fixture
async def stage(tmp_path: Path, postgres_url: str, start_valkey: StartValkey) -> AsyncIterator[Stage]:
    projection, broker = start_valkey(), start_valkey(durable=True)
    async with receiving() as receiver:
        place = site(
            tmp_path,
            postgres_url,
            projection.url,
            broker.url,
            WEBHOOK_URL=receiver.url,
            WEBHOOK_SECRET="hook secret",
        )
        async with issuer(place.settings) as writer:
            yield Stage(place, broker, receiver, writer)


def child_of(worker: Role) -> int:
    """The process id of the worker's one child."""
    (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text(encoding="ascii").split()
    return int(child)


async def test_a_reuse_ends_as_one_incident_that_somebody_was_told_of_once(stage: Stage) -> None:
    with started(stage.place.role("tail")), started(stage.place.role("worker")) as worker:
        row, _ = await stage.reuse()
        await until(lambda: stage.told(row))
        assert await stage.types(row) == WHOLE
        assert list(stage.receiver.sent.values()) == [1]
        assert stage.receiver.signatures[0].startswith("t=")
        # Its own metrics, on its own listener.
        done = 'grantlog_job_seconds_count{job="families",outcome="done",worker="worker"}'
        assert worker.metric(done) == 1
        assert worker.ready()
        # A tail that was killed between publishing and its cursor publishes again.
        rows = await stage.writer.service.ports.tail.follow(0, 100)
        async with open_outbox(stage.broker.url) as outbox:
            await outbox.publish([task for row in rows for task in tasks_of(row)])
        await until(lambda: worker.metric(done) == 2)
        await until(lambda: worker.metric(done.replace("families", "notify")) == 4)
        assert await stage.types(row) == WHOLE
        assert list(stage.receiver.sent.values()) == [1]
        assert "hook secret" not in worker.written()


async def test_a_child_killed_in_the_middle_of_a_task_is_replaced_and_its_task_counts_once(stage: Stage) -> None:
    stage.receiver.hold = asyncio.Event()
    with started(stage.place.role("tail")), started(stage.place.role("worker")) as worker:
        row, _ = await stage.reuse()
        await until(lambda: stage.receiver.sent)
        os.kill(child_of(worker), signal.SIGKILL)
        stage.receiver.hold.set()
        await until(lambda: stage.told(row))
        # The receiver heard twice, under one key; on the log it happened once.
        assert list(stage.receiver.sent.values()) == [2]
        assert await stage.types(row) == WHOLE
        await until(worker.ready)


async def test_a_worker_killed_with_its_children_loses_nothing(stage: Stage) -> None:
    """The broker hands the task on after the visibility timeout; here a test cannot wait for ten minutes."""
    stage.receiver.hold = asyncio.Event()
    with started(stage.place.role("tail")):
        worker = stage.place.role("worker", name="killed")
        worker.start()
        row, _ = await stage.reuse()
        await until(lambda: stage.receiver.sent)
        worker.kill()
        stage.receiver.hold.set()
        await hand_on(stage.broker)
        with started(stage.place.role("worker", name="next")):
            await until(lambda: stage.told(row))
        assert await stage.types(row) == WHOLE
        assert list(stage.receiver.sent.values()) == [2]


async def hand_on(broker: EmbeddedValkey) -> None:
    """Lets the visibility timeout of every unacknowledged task be over: their moments are put into the past."""
    import redis.asyncio  # noqa: PLC0415  # the broker's own client

    async with redis.asyncio.Redis.from_url(broker.url) as client:
        waiting = [str(tag, "ascii") for tag in await client.zrange("unacked_index", 0, -1) if isinstance(tag, bytes)]
        assert waiting
        await client.zadd("unacked_index", dict.fromkeys(waiting, 1))


async def test_a_receiver_that_fails_and_a_broker_that_was_killed_delay_their_tasks_alone(stage: Stage) -> None:
    stage.receiver.failures = 1
    with started(stage.place.role("tail")) as tail, started(stage.place.role("worker")):
        first, _ = await stage.reuse()
        await until(lambda: stage.told(first))
        assert list(stage.receiver.sent.values()) == [2]
        stage.broker.kill()
        second, _ = await stage.reuse()
        third = await stage.writer.issue()
        # Revocation and the beat need no broker.
        await until(lambda: stage.dead(second))
        assert await stage.writer.revoke(third)
        await until(lambda: tail.metric('grantlog_job_backlog{job="dispatch",worker="tail"}'))
        assert tail.ready()
        stage.broker.start()
        await until(lambda: stage.told(second))
        assert await stage.types(first) == await stage.types(second) == WHOLE
        await until(lambda: tail.metric('grantlog_job_backlog{job="dispatch",worker="tail"}') == 0)


async def test_beat_fires_and_each_slot_runs_once_however_many_beats_there_are(stage: Stage) -> None:
    with (
        started(stage.place.role("tail")),
        started(stage.place.role("worker")) as worker,
        started(stage.place.role("beat", name="beat")) as beat,
        started(stage.place.role("beat", name="second")),
    ):
        for job in ("expire", "audit", "rotate_keys"):
            last = f'grantlog_job_last_run_timestamp_seconds{{job="{job}",worker="worker"}}'
            await until(partial(worker.metric, last))
        done = 'grantlog_job_seconds_count{job="expire",outcome="done",worker="worker"}'
        await asyncio.sleep(0.5)
        assert worker.metric(done) == 1
        assert beat.ready()


async def test_a_worker_asked_to_end_finishes_its_task_first(stage: Stage) -> None:
    stage.receiver.hold = asyncio.Event()
    with started(stage.place.role("tail")):
        worker = stage.place.role("worker")
        worker.start()
        row, _ = await stage.reuse()
        await until(lambda: stage.receiver.sent)
        worker.process.terminate()  # type: ignore[union-attr]  # it was started
        await asyncio.sleep(0.3)
        assert worker.status is None
        stage.receiver.hold.set()
        await until(lambda: worker.status is not None)
        assert await stage.told(row)
        assert list(stage.receiver.sent.values()) == [1]
