"""The base class of the local PostgreSQL and Valkey."""

import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, ClassVar

from statuspage.local import sockets
from statuspage.local.process import Account, CannotStart, last_lines, spawn, stop, wait_until


class LocalServer(ABC):
    """A server with its data in `folder`, reached through a socket; data that are not `lasting` end with it."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_patience: ClassVar[float] = 10  # seconds until it is killed

    def __init__(self, folder: Path, log: Path, *, lasting: bool = True) -> None:
        self.folder = folder
        self.log = log
        self.lasting = lasting
        self.process: subprocess.Popen[bytes] | None = None
        self._outside_folder: Path | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The value for DATABASE_URL or REDIS_URL, once the server has been started."""

    @abstractmethod
    def start(self) -> None:
        """Raise CannotStart if the server does not answer in time."""

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, self.stop_signal, patience=self.stop_patience)
            self.process = None
        if self._outside_folder:
            shutil.rmtree(self._outside_folder, ignore_errors=True)
            self._outside_folder = None

    @abstractmethod
    def _is_ready(self) -> bool: ...

    def _launch(
        self,
        command: Sequence[str],
        *,
        folder: str,
        account: Account | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
    ) -> None:
        self._close_logs_to_others()
        with self.log.open("ab") as log:
            self.process = spawn(
                command, ending=self.stop_signal, account=account, stdin=stdin, output=log, folder=folder
            )
        if not wait_until(self._is_ready, self.process):
            self.stop()
            raise CannotStart(f"{self.name} did not start. The end of {self.log}:\n{last_lines(self.log)}")

    def _close_logs_to_others(self) -> None:
        # Also those that an older version created.
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.parent.name == "log":
            self.log.parent.chmod(0o750)
        self.log.touch(mode=0o640)
        self.log.chmod(0o640)

    def _find_socket_folder(self, preferred: Path) -> Path:
        # Return the preferred folder, or a temporary one where that path is no good for a socket.
        if sockets.is_suitable(preferred):
            return preferred
        if self._outside_folder is None:
            self._outside_folder = sockets.make_folder()
        return self._outside_folder
