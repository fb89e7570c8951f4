"""Restrict the network connections of tests to this machine."""

import socket
from typing import Any

LOOPBACK = ("127.", "::1", "localhost")
real_connect = socket.socket.connect


class ForeignConnection(AssertionError):
    """A test tried to reach another machine."""


def connect_locally(self: socket.socket, address: Any) -> None:
    if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
        raise ForeignConnection(f"A test tried to connect to {address}.")
    real_connect(self, address)
