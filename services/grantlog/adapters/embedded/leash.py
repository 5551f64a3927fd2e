"""Run as a script in front of a child: ``leash.py <signal> <parent pid> <uid> <gid> <program> …``.

Asks the kernel to send ``signal`` when the parent dies, however it dies, and becomes the program. Standard library
only, because it is started with ``python -I -S``. Where the kernel has no such call, the child runs without a leash.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Becomes another user where one is named (``-``: stays), takes the leash and execs."""
    signal, parent, user, group, program = int(arguments[0]), int(arguments[1]), *arguments[2:4], arguments[4:]
    if user != "-":
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    # After the change of user, which would take the leash off.
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        if library.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        # The parent may have died before the call above; then nothing would ever come.
        if os.getppid() != parent:
            raise SystemExit(1)
    os.execv(program[0], program)  # noqa: S606  # a fixed program with arguments from the caller; no shell


if __name__ == "__main__":
    main(sys.argv[1:])
