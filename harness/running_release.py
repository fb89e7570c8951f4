"""The processes of one release: its own code, with a database, queue and public store that another may share."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from harness import units
from harness.ports import free_port
from harness.waiting import PATIENCE, wait_for

THREADS = "64"
_ERROR = re.compile(r"^.* ERROR .*$|^.*Traceback.*(?:\n .*)*(?:\n.*)?", re.MULTILINE)


class RunningRelease:
    """`tree` is its code. The units of this release say which processes there are, and what starts them."""

    def __init__(self, tree: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.tree, self.folder, self.environment = tree, folder, dict(environment)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(PATIENCE)

    def start(self, *services: str) -> None:
        """Start them, all of them by default, and wait until the web server answers."""
        for service in services or units.SERVICES:
            with self.log(service).open("ab") as log:
                self.processes[service] = subprocess.Popen(
                    self._command(service),
                    cwd=self.tree,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        if "web" in self.processes:
            wait_for(self._answers)

    def stop(self, *services: str) -> None:
        """Ask their main processes to end, as `KillMode=mixed` does, and wait for them."""
        ending = {service: self.processes.pop(service) for service in services or list(self.processes)}
        for process in ending.values():
            process.terminate()
        for service, process in ending.items():
            assert process.wait(PATIENCE) == 0, self.log(service).read_text(errors="replace")

    def manage(self, *words: str) -> None:
        """Run a command of its manage.py."""
        self.run("manage.py", *words)

    def run(self, *words: str) -> None:
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=self.tree, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"

    def log(self, service: str) -> Path:
        return self.folder / f"{service}.log"

    def errors(self) -> list[str]:
        """Return the errors of its logs: lines of the level ERROR, and tracebacks with their exceptions."""
        logs = filter(Path.exists, map(self.log, units.SERVICES))
        return [found for log in logs for found in _ERROR.findall(log.read_text(errors="replace"))]

    def _answers(self) -> bool:
        assert self.processes["web"].poll() is None, self.log("web").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=10):
                return True
        except OSError:
            return False

    def _command(self, service: str) -> list[str]:
        words = {"8000": str(self.port), "$WEB_THREADS": THREADS}
        return [sys.executable, *(words.get(word, word) for word in units.command(service)[1:])]


def environment(folder: Path, *, database: str, queue: str, mail_port: int, **variables: str) -> dict[str, str]:
    """Return the environment that releases share, which has nothing else in common with this process."""
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "shared-by-both-releases-" * 3,
        "SITE_URL": "http://127.0.0.1:8000",
        "DATABASE_URL": database,
        "REDIS_URL": queue,
        "VAR_DIR": str(folder),
        "PUBLIC_ROOT": str(folder / "public"),
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "TRUSTED_PROXIES": "127.0.0.1",
        "WEBHOOK_NETWORKS": "127.0.0.0/8",
        "ANNOUNCEMENT_HOLD": "0",
        "WEB_THREADS": THREADS,
        **variables,
    }
