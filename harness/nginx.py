"""A real nginx with the configuration that operators copy, on a free port and in temporary folders."""

import os
import shutil
from pathlib import Path

from harness.configuration import changed
from harness.ports import free_port
from harness.server_program import ServerProgram
from statuspage.local.paths import ROOT

CONFIGURATION = Path(ROOT, "deploy", "nginx.conf")
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")

# When root starts it, nginx runs its workers as a user that may not read temporary folders.
_USER = "user root;" if os.geteuid() == 0 else ""

# As Debian's nginx.conf: a worker for each processor.
_AROUND = """\
daemon off;
worker_processes auto;
{user}
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/statuspage.conf;
}}
"""


class Nginx(ServerProgram):
    """Serves `public_root` and `var`/static, and passes other requests to `application_port`."""

    def __init__(self, folder: Path, *, public_root: Path, var: Path, application_port: int) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.access_log, self.error_log = folder / "access.log", folder / "error.log"
        self.url = f"http://127.0.0.1:{self.port}"
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=_USER))
        (folder / "statuspage.conf").write_text(self._rendered(public_root, var, application_port))

    def _command(self) -> list[str]:
        assert NGINX
        return [NGINX, "-p", str(self.folder), "-c", f"{self.folder}/nginx.conf"]

    def _is_ready(self) -> bool:
        return (self.folder / "nginx.pid").exists()

    def _rendered(self, public_root: Path, var: Path, application_port: int) -> str:
        """The configuration with an operator's changes: ports, folders, and no certificate."""
        changes = {
            r"127\.0\.0\.1:8000": f"127.0.0.1:{application_port}",
            r"(?<=default     )/var/lib/statuspage/public(?=;)": str(public_root),
            r"(?<=static/  )/var/lib/statuspage(?=;)": str(var),
            r"/var/log/nginx/statuspage\.log": str(self.access_log),
            r"listen 443 ssl": f"listen 127.0.0.1:{self.port}",
            r"(?s)server \{\n    listen 80;.*?\n\}\n": "",
            r".*(listen \[::\]|ssl_certificate).*\n": "",
        }
        return changed(CONFIGURATION, changes)
