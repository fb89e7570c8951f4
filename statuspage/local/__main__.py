"""`make run`: everything the product needs on one machine, to try it out.

Order: read and check the settings; take VAR_DIR; start the servers that the
environment does not name; prepare the database; run web, worker and clock until
told to stop.
"""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from statuspage.env import Environment
from statuspage.local import interruption, mail_catcher, running_environment
from statuspage.local.console import Lines, say
from statuspage.local.lock import only_one
from statuspage.local.options import ADMIN, ROOT, Plan, carry_out, check_port, read
from statuspage.local.process import CannotStart, communicate, spawn
from statuspage.local.servers import Servers
from statuspage.local.supervisor import Child, Supervisor

WRONG_SETTING = 2


def main() -> int:
    os.chdir(ROOT)
    interruption.listen()
    try:
        plan = read(Environment())
        carry_out(plan, os.environ)
        run(plan)
    except interruption.Stopped:
        say("Stopped. The data are kept; the next start finds them again.")
    except ImproperlyConfigured as error:
        say(str(error))
        return WRONG_SETTING
    except CannotStart as error:
        say(str(error))
        return 1
    return 0


def run(plan: Plan) -> None:
    with contextlib.ExitStack() as stack:
        was_killed = stack.enter_context(only_one(plan.var, plan.local_url))
        check_port(plan.host, plan.port, patience=15 if was_killed else 0)
        say("Starting …")
        servers = stack.enter_context(Servers(plan.var, os.environ))
        children = children_of(plan, stack)
        supervisor = Supervisor(children, servers.running, os.environ)
        stack.callback(supervisor.stop)
        login = prepare()
        stack.enter_context(running_environment.shared(plan.var, os.environ))
        supervisor.start()
        wait_for_page(plan, supervisor)
        say(summary(plan, login))
        while True:
            supervisor.tick()


def children_of(plan: Plan, stack: contextlib.ExitStack) -> list[Child]:
    python, manage = sys.executable, str(ROOT / "manage.py")
    granian = [python, "-m", "granian", "--interface", "wsgi", "--host", plan.host, "--port", str(plan.port)]
    granian += ["--workers", "1", "--blocking-threads", str(settings.WEB_THREADS)]
    granian += ["--http", "1", "--no-ws", "--log-level", "warning"]
    children = [
        Child("web", [*granian, "statuspage.wsgi:application"]),
        Child("worker", [python, manage, "rqworker", "delivery", "requests", "--verbosity", "0"]),
        Child("poster", [python, manage, "rqworker", "posts", "--verbosity", "0"]),
        Child("scheduler", [python, manage, "scheduler"]),
    ]
    if plan.own_mailbox:
        listening = stack.enter_context(mail_catcher.listening_socket())
        os.environ["EMAIL_URL"] = mail_catcher.address(listening)
        command = [python, "-m", "statuspage.local.mail_catcher", str(listening.fileno()), str(plan.mail)]
        children.append(Child("mailbox", command, inherit=[listening.fileno()], serves_others=True))
    return children


def prepare() -> str:
    """Make the database ready; what the summary says about the password of the staff account."""
    process = spawn(
        [sys.executable, "-m", "statuspage.local.prepare_data"], output=subprocess.PIPE, errors=subprocess.PIPE
    )
    said, errors = communicate(process)
    lines = Lines("set-up")
    lines.feed(errors)
    lines.end()
    if process.returncode:
        raise CannotStart("The set-up failed; its last line above says why.")
    return said.decode().strip()


def wait_for_page(plan: Plan, supervisor: Supervisor) -> None:
    warned, began = False, time.monotonic()
    while not answers(f"{plan.local_url}/healthz"):
        supervisor.tick()
        if not warned and time.monotonic() - began > 30:
            say("The page does not answer yet; see what web says above.")
            warned = True


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def summary(plan: Plan, login: str) -> str:
    languages = Environment().words("LANGUAGES", "da,en")
    lines = [("Page", "  ".join(f"{plan.site_url}/{code}/" for code in languages))]
    lines += [("Admin", f"{plan.site_url}/admin/")]
    lines += [("", f"user {ADMIN}, {login}")]
    lines += [("Mail", f"{plan.mail}/*.eml" if plan.own_mailbox else "sent through EMAIL_URL")]
    lines += [("Database", os.environ["DATABASE_URL"] if plan.own_database else "named by DATABASE_URL")]
    lines += [("Queue", os.environ["REDIS_URL"] if plan.own_queue else "named by REDIS_URL")]
    lines += [("Data, logs", f"{plan.var}  {plan.logs}")]
    lines += [("Commands", 'make manage ARGS="help"'), ("Stop", "Ctrl-C")]
    return "\n".join(["", *(f"  {name:<11} {text}" for name, text in lines), ""])


if __name__ == "__main__":
    sys.exit(main())
