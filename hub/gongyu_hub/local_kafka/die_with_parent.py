"""Run as a script: become the given program, ended by the system when the process that started it ends.

`python die_with_parent.py PARENT_PID PROGRAM ARGUMENT...`. Linux only has this (prctl(2), PR_SET_PDEATHSIG); elsewhere
the program is simply run. The setting survives exec. Imports nothing of gongyu, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def guarded(command: list[str]) -> list[str]:
    """The command line that runs this one and ends with the calling process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main(parent: int, command: list[str]) -> None:
    """Does not return."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call above
            os._exit(1)
    os.execv(command[0], command)  # noqa: S606  # no shell is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
