"""Tells systemd that a process is ready (sd_notify(3)), so that `systemctl start` reports one that is not."""

import contextlib
import os
import socket


def notify_ready() -> None:
    """Send `READY=1` if a unit with `Type=notify` started this process or its parent; otherwise do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ is an abstract socket, whose name begins with a zero byte.
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
        notifying.sendto(b"READY=1", name)
