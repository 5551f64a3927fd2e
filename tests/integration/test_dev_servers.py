"""The embedded servers: real binaries, private sockets, and no life after their parent."""

import json
import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from tests.support.servers import StartPostgres, StartValkey, short_directory

from grantlog.adapters.embedded import identity
from grantlog.adapters.embedded.binaries import postgres_binary
from grantlog.adapters.embedded.child import Child, StartError
from grantlog.adapters.embedded.files import private_directory, write_private
from grantlog.adapters.embedded.postgres import WITHOUT_SAFETY, EmbeddedPostgres
from grantlog.adapters.embedded.valkey import EmbeddedValkey

OWNER = """
import json, sys, time
from pathlib import Path
from grantlog.adapters.embedded.postgres import WITHOUT_SAFETY, EmbeddedPostgres
from grantlog.adapters.embedded.valkey import EmbeddedValkey
base = Path(sys.argv[1])
postgres = EmbeddedPostgres(base / "pg", base / "s", options=WITHOUT_SAFETY)
valkey = EmbeddedValkey(base / "kv", base / "s")
postgres.start()
valkey.start()
print(json.dumps([postgres.pid, valkey.pid]), flush=True)
time.sleep(600)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def gone(pid: int, seconds: float = 15) -> bool:
    """Whether a process ends in time; one that waits for its parent to notice counts as ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return True
        if status.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def others_reach_us() -> bool:
    """Whether we are root, and others may pass to the binaries."""
    binary = postgres_binary("postgres")
    return os.geteuid() == 0 and all(step.stat().st_mode & 0o001 for step in (binary, *binary.parents))


def owner_of(pid: int | None) -> str:
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


async def answer(postgres: EmbeddedPostgres) -> int:
    connection = await asyncpg.connect(postgres.url())
    try:
        version: int = await connection.fetchval("SELECT current_setting('server_version_num')::int")
        return version
    finally:
        await connection.close()


async def test_postgres_is_version_18_without_jit_and_without_a_tcp_port(postgres_server: EmbeddedPostgres) -> None:
    assert await answer(postgres_server) >= 180000
    connection = await asyncpg.connect(postgres_server.url())
    try:
        assert await connection.fetchval("SHOW jit") == "off"
        assert await connection.fetchval("SHOW listen_addresses") == ""
    finally:
        await connection.close()


async def test_valkey_is_version_9_never_evicts_and_has_no_tcp_port(valkey_url: str) -> None:
    client = redis.asyncio.Redis.from_url(valkey_url)
    try:
        server = await client.info("server")
        assert server["valkey_version"].startswith("9.")
        assert server["tcp_port"] == 0
        assert await client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    finally:
        await client.aclose()


def test_only_the_owner_may_enter_the_directories(
    postgres_server: EmbeddedPostgres, valkey_server: EmbeddedValkey
) -> None:
    for directory in (postgres_server.root, postgres_server.sockets, postgres_server.data, valkey_server.root):
        assert mode(directory) == 0o700, directory


async def test_each_test_finds_a_database_of_its_own(postgres_url: str, empty_postgres_url: str) -> None:
    assert postgres_url != empty_postgres_url
    connection = await asyncpg.connect(empty_postgres_url)
    try:
        tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert tables == 0
    finally:
        await connection.close()


async def test_postgres_keeps_what_was_committed_when_it_is_killed(start_postgres: StartPostgres) -> None:
    server = start_postgres(migrated=False)
    connection = await asyncpg.connect(server.url())
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    server.kill()
    assert connection.is_closed() or server.pid is None
    connection.terminate()
    assert (server.data / "postmaster.pid").exists()
    server.start()
    connection = await asyncpg.connect(server.url())
    assert await connection.fetchval("SELECT value FROM kept") == 7
    await connection.close()


async def test_a_durable_valkey_keeps_its_data_and_another_forgets_it(start_valkey: StartValkey) -> None:
    for durable in (True, False):
        server = start_valkey(durable=durable)
        client = redis.asyncio.Redis.from_url(server.url)
        await client.set("key", "value")
        await client.aclose()
        server.stop()
        server.start()
        client = redis.asyncio.Redis.from_url(server.url)
        assert await client.get("key") == (b"value" if durable else None)
        await client.aclose()


