"""Tasks are handed on to a real broker, by name, confirmed; a broker that is gone is an error within seconds."""

import asyncio
import base64
import json
import signal

import pytest
import redis.asyncio
from tests.support.servers import StartValkey

from grantlog.adapters.celery_outbox import open_outbox
from grantlog.broker import QUEUE, broker_address, common_settings, task_name
from grantlog.ports import UnavailableError

TASK = ("notify", "notify:0:7", {"position": 7, "stream": "s", "version": 1})


async def queued(url: str) -> list[dict[str, object]]:
    async with redis.asyncio.Redis.from_url(url) as client:
        return [json.loads(text) for text in await client.lrange(QUEUE, 0, -1)]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("unix:///run/b.sock", "redis+socket:///run/b.sock"),
        ("unix:///run/a%20b.sock?virtual_host=2", "redis+socket:///run/a%20b.sock?virtual_host=2"),
        ("unix://user:pass@/run/b.sock", "redis+socket://user:pass@/run/b.sock"),
        ("redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
        ("amqp://guest@broker//", "amqp://guest@broker//"),
    ],
)
def test_a_unix_socket_is_named_as_kombu_names_it(url: str, address: str) -> None:
    assert broker_address(url) == address


def test_rabbitmq_gets_quorum_queues_and_confirms() -> None:
    settings = common_settings("amqp://broker//")
    assert settings["task_default_queue_type"] == "quorum"
    assert settings["broker_transport_options"]["confirm_publish"] is True


def test_a_task_may_never_run_as_long_as_the_broker_waits_for_its_end() -> None:
    options = common_settings("redis://broker/")["broker_transport_options"]
    assert options["visibility_timeout"] >= 600


async def test_a_task_is_published_by_name_with_its_key_as_id(start_valkey: StartValkey) -> None:
    broker = start_valkey()
    async with open_outbox(broker.url) as outbox:
        await outbox.publish([TASK])
        await outbox.publish([TASK])
    first, second = await queued(broker.url)
    headers = first["headers"]
    assert isinstance(headers, dict)
    assert headers["task"] == task_name("notify")
    assert headers["id"] == "notify:0:7"
    body = first["body"]
    assert isinstance(body, str)
    _, arguments, _ = json.loads(base64.b64decode(body))
    assert arguments == TASK[2]
    assert second["headers"] == {**headers}


async def test_without_a_broker_nothing_is_taken() -> None:
    async with open_outbox(None) as outbox:
        with pytest.raises(UnavailableError):
            await outbox.publish([TASK])


@pytest.mark.faults
async def test_a_broker_that_was_killed_is_an_error_and_the_next_one_is_found(start_valkey: StartValkey) -> None:
    broker = start_valkey(durable=True)
    async with open_outbox(broker.url) as outbox:
        await outbox.publish([TASK])
        broker.kill()
        with pytest.raises(UnavailableError):
            await outbox.publish([TASK])
        broker.start()
        await outbox.publish([TASK])
    assert 1 <= len(await queued(broker.url)) <= 2


@pytest.mark.faults
async def test_a_broker_that_hangs_is_an_error_within_seconds_and_holds_nobody_up(start_valkey: StartValkey) -> None:
    broker = start_valkey()
    async with open_outbox(broker.url) as outbox:
        await outbox.publish([TASK])
        broker.send(signal.SIGSTOP)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.05)

        ticking = asyncio.create_task(tick())
        async with asyncio.timeout(25):
            with pytest.raises(UnavailableError):
                await outbox.publish([TASK])
        ticking.cancel()
        assert ticks > 20
        broker.send(signal.SIGCONT)
        await outbox.publish([TASK])
