"""Runs a command that ends when its parent ends, even if the parent is killed.

    python exit_with_parent.py PARENT SIGNAL UID:GID|- COMMAND…

A separate program, because Linux clears the parent-death signal when the user
changes, and because running Python between fork and exec is unsafe with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, signal, account, *command = sys.argv[1:]
    if account != "-":
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):
        sys.exit("The parent ended before the command started.")
    os.execv(command[0], command)  # noqa: S606 (no shell is meant)


if __name__ == "__main__":
    main()
