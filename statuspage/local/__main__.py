"""`make run`: runs the whole product on one machine, to try it.

In this order: check the settings; lock VAR_DIR; start the servers that the
environment does not name; prepare the data, beside a web server if the page can be
served already; run the processes until stopped.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from incidents.publishing.store import fingerprint
from incidents.publishing.store.public_store import PublicStore
from statuspage.env import Environment
from statuspage.local import interruption, mail_catcher, running_environment
from statuspage.local.console import Lines, say
from statuspage.local.lock import lock_var_dir
from statuspage.local.options import ADMIN, Options, apply_options, check_port, read_options
from statuspage.local.paths import ROOT
from statuspage.local.postgres import PASSWORD_FILE
from statuspage.local.process import CannotStart, communicate, spawn, stop
from statuspage.local.servers import Servers
from statuspage.local.supervisor import Child, Supervisor
from statuspage.local.web_server import granian
from statuspage.preparation import Preparation

WRONG_SETTING = 2
# Commands of manage.py, one process each; the units in deploy/systemd have the same.
COMMANDS = {
    "worker": "rqworker delivery messages requests --verbosity 0",
    "webhooks": "rqworker posts --verbosity 0",
    "scheduler": "scheduler",
}


def main() -> int:
    os.chdir(ROOT)
    interruption.listen()
    try:
        options = read_options(Environment())
        apply_options(options, os.environ)
        run(options)
    except interruption.Stopped:
        say("Stopped. The data are kept for the next start.")
    except ImproperlyConfigured as error:
        say(str(error))
        return WRONG_SETTING
    except CannotStart as error:
        say(str(error))
        return 1
    return 0


def run(options: Options) -> None:
    with contextlib.ExitStack() as stack:
        was_killed = stack.enter_context(lock_var_dir(options.var, options.local_url))
        check_port(options.host, options.port, patience=15 if was_killed else 0)
        say("Starting …")
        servers = stack.enter_context(Servers(options.var, os.environ))
        supervisor = Supervisor(servers.running, os.environ)
        stack.callback(supervisor.stop)
        web, *others = child_processes(options, stack)
        login = prepare_data(options, supervisor, web)
        stack.enter_context(running_environment.shared(options.var, os.environ))
        if web not in supervisor.children:
            supervisor.start(web)
        # The page first: each of the others loads Django, which takes a processor for a second.
        wait_for_page(options, supervisor)
        supervisor.start(*others)
        say(summary(options, login))
        while True:
            supervisor.tick()


def child_processes(options: Options, stack: contextlib.ExitStack) -> list[Child]:
    python, manage = sys.executable, str(ROOT / "manage.py")
    web = granian(host=options.host, port=str(options.port), threads=settings.WEB_THREADS)
    children = [
        Child("web", web),
        *(Child(name, [python, manage, *command.split()]) for name, command in COMMANDS.items()),
    ]
    if options.own_mailbox:
        listening = stack.enter_context(mail_catcher.listening_socket())
        os.environ["EMAIL_URL"] = mail_catcher.address(listening)
        command = [python, "-m", "statuspage.local.mail_catcher", str(listening.fileno()), str(options.mail)]
        children.append(Child("mailbox", command, inherit=[listening.fileno()], serves_others=True))
    return children


def prepare_data(options: Options, supervisor: Supervisor, web: Child) -> str:
    """Prepare the data in another process; return what the summary says about the staff account's password.

    Where this version has prepared them before and published the page, `web` serves the page from the beginning.
    """
    command = [sys.executable, "-m", "statuspage.local.prepare_data"]
    with Preparation(options.var, fingerprint.current()) as preparation, contextlib.ExitStack() as stack:
        if serves := preparation.is_repeated and fingerprint.matches(PublicStore()):
            supervisor.start(web)
        process = spawn(command, output=subprocess.PIPE, errors=subprocess.PIPE)
        stack.callback(stop, process)
        if serves and wait_for_page(options, supervisor, process):
            say(f"The page is served: {pages(options)}\nPreparing the newsroom …")
        output, errors = communicate(process)
        lines = Lines("set-up")
        lines.feed(errors)
        lines.end()
        if process.returncode:
            raise CannotStart("The set-up failed; see its last line above.")
        preparation.finish()
    return output.decode().strip()


def wait_for_page(options: Options, supervisor: Supervisor, beside: "subprocess.Popen[bytes] | None" = None) -> bool:
    """Return whether the page is served: always, unless a process that runs beside it has ended before."""
    warned, started = False, time.monotonic()
    while not is_up(f"{options.local_url}/healthz"):
        if beside and beside.poll() is not None:
            return False
        supervisor.tick(0.05)
        if not warned and time.monotonic() - started > 30:
            say("The page does not answer yet; see the output of “web” above.")
            warned = True
    return True


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 (our own address)
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def summary(options: Options, login: str) -> str:
    lines = [("Page", pages(options))]
    lines += [("Admin", f"{options.site_url}/admin/")]
    lines += [("", f"user {ADMIN}, {login}")]
    lines += [("Mail", f"{options.mail}/*.eml" if options.own_mailbox else "sent through EMAIL_URL")]
    lines += [("Database", database_line(options) if options.own_database else "named by DATABASE_URL")]
    lines += [("Queue", os.environ["REDIS_URL"] if options.own_queue else "named by REDIS_URL")]
    lines += [("Data, logs", f"{options.var}  {options.logs}")]
    lines += [("Commands", 'make manage ARGS="help"'), ("Stop", "Ctrl-C")]
    return "\n".join(["", *(f"  {name:<11} {text}" for name, text in lines), ""])


def pages(options: Options) -> str:
    return "  ".join(f"{options.site_url}/{code}/" for code, _name in settings.LANGUAGES)


def database_line(options: Options) -> str:
    # The password stays out of terminals and logs.
    address = re.sub(r":[^:@/]+@", "@", os.environ["DATABASE_URL"], count=1)
    return f"{address}  password in {options.var / PASSWORD_FILE}"


if __name__ == "__main__":
    sys.exit(main())
