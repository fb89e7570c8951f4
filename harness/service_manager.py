"""A stand-in for systemctl: starts the units of a folder with their own command lines.

    python -m harness.service_manager FOLDER start statuspage.target

The processes have the environment of their unit and nothing else, and run in the folder that replaces `/`.
"""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from harness import units
from harness.readiness import awaited_readiness
from harness.waiting import wait_for

TARGET = "statuspage.target"
# Debian's own services, as their units start them.
NGINX = "nginx.service"
VALKEY = "valkey-server.service"


class ServiceManager:
    """The folder replaces `/` of a machine. In `bin` are the programs that it uses under their own names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unit_files = folder / "etc/systemd/system"
        self.pids = folder / "run/pids"

    def start(self, name: str) -> None:
        if name == TARGET:
            for service in units.SERVICES:
                self._start_service(service)
        elif name in map(self._unit, units.SERVICES):
            self._start_service(name.removeprefix("statuspage-").removesuffix(".service"))
        elif name == VALKEY:
            words = [str(self.folder / "bin/valkey-server"), str(self.folder / "etc/valkey/valkey.conf")]
            self._spawn_until(self.folder / "run/valkey/socket", name, words)
        elif name == NGINX:
            self._spawn_until(
                self.folder / "run/nginx.pid", name, [str(self.folder / "bin/nginx"), "-g", "daemon off;"]
            )

    def stop(self, name: str) -> None:
        """Ask the main processes to end, as `KillMode=mixed` does, and wait for them."""
        names = [self._unit(service) for service in units.SERVICES] if name == TARGET else [name]
        pids = [int(file.read_text()) for file in map(self._pid_file, names) if file.exists()]
        for pid in filter(self._is_running, pids):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not any(map(self._is_running, pids)))

    def _start_service(self, service: str) -> None:
        """Start it, and wait until it is ready, as systemd does with `Type=notify`."""
        unit = units.read(service, self.unit_files)
        environment = self._environment(unit)
        words = [
            environment.get(word[1:], word) if word[:1] == "$" else word for word in shlex.split(unit["ExecStart"])
        ]
        with awaited_readiness() as variables:
            self._spawn(self._unit(service), words, environment | variables, unit["WorkingDirectory"])

    def _environment(self, unit: dict[str, str]) -> dict[str, str]:
        found = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.folder)}
        lines = [
            *unit["Environment"].splitlines(),
            *Path(unit["EnvironmentFile"]).read_text(encoding="utf-8").splitlines(),
        ]
        for line in filter(None, lines):
            if not line.startswith("#"):
                name, value = line.split("=", 1)
                found[name] = shlex.split(value)[0]
        return found

    def _spawn(self, name: str, words: list[str], environment: dict[str, str], cwd: str | None = None) -> None:
        with (self.folder / f"var/log/{name}.log").open("ab") as log:
            process = subprocess.Popen(
                words,
                cwd=cwd or self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file(name).write_text(str(process.pid))

    def _spawn_until(self, created: Path, name: str, words: list[str]) -> None:
        created.unlink(missing_ok=True)  # left by one that was killed
        self._spawn(name, words, {})
        wait_for(created.exists)

    def _is_running(self, pid: int) -> bool:
        # The number may belong to another process by now. The command line of one that has ended is empty.
        try:
            return os.fsencode(self.folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def _pid_file(self, name: str) -> Path:
        return self.pids / name

    @staticmethod
    def _unit(service: str) -> str:
        return f"statuspage-{service}.service"


def main(folder: str, *words: str) -> None:
    """Carry out a command of systemctl; those that only read or enable do nothing."""
    manager = ServiceManager(Path(folder))
    verb, *names = [word for word in words if word != "--no-pager"]
    if verb == "restart" or names[:1] == ["--now"]:
        for name in names[-1:]:
            unit = name if "." in name else f"{name}.service"
            manager.stop(unit)
            manager.start(unit)


if __name__ == "__main__":
    main(*sys.argv[1:])
