"""What `make run` is asked to do, from the environment; checked before anything starts."""

import errno
import importlib
import os
import secrets
import socket
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from statuspage.env import Environment
from statuspage.local import interruption
from statuspage.local.process import CannotStart

ADMIN = "admin"  # the name of the staff account
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Plan:
    """The answers to every question that starting asks; `None` or False where a server is somebody else's."""

    host: str
    port: int
    var: Path
    site_url: str
    sample_data: bool
    admin_password: str
    own_database: bool
    own_queue: bool
    own_mailbox: bool

    @property
    def mail(self) -> Path:
        return self.var / "mail"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def local_url(self) -> str:
        """Where this machine itself finds the page, whatever SITE_URL says."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{host}:{self.port}"


def read(env: Environment) -> Plan:
    port = env.number("PORT", 8000, least=1, most=65535)
    return Plan(
        host=env.text("HOST", "127.0.0.1"),
        port=port,
        var=env.folder("VAR_DIR", "var", ROOT),
        site_url=env.text("SITE_URL", f"http://localhost:{port}"),
        sample_data=env.flag("SAMPLE_DATA", default=True),
        admin_password=env.text("ADMIN_PASSWORD"),
        own_database=not env.text("DATABASE_URL"),
        own_queue=not env.text("REDIS_URL"),
        own_mailbox=not env.text("EMAIL_URL"),
    )


def carry_out(plan: Plan, environment: MutableMapping[str, str]) -> None:
    """Put into the environment what the project's own settings read; then let them check themselves."""
    environment.update(VAR_DIR=str(plan.var), SITE_URL=plan.site_url, DJANGO_SETTINGS_MODULE="statuspage.settings")
    environment["PYTHONUNBUFFERED"] = "1"
    make_folder(plan.var)
    if not environment.get("SECRET_KEY") and not environment.get("SECRET_KEY_FILE"):
        environment["SECRET_KEY"] = kept_secret(plan.var / "secret_key")
    importlib.import_module("statuspage.settings")


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR is “{folder}”: name a folder that can be made ({error.strerror})."
        ) from error
    if not writable:
        raise ImproperlyConfigured(f"VAR_DIR is “{folder}”: name a folder in which you may write.")


def kept_secret(path: Path) -> str:
    """A random text that is made once and then stays the same; only its owner may read it."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(50))
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise CannotStart(f"{path} belongs to another user; start as that user, or name another VAR_DIR.") from error


def write_private(path: Path, text: str) -> None:
    """A file that is whole or not there, also after a power cut, and that only its owner may read."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def check_port(host: str, port: int, *, patience: float = 0) -> None:
    """Refuse early, in words: the web server itself would only fail much later."""
    deadline = time.monotonic() + patience
    while trouble := port_trouble(host, port):
        if time.monotonic() > deadline:
            raise CannotStart(trouble)
        interruption.check()
        time.sleep(0.1)


def port_trouble(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            return ""
    except OSError as error:
        number = error.errno or 0
    another = port + 1 if 1024 <= port < 65535 else 8000
    if number in (errno.EADDRINUSE, errno.EACCES):
        what = "is in use by another program" if number == errno.EADDRINUSE else "is reserved to root"
        return f"Port {port} {what}. Choose another one: make run PORT={another}"
    return f"HOST is “{host}”: write an address of this machine, such as 127.0.0.1 or 0.0.0.0."
