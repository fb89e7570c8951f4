"""Refuses to serve on a port that another server serves too.

granian opens its port with SO_REUSEPORT, so a second server starts without an error and the kernel
gives each of them a part of the connections: a server that an upgrade left behind would go on
answering with the old code. `wsgi.py` is loaded by a process that has the bound socket already.
"""

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

PATIENCE = 5.0  # seconds for a server that is ending
_LISTENING = "0A"  # include/net/tcp_states.h
_INTERNET = (socket.AF_INET, socket.AF_INET6)

Address = IPv4Address | IPv6Address


def refuse_shared_port(patience: float = PATIENCE) -> None:
    """Raise ImproperlyConfigured if another server listens on our port. Does nothing without Linux's /proc."""
    own = list(_own_sockets())
    deadline = time.monotonic() + patience
    while port := shared_port(own):
        if time.monotonic() >= deadline:
            raise ImproperlyConfigured(
                f"Port {port} is served by another process already. Stop it first, or choose another port."
            )
        time.sleep(0.1)


def shared_port(own: Iterable[tuple[int, Address, int]]) -> int | None:
    """Return the port of the first of our sockets (inode, address, port) on which another one listens."""
    own = list(own)
    inodes = {inode for inode, _address, _port in own}
    others = [one for one in _listeners() if one[0] not in inodes] if own else []
    for _inode, address, port in own:
        for _other, its_address, its_port in others:
            if port == its_port and (address == its_address or address.is_unspecified or its_address.is_unspecified):
                return port
    return None


def identify(one: socket.socket) -> tuple[int, Address, int]:
    """Return inode, address and port of a bound socket."""
    address, port = one.getsockname()[:2]
    return os.fstat(one.fileno()).st_ino, ip_address(address.partition("%")[0]), port


def _own_sockets() -> Iterator[tuple[int, Address, int]]:
    # Those that the server has opened to listen; a connection has a peer.
    for number in _descriptors():
        with socket.socket(fileno=os.dup(number)) as one:
            if one.family in _INTERNET and one.type == socket.SOCK_STREAM and not _has_peer(one):
                yield identify(one)


def _descriptors() -> Iterator[int]:
    with suppress(FileNotFoundError):
        for path in list(Path("/proc/self/fd").iterdir()):
            with suppress(FileNotFoundError):  # it was closed in the meantime
                if path.is_socket():
                    yield int(path.name)


def _has_peer(one: socket.socket) -> bool:
    try:
        return bool(one.getpeername())
    except OSError:
        return False


def _listeners() -> Iterator[tuple[int, Address, int]]:
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            for line in Path("/proc/self/net", name).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING:
                    address, _colon, port = fields[1].partition(":")
                    yield int(fields[9]), _parsed(address), int(port, 16)


def _parsed(address: str) -> Address:
    # The kernel prints words of 32 bits in the byte order of the machine.
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    return ip_address(struct.pack(f"={len(words)}I", *words))
