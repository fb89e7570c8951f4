"""Mail servers that take everything: Postfix's smtp-sink, as fast as can be or with a pause before each reply."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

from tests.support.product import free_port

from ..figures import Missing


def postfix(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        raise Missing(f"{program} is missing: it comes with Postfix (Debian: apt install postfix).")
    return found


def as_nobody() -> list[str]:
    """Postfix's programs want another user than root."""
    return ["-u", "nobody"] if os.getuid() == 0 else []


@contextlib.contextmanager
def sink(*options: str) -> Iterator[int]:
    """The port of a running smtp-sink."""
    port = free_port()
    process = subprocess.Popen([postfix("smtp-sink"), *as_nobody(), *options, f"127.0.0.1:{port}", "1000"])
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
