"""``grantlog dev`` from outside: start, use, stop, start again, crash."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.servers import short_directory

READY_SECONDS = 120
STOP_SECONDS = 45

pytestmark = pytest.mark.faults


class Run:
    """One run of ``grantlog dev`` over a directory."""

    def __init__(self, directory: Path, **environ: str) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("GRANTLOG_")}
        self.directory = directory
        self.output = directory.parent / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "grantlog", "dev", "--directory", str(directory)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**kept, **environ},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text("utf-8")

    def wait_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + READY_SECONDS
        while "Ctrl-C stops everything" not in self.said:
            assert self.process.poll() is None, self.said + self.logs()
            assert time.monotonic() < deadline, self.said + self.logs()
            time.sleep(0.1)
        document: dict[str, Any] = json.loads((self.directory / "credentials.json").read_text("utf-8"))
        return document

    def logs(self) -> str:
        """The last lines of every process, for whoever reads a failure."""
        files = sorted((self.directory / "logs").glob("*.log"))
        return "".join(f"\n== {file.name}\n" + "\n".join(file.read_text("utf-8").splitlines()[-8:]) for file in files)

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def running(directory: Path, **environ: str) -> Iterator[Run]:
    run = Run(directory, **environ)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            try:
                run.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with short_directory() as short:
        yield short / "dev"


def descendants(pid: int) -> set[int]:
    """Every process below one."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text("ascii").split()):
            found |= {child} | descendants(child)
    return found


def alive(pids: set[int], seconds: float) -> set[int]:
    """Which of them still run when the time is up."""
    deadline = time.monotonic() + seconds
    left = set(pids)
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if _runs(pid)}
        time.sleep(0.05)
    return left


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def printed_commands(said: str) -> list[str]:
    """The commands to try next, as they can be pasted."""
    return [line.strip() for line in said.splitlines() if re.match(r"  (TOKEN=|curl )", line)]


def post(run: Run, who: str, url: str, *data: str) -> Any:
    request = urllib.request.Request(url, data="&".join(data).encode())  # noqa: S310  # a URL of the run under test
    user = (run.directory / f"{who}.curl").read_text("utf-8").split('"')[1]
    request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    return json.loads(fetch(request))


def fetch(request: str | urllib.request.Request) -> str:
    """The body of an answer; empty where there is none."""
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # a URL of the run under test
            body: bytes = answer.read()
            return body.decode()
    except OSError:
        return ""


@pytest.fixture(scope="module")
def first(directory: Path) -> Iterator[Run]:
    """The first run over a new directory, ready."""
    with running(directory) as run:
        run.wait_ready()
        yield run


def test_it_keeps_everything_where_only_its_owner_may_look(first: Run) -> None:
    assert stat.S_IMODE(first.directory.stat().st_mode) == 0o700
    for name in (
        "credentials.json",
        "kept.json",
        "root_keys",
        "client.curl",
        "resource-server.curl",
        "postgres.log",
        "logs/tail.log",
    ):
        assert stat.S_IMODE((first.directory / name).stat().st_mode) == 0o600


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_what_it_prints_can_be_pasted(first: Run) -> None:
    take, look, revoke, device, push = printed_commands(first.said)
    # In one shell, as somebody pastes them: take a token, look at it, revoke it, look again; then what else there is.
    script = f"set -e\n{take}\n{look}\necho\n{revoke}\n{look}\necho\n{device}\necho\n{push}\n"
    pasted = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    before, status, after, shown, pushed = (line for line in pasted.stdout.splitlines() if line)
    assert json.loads(before)["active"] is True
    assert status == "200"
    assert json.loads(after) == {"active": False}
    assert json.loads(shown)["user_code"]
    assert json.loads(pushed)["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")


