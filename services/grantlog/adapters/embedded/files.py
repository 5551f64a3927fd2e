"""Directories and files that only their owner may read."""

import os
import secrets
from pathlib import Path

SOCKET_PATH_LIMIT = 100
"""Bytes of a unix socket's path that work everywhere (Linux allows 107, macOS 103)."""


def private_directory(path: Path) -> Path:
    """Makes ``path`` a directory of mode 0700, whatever the umask; its parents must stand. Returns it.

    A directory of somebody else, or a link, is refused with PermissionError.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        standing = path.lstat()
        if path.is_symlink() or not path.is_dir() or standing.st_uid != os.geteuid():
            raise PermissionError(f"{path} is not a directory of ours") from None
    path.chmod(0o700)
    return path


def write_private(path: Path, content: str) -> None:
    """Writes a file of mode 0600 in one step: nobody ever sees it half written, or readable by others."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
