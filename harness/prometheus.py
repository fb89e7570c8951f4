"""A real Prometheus with the files that operators copy, on a free port and in a temporary folder."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from harness.configuration import changed
from harness.ports import free_port
from harness.server_program import ServerProgram
from statuspage.local.paths import ROOT

FILES = Path(ROOT, "deploy", "prometheus")
RULES = FILES / "statuspage.rules.yml"
PROMETHEUS, PROMTOOL, AMTOOL = map(shutil.which, ("prometheus", "promtool", "amtool"))


class Prometheus(ServerProgram):
    """Scrapes `target` every three seconds with `token`. Its alerts do not wait until they have lasted for a while."""

    def __init__(self, folder: Path, *, target: str, token: str) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "statuspage_token").write_text(token + "\n")
        (folder / RULES.name).write_text(changed(RULES, {r"for: \d+m": "for: 0s"}))
        changes = {
            r"(?m)^(  evaluation_interval): .*": r"\1: 1s",
            # A scrape may take as long, also on a busy machine.
            r"(?m)^(  scrape_interval): .*": r"\1: 3s",
            r"https": "http",
            r"status\.example\.com": target,
            r"(?s)alerting:.*?\n\n": "",
        }
        (folder / "prometheus.yml").write_text(changed(FILES / "prometheus.yml", changes))

    def _command(self) -> list[str]:
        assert PROMETHEUS
        address = f"--web.listen-address={self.url.removeprefix('http://')}"
        return [
            PROMETHEUS,
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            address,
        ]

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of the API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
        except (urllib.error.URLError, OSError):
            return False
        return True