def test_its_credentials_are_those_of_what_it_planted(first: Run) -> None:
    found = first.wait_ready()
    document = json.loads((first.directory / "credentials.json").read_text("utf-8"))
    told = document["rs_metadata"]
    answer = urllib.request.Request(  # noqa: S310  # a URL of the run under test
        f"{found['introspection']}/introspect",
        data=b"token=x",
        headers={"Authorization": "Basic " + base64.b64encode(_pair(told)).decode()},
    )
    assert json.loads(fetch(answer)) == {"active": False}
    managed = urllib.request.Request(  # noqa: S310  # as above
        told["registration_client_uri"], headers={"Authorization": f"Bearer {told['registration_access_token']}"}
    )
    assert json.loads(fetch(managed))["resource_server_for"] == told["resource_server_for"]
    assert [client["token_endpoint_auth_method"] for client in document["clients"]] == [
        "client_secret_basic",
        "none",
        "none",
        "private_key_jwt",
        "client_secret_basic",
    ]


def _pair(told: dict[str, Any]) -> bytes:
    return f"{told['client_id']}:{told['client_secret']}".encode()


def test_one_page_shows_the_metrics_of_every_process(first: Run) -> None:
    found = first.wait_ready()
    post(first, "client", f"{found['issuer']}/token", "grant_type=client_credentials", "scope=api:read")
    page = fetch(found["metrics"])
    for worker in ("issuer", "introspection", "tail", "worker", "beat"):
        assert f'grantlog_dev_up{{worker="{worker}"}} 1.0' in page
    assert re.search(r'grantlog_tokens_issued_total\{[^}]*worker="issuer"[^}]*\} [1-9]', page)


def test_no_secret_stands_on_a_command_line(first: Run) -> None:
    found = first.wait_ready()
    family = descendants(first.process.pid)
    assert len(family) >= 8
    lines = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family)
    for secret in (found["clients"][0]["client_secret"], found["user"]["password"], found["initial_access_token"]):
        assert secret.encode() not in lines


def test_another_run_over_the_same_directory_is_refused(first: Run) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "grantlog", "dev", "--directory", str(first.directory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert second.returncode == 1
    assert f"process {first.process.pid} runs over" in second.stderr


def test_a_process_that_dies_comes_back(first: Run) -> None:
    found = first.wait_ready()
    by_name = {name_of(pid): pid for pid in descendants(first.process.pid)}
    os.kill(by_name["serve --role introspection"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while "introspection ended (SIGKILL)" not in first.said and time.monotonic() < deadline:
        time.sleep(0.1)
    answer = ""
    while not answer and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = fetch(f"{found['introspection']}/readyz")
    assert json.loads(answer)["status"] == "ready"


def test_control_c_ends_every_process(first: Run) -> None:
    family = descendants(first.process.pid)
    assert first.stop(signal.SIGINT) == 0
    assert alive(family, 5) == set()


def test_what_was_there_before_a_crash_is_there_after_it_and_nobody_outlives_it(directory: Path) -> None:
    with running(directory) as run:
        before = run.wait_ready()
        token = post(run, "client", f"{before['issuer']}/token", "grant_type=client_credentials", "scope=api:read")
        family = descendants(run.process.pid)
        run.process.kill()
        run.process.wait()
        assert alive(family, 30) == set()
    with running(directory) as run:
        assert run.wait_ready() == before
        found = post(run, "resource-server", f"{before['introspection']}/introspect", f"token={token['access_token']}")
        assert found["active"] is True
        assert run.stop(signal.SIGTERM) == 0


def name_of(pid: int) -> str:
    """What a process of ours was asked to do."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return " ".join(words[3:]).strip() if "grantlog" in words else f"process {pid}"


def test_a_port_that_was_asked_for_and_is_taken_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        run = Run(tmp_path / "dev", GRANTLOG_PORT=str(port))
        assert run.process.wait(30) == 1
        assert (
            run.said
            == f"grantlog: GRANTLOG_PORT={port} is taken by another process; choose another or leave it unset\n"
        )
