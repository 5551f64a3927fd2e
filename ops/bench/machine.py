"""The machine: which core belongs to whom, how much processor time a process has used, and what to call it in a report."""

import os
import platform
import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Literal

Side = Literal["server", "others"]
PACKAGES = ("aiohttp", "asyncpg", "hiredis", "msgspec", "uvloop")


def pin(pid: int, side: Side) -> None:
    """Gives the server under test one core, and everything else the others; nothing where there is only one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return
    mine = {cores[0]} if side == "server" else set(cores[1:])
    for process in (pid, *children(pid)):
        with suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                os.sched_setaffinity(int(thread.name), mine)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    with suppress(OSError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in listed.split()]
    return []


def cpu_seconds(pid: int) -> float:
    """Processor time that the running threads of a process and of its children have used; 0 where it is gone."""
    nanoseconds = 0
    for process in (pid, *children(pid)):
        with suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                nanoseconds += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return nanoseconds / 1e9


def described() -> dict[str, str]:
    """The machine and what ran on it, in general terms."""
    model, memory = "unknown", 0
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        model = found[1] if found else platform.machine()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {
        "processor": f"{len(os.sched_getaffinity(0))} cores of {model} ({platform.machine()}), {memory} GiB",
        "kernel": f"{platform.system()} {re.match(r'[0-9.]*[0-9]', platform.release())[0]}",  # type: ignore[index]  # every release begins with a number
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }
