"""A mail server that follows a script of replies, whatever they are, and is a usual server after it."""

import socket
import time
from dataclasses import dataclass, field

USUAL = {
    "GREETING": b"220 mx.example.dk ESMTP\r\n",
    "EHLO": b"250-mx.example.dk\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
    "AUTH": b"235 2.7.0 OK\r\n",
    "DATA": b"354 Go ahead\r\n",
    "DOT": b"250 2.0.0 Taken\r\n",
}
STAGES = ("GREETING", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT", "RSET", "QUIT")


@dataclass(frozen=True)
class Said:
    """What the server sends, and whether it closes the connection then. `in_pieces`: one byte per packet."""

    data: bytes
    closes: bool = False
    in_pieces: bool = False


# The first replies of each stage; then the usual ones.
Script = dict[str, list[Said]]


@dataclass
class HostileServer:
    """Use it with `conversations.listening`. `taken` has the recipients of the messages that it really has."""

    script: Script = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)

    def talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._say(connection, "GREETING"):
            return
        is_content, recipient = False, ""
        with connection.makefile("rb") as received:
            for line in received:
                if is_content and line != b".\r\n":
                    continue
                stage = "DOT" if is_content else line.split(b" ")[0].strip().decode(errors="replace")
                if stage == "RCPT":
                    recipient = line.decode(errors="replace").partition("<")[2].partition(">")[0]
                if stage == "DOT":
                    self.taken.append(recipient)
                if not (stays_open := self._say(connection, stage)):
                    return
                is_content = stage == "DATA" and stays_open.startswith(b"354")

    def _say(self, connection: socket.socket, stage: str) -> bytes:
        # Return what was said, or nothing if the connection has to be closed.
        waiting = self.script.get(stage)
        said = waiting.pop(0) if waiting else Said(USUAL.get(stage, b"250 OK\r\n"))
        for piece in [bytes([byte]) for byte in said.data] if said.in_pieces else [said.data]:
            connection.sendall(piece)
            time.sleep(0)  # let the reader run, so that it gets the pieces one by one
        return b"" if said.closes else said.data or b"-"
