"""A small SMTP server that stores every mail as a file.

    python -m statuspage.local.mail_catcher FILE-DESCRIPTOR FOLDER

The supervisor passes the listening socket, so that the address stays the same when
this process is restarted.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST = 20 * 1024 * 1024  # bytes in one mail


class Mailbox:
    """Stores each mail once per recipient, as `<time>-<recipient>.eml`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = count(1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            self.store(recipient, content)
            print(f"mail to {recipient}", flush=True)
        return "250 2.0.0 Stored"

    def store(self, recipient: str, content: bytes) -> Path:
        """Write the file and rename it, so that `*.eml` never lists a partial mail."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        safe = re.sub(r"[^A-Za-z0-9@.+_-]", "_", recipient)[:100]
        path = self.folder / f"{moment}-{next(self.numbers):06}-{safe}.eml"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(content)
        unfinished.rename(path)
        return path


def listening_socket() -> socket.socket:
    """Return a socket on a free port of this machine; connections wait in it until a process serves it."""
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def address(listening: socket.socket) -> str:
    return f"smtp://127.0.0.1:{listening.getsockname()[1]}"


async def serve(listening: socket.socket, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    mailbox = Mailbox(folder)
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="localhost", enable_SMTPUTF8=True, data_size_limit=LARGEST, ident="mailbox"),
        sock=listening,
    )
    await ended.wait()
    server.close()


def main() -> None:
    descriptor, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(socket.socket(fileno=descriptor), folder))


if __name__ == "__main__":
    os.umask(0o077)  # mail is private
    main()
