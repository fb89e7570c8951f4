"""The options of `make run`, from the environment; checked before anything starts."""

import errno
import importlib
import socket
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from statuspage.env import Environment
from statuspage.local import interruption
from statuspage.local.paths import ROOT, make_folder, stored_secret
from statuspage.local.process import CannotStart

ADMIN = "admin"  # the user name of the staff account


@dataclass(frozen=True)
class Options:
    """`own_database`, `own_queue` and `own_mailbox` are False where the environment names an existing server."""

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
        """The address of the page on this machine, whatever SITE_URL says."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{host}:{self.port}"


def read_options(env: Environment) -> Options:
    port = env.number("PORT", 8000, minimum=1, maximum=65535)
    return Options(
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


def apply_options(options: Options, environment: MutableMapping[str, str]) -> None:
    """Set the variables that Django's settings read, then import the settings, which check themselves."""
    environment.update(VAR_DIR=str(options.var), SITE_URL=options.site_url)
    environment.update(DJANGO_SETTINGS_MODULE="statuspage.settings", PYTHONUNBUFFERED="1")
    make_folder(options.var)
    if not environment.get("SECRET_KEY") and not environment.get("SECRET_KEY_FILE"):
        environment["SECRET_KEY"] = stored_secret(options.var / "secret_key")
    importlib.import_module("statuspage.settings")


def check_port(host: str, port: int, *, patience: float = 0) -> None:
    """Raise CannotStart if the port is not available; the web server itself would fail much later."""
    deadline = time.monotonic() + patience
    while problem := port_problem(host, port):
        if time.monotonic() > deadline:
            raise CannotStart(problem)
        interruption.check()
        time.sleep(0.1)


def port_problem(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            return ""
    except OSError as error:
        number = error.errno or 0
    another = port + 1 if 1024 <= port < 65535 else 8000
    if number in (errno.EADDRINUSE, errno.EACCES):
        reason = "is in use by another program" if number == errno.EADDRINUSE else "is reserved for root"
        return f"Port {port} {reason}. Choose another one: make run PORT={another}"
    return f"HOST is “{host}”: write an address of this machine, such as 127.0.0.1 or 0.0.0.0."
