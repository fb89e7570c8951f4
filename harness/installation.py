"""Carries out docs/install.md in a folder that replaces `/` of a Debian machine."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.nginx import NGINX
from harness.ports import free_port
from statuspage.local.paths import ROOT
from statuspage.local.valkey import find_program

PAGE = Path(ROOT, "docs", "install.md")
HOST = "status.example.com"
PASSWORD = "correct horse battery staple"  # of the account and of the role
OF_NGINX = re.compile(r"certbot |nginx |systemctl restart nginx|sed .*nginx|curl .*https:")

# Lines that this machine does not carry out, by how they begin.
NOT_HERE = {
    ".venv/bin/pip": "the virtual environment of the tests is used, so that no package is fetched",
    "statuspage-manage check_mail": "it asks name servers on the internet",
}

# Programs of Debian that are not here, or that would change this machine. All others run as they are.
STAND_INS = {
    "apt-get": "exit 0",
    "adduser": "mkdir -p {folder}/var/lib/statuspage",
    "usermod": "exit 0",
    "id": "echo statuspage",
    # `-u postgres --`: the connection of the tests has the rights of that user.
    "runuser": 'shift 3; exec "$@"',
    "install": 'exec {install} $(printf "%s\\n" "$@" | sed "/^-g$/,/^statuspage$/d")',
    "git": 'for folder; do :; done; cp -r {folder}/repository "$folder"',
    "python3": '[ "$*" = "-m venv .venv" ] && exec ln -s {prefix} .venv; exec {python} "$@"',
    "editor": '{folder}/edit "$1"',
    "systemctl": 'cd {root} && exec {python} -m harness.service_manager {folder} "$@"',
    "certbot": "mkdir -p {live} && cp {folder}/certificate/fullchain.pem {folder}/certificate/privkey.pem {live}",
    "nginx": 'exec {nginx} -c {folder}/etc/nginx/nginx.conf "$@"',
}


class Installation:
    """`database` are the variables of libpq for a superuser, `role` the name of the role and database to create."""

    def __init__(self, folder: Path, *, role: str, database: Mapping[str, str]) -> None:
        self.folder, self.role = folder, role
        self.ports = {"8000": free_port(), "80": free_port(), "443": free_port()}
        self.url = f"http://127.0.0.1:{self.ports['8000']}"
        self.database = database
        # As root only: Debian's nginx has its folders for temporary files, and Debian's configuration reads them.
        self.has_nginx = bool(NGINX) and Path("/etc/nginx/nginx.conf").exists() and os.geteuid() == 0

    def prepare(self, edits: Mapping[str, str]) -> None:
        """Create what an empty Debian machine has. `edits` are the settings that an operator writes in the editor."""
        for name in "bin etc/valkey etc/systemd/system opt run/pids run/valkey usr/local/bin var/log/nginx".split():
            (self.folder / name).mkdir(parents=True)
        for name in ("var/lib/valkey", "var/www/html", "var/backups"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        self._write_programs()
        self._copy_repository()
        self._write_editor(edits)
        data = self.folder / "var/lib/valkey"
        (self.folder / "etc/valkey/valkey.conf").write_text(f"bind 127.0.0.1 -::1\nport 6379\ndir {data}\n")
        if self.has_nginx:
            shutil.copytree("/etc/nginx", self.folder / "etc/nginx", symlinks=True)
            self._translate_files(self.folder / "etc/nginx")

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run lines of a shell, which ends at the first that fails."""
        return subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )

    def script(self) -> str:
        """All commands of the page, in order, as one shell would get them."""
        lines = [line[4:] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
        return "\n".join(self._line(line) for line in lines)

    def logs(self) -> str:
        files = sorted((self.folder / "var/log").glob("*.log"))
        return "\n".join(f"== {file.name}\n{file.read_text(errors='replace')}" for file in files)

    def _line(self, line: str) -> str:
        if line.startswith(tuple(NOT_HERE)) or (not self.has_nginx and OF_NGINX.match(line)):
            return f"# {line}"
        if " createuser " in line:
            # The server of the tests lets nobody in without a password.
            password = f"psql --quiet --command \"ALTER ROLE {self.role} PASSWORD '{PASSWORD}'\" postgres"
            return f"{line.replace('statuspage', self.role)}\n{password}"
        if " createdb " in line:
            return line.replace("statuspage", self.role)
        if " createsuperuser " in line:
            return f"{line} --no-input"  # DJANGO_SUPERUSER_PASSWORD has the password
        return self._translate(line)

    def _translate(self, text: str) -> str:
        """Move paths into the folder, and ports to free ones."""
        text = re.sub(r"(?<![\w.}])/(etc|opt|run|var|usr/local/bin)/", rf"{self.folder}/\1/", text)
        text = re.sub(r"(127\.0\.0\.1:|--port )8000\b", rf"\g<1>{self.ports['8000']}", text)
        return re.sub(r"(listen +(?:\[::\]:)?)(80|443)\b", lambda found: found[1] + str(self.ports[found[2]]), text)

    def _translate_files(self, folder: Path) -> None:
        for file in folder.rglob("*"):
            if file.is_symlink() and str(target := file.readlink()).startswith("/etc/"):
                file.unlink()
                file.symlink_to(f"{self.folder}{target}")
            elif file.is_file() and not file.is_symlink():
                file.write_text(self._translate(file.read_text(encoding="utf-8")), encoding="utf-8")

    def _write_programs(self) -> None:
        live = self.folder / "etc/letsencrypt/live" / HOST
        facts = {"folder": self.folder, "live": live, "root": ROOT, "nginx": NGINX, "prefix": sys.prefix}
        facts |= {"python": sys.executable, "install": shutil.which("install")}
        for name, text in STAND_INS.items():
            self._write_program(self.folder / "bin" / name, text.format(**facts))
        (self.folder / "bin/valkey-server").symlink_to(find_program())

    def _write_editor(self, edits: Mapping[str, str]) -> None:
        lines = [f'sed -i \'/^{name}=/d\' "$1"; echo "{name}=\'{value}\'" >> "$1"' for name, value in edits.items()]
        self._write_program(self.folder / "edit", "\n".join(lines))

    @staticmethod
    def _write_program(path: Path, text: str) -> None:
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def _copy_repository(self) -> None:
        copy = self.folder / "repository"
        copy.mkdir()
        for name in ("manage.py", "requirements.txt"):
            shutil.copy2(ROOT / name, copy)
        for name in ("deploy", "incidents", "static", "statuspage", "templates"):
            shutil.copytree(ROOT / name, copy / name)
        self._translate_files(copy / "deploy")

    def _environment(self) -> dict[str, str]:
        """Without the variables of the product that the tests set: the installation must bring its own."""
        programs = [self.folder / "bin", self.folder / "usr/local/bin", os.environ["PATH"], "/usr/sbin"]
        return {
            **self.database,
            "PATH": ":".join(map(str, programs)),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "CURL_HOME": str(self.folder),
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
