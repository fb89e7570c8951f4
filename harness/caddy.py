"""A real Caddy with the configuration that operators copy, on a free port and in a temporary folder."""

import os
import shutil
import socket
from pathlib import Path

from harness.configuration import changed
from harness.ports import free_port
from harness.server_program import ServerProgram
from statuspage.local.paths import ROOT

CONFIGURATION = Path(ROOT, "deploy", "Caddyfile")
CADDY = shutil.which("caddy")


class Caddy(ServerProgram):
    """Passes all requests to `application_port`."""

    def __init__(self, folder: Path, *, application_port: int, timeouts: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.access_log, self.error_log = folder / "statuspage.log", folder / "errors.log"
        changes = {
            r"/var/log/caddy": str(folder),
            r"https://status\.example\.com": f"http://127.0.0.1:{self.port}",
            r"127\.0\.0\.1:8000": f"127.0.0.1:{application_port}",
            r"(?m)^\{$": "{\n\tadmin off",
        }
        changes |= {rf"(?m)^(\s+{name}) .*": rf"\1 {value}" for name, value in (timeouts or {}).items()}
        (folder / "Caddyfile").write_text(changed(CONFIGURATION, changes))

    def _command(self) -> list[str]:
        assert CADDY
        return [CADDY, "run", "--config", f"{self.folder}/Caddyfile"]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}

    def _is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
