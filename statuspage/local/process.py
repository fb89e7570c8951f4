"""Start and stop the processes of `make run` and of the tests."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from statuspage.local import interruption

EXIT_WITH_PARENT = Path(__file__).with_name("exit_with_parent.py")
LAST_PATIENCE = 3.0  # seconds for a process that was asked a second time to end


class CannotStart(Exception):
    """The message says what is wrong and how to fix it."""


class Account(NamedTuple):
    """The system user that a process runs as."""

    uid: int
    gid: int


def spawn(
    command: Sequence[str],
    *,
    ending: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    output: int | IO[bytes] | None = None,
    errors: int | None = subprocess.STDOUT,
    inherit: Sequence[int] = (),
    folder: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that receives `ending` when this one ends, however it ends.

    It gets its own session, so that Ctrl-C reaches only the supervisor, which then
    stops everything in the right order.
    """
    user = f"{account.uid}:{account.gid}" if account else "-"
    wrapper = [sys.executable, "-I", "-S", str(EXIT_WITH_PARENT), str(os.getpid()), str(int(ending)), user]
    return subprocess.Popen(
        [*wrapper, *command],
        stdin=stdin,
        stdout=output,
        stderr=errors if output is not None else None,
        env=environment,
        cwd=folder,
        pass_fds=inherit,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], ending: signal.Signals = signal.SIGTERM, *, patience: float = 10) -> None:
    """Ask a process to end, and kill it if it does not."""
    ask_to_end(process, ending)
    wait_or_kill(process, patience=patience)


def ask_to_end(process: subprocess.Popen[bytes], ending: signal.Signals = signal.SIGTERM) -> None:
    if process.poll() is None:
        process.send_signal(ending)


def wait_or_kill(process: subprocess.Popen[bytes], *, patience: float = 10) -> None:
    """Wait for a process that was asked to end; after `patience` seconds ask again, then kill it.

    The second request is for RQ workers: only then do they end the running job, which
    has a process group of its own. Whatever else the process left behind is killed.
    """
    for seconds in (patience, LAST_PATIENCE):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
        process.terminate()
    end_group(process)
    process.wait()


def communicate(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Return a process's standard output and error; the process does not outlive this call."""
    try:
        while True:
            interruption.check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=0.1)
    finally:
        stop(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children: the workers of a killed web server would keep its port."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], *, patience: float = 60) -> bool:
    """Return whether `ready` becomes true before the process ends or `patience` seconds have passed."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        interruption.check()
        if ready():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def last_lines(log: Path, count: int = 8) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(f"  {line}" for line in lines[-count:])
