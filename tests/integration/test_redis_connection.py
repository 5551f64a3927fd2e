"""The connection: replies never shift, silence and nonsense end it, and it comes back by itself."""

import asyncio
import logging
import random
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.fake_redis import RUN_ID, FakeRedis, fake_redis
from tests.support.servers import StartValkey

from grantlog.adapters.redis.address import parse_address
from grantlog.adapters.redis.connection import Connection
from grantlog.adapters.redis.wire import CommandError
from grantlog.ports import UnavailableError

TIMEOUT = 0.2


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Connection]:
    connection = Connection(parse_address(url), **{"timeout": TIMEOUT, **options})
    connection.start()
    try:
        assert await connection.usable(5)
        yield connection
    finally:
        await connection.close()


def echo(words: list[bytes]) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(words[-1]), words[-1])


async def until(true: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # what is waited for is not ours to signal
            await asyncio.sleep(0.005)


async def test_it_knows_whom_it_talks_to(valkey_url: str) -> None:
    async with connected(valkey_url) as connection:
        info: bytes = await connection.execute("INFO", "server")
        assert f"run_id:{connection.run_id}".encode() in info
        assert connection.epoch == 1


async def test_bytes_come_back_as_they_were_sent(valkey_url: str) -> None:
    value = bytes(range(256)) * 3000
    async with connected(valkey_url) as connection:
        assert await connection.execute("SET", b"k\r\n\x00", value) == b"OK"
        assert await connection.execute("GET", b"k\r\n\x00") == value
        assert await connection.execute("GET", "absent") is None
        assert await connection.execute("MGET", "absent", b"k\r\n\x00") == [None, value]


async def test_all_commands_of_one_turn_leave_together() -> None:
    async with fake_redis(echo) as fake, connected(fake.url) as connection:
        futures = [connection.execute("ECHO", f"{number}") for number in range(100)]
        assert await asyncio.gather(*futures) == [b"%d" % number for number in range(100)]
        assert fake.connections == 1


async def test_replies_in_the_smallest_pieces_are_put_together() -> None:
    async with fake_redis(echo) as fake, connected(fake.url, timeout=5) as connection:
        fake.chunk = 1
        texts = [f"text {number}" for number in range(50)]
        answers = await asyncio.gather(*(connection.execute("ECHO", text) for text in texts))
        assert answers == [text.encode() for text in texts]


async def test_cancelled_callers_never_shift_a_reply(valkey_url: str) -> None:
    dice = random.Random(1)
    answered = 0
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def ask(connection: Connection, number: int) -> None:
        nonlocal answered
        assert await connection.execute("ECHO", f"{number}") == b"%d" % number
        answered += 1

    async with connected(valkey_url, timeout=5) as connection:
        tasks = []
        for number in range(5000):
            tasks.append(asyncio.create_task(ask(connection, number)))
            if number % 7 == 0:
                await asyncio.sleep(0)
            if dice.random() < 0.4:
                dice.choice(tasks[-50:]).cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {type(None), asyncio.CancelledError}
        assert 1000 < answered == outcomes.count(None)
        assert await connection.execute("ECHO", "last") == b"last"
    assert complaints == []


async def test_a_waiter_that_fails_costs_nobody_else_a_reply(valkey_url: str) -> None:
    class Broken:
        def done(self) -> bool:
            return False

        def set_result(self, result: Any, /) -> None:
            raise RuntimeError("broken")

        def set_exception(self, exception: Exception, /) -> None:
            raise RuntimeError("broken")

    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with connected(valkey_url) as connection:
        before = connection.execute("ECHO", "before")
        connection.submit(Broken(), "ECHO", "broken")
        after = connection.execute("ECHO", "after")
        assert (await before, await after) == (b"before", b"after")
        assert connection.epoch == 1
    assert [str(complaint["exception"]) for complaint in complaints] == ["broken"]


async def test_a_refusal_harms_only_its_caller_and_keeps_arguments_to_itself(valkey_url: str) -> None:
    async with connected(valkey_url) as connection:
        outcomes = await asyncio.gather(
            connection.execute("ECHO", "a"),
            connection.execute("NOSUCH", "a-secret"),
            connection.execute("ECHO", "b"),
            return_exceptions=True,
        )
        assert (outcomes[0], outcomes[2]) == (b"a", b"b")
        assert isinstance(outcomes[1], CommandError)
        assert "a-secret" not in repr(outcomes[1])
        assert outcomes[1].code == "ERR"


async def test_a_refusal_that_nobody_waits_for_is_silent(valkey_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(valkey_url) as connection:
        connection.execute("NOSUCH").add_done_callback(lambda _: None)
        await connection.execute("PING")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("nonsense", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n+OK\r\n", b"?\r\n", b"*-5\r\n"])
async def test_nonsense_ends_the_connection_and_it_comes_back(nonsense: bytes) -> None:
    def answer(words: list[bytes]) -> bytes:
        return nonsense if words[-1] == b"go mad" else echo(words)

    async with fake_redis(answer) as fake, connected(fake.url) as connection:
        future = connection.execute("ECHO", "go mad")
        await asyncio.wait([future])
        assert isinstance(future.exception(), UnavailableError) or future.result() == b"OK"
        await until(lambda: connection.epoch == 2)
        assert await connection.execute("ECHO", "well again") == b"well again"
        assert connection.run_id == RUN_ID


async def test_a_server_that_hangs_up_fails_all_that_wait_at_once() -> None:
    async with fake_redis(lambda _: b"") as fake, connected(fake.url, timeout=30) as connection:
        futures = [connection.execute("ECHO", "x") for _ in range(20)]
        await until(lambda: len(fake.commands) == 20)
        fake.hang_up()
        outcomes = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 5)
        assert {type(outcome) for outcome in outcomes} == {UnavailableError}
        assert len({id(outcome) for outcome in outcomes}) == 20, "tracebacks would pile up on a shared one"
        await until(lambda: connection.epoch == 2)


async def test_silence_ends_the_connection_though_other_replies_came_before() -> None:
    def answer(words: list[bytes]) -> bytes:
        return b"" if words[-1] == b"be silent" else echo(words)

    async with fake_redis(answer) as fake, connected(fake.url) as connection:
        for _ in range(3):
            await connection.execute("ECHO", "x")
            await asyncio.sleep(TIMEOUT / 2)
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(connection.execute("ECHO", "be silent"), 5)
        await until(lambda: connection.epoch == 2)


async def test_a_slow_stream_of_replies_is_not_silence() -> None:
    async with fake_redis(echo) as fake, connected(fake.url) as connection:
        for _ in range(30):
            await connection.execute("ECHO", "x")
            await asyncio.sleep(TIMEOUT / 10)
        assert connection.epoch == 1


async def test_no_more_wait_than_may(valkey_url: str) -> None:
    async with connected(valkey_url, limit=10) as connection:
        futures = [connection.execute("ECHO", f"{number}") for number in range(15)]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert outcomes[:10] == [b"%d" % number for number in range(10)]
        assert {type(outcome) for outcome in outcomes[10:]} == {UnavailableError}
        assert await connection.execute("ECHO", "room again") == b"room again"


async def test_a_frozen_server_is_left_and_found_again(start_valkey: StartValkey) -> None:
    server = start_valkey()
    async with connected(server.url) as connection:
        first = connection.run_id
        server.send(signal.SIGSTOP)
        began = asyncio.get_running_loop().time()
        with pytest.raises(UnavailableError):
            await connection.execute("PING")
        assert asyncio.get_running_loop().time() - began < 2
        assert connection.run_id is None
        with pytest.raises(UnavailableError):
            await connection.execute("PING")
        server.send(signal.SIGCONT)
        assert await connection.usable(10)
        assert connection.run_id == first
        assert await connection.execute("PING") == b"PONG"


async def test_a_killed_server_is_somebody_else_when_it_is_back(start_valkey: StartValkey) -> None:
    server = start_valkey()
    async with connected(server.url) as connection:
        first = connection.run_id
        server.kill()
        await until(lambda: connection.run_id is None)
        server.start()
        assert await connection.usable(10)
        assert connection.run_id not in {None, first}


async def test_a_password_opens_and_a_wrong_one_does_not(
    start_valkey: StartValkey, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_valkey(tcp=True, options={"requirepass": "p@ss/word"})
    good = server.tcp_url.replace("//", "//:p%40ss%2Fword@")
    async with connected(good) as connection:
        assert await connection.execute("PING") == b"PONG"
    bad = Connection(parse_address(server.tcp_url.replace("//", "//default:wrong-password@")))
    bad.start()
    assert not await bad.usable(0.3)
    await bad.close()
    said = "".join(capsys.readouterr())
    assert "wrong-password" not in said
    assert "WRONGPASS" in said


async def test_a_database_is_chosen(valkey_url: str) -> None:
    async with connected(valkey_url) as first, connected(f"{valkey_url}?db=3") as other:
        await first.execute("SET", "k", "zero")
        assert await other.execute("GET", "k") is None


async def test_closing_fails_what_still_waits() -> None:
    async with fake_redis(lambda _: b"") as fake, connected(fake.url, timeout=30) as connection:
        future = connection.execute("ECHO", "x")
        await connection.close()
        with pytest.raises(UnavailableError):
            await future
        with pytest.raises(UnavailableError):
            await connection.execute("ECHO", "x")


async def test_nobody_at_home_is_no_reason_to_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    connection = Connection(parse_address("unix:///nowhere/at/all.sock"))
    connection.start()
    assert not await connection.usable(0.05)
    with pytest.raises(UnavailableError):
        await connection.execute("PING")
    await connection.close()


async def test_a_server_that_hangs_up_on_everybody_is_not_called_without_a_pause() -> None:
    async with fake_redis(lambda _: b"?") as fake:
        connection = Connection(parse_address(fake.url), timeout=TIMEOUT)
        connection.start()
        for _ in range(20):
            if await connection.usable(0.05):
                with pytest.raises(UnavailableError):
                    await connection.execute("PING")
        await connection.close()
        assert 2 <= fake.connections <= 10


async def test_tls_is_spoken_where_the_url_says_so_and_strangers_are_refused(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "localhost")
    stranger, _ = self_signed(tmp_path, "stranger")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    fake = FakeRedis(tmp_path / "unused", echo)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with connected(f"rediss://localhost:{port}?ssl_ca_certs={certificate}") as connection:
        assert await connection.execute("ECHO", "secretly") == b"secretly"
    for url in (
        f"rediss://localhost:{port}?ssl_ca_certs={stranger}",
        f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}",
    ):
        refused = Connection(parse_address(url), timeout=TIMEOUT)
        refused.start()
        assert not await refused.usable(0.3)
        await refused.close()
    fake.hang_up()
    server.close()
    await asyncio.sleep(0.05)


def self_signed(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a host name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / f"{name}.pem", directory / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