@pytest.mark.redis7
async def test_redis_7_starts_where_there_is_one(start_redis7: StartValkey) -> None:
    server = start_redis7()
    client = redis.asyncio.Redis.from_url(server.url)
    assert (await client.info("server"))["redis_version"].startswith("7.")
    await client.aclose()


@pytest.mark.faults
def test_servers_end_when_their_parent_is_killed() -> None:
    with short_directory() as directory:
        owner = subprocess.Popen([sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.PIPE)
        try:
            assert owner.stdout is not None
            pids = json.loads(owner.stdout.readline())
            assert all(not gone(pid, 0.2) for pid in pids)
        finally:
            owner.kill()
            owner.communicate()
        assert all(gone(pid) for pid in pids)


@pytest.mark.faults
async def test_a_postmaster_that_outlived_its_parent_is_replaced() -> None:
    with short_directory() as directory:
        first = EmbeddedPostgres(directory / "pg", directory / "s", options=WITHOUT_SAFETY)
        first.start()
        old = first.pid
        assert old is not None
        second = EmbeddedPostgres(directory / "pg", directory / "s", options=WITHOUT_SAFETY)
        try:
            second.start()
            assert gone(old)
            assert await answer(second) >= 180000
        finally:
            second.kill()
            first.kill()


def test_a_number_that_was_given_to_a_stranger_is_left_alone() -> None:
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "pg", directory / "s", options=WITHOUT_SAFETY)
        server.start()
        server.kill()
        stranger = subprocess.Popen(["sleep", "60"])
        try:
            pid_file = server.data / "postmaster.pid"
            lines = pid_file.read_text(encoding="utf-8").splitlines()
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]), encoding="utf-8")
            server.start()
            assert stranger.poll() is None
        finally:
            server.kill()
            stranger.kill()
            stranger.wait()


def test_a_server_that_does_not_start_says_what_it_wrote() -> None:
    with short_directory() as directory:
        server = EmbeddedPostgres(directory / "pg", directory / "s", options={"shared_buffers": "nonsense"})
        with pytest.raises(StartError, match="shared_buffers"):
            server.start()


@pytest.mark.skipif(not others_reach_us(), reason="not root, or in a checkout that only root may enter")
async def test_without_user_namespaces_root_lends_postgres_a_system_user() -> None:
    with short_directory() as directory:
        directory.chmod(0o700)
        server = EmbeddedPostgres(directory / "pg", directory / "s", options=WITHOUT_SAFETY, namespaces=False)
        try:
            server.start()
            assert await answer(server) >= 180000
            assert owner_of(server.pid) in identity.CANDIDATES
            assert mode(directory) == 0o710
            server.stop()
            server.start()
            assert await answer(server) >= 180000
        finally:
            server.kill()


def test_where_nobody_else_reaches_the_data_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(identity, "CANDIDATES", ("no such user",))
    with pytest.raises(identity.NoIdentityError, match="GRANTLOG_DATABASE_URL"):
        identity.postgres_identity(postgres_binary("postgres"), (tmp_path,), namespaces=False)


def test_a_closed_folder_on_the_way_keeps_another_user_out(tmp_path: Path) -> None:
    stranger = pwd.struct_passwd(("stranger", "x", 12345, 12345, "", "/", "/bin/sh"))
    assert identity._passes(stranger, Path("/usr"))
    tmp_path.chmod(0o700)
    (tmp_path / "open").mkdir(mode=0o755)
    assert not identity._passes(stranger, tmp_path / "open")


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
    )
    child = Child("stubborn", (sys.executable, "-c", stubborn), tmp_path / "log")
    child.launch()
    child.wait_until(lambda: "up" in child.tail(), 10)
    child.stop(signal.SIGTERM, 0.3)
    assert child.status == -signal.SIGKILL
    assert child.pid is None


def test_a_private_file_is_private_and_appears_whole(tmp_path: Path) -> None:
    os.umask(0)
    try:
        target = tmp_path / "secret"
        write_private(target, "one")
        write_private(target, "two")
        assert (target.read_text(encoding="utf-8"), mode(target)) == ("two", 0o600)
        assert list(tmp_path.iterdir()) == [target]
    finally:
        os.umask(0o022)


def test_a_private_directory_is_not_taken_from_a_link_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o755)
    assert mode(private_directory(tmp_path / "real")) == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for wrong in ("link", "file"):
        with pytest.raises(PermissionError):
            private_directory(tmp_path / wrong)
