"""A real Alertmanager with the file that operators copy, on a free port and in a temporary folder."""

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from harness.configuration import changed
from harness.ports import free_port
from harness.server_program import ServerProgram
from statuspage.local.paths import ROOT

FILE = Path(ROOT, "deploy", "alerts", "alertmanager.yml")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


class Alertmanager(ServerProgram):
    """Sends alerts to the status page at `target` with `token`, without waiting for others of the same group."""

    def __init__(self, folder: Path, *, target: str, token: str) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "token").write_text(token + "\n")
        changes = {
            r"https://status\.example\.com": target,
            r"/etc/prometheus/statuspage_token": f"{folder}/token",
            r"group_wait: 10s": "group_wait: 0s",
            r"group_interval: 30s": "group_interval: 1s",
        }
        (folder / "alertmanager.yml").write_text(changed(FILE, changes))

    def _command(self) -> list[str]:
        assert ALERTMANAGER
        return [
            ALERTMANAGER,
            f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/data",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]

    def alert(self, *alerts: dict[str, Any]) -> None:
        """Send alerts to it, as Prometheus does."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).close()

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
        except (urllib.error.URLError, OSError):
            return False
        return True
