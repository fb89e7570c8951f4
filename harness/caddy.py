"""A real Caddy with the configuration that operators copy, on a free port and in a temporary folder."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.configuration import changed
from harness.ports import free_port
from harness.waiting import wait_for
from statuspage.local.paths import ROOT

CONFIGURATION = Path(ROOT, "deploy", "Caddyfile")
CADDY = shutil.which("caddy")


class Caddy:
    """Passes all requests to `application_port`."""

    def __init__(self, folder: Path, *, application_port: int, timeouts: dict[str, str] | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self.access_log, self.error_log = folder / "statuspage.log", folder / "errors.log"
        folder.mkdir(parents=True)
        changes = {
            r"/var/log/caddy": str(folder),
            r"https://status\.example\.com": f"http://127.0.0.1:{self.port}",
            r"127\.0\.0\.1:8000": f"127.0.0.1:{application_port}",
            r"(?m)^\{$": "{\n\tadmin off",
        }
        changes |= {rf"(?m)^(\s+{name}) .*": rf"\1 {value}" for name, value in (timeouts or {}).items()}
        (folder / "Caddyfile").write_text(changed(CONFIGURATION, changes))

    def __enter__(self) -> Self:
        assert CADDY
        home = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        with (self.folder / "start.log").open("wb") as log:
            self.process = subprocess.Popen(
                [CADDY, "run", "--config", self.folder / "Caddyfile"], cwd=self.folder, env=home, stdout=log, stderr=log
            )
        wait_for(lambda: self._answers() or self.process.poll() is not None)
        assert self.process.poll() is None, (self.folder / "start.log").read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
