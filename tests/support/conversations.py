"""A server that runs a function on each connection, and can send any bytes."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Conversation = Callable[[socket.socket], None]


@contextmanager
def listening(talk: Conversation) -> Iterator[int]:
    """Yield the port. `talk` runs in a thread per connection, which is closed after it and at the end."""
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            talk(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = server.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=serve, args=[connection]))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        listener = threading.Thread(target=accept)
        listener.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in [listener, *threads]:
                thread.join()
