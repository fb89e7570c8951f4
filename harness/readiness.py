"""Waiting until a process reports that it is ready, as systemd does with `Type=notify`: sd_notify(3)."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.waiting import PATIENCE


@contextmanager
def awaited_readiness() -> Iterator[dict[str, str]]:
    """Yield what the environment of a process needs, which is to be started in the block; at its end, wait for it.

    Raises TimeoutError if the process does not report that it is ready.
    """
    with (
        tempfile.TemporaryDirectory(prefix="statuspage-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
    ):
        address = str(Path(folder, "notify"))
        notified.bind(address)
        notified.settimeout(PATIENCE)
        yield {"NOTIFY_SOCKET": address}
        assert notified.recv(100) == b"READY=1"
