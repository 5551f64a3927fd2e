"""Whom PostgreSQL runs as. It refuses root, so root lends it another identity."""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from grantlog.adapters.embedded.child import OURSELVES, RunAs

CANDIDATES = ("grantlog", "postgres", "nobody")
NAMESPACE = ("--user", "--map-user=1000", "--map-group=1000")


class NoIdentityError(Exception):
    """We are root, user namespaces are barred, and no other user can reach the data."""


@functools.cache
def namespace_prefix() -> tuple[str, ...]:
    """The words that start a program as uid 1000 of a user namespace of its own; empty where that is barred.

    Outside the namespace it is still root, so files below folders only root may read stay within reach.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    tried = subprocess.run([unshare, *NAMESPACE, "true"], capture_output=True, check=False)  # noqa: S603  # fixed words
    return (unshare, *NAMESPACE, "--") if tried.returncode == 0 else ()


def postgres_identity(binary: Path, directories: tuple[Path, ...], *, namespaces: bool = True) -> RunAs:
    """How to run PostgreSQL over ``directories`` (existing, ours, 0700), which it must own.

    An ordinary user: as ourselves. Root: in a user namespace; where those are barred, as a system user who can reach
    the binary and, once the directories are given to them, those. Raises NoIdentityError, saying what to do.
    """
    if os.geteuid() != 0:
        return OURSELVES
    if namespaces and (prefix := namespace_prefix()):
        return RunAs(prefix=prefix)
    for name in CANDIDATES:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if not _passes(user, binary) or not all(_passes(user, directory.parent.parent) for directory in directories):
            continue
        for directory in directories:
            _give(directory, user)
        return RunAs(user=user.pw_uid, group=user.pw_gid)
    raise NoIdentityError(
        "PostgreSQL refuses to run as root, user namespaces are barred here, and no other user reaches "
        f"{directories[0]}. Either run this as an ordinary user, or move the checkout to where other users may pass "
        "(such as below /srv), or set GRANTLOG_DATABASE_URL to a PostgreSQL server that runs already."
    )


def _passes(user: pwd.struct_passwd, path: Path) -> bool:
    """Whether the user may pass through every folder down to ``path`` (and, for a file, run it)."""
    for step in (path, *path.parents):
        found = step.stat()
        bit = 0o100 if found.st_uid == user.pw_uid else 0o010 if found.st_gid == user.pw_gid else 0o001
        if not found.st_mode & bit:
            return False
    return True


def _give(directory: Path, user: pwd.struct_passwd) -> None:
    """Gives them the directory with all in it, and lets their group alone pass through its parent, which is ours."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    os.chown(directory.parent, 0, user.pw_gid)
    directory.parent.chmod(0o710)
